"""The receiver of notifications over HTTP."""
