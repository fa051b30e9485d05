"""Opening a tariff book wherever it is: a directory, an Excel workbook, or a published version."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.library import files_of_version, newest_network, version_named, versions_in_force
from deploy.files import files_of, is_workbook, texts_of
from flows.governance.network import Network, read_network
from flows.rating.book import Book, read_book
from flows.rating.workbook import read_workbook
from schemas.identity import version_of
from schemas.problems import DocumentError, Problem

Connect = Callable[..., Client]
"""A client of the store; perhaps with the seconds that it has for an answer."""
SHOWN = 3
"""Remarks of one kind that are shown unless all are wanted."""
CHECK_ALL = "waybook tariff check --all"
"""What shows all remarks about a book."""


class Opened(msgspec.Struct):
    """A book's files, not yet checked. `located` puts a problem where its editor finds it."""

    files: dict[str, str]
    plain: Mapping[str, str]
    located: Callable[[Problem], Problem]

    def read(self, network: Network) -> Book:
        """The book. Raises DocumentError with every problem, each at its place."""
        try:
            book = read_book(self.plain, network)
        except DocumentError as error:
            raise DocumentError([self.located(problem) for problem in error.problems]) from error
        return msgspec.structs.replace(book, version=version_of(self.files))


def open_book(where: str, connect: Connect) -> Opened:
    """The book that a directory, a workbook or a published version is.

    Raises DocumentError for what cannot be read, LookupError for a version that is not known.
    """
    path = Path(where)
    if path.is_dir():
        files = files_of(path)
        return Opened(files, files, lambda problem: problem)
    if is_workbook(path) and path.exists():
        with path.open("rb") as source:
            imported = read_workbook(source, path.name)
        return Opened(imported.files, imported.plain, imported.places.located)
    if path.is_file():
        raise LookupError(f"{where} is no book: that is a directory, or a workbook (.xlsx)")
    if is_workbook(path) or "/" in where:
        raise LookupError(f"there is no file or directory {where}")
    client = connect()
    files = files_of_version(client, version_named(client, where))
    return Opened(files, files, lambda problem: problem)


def books_in_force(connect: Connect, network: Network) -> list[Book]:
    """The published books that count, in order of publication."""
    client = connect()
    return [read_book(files_of_version(client, version), network) for version in versions_in_force(client)]


def network_for(directory: Path | None, connect: Connect) -> Network:
    """The network directory to check against: the one that is named, else the newest in the store."""
    return texts_of(directory).read(read_network) if directory is not None else newest_network(connect())


def grouped(problems: Iterable[Problem], how: str) -> Iterator[str]:
    """Remarks as lines. More than a few of one kind in one place are one line: how many, the first, and how to see all.

    `how`: what shows all of them; with "" each is a line of its own, as it is found.
    """
    if not how:
        yield from map(str, problems)
        return
    first: dict[tuple[str, str, str], list[Problem]] = {}
    counts = Counter[tuple[str, str, str]]()
    for problem in problems:
        kind = problem.file, problem.column, problem.rule
        counts[kind] += 1
        if counts[kind] <= SHOWN:
            first.setdefault(kind, []).append(problem)
    for kind, some in first.items():
        if counts[kind] <= SHOWN:
            yield from map(str, some)
            continue
        said = "; ".join(f"row {one.row}: {one.message}" if one.row else one.message for one in some)
        message = f"{counts[kind]:,} of this kind, the first: {said}; {how} shows all"
        yield str(msgspec.structs.replace(some[0], row=0, message=message))
