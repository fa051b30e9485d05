"""Groups of commands of `waybook`: each module adds its own to the command line."""

import argparse
from collections.abc import Callable

Command = Callable[[str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]
"""Adds a command under a name, with what it runs; gives its parser, for its arguments."""
