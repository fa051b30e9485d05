"""Dead letters: out of the books, and back to where they came from."""

import argparse
import os
import sys
from pathlib import Path

from deploy import dead_letters
from deploy.commands import Command, safely
from deploy.commands.where import settings_of, store_of, vault_of
from deploy.dead_letters import ReplayError
from deploy.files import utf8_of
from schemas.counted import counted

UNSEAL = "those of payments, too, which are encrypted: needs the keys for evidence (WAYBOOK_KEYS)"


def list_dead_letters(arguments: argparse.Namespace) -> int:
    """Dead letters as JSON lines, to be mended in an editor."""
    client = store_of(arguments)
    unseal = vault_of(arguments, client) if arguments.unseal else None
    sys.stdout.write(dead_letters.export(client, arguments.reason, unseal))
    return 0


def replay(arguments: argparse.Namespace) -> int:
    """Send dead letters again: from a file as mended, or as they are."""
    settings, client = settings_of(arguments), store_of(arguments)
    unseal = vault_of(arguments, client) if arguments.unseal else None
    if arguments.file is not None:
        lines = utf8_of(arguments.file).removeprefix("\ufeff")  # as Windows' editors begin a file
    else:
        lines = dead_letters.export(client, arguments.reason, unseal)
    letters = dead_letters.read(lines)
    if not arguments.as_they_are and (same := dead_letters.unchanged(client, letters, unseal)):
        raise ReplayError(
            f"{len(same)} of {counted(len(letters), 'letter is', 'letters are')} unchanged (the first: {same[0]}); "
            "nothing is sent. Mend them, take them out, or send them with --as-they-are if the rules have changed"
        )
    sent = dead_letters.replay(settings, client, letters, arguments.by)
    sys.stdout.write(f"{counted(sent, 'dead letter')} sent again\n")
    return 0


def add(command: Command) -> None:
    """dead-letters, replay-dead-letters."""
    one = command("dead-letters", list_dead_letters)
    one.add_argument("--reason", default="")
    one.add_argument("--unseal", action="store_true", help=UNSEAL)
    one = command("replay-dead-letters", safely(replay))
    one.add_argument("file", type=Path, nargs="?", help="JSON lines as `dead-letters` writes them, mended")
    one.add_argument("--reason", default="", help="without a file: only those of one reason")
    one.add_argument("--unseal", action="store_true", help=UNSEAL)
    one.add_argument("--as-they-are", action="store_true", help="also letters that nobody has mended")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who sends them")
