"""Figures of payments."""

import argparse
import sys

from dashboards.payments import figures, to_text
from deploy.commands import Command
from deploy.commands.where import store_of


def payments(arguments: argparse.Namespace) -> int:
    """Money by channel, how much of it is matched, open exceptions, aging of what is owed."""
    sys.stdout.write(to_text(figures(store_of(arguments))) + "\n")
    return 0


def add(command: Command) -> None:
    """payments."""
    command("payments", payments)
