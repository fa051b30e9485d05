"""What was published when: each publication begins an era, lane by lane.

A parcel is rated by what its lane had read. Lane 0 writes what is published, with the offset of its record on the
control topic; in every lane its era begins with the block that read that record.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from deploy.audit.chain import Log
from deploy.audit.digest import place
from deploy.audit.directory import Directory, read_directory
from deploy.audit.hands import Change, Hands, read_changes
from deploy.audit.report import Findings
from deploy.audit.store import BLOCKS, LANE, Store
from deploy.audit.tariffs import USUAL, Book, Policy, Prices, read_book
from deploy.audit.volumes import Count, Volumes, holding
from schemas.topics import CONTROL

MASKED = "****"
"""Stands for a settlement account's beginning."""


class Document(NamedTuple):
    """A published tariff book or directory, or a withdrawal of all earlier books of a version."""

    seq: int
    offset: int
    """Of its record on the control topic."""
    version: str
    withdrawn: bool
    files: dict[str, str]


class Era(msgspec.Struct, frozen=True):
    """The rules between two publications."""

    books: tuple[Book, ...]
    priced: frozenset[str]
    """Fees that a book has a table for."""
    directory: Directory
    prices: Prices
    hands: Hands
    volumes: Volumes = Volumes()

    @property
    def policy(self) -> Policy:
        """That of the newest book that has one."""
        policies = [book.policy for book in self.books if book.policy is not None]
        return policies[-1] if policies else USUAL

    def charges_as(self, other: "Era") -> bool:
        """Whether the same facts come to the same amounts: who is paid for an outlet decides about none."""
        return self.prices is other.prices and self.volumes == other.volumes

    def policy_of(self, product: str, origin: str, destination: str) -> Policy:
        """The policy for a parcel between two outlets."""
        ends = [self.directory.places.get(outlet, {}).get("province", "") for outlet in (origin, destination)]
        return self.policy.of(product, ends[0], ends[1])


class Eras:
    """All eras; number 0 is the time before anything was published."""

    def __init__(self, eras: list[Era], starts: dict[int, list[int]]) -> None:
        self.eras = eras
        self._starts = starts
        """By lane: the first block of each era from number 1 on."""
        self.alike = tuple(
            next(first for first, other in enumerate(eras) if one.charges_as(other)) for one in eras
        )
        """Of each era the first that charges alike: many begin with something else."""

    def __getitem__(self, number: int) -> Era:
        return self.eras[number]

    @property
    def last(self) -> int:
        """The newest era's number."""
        return len(self.eras) - 1

    def of(self, seq: int) -> int:
        """The number of a block's era."""
        return bisect_right(self._starts.get(seq >> LANE, []), seq & BLOCKS)

    def within(self, seq: int) -> range:
        """The numbers of the eras that a block may have charged by: what was waiting when it began was looked at after
        each of its publications, all else by the last."""
        before = bisect_left(self._starts.get(seq >> LANE, []), seq & BLOCKS)
        return range(min(before + 1, self.of(seq)), self.of(seq) + 1)

    def now(self, lane: int) -> int:
        """The number of the era that a lane is in at its end."""
        return sum(start <= BLOCKS for start in self._starts.get(lane, []))

    def starts(self, number: int) -> dict[int, int]:
        """By lane: the first block of an era, where the lane has come so far."""
        if not number:
            return dict.fromkeys(self._starts, 0)
        found = {lane: starts[number - 1] for lane, starts in self._starts.items()}
        return {lane: start for lane, start in found.items() if start <= BLOCKS}


def read_eras(store: Store, log: Log, counts: Sequence[Count], found: Findings) -> Eras:
    """The eras of all lanes, from what is stored. A book that cannot be read is found wrong and left out."""
    tariffs, published = _read_documents(store, "tariff_book"), _read_documents(store, "network_directory")
    directories = _read_directories(store, published)
    changes = read_changes(store)
    _check_offsets([*tariffs, *published, *changes, *counts], log, found)
    _check_directories(published, found)
    _check_growing(published, directories, found)
    _check_books(tariffs, found)
    eras = [_era([], read_directory("", ()), Hands())]
    documents = {one.offset for one in (*tariffs, *published)}
    beginnings = sorted(documents | {one.offset for one in changes} | {one.offset for one in counts})
    read: dict[tuple[int, str, int], Book | None] = {}
    for beginning in beginnings:
        hands = Hands.of([change for change in changes if change.offset <= beginning])
        volumes = holding(counts, beginning)
        if beginning not in documents:
            eras.append(msgspec.structs.replace(eras[-1], hands=hands, volumes=volumes))
            continue
        since = max((offset for offset in directories if offset <= beginning), default=-1)
        directory = directories.get(since, eras[0].directory)
        books: list[Book] = []
        for tariff in _standing(tariffs, beginning):
            key = tariff.offset, tariff.version, since
            if key not in read:
                read[key] = _read_book(tariff.version, tariff.files, directory, found)
            if (book := read[key]) is not None:
                books.append(book)
        eras.append(msgspec.structs.replace(_era(books, directory, hands), volumes=volumes))
    return Eras(eras, _starts(log, beginnings))


def _check_offsets(published: Sequence[Document | Change | Count], log: Log, found: Findings) -> None:
    """What is published is of records that its block has read."""
    blocks = {
        lane << LANE | n: (first, beyond)
        for lane, read in _control(log).items()
        for (_, first), (n, beyond) in pairwise([(0, 0), *read])
    }
    for one in published:
        first, beyond = blocks.get(one.seq, (0, 0))
        if not first <= one.offset < beyond:
            found.add(
                f"{place(one.seq)} has not read record {one.offset}, of which it says that it was published"
            )


def _check_growing(
    published: Sequence[Document], directories: Mapping[int, Directory], found: Findings
) -> None:
    """No directory lacks what the one before it had."""
    for (_, one), (later, other) in pairwise(sorted(directories.items())):
        seq = next(document.seq for document in published if document.offset == later)
        for word in sorted(_words_of(one) - _words_of(other)):
            found.add(f"{place(seq)}: directory {other.version} has lost {word}, and directories only grow")


def _check_books(tariffs: Sequence[Document], found: Findings) -> None:
    """Books are what their versions say, and those that are withdrawn were there."""
    for n, one in enumerate(tariffs):
        found.seen += 1
        if one.withdrawn:
            if not any(one.version == book.version for book in _standing(tariffs[:n], one.offset)):
                found.add(
                    f"{place(one.seq)}: tariff book {one.version} is withdrawn, and was not in the books"
                )
        elif one.version != content_address(one.files):
            found.add(
                f"{place(one.seq)}: the content of tariff book {one.version} is not what its version says"
            )


def _words_of(directory: Directory) -> set[str]:
    """The sites, outlets and products of a directory."""
    return {*directory.sites, *directory.places, *directory.names["product"].values()}


def content_address(files: Mapping[str, str]) -> str:
    """A book's version: SHA-256 over its files in order of name, names and texts with their lengths before."""
    parts = [text.encode() for name in sorted(files) for text in (name, files[name])]
    whole = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    return hashlib.sha256(whole).hexdigest()[:16]


def _read_book(version: str, files: Mapping[str, str], directory: Directory, found: Findings) -> Book | None:
    try:
        return read_book(version, files, directory)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        found.add(f"tariff book {version} cannot be read: {error!r}")
        return None


def _era(books: list[Book], directory: Directory, hands: Hands) -> Era:
    priced = frozenset(fee for book in books for fee in book.fees)
    return Era(tuple(books), priced, directory, Prices(books, directory), hands)


def _read_documents(store: Store, table: str) -> list[Document]:
    """What a table tells, in order of publication."""
    found: dict[tuple[int, str, bool], Document] = {}
    for row in store.rows(f"SELECT * FROM ${table} ORDER BY seq, line"):
        of = row["offset"], row["version"], row.get("status") == "withdrawn"
        found.setdefault(of, Document(row["seq"], *of, {})).files[row["file"]] = row["content"]
    return list(found.values())


def _standing(tariffs: Sequence[Document], upto: int) -> list[Document]:
    """The publications up to an offset that no later one withdraws, in order."""
    standing: list[Document] = []
    for one in tariffs:
        if one.offset <= upto:
            standing = (
                [book for book in standing if book.version != one.version]
                if one.withdrawn
                else [*standing, one]
            )
    return standing


def _check_directories(published: Sequence[Document], found: Findings) -> None:
    """Published directories are what their versions say; where accounts are left out of them none can tell."""
    for one in published:
        if MASKED in one.files.get("parties.csv", ""):
            continue
        found.seen += 1
        if one.version != content_address(one.files):
            found.add(
                f"{place(one.seq)}: the content of directory {one.version} is not what its version says"
            )


def _read_directories(store: Store, published: Sequence[Document]) -> dict[int, Directory]:
    """The directories by the offsets of their records, from the tables of what they say."""
    tables = [_by_version(store, table) for table in ("site", "product", "area", "party")]
    return {
        one.offset: read_directory(one.version, *(table.get((one.seq, one.version), ()) for table in tables))
        for one in published
    }


def _by_version(store: Store, table: str) -> dict[tuple[int, str], list[dict[str, Any]]]:
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in store.rows(f"SELECT * FROM ${table} ORDER BY seq, line"):
        found.setdefault((row["seq"], row["version"]), []).append(row)
    return found


def _control(log: Log) -> dict[int, list[tuple[int, int]]]:
    """By lane: its blocks, and the offset on the control topic before which they have read."""
    control = f"{CONTROL.name}:0"
    read: dict[int, list[tuple[int, int]]] = {}
    for plan in log.plans:
        upto = dict(zip(plan.inputs, plan.upto, strict=False)).get(control, 0)
        read.setdefault(plan.lane, []).append((plan.n, upto))
    return read


def _starts(log: Log, beginnings: Sequence[int]) -> dict[int, list[int]]:
    """By lane, the block with which each era begins; beyond all blocks where a lane has not come so far."""
    return {lane: list(_begun(blocks, beginnings)) for lane, blocks in _control(log).items()}


def _begun(blocks: Sequence[tuple[int, int]], beginnings: Sequence[int]) -> Iterator[int]:
    """The first of a lane's blocks that has read each of these records."""
    for offset in beginnings:
        place = bisect_right(blocks, offset, key=lambda block: block[1])
        yield blocks[place][0] if place < len(blocks) else BLOCKS + 1
