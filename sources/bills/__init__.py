"""Channels' bills: read, verified and told in one vocabulary; fetched from a directory or from the channel itself."""
