"""The embedded stack: everything that Waybook needs from outside, out of Python packages, for one machine."""
