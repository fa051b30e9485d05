"""The vocabulary: what travels on the wire and what its numbers mean. Imports nothing else of Waybook."""
