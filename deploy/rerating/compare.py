"""What charges come to by other tariffs, beside what was charged: sums by fee, line, party and customer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from deploy.rerating.read import Sample
from deploy.rerating.uncounted import Uncounted
from flows.governance.network import Network
from flows.rating.rerate import UNPRICED, Coded, Ints, Rerater, distinct

DIMENSIONS = {
    "fee": ("费用", "fee"),
    "line": ("线路", "line"),
    "outlet": ("付款方", "payer"),
    "customer": ("客户", "customer"),
    "origin": ("始发网点、仓库", "origin, store"),
}
"""By what sums are made, in Chinese and English. The outlet is the one that pays; what a store charges begins there."""
Group = tuple[str, ...]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


class Sums(msgspec.Struct):
    """Charges and money units. A reversal counts as one charge less, on both sides. What a store would only charge
    afterwards counts as a charge of nothing before."""

    charges: int = 0
    changed: int = 0
    """Charges that come to another amount."""
    unpriced: int = 0
    """Charges that would have no price; they count as nothing afterwards."""
    before: int = 0
    after: int = 0

    @property
    def difference(self) -> int:
        """Money units."""
        return self.after - self.before

    def add(self, numbers: Iterable[int]) -> None:
        """Count these, too, in the order of the fields."""
        for name, more in zip(self.__struct_fields__, numbers, strict=True):
            setattr(self, name, getattr(self, name) + more)


class Rated(msgspec.Struct, frozen=True):
    """A sample's rows with both amounts, signed, in money units."""

    sample: Sample
    before: Ints
    after: Ints
    unpriced: Ints
    """1, or -1 for a reversal, where there is no price."""
    net: Ints
    """By what was charged (waybill, fee and part), the difference of all its rows."""
    last: Ints
    """The last row of each."""
    of: Ints
    """For each row, which of them it belongs to."""

    @property
    def changed(self) -> Ints:
        """1 in the last row of everything whose rows together come to something else."""
        changed = np.zeros(len(self.of), np.int64)
        changed[self.last] = self.net != 0
        return changed


def rated(sample: Sample, rerater: Rerater) -> Rated:
    """Ask what every row comes to now."""
    return beside(sample, *rate_by(sample, np.zeros(len(sample.signs), np.int64), {0: rerater}))


def begun(sample: Sample, rerater: Rerater) -> Rated:
    """What of these would be charged now, where nothing was."""
    after, state = rerater.rate(sample.charges)
    rows = np.flatnonzero(state != UNPRICED)
    return beside(sample.take(rows), after[rows], np.zeros(len(rows), np.bool_))


def rate_by(sample: Sample, ways: Ints, reraters: Mapping[int, Rerater]) -> tuple[Ints, Bools]:
    """What rows come to, money units without sign, and whether they have no price; `ways`: which one is asked."""
    after, state = np.zeros_like(sample.signs), np.zeros_like(sample.signs)
    for way, rerater in reraters.items():
        rows = np.flatnonzero(ways == way)
        if len(rows):
            after[rows], state[rows] = rerater.rate(sample.charges.take(rows))
    return after, state == UNPRICED


def beside(sample: Sample, after: Ints, unpriced: Bools) -> Rated:
    """A sample with what its rows come to, in money units, unsigned, and whether they have no price."""
    before, after = sample.charges.amounts * sample.signs, after * sample.signs
    _, backwards, of = np.unique(sample.keys[::-1], return_index=True, return_inverse=True)
    last, of = len(of) - 1 - backwards, of[::-1]
    net = np.zeros(len(last), np.int64)
    np.add.at(net, of, after - before)
    return Rated(sample, before, after, unpriced * sample.signs, net, last, of)


def differing(found: Rated) -> Ints:
    """1 in every row of what comes to something else or has no price."""
    lacking = np.zeros(len(found.net), np.int64)
    np.add.at(lacking, found.of, found.unpriced != 0)
    differs: Ints = ((found.net != 0) | (lacking != 0)).astype(np.int64)
    return differs[found.of]


class Lines:
    """Lines of charges, from province to province as the journal's `route`."""

    def __init__(self, network: Network) -> None:
        self._outlets = network.outlets

    def of(self, origins: Coded, destinations: Coded) -> Coded:
        """The line of every row; empty where an outlet is unknown."""
        here, there = (
            [site.province if (site := self._outlets.get(one)) else "" for one in ends.values]
            for ends in (origins, destinations)
        )
        names: dict[str, int] = {}
        first, of = distinct([origins.codes, destinations.codes])
        pairs = zip(origins.codes[first].tolist(), destinations.codes[first].tolist(), strict=True)
        lines = [f"{here[a]}-{there[b]}" if here[a] or there[b] else "" for a, b in pairs]
        codes = np.array([names.setdefault(line, len(names)) for line in lines], np.int64)
        return Coded(codes[of], list(names))


class Comparison:
    """Sums by some of the `DIMENSIONS`, over any number of samples."""

    def __init__(self, by: Sequence[str], network: Network) -> None:
        self.by = tuple(by)
        self.groups: dict[Group, Sums] = {}
        self.uncounted = Uncounted()
        self._lines = Lines(network)

    def add(self, found: Rated) -> None:
        """Count a sample."""
        for group, numbers in summed(found, [self._column(found.sample, name) for name in self.by]):
            self.groups.setdefault(group, Sums()).add(numbers)

    def merge(self, groups: Mapping[Group, Sums]) -> None:
        """Count what another comparison by the same came to."""
        for group, sums in groups.items():
            self.groups.setdefault(group, Sums()).add(msgspec.structs.astuple(sums))

    @property
    def total(self) -> Sums:
        """Of everything."""
        total = Sums()
        for sums in self.groups.values():
            total.add(msgspec.structs.astuple(sums))
        return total

    def ordered(self) -> list[tuple[Group, Sums]]:
        """All sums, the largest differences first."""
        return sorted(self.groups.items(), key=lambda item: (-abs(item[1].difference), item[0]))

    def _column(self, sample: Sample, name: str) -> Coded:
        return column_of(sample, name, self._lines)


def column_of(sample: Sample, name: str, lines: Lines) -> Coded:
    """What a dimension is in every row."""
    charges = sample.charges
    if name == "line":
        return lines.of(charges.origins, charges.destinations)
    columns = {
        "fee": charges.fees,
        "outlet": sample.payers,
        "customer": sample.customers,
        "origin": charges.origins,
    }
    return columns[name]


def summed(found: Rated, by: Sequence[Coded]) -> Iterator[tuple[Group, tuple[int, ...]]]:
    """Sums of rows that are equal in these columns: charges, changed, without price, before, after."""
    rows = len(found.before)
    if not rows:
        return
    columns = [one.codes for one in by] or [np.zeros(rows, np.int64)]
    first, of = distinct(columns)
    sums = []
    for values in (found.sample.signs, found.changed, found.unpriced, found.before, found.after):
        sum_of = np.zeros(len(first), np.int64)
        np.add.at(sum_of, of, values)
        sums.append(sum_of.tolist())
    words = [[one.values[code] for code in one.codes[first].tolist()] for one in by]
    groups = zip(*words, strict=True) if by else [()]
    yield from zip(groups, zip(*sums, strict=True), strict=True)
