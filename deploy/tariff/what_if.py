"""`waybook tariff what-if`: a past period's charges, priced by another book."""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from dashboards.words import FEES as LABELS
from deploy.commands.where import LONG
from deploy.files import require_target
from deploy.rerating.compare import DIMENSIONS, Comparison, Sums
from deploy.rerating.read import Days, on
from deploy.rerating.work import Progress, Question, compare, newly_priced
from deploy.tariff.opening import Connect, books_in_force, network_for, open_book
from deploy.terminal import table
from flows.fees.current import FEES
from flows.fees.model import OF_STORES
from flows.governance.network import Network
from flows.rating.held import held
from flows.rating.model import Book
from flows.rating.tariffs import policy_of
from schemas.money import yuan
from schemas.settings import Settings
from schemas.times import day_of

NUMBERS = (
    ("票数", "charges"),
    ("变化", "changed"),
    ("无价", "unpriced"),
    ("原金额", "before"),
    ("新金额", "after"),
    ("差额", "difference"),
)


_COUNTED = {
    due.price
    for due in FEES.dues
    if (due.trigger in OF_STORES and due.trigger != "parcel_month") or due.share_of
}
"""What stores charge and what is shared is known whether it was charged or not; parcels of months are counted only for
those who have a price."""


def what_if(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:  # noqa: ARG001
    """What the charges of a past period would be by another book, beside what they are; nothing is posted."""
    by = dimensions(arguments.by)
    first, last = (day_of(day) if day else None for day in (arguments.first, arguments.last))
    if first is not None and last is not None and first > last:
        raise LookupError(f"--from {arguments.first} is after --to {arguments.last}")
    if arguments.csv is not None:
        require_target(arguments.csv)
    network = network_for(arguments.network, connect)
    draft = open_book(arguments.book, connect).read(network)
    standing = [] if arguments.alone else books_in_force(connect, network)
    after = [*standing, draft]
    for remark in _remarks(standing, after):
        sys.stderr.write(f"{remark}\n")
    if arguments.prices_of:
        after = [held(book, day_of(arguments.prices_of)) for book in after]
    asked = Question(partial(connect, LONG), on(Days(first, last)), after, network, by)
    found = compare(asked, progress())
    if not found.groups:
        sys.stdout.write("no charges in this period\n")
        return 0
    for remark in found.uncounted.told():
        sys.stderr.write(f"{remark}\n")
    if arguments.csv is not None:
        write(arguments.csv, found, network)  # before what a pager may break off
    for line in told(found, network, arguments.rows):
        sys.stdout.write(f"{line}\n")
    return 0


def dimensions(text: str) -> list[str]:
    """Words as `fee,line`. Raises LookupError."""
    by = [word.strip() for word in text.split(",")]
    for word in by:
        if word not in DIMENSIONS:
            raise LookupError(f"--by {word!r} is none of {', '.join(DIMENSIONS)}")
        if by.count(word) > 1:
            raise LookupError(f"--by {text} names {word} twice")
    return by


def progress() -> Progress:
    """Says how far it is, if there are several parts."""
    began = time.monotonic()

    def say(done: int, parts: int) -> None:
        if parts > 1:
            sys.stderr.write(f"{done} of {parts} parts, {time.monotonic() - began:.0f} s\n")
            sys.stderr.flush()

    return say


def _remarks(standing: Sequence[Book], after: Sequence[Book]) -> Iterator[str]:
    """What these sums do not tell."""
    yield from not_counted(standing, after)
    if standing and policy_of(standing) != policy_of(after):
        yield "warning: the book has another weight policy: weights stay as they were adopted"


def not_counted(standing: Sequence[Book], after: Sequence[Book]) -> Iterator[str]:
    """Of parcels' fees that only the new book prices, that no sum tells of them; where no book stands, all are new."""
    for fee in sorted({*newly_priced(standing, after)} - _COUNTED) if standing else ():
        yield f"warning: {fee} has no price in force: nothing was charged for it, so it is not counted"


def told(found: Comparison, network: Network, most: int) -> Iterator[str]:
    """Lines for a terminal: the largest differences, then everything together."""
    groups = found.ordered()
    header = [" ".join(DIMENSIONS[name]) for name in found.by] + [" ".join(words) for words in NUMBERS]
    rows = [[*named(found.by, group, network), *numbers(sums)] for group, sums in groups[: most or None]]
    total = ["合计 total", *[""] * (len(found.by) - 1)] if found.by else []
    yield from table([header, *rows, [*total, *numbers(found.total)]])
    if most and len(groups) > most:
        yield f"    … and {len(groups) - most:,} more; --csv writes them all"


def numbers(sums: Sums) -> list[str]:
    """A row's numbers for people."""
    counts = [f"{number:,}" for number in (sums.charges, sums.changed, sums.unpriced)]
    return [*counts, *map(yuan, (sums.before, sums.after, sums.difference))]


def named(by: Sequence[str], group: Sequence[str], network: Network) -> list[str]:
    """A row's words for people: fees and provinces by their names."""
    return [_named(name, word, network) for name, word in zip(by, group, strict=True)]


def _named(name: str, word: str, network: Network) -> str:
    if name == "fee":
        return f"{word} {LABELS[word][0]}"
    if name == "line" and word:
        return "→".join(network.provinces.get(code, code) for code in word.split("-"))
    return word


def write(path: Path, found: Comparison, network: Network) -> None:
    """All sums as CSV, amounts in yuan."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*found.by, *(name for _, name in NUMBERS)])
        for group, sums in found.ordered():
            counts = (sums.charges, sums.changed, sums.unpriced)
            money = map(yuan, (sums.before, sums.after, sums.difference))
            rows.writerow([*named(found.by, group, network), *counts, *money])
