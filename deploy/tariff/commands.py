"""The commands of `waybook tariff`, each a function from its arguments to an exit code."""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from dashboards.library import (
    STATUS,
    WITHDRAWN,
    files_of_version,
    first_days,
    published,
    today,
    version_named,
)
from dashboards.words import FEES, shanghai
from deploy import publish as publishing
from deploy.commands import who_decides
from deploy.commands.where import LONG
from deploy.files import (
    fresh,
    is_workbook,
    require_document,
    require_table,
    text_of,
    texts_of,
    write_directory,
    write_document,
)
from deploy.recall.job import Job, RecallError
from deploy.tariff.opening import (
    CHECK_ALL,
    Connect,
    Opened,
    books_in_force,
    grouped,
    network_for,
    open_book,
)
from deploy.tariff.preview import agreed
from deploy.terminal import table
from flows.governance.network import Network, read_network
from flows.lifecycle.published import taken_out
from flows.rating.advice import advice
from flows.rating.book import read_book
from flows.rating.difference import difference
from flows.rating.model import Book
from flows.rating.tariffs import in_force, policy_of
from flows.rating.touched import touched
from flows.rating.trial import Answer, Asked, Calculator, RefusedError
from flows.rating.trial_fields import FIELDS
from flows.rating.trial_table import answered, csv_rows, own
from flows.rating.workbook import read_sheet, write_sheet, write_workbook
from schemas.counted import counted
from schemas.events import TariffPublished, TariffWithdrawn
from schemas.money import yuan
from schemas.problems import DocumentError
from schemas.settings import Settings
from schemas.times import day_of
from sinks.clickhouse import StoreAwayError

EACH = 10_000
"""Rows of a table of trials between two words of progress."""
CARRIED_THROUGH = """
SELECT (SELECT count() FROM charge WHERE cause = {event:String} AND reverses != toFixedString('', 16)),
       uniqExactIf(waybill, event_id = '' AND reversed + charged > 0),
       uniqExactIf(waybill, event_id != ''), uniqExactIf(waybill, event_id != '' AND reversed + charged > 0)
FROM recall WHERE cause = {event:String}"""
"""Charges taken back; what the lanes corrected by themselves, as they still had it; what was brought back, also by a
`waybook recall --follow` beside this, and corrected then."""


def say(text: str) -> None:
    """To the terminal, or wherever the output goes."""
    sys.stdout.write(text + "\n")


def check(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:  # noqa: ARG001
    """Every problem of a book (directory, .xlsx or version) with its place, and what is probably a mistake."""
    network = network_for(arguments.network, connect)
    opened = open_book(arguments.book, connect)
    book = opened.read(network)
    day = day_of(arguments.date) if arguments.date else today()
    standing = [] if arguments.network is not None else books_in_force(connect, network)
    remarks = (opened.located(remark) for remark in advice(book, network, day, standing))
    for line in grouped(remarks, "" if arguments.all else "--all"):
        say(f"warning: {line}")
    say(_summary(book))
    return 0


def _summary(book: Book) -> str:
    tables, prices = counted(len(book.tables), "table"), counted(len(book.rows), "price")
    return f"{book.name}: {tables}, {prices}, version {book.version}"


def diff(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:  # noqa: ARG001
    """What changes from one book to another; exit code 1 if anything does."""
    network = network_for(arguments.network, connect)
    one, other = (open_book(where, connect).read(network) for where in (arguments.one, arguments.other))
    counts = {"+": 0, "-": 0, "~": 0}
    for change in difference(one, other):
        counts[change.sign] += 1
        say(str(change))
    if not any(counts.values()):
        say("no difference in any setting or price")
        return 0
    say(f"{counts['+']:,} added, {counts['-']:,} removed, {counts['~']:,} changed")
    return 1


def publish(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:
    """Check a book, say what it would change of days already charged, and publish it to all lanes."""
    who_decides(arguments)
    opened = open_book(arguments.book, connect)
    network, tariffs = publishing.standing(settings)
    if arguments.network is not None:
        _require_in_force(arguments.network, network)
    book = opened.read(network)
    before = _read(tariffs, network)
    if _stands(book, before):
        say(f"version {book.version} is already in force; nothing to publish")
        if arguments.recall:
            sys.stderr.write(f"not carried through: waybook recall --tariff {book.version} does that\n")
        return 1 if arguments.recall else 0
    remarks = (opened.located(remark) for remark in advice(book, network, today(), before))
    for line in grouped(remarks, CHECK_ALL):
        sys.stderr.write(f"warning: {line}\n")
    if not agreed(before, [*before, book], network, connect, yes=arguments.yes):
        return 1
    event = publishing.publish_tariff(settings, book, opened.files, arguments.by, arguments.comment)
    say(f"published version {book.version}")
    return carried_through(arguments, connect, settings, event)


def _require_in_force(directory: Path, network: Network) -> None:
    """Lanes read a book by the directory that they have. Raises LookupError for another one."""
    if texts_of(directory).read(read_network).version != network.version:
        raise LookupError(
            f"{directory} is not the directory in force, by which lanes will read the book: "
            f"publish it first (waybook publish-network {directory}), or leave --network out"
        )


def carried_through(arguments: argparse.Namespace, connect: Connect, settings: Settings, event: str) -> int:
    """With --recall: correct what is charged already, parcels that have left the lanes included, and say so."""
    if not arguments.recall:
        return 0
    job = Job(settings, connect(LONG), lambda text: print(text, file=sys.stderr))
    try:
        tally = job.of(event)
    except RecallError as error:
        sys.stderr.write(
            f"the lanes are told, but it is not carried through: {error}\nwaybook recall goes on with it\n"
        )
        return 1
    taken, own, *brought = connect().query(CARRIED_THROUGH, parameters={"event": event}).result_rows[0]
    tally.recalled, tally.corrected = brought
    had = counted(own, "parcel or stay", "parcels or stays")
    say(
        f"carried through: {counted(taken, 'charge')} taken back for it so far; {had} corrected that lanes had; {tally}"
    )
    return 1 if tally.refused else 0


def _stands(book: Book, before: Sequence[Book]) -> bool:
    """Whether just this version is in force, and would change nothing if it were published again."""
    after = [*before, book]
    known = book.version in {one.version for one in in_force(before)}
    return known and not touched(before, after) and policy_of(before) == policy_of(after)


def _priced(books: Sequence[Book]) -> set[str]:
    """Fees that some books in force have prices of, whatever the day."""
    return {table.fee for book in in_force(books) for table in book.tables if table.kind != "zones"}


def _read(tariffs: Sequence[TariffPublished], network: Network) -> list[Book]:
    return [read_book(tariff.files, network) for tariff in tariffs]


def withdraw(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:
    """Take a book out of force: a version (the one before comes back), or with --name every book of a name."""
    who_decides(arguments)
    known = [one for one in published(connect()) if one.status != WITHDRAWN]
    if arguments.name:
        version, name = "", arguments.book
        if not any(one.name == name for one in known):
            raise LookupError(f"there is no book called {name!r} to withdraw")
    else:
        version, name = version_named(connect(), arguments.book), ""
        if not any(one.version == version for one in known):
            raise LookupError(f"version {version} is withdrawn already")
    network, tariffs = publishing.standing(settings)
    gone = taken_out(TariffWithdrawn(id="-", time=0, version=version, name=name), tariffs)
    left = [tariff for tariff in tariffs if tariff not in gone]
    before, after = _read(tariffs, network), _read(left, network)
    if fees := sorted(_priced(before) - _priced(after)):
        say(f"no book remains for {', '.join(f'{fee} {FEES[fee][0]}' for fee in fees)}")
    if not agreed(before, after, network, connect, yes=arguments.yes):
        return 1
    event = publishing.withdraw_tariff(settings, version, name, arguments.by, arguments.comment)
    say(f"withdrawn: {f'every book called {name}' if name else f'version {version}'}")
    return carried_through(arguments, connect, settings, event)


def list_(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:  # noqa: ARG001
    """Published versions: when, by whom, from which day on their prices count, and what became of them."""
    client = connect()
    days = first_days(client)
    rows = [
        (
            one.version,
            one.name,
            shanghai(one.at),
            one.by,
            str(days[one.version]),
            " ".join(STATUS[one.status]),
        )
        for one in published(client)
    ]
    header = ("版本 version", "名称 name", "发布 published", "发布人 by", "生效 from", "状态 status")
    for line in table([header, *rows]):
        say(line)
    return 0


def show(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:  # noqa: ARG001
    """A published book's files, or one of them."""
    client = connect()
    files = files_of_version(client, version_named(client, arguments.book))
    wanted = [arguments.file] if arguments.file else list(files)
    for name in wanted:
        if name not in files:
            raise LookupError(f"the book has no file {name}; there are {', '.join(files)}")
        if not arguments.file:
            say(f"# {name}")
        sys.stdout.write(files[name] if files[name].endswith("\n") else files[name] + "\n")
    return 0


def import_(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:  # noqa: ARG001
    """An Excel workbook as a directory of TOML and CSV."""
    opened = open_book(str(arguments.workbook), connect)
    write_directory(opened.files, arguments.directory)
    say(f"{counted(len(opened.files), 'file')} in {arguments.directory}")
    return 0


def export(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:  # noqa: ARG001
    """A directory or published version as an Excel workbook, or as a directory of TOML and CSV."""
    require_document(arguments.to)
    opened: Opened = open_book(arguments.book, connect)
    write_document(opened.files, arguments.to, write_workbook)
    say(f"{counted(len(opened.files), 'file')} in {arguments.to}")
    return 0


# Trials


def try_(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:  # noqa: ARG001
    """What a parcel would cost, each step shown; with --table a whole table of parcels.

    Without --fee: the fees that such a parcel comes to owe, and the names of the others.
    """
    if arguments.out is not None:
        if arguments.table is None:
            raise LookupError("--out is where the answers of a --table go: name that, too")
        require_table(arguments.out)
    network = network_for(arguments.network, connect)
    named = [open_book(where, connect).read(network) for where in arguments.book or ()]
    calculator = Calculator(named or books_in_force(connect, network), network)
    asked = {field.name: getattr(arguments, f"fact_{field.name}") for field in FIELDS}
    if arguments.table is not None:
        return _table(arguments.table, arguments.out, calculator, asked)
    answers = calculator.ask(asked, today())
    shown = [answer for answer in answers if answer.owed or arguments.all]
    for line in chain.from_iterable(map(in_words, shown)):
        say(line)
    if others := [answer.fee for answer in answers if answer not in shown]:
        say(
            f"此件不产生的费用 not owed by such a parcel ({len(others)}; --fee NAME or --all prices them): "
            + "，".join(f"{FEES[fee][0]} {fee}" for fee in others)
        )
    return 0 if all(answer.quote is not None for answer in shown) else 1


def in_words(answer: Answer) -> Iterator[str]:
    """An answer as lines of text."""
    title = f"{' '.join(FEES[answer.fee])} ({answer.fee})"
    if answer.quote is None:
        yield f"■ {title}: {answer.error_zh} {answer.error_en}"
    else:
        yield f"■ {title}: {yuan(answer.quote.amount)} 元 yuan"
    steps = [*answer.steps, *answer.remarks]
    yield from table([(f"{s.label_zh} {s.label_en}", s.text_zh, s.text_en) for s in steps])


def _table(source: Path, target: Path | None, calculator: Calculator, asked: Asked) -> int:
    failed = 0

    def told_of(rows: Iterator[list[str]]) -> Iterator[list[str]]:
        nonlocal failed
        for n, row in enumerate(rows):
            if n == 0 and (others := own(row)):
                sys.stderr.write(f"carried along, and not looked at: {', '.join(others)}\n")
            failed += n > 0 and row[-1] != ""
            if n and n % EACH == 0:
                sys.stderr.write(f"{n:,} rows\n")
                sys.stderr.flush()
            yield row

    with source.open("rb") as file:
        rows = read_sheet(file, source.name) if is_workbook(source) else csv_rows(text_of(source))
        answers = told_of(answered(rows, calculator, today(), asked))
        if target is None:
            csv.writer(sys.stdout, lineterminator="\n").writerows(answers)
        else:
            with fresh(target) as beside:
                _write(answers, beside, workbook=is_workbook(target))
    if failed:
        sys.stderr.write(f"{counted(failed, 'row has', 'rows have')} an error\n")
    return 1 if failed else 0


def _write(answers: Iterator[list[str]], target: Path, *, workbook: bool) -> None:
    if workbook:
        with target.open("wb") as out:
            write_sheet(answers, out)
    else:
        with target.open("w", encoding="utf-8-sig", newline="") as text:
            csv.writer(text, lineterminator="\n").writerows(answers)


def run(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:
    """Run a command of `waybook tariff`; what is refused is said, and the exit code is 1.

    Raises StoreAwayError, which says what does without a store, where something does.
    """
    try:
        code: int = arguments.tariff(arguments, connect, settings)
    except (DocumentError, RefusedError) as error:
        sys.stderr.write(f"refused:\n{error}\n")
        return 1
    except StoreAwayError as away:
        raise StoreAwayError("; ".join(filter(None, (str(away), arguments.offline)))) from away
    except BrokenPipeError:
        raise  # whoever read the answer has seen enough: the command line knows
    except (LookupError, OSError, ValueError, csv.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return code
