"""The published tariff books and directories, out of ClickHouse: for the live page and `waybook tariff`."""

import time
import tomllib
from datetime import date, datetime

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from flows.governance.network import Network, read_network
from flows.rating.settings import FILE
from schemas.times import business_day

BOOKS = """
SELECT version, name, status, any(published_at) AS at, any(published_by) AS by, min((seq, line)) AS place,
       count() AS files
FROM tariff_book GROUP BY seq, version, name, status ORDER BY place"""
SETTINGS = (
    "SELECT version, any(content) AS content FROM tariff_book WHERE file = {file:String} GROUP BY version"
)
FILES = """
SELECT file, argMax(content, (seq, line)) AS content FROM tariff_book
WHERE version = {version:String} AND status != 'withdrawn' GROUP BY file ORDER BY file"""
NEWEST = "SELECT seq, version FROM network_directory ORDER BY seq DESC, line DESC LIMIT 1"
DIRECTORY = f"SELECT file, content FROM network_directory WHERE (seq, version) IN ({NEWEST}) ORDER BY file"
DIRECTORY_OF = """
SELECT file, argMax(content, (seq, line)) AS content FROM network_directory
WHERE version = {version:String} GROUP BY file ORDER BY file"""
NO_DIRECTORY = "no network directory has been published: waybook publish-network DIRECTORY"
LEAST_PREFIX = 4
"""Characters of a version that are enough, if only one begins so."""

IN_FORCE, SUPERSEDED, WITHDRAWN = "in_force", "superseded", "withdrawn"
STATUS = {
    IN_FORCE: ("有效", "in force"),
    SUPERSEDED: ("已被取代", "superseded"),
    WITHDRAWN: ("已撤回", "withdrawn"),
}


def today() -> int:
    """Shanghai's date by this machine's clock, days since 1970-01-01: for what people ask without a date."""
    return business_day(int(time.time() * 1000))


class Published(msgspec.Struct):
    """A publication of a book."""

    version: str
    name: str
    at: datetime
    by: str
    files: int
    status: str = SUPERSEDED


def published(client: Client) -> list[Published]:
    """All publications, in order, and what became of them."""
    found: list[Published] = []
    for row in rows(client, BOOKS):
        if row["status"] == WITHDRAWN:
            for one in found:
                one.status = WITHDRAWN if one.version == row["version"] else one.status
        else:
            found.append(Published(row["version"], row["name"], row["at"], row["by"], row["files"]))
    newest = {one.name: one for one in found if one.status != WITHDRAWN}
    for one in newest.values():
        one.status = IN_FORCE
    return found


def first_days(client: Client) -> dict[str, date]:
    """By version, the first day on which a price of the book counts."""
    said = ((row["version"], tomllib.loads(row["content"])) for row in rows(client, SETTINGS, file=FILE))
    return {version: min(one["effective_from"] for one in book["table"]) for version, book in said}


def versions_in_force(client: Client) -> list[str]:
    """Versions of the books in force, in order of publication."""
    return [one.version for one in published(client) if one.status == IN_FORCE]


def version_named(client: Client, text: str) -> str:
    """The version that a text means: a version, the beginning of one, or the name of a book in force.

    Raises LookupError.
    """
    books = published(client)
    named = [one.version for one in books if one.name == text and one.status == IN_FORCE]
    versions = {one.version for one in books if one.version.startswith(text) and len(text) >= LEAST_PREFIX}
    if named or len(versions) == 1:
        return (named or sorted(versions))[-1]
    if versions:
        raise LookupError(f"{text!r} may be any of {', '.join(sorted(versions))}")
    if gone := [one.version for one in books if one.name == text]:
        raise LookupError(
            f"no book called {text!r} is in force: withdrawn are {', '.join(dict.fromkeys(gone))}"
        )
    raise LookupError(f"{text!r} is no published tariff book: waybook tariff list")


def files_of_version(client: Client, version: str) -> dict[str, str]:
    """A published book's files."""
    return {row["file"]: row["content"] for row in rows(client, FILES, version=version)}


def newest_directory(client: Client) -> str:
    """The newest directory's version. Raises LookupError when there is none."""
    for row in rows(client, NEWEST):
        return str(row["version"])
    raise LookupError(NO_DIRECTORY)


def network_of(client: Client, version: str) -> Network:
    """A published directory, whichever is the newest. Raises LookupError when there is none."""
    files = {row["file"]: row["content"] for row in rows(client, DIRECTORY_OF, version=version)}
    if not files:
        raise LookupError(NO_DIRECTORY)
    return read_network(files)


def directory_files(client: Client) -> dict[str, str]:
    """The newest directory's files. Raises LookupError when there is none."""
    files = {row["file"]: row["content"] for row in rows(client, DIRECTORY)}
    if not files:
        raise LookupError(NO_DIRECTORY)
    return files


def newest_network(client: Client) -> Network:
    """The newest directory. Raises LookupError when there is none."""
    return read_network(directory_files(client))
