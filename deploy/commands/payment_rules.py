"""The rules of payments, and payers' tokens for their payers.csv."""

import argparse
import os
import sys
from pathlib import Path

import msgspec

from deploy import publish
from deploy.commands import Command, safely, who_decides
from deploy.commands.where import settings_of
from deploy.files import utf8_of
from flows.reconciliation.rules import FILE as MATCHING
from schemas.problems import DocumentError
from sources.channels.keys import read_tokens
from sources.channels.model import Own
from sources.channels.read import FILE, PAYERS, read_channels

LEFT_OUT = {
    MATCHING: "payments are matched by the rules that ship with the code",
    PAYERS: "no token is known to be anybody's",
}
"""What a directory without one of these files puts in force instead: what was published before holds no more."""


def publish_rules(arguments: argparse.Namespace) -> int:
    """Check channels, matching rules, payers and the keys that they need, and publish them to the payments flow."""
    who_decides(arguments)
    settings = settings_of(arguments)
    if arguments.keys:
        settings = msgspec.structs.replace(settings, keys=arguments.keys)
    try:
        version = publish.publish_payment_rules(settings, arguments.directory, arguments.by)
    except DocumentError as error:
        sys.stderr.write(f"refused, nothing is published:\n{error}\n")
        return 1
    sys.stdout.write(f"published version {version}\n")
    for name, means in LEFT_OUT.items():
        if not (arguments.directory / name).exists():
            sys.stdout.write(f"  without {name}: {means}\n")
    return 0


def token(arguments: argparse.Namespace) -> int:
    """The token of an account, an openid or whatever else identifies a payer."""
    try:
        own = read_channels({FILE: utf8_of(arguments.channels)}).own if arguments.channels else Own()
        tokens = read_tokens(own, arguments.keys or settings_of(arguments).keys)
    except (DocumentError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for line in arguments.identifier or sys.stdin:
        if identifier := line.strip():
            sys.stdout.write(f"{tokens.token(identifier)}\n")
    return 0


def add(command: Command) -> None:
    """publish-payment-rules, token."""
    one = command("publish-payment-rules", safely(publish_rules))
    one.add_argument(
        "directory", type=Path, help="with channels.toml and, if wanted, matching.toml and payers.csv"
    )
    one.add_argument("--keys", type=Path, metavar="DIR", help="directory of keys; default: WAYBOOK_KEYS")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who publishes")
    one = command("token", token)
    one.add_argument(
        "identifier", nargs="*", help="left out: a line each on standard input, kept out of histories"
    )
    one.add_argument("--keys", type=Path, metavar="DIR", help="directory of keys; default: WAYBOOK_KEYS")
    one.add_argument(
        "--channels", type=Path, metavar="FILE", help="channels.toml, if it names the key otherwise"
    )
