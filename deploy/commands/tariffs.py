"""Tariff books: `waybook tariff …`, each of which is in `deploy.tariff.commands`."""

import argparse
from functools import partial

from deploy.commands import Command
from deploy.commands.where import opened, settings_of
from deploy.tariff import commands
from deploy.tariff.arguments import add_commands, publish_arguments


def tariff(arguments: argparse.Namespace) -> int:
    """Tariff books: check, compare, publish, withdraw, look at, turn into Excel and back, try."""
    settings = settings_of(arguments)
    return commands.run(arguments, partial(opened, settings), settings)


def publish_tariff(arguments: argparse.Namespace) -> int:
    """The same as `tariff publish`."""
    return tariff(arguments)


def add(command: Command) -> None:
    """tariff, publish-tariff."""
    add_commands(command("tariff", tariff))
    publish_arguments(command("publish-tariff", publish_tariff))
