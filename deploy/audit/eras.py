"""What was published when: each new tariff book or directory begins an era, lane by lane.

A parcel is rated by what its lane had read. Lane 0 writes what is published; another lane's era begins with the
block by which it had read the control topic as far as lane 0 had.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from deploy.audit.chain import Log
from deploy.audit.digest import place
from deploy.audit.directory import Directory, read_directory
from deploy.audit.hands import Hands, read_changes
from deploy.audit.report import Findings
from deploy.audit.store import BLOCKS, LANE, Store
from deploy.audit.tariffs import USUAL, Book, Policy, Prices, read_book
from deploy.audit.volumes import Count, Volumes, holding
from schemas.topics import CONTROL

Documents = list[tuple[int, str, dict[str, str]]]
"""(seq, version, files) in order of publication; `WITHDRAWN` for the files: the version goes out of force."""
WITHDRAWN: dict[str, str] = {}
MASKED = "****"
"""Stands for a settlement account's beginning."""


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

    def __getitem__(self, number: int) -> Era:
        return self.eras[number]

    @property
    def last(self) -> int:
        """The newest era's number."""
        return len(self.eras) - 1

    def of(self, seq: int) -> int:
        """The number of a block's era."""
        return bisect_right(self._starts.get(seq >> LANE, []), seq & BLOCKS)

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
    tariffs, directories = _read_tariffs(store), _read_directories(store)
    changes = read_changes(store)
    documents = {seq for seq, _, _ in tariffs} | {seq for seq, _ in directories}
    beginnings = sorted(documents | {change.seq for change in changes} | {count.seq for count in counts})
    _check_directories(store, found)
    eras = [_era([], read_directory("", ()), Hands())]
    for (_, one), (seq, other) in pairwise(directories):
        for word in sorted(_words_of(one) - _words_of(other)):
            found.add(f"{place(seq)}: directory {other.version} has lost {word}, and directories only grow")
    for n, (seq, version, files) in enumerate(tariffs):
        found.seen += 1
        if files is WITHDRAWN:
            if not any(version == earlier for _, earlier, _ in _standing(tariffs[:n], seq)):
                found.add(f"{place(seq)}: tariff book {version} is withdrawn, and was not in the books")
        elif version != content_address(files):
            found.add(f"{place(seq)}: the content of tariff book {version} is not what its version says")
    read: dict[tuple[int, str, int], Book | None] = {}
    for beginning in beginnings:
        hands = Hands(tuple(change for change in changes if change.seq <= beginning))
        volumes = holding(counts, beginning)
        if beginning not in documents:
            eras.append(msgspec.structs.replace(eras[-1], hands=hands, volumes=volumes))
            continue
        known = [one for one in directories if one[0] <= beginning]
        since, directory = known[-1] if known else (0, eras[0].directory)
        books: list[Book] = []
        for seq, version, files in _standing(tariffs, beginning):
            if (seq, version, since) not in read:
                read[seq, version, since] = _read_book(version, files, directory, found)
            if (book := read[seq, version, since]) is not None:
                books.append(book)
        eras.append(msgspec.structs.replace(_era(books, directory, hands), volumes=volumes))
    return Eras(eras, _starts(log, beginnings))


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


def _read_tariffs(store: Store) -> Documents:
    found: dict[tuple[int, str], dict[str, str]] = {}
    documents: Documents = []
    for row in store.rows("SELECT seq, version, file, content, status FROM $tariff_book ORDER BY seq, line"):
        seq, version = row["seq"], row["version"]
        if row["status"] == "withdrawn":
            found.pop((seq, version), None)
            documents.append((seq, version, WITHDRAWN))
        elif (seq, version) in found:
            found[seq, version][row["file"]] = row["content"]
        else:
            found[seq, version] = {row["file"]: row["content"]}
            documents.append((seq, version, found[seq, version]))
    return documents


def _standing(tariffs: Documents, upto: int) -> Documents:
    """The publications up to a block that no later row withdraws, in order."""
    standing: Documents = []
    for seq, version, files in tariffs:
        if seq <= upto:
            standing = (
                [one for one in standing if one[1] != version]
                if files is WITHDRAWN
                else [*standing, (seq, version, files)]
            )
    return standing


def _check_directories(store: Store, found: Findings) -> None:
    """Published directories are what their versions say; where accounts are left out of them none can tell."""
    files: dict[tuple[int, str], dict[str, str]] = {}
    for row in store.rows("SELECT seq, version, file, content FROM $network_directory ORDER BY seq, line"):
        files.setdefault((row["seq"], row["version"]), {})[row["file"]] = row["content"]
    for (seq, version), texts in files.items():
        if MASKED in texts.get("parties.csv", ""):
            continue
        found.seen += 1
        if version != content_address(texts):
            found.add(f"{place(seq)}: the content of directory {version} is not what its version says")


def _read_directories(store: Store) -> list[tuple[int, Directory]]:
    sites, *others = (_by_version(store, table) for table in ("site", "product", "area", "party"))
    return [
        (of[0], read_directory(of[1], rows, *(other.get(of, ()) for other in others)))
        for of, rows in sites.items()
    ]


def _by_version(store: Store, table: str) -> dict[tuple[int, str], list[dict[str, Any]]]:
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in store.rows(f"SELECT * FROM ${table} ORDER BY seq, line"):
        found.setdefault((row["seq"], row["version"]), []).append(row)
    return found


def _starts(log: Log, beginnings: Iterable[int]) -> dict[int, list[int]]:
    """By lane, the block with which each era begins; beyond all blocks where a lane has not come so far."""
    control = f"{CONTROL.name}:0"
    read: dict[int, list[tuple[int, int]]] = {}
    for plan in log.plans:
        upto = dict(zip(plan.inputs, plan.upto, strict=False)).get(control, 0)
        read.setdefault(plan.lane, []).append((plan.n, upto))
    needed = [next((upto for n, upto in read.get(0, []) if n == seq & BLOCKS), 0) for seq in beginnings]
    return {
        lane: [next((n for n, upto in blocks if upto >= offset), BLOCKS + 1) for offset in needed]
        for lane, blocks in read.items()
    }
