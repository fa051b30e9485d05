"""What hubs and the ways between them cost: bills of carriers and suppliers about each simulated day.

    place,to,day,amount,carrier,basis,bill

A carrier drives from a hub for so much a kilogram by the distance, and for no less than a least price a line and day:
so lines with little freight lose money. In each hub people are paid by the piece for sorting, room by what lay there.
Bills are made from what truly passed, whether or not its scans were lost; a day's come when it is over, as a file
`2025-11-11.csv` that `waybook costs publish` takes.
"""

from pathlib import Path

import msgspec

from schemas.events import SENT
from schemas.times import HOUR, business_day, date_of
from sources.network.directory import World
from sources.network.files import csv_of
from sources.network.life import Fact, Parcel
from sources.network.parties import LANDLORD, SORTERS, carrier_from

COLUMNS = ("place", "to", "day", "amount", "carrier", "basis", "bill")
PER_KG, PER_KG_1000_KM = 60, 200
"""Fen a kilogram: for loading, and for a thousand kilometres."""
LEAST, LEAST_1000_KM = 200, 200
"""Fen a line and day, at least, in the same way."""
SORTING, ROOM_M3 = 30, 1_500
"""Fen a piece, and for a cubic metre that lay in a hub."""
SETTLED = 2 * HOUR
"""After the end of a day its bills are made: a parcel is ordered longer than that before it leaves a hub."""

Line = tuple[str, str]
"""The provinces of two hubs; the second is empty for the first hub itself."""


class Load(msgspec.Struct):
    """What passed on a day."""

    pieces: int = 0
    grams: int = 0
    cm3: int = 0

    def add(self, parcel: Parcel, cm3: int) -> None:
        """A parcel."""
        self.pieces += parcel.terms.pieces
        self.grams += parcel.grams
        self.cm3 += cm3


class Haulage:
    """Gathers what passes hubs, and writes each day's bills into a directory when the day is over."""

    def __init__(self, world: World, directory: Path) -> None:
        self._world, self._directory = world, directory
        directory.mkdir(parents=True, exist_ok=True)
        self._loads: dict[int, dict[Line, Load]] = {}
        """By business day."""

    def carry(self, parcel: Parcel) -> None:
        """All that a parcel's life means for hubs and lines, whenever it will be."""
        cm3 = _cm3(parcel)
        leaves = [fact for fact in parcel.facts if fact.operation == SENT and fact.site and fact.site.hub]
        for n, fact in enumerate(leaves):
            assert fact.site is not None
            here = fact.site.province
            self._of(fact, (here, "")).add(parcel, cm3)
            if n + 1 < len(leaves):
                there = leaves[n + 1].site
                assert there is not None
                self._of(fact, (here, there.province)).add(parcel, cm3)

    def until(self, now: int) -> None:
        """Write the bills of all days that are over (UTC ms), and long enough to know all that passed."""
        over = business_day(now - SETTLED)
        for day in sorted(self._loads):
            if day < over:
                self._write(day)

    def close(self) -> None:
        """Write what is left: nothing comes any more."""
        for day in sorted(self._loads):
            self._write(day)

    def _of(self, fact: Fact, line: Line) -> Load:
        return self._loads.setdefault(business_day(fact.time), {}).setdefault(line, Load())

    def _write(self, day: int) -> None:
        """A file that is there is whole."""
        date = str(date_of(day))
        rows = [
            row
            for line, load in sorted(self._loads.pop(day).items())
            for row in self._bills(date, line, load)
        ]
        fresh = self._directory / f"{date}.new"
        fresh.write_text(csv_of(COLUMNS, rows), "utf-8")
        fresh.rename(self._directory / f"{date}.csv")

    def _bills(self, date: str, line: Line, load: Load) -> list[tuple[str, ...]]:
        here, there = line
        hub = self._world.hubs[here].code
        if there:
            carrier, to = carrier_from(here), self._world.hubs[there].code
            price = freight(self._world.kilometres[here, there], load.grams)
            return [
                (hub, to, date, _yuan(price), carrier, "weight", f"{carrier}-{date}-{here[:2]}{there[:2]}")
            ]
        sorting, room = SORTING * load.pieces, max(1, ROOM_M3 * load.cm3 // 1_000_000)
        return [
            (hub, "", date, _yuan(sorting), SORTERS, "piece", f"{SORTERS}-{date}-{here[:2]}"),
            (hub, "", date, _yuan(room), LANDLORD, "volume", f"{LANDLORD}-{date}-{here[:2]}"),
        ]


def freight(kilometres: int, grams: int) -> int:
    """What a day's freight on a line costs, fen.

    >>> freight(1000, 10_000), freight(1000, 500)
    (2600, 400)
    """
    by_weight = (PER_KG + PER_KG_1000_KM * kilometres // 1000) * grams // 1000
    return max(by_weight, LEAST + LEAST_1000_KM * kilometres // 1000)


def _cm3(parcel: Parcel) -> int:
    """By the DWS line of its first hub."""
    sides = next(fact.sides_mm for fact in parcel.facts if fact.sides_mm != (0, 0, 0))
    return sides[0] * sides[1] * sides[2] // 1000


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
