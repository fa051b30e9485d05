"""Opening a tariff book wherever it is: a directory, an Excel workbook, or a published version."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.library import files_of_version, newest_network, version_named, versions_in_force
from deploy.files import files_of, is_workbook
from flows.governance.network import Network, read_network
from flows.rating.book import Book, read_book
from flows.rating.workbook import read_workbook
from schemas.identity import version_of
from schemas.problems import DocumentError, Problem

Connect = Callable[..., Client]
"""A client of the store; perhaps with the seconds that it has for an answer."""
SHOWN = 20
"""Remarks of one kind that are shown unless all are wanted."""


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
        return Opened(imported.files, imported.plain, imported.located)
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
    return read_network(files_of(directory)) if directory is not None else newest_network(connect())


def bounded(problems: Iterator[Problem], most: int) -> Iterator[str]:
    """Remarks as lines, of each rule at most so many and how many more there are; all with `most` 0."""
    counts: dict[str, int] = {}
    for problem in problems:
        counts[problem.rule] = counts.get(problem.rule, 0) + 1
        if not most or counts[problem.rule] <= most:
            yield str(problem)
    for rule, count in counts.items():
        if most and count > most:
            yield f"… and {count - most:,} more [{rule}]; --all shows them"
