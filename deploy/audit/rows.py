"""The rows of a tariff book as they are written, by the auditor's own reading of the format."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from deploy.audit.directory import KINDS, Directory, Place

LEVELS = {
    ("outlet", "outlet"): "outlet",
    ("city", "city"): "city",
    ("city", "province"): "city_province",
    ("province", "province"): "province",
    ("", ""): "national",
}
END_OF_TIME = date.max


class Row(msgspec.Struct, frozen=True):
    """A row as it is written: for whom (`cells` of factors), when, and its prices (`cells` of the shape)."""

    book: str
    file: str
    number: int
    column: str
    """In a matrix: the heading above the price."""
    kind: str
    fee: str
    name: str
    shape: str
    first_day: date
    last_day: date
    priority: int
    origin: tuple[Place, ...]
    destination: tuple[Place, ...]
    ends: tuple[int, int]
    """How many places the row names at each end; 0: anywhere."""
    factors: dict[str, str]
    """Column → cell, of those that are not blank, places aside."""
    cells: dict[str, str]
    settings: dict[str, Any]

    @property
    def level(self) -> str:
        """How precisely the places are named; an end that is left blank counts as the other."""
        origin, destination = self.origin[0][0], self.destination[0][0]
        return LEVELS[origin or destination, destination or origin]

    @property
    def number_and_column(self) -> str:
        """As a step says where its price stands."""
        return f"{self.file}:{self.number}" + (f":{self.column}" if self.column else "")

    def place_beside(self, winner: "Row") -> str:
        """The same of a row beside the one that won; one of another book than the winner's says which."""
        return self.number_and_column + (f"@{self.book}" if self.book != winner.book else "")

    @property
    def weighs(self) -> bool:
        """Whether the table's price goes by weight."""
        return bool(self.settings.get("weight"))

    @property
    def further(self) -> set[str]:
        """The factors that it names beside places and the product."""
        return set(self.factors) - {"product"}


_OF = {"surcharge": "base", "discount": "total"}
_PRICES = {
    "flat": {"price"},
    "first_continued": {"first_kg", "first_price", "continued_price"},
    "per_unit": {"price", "minimum", "maximum"},
    "slabs": {"price", "first_price", "minimum"},
    "tier_flat": {"minimum"},
    "tier_whole": {"minimum"},
    "graduated": {"minimum"},
    "percent": {"percent", "minimum", "maximum"},
    "allowance": {"price", "included", "overage_price"},
    "shortfall": {"minimum"},
    "bounds": {"floor", "cap"},
    "zone": {"value"},
}


def read_rows(version: str, table: dict[str, Any], text: str, directory: Directory) -> Iterator[Row]:
    """A table's rows; those for places that no site lies in have no places at all."""
    shape = table.get("shape", "zone")
    kind = table.get("kind", "base")
    settings = {"of": _OF.get(kind, ""), **table}
    for number, column, cells in _lines(text, table, shape):
        (origin, here), (destination, there) = (
            _place(cells, end, directory) for end in ("origin", "destination")
        )
        own = {name for name in cells if name in _PRICES[shape] or ".." in name}
        yield Row(
            book=version,
            file=table["file"],
            number=number,
            column=column,
            kind=kind,
            fee=table.get("fee", ""),
            name=table.get("name", table.get("factor", "")),
            shape=shape,
            first_day=table["effective_from"],
            last_day=table.get("effective_to", END_OF_TIME),
            priority=table.get("priority", 0),
            origin=origin,
            destination=destination,
            ends=(here, there),
            factors={
                name: _products(directory, text) if name == "product" else text
                for name, text in cells.items()
                if text and name not in own and not name.startswith(("origin_", "destination_"))
            },
            cells={name: cells[name] for name in own if cells[name]},
            settings=settings,
        )


def _lines(text: str, table: Mapping[str, Any], shape: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Lines of a list, or the single prices of a matrix: number, heading, cells by column."""
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    header = [name.strip() for name in next(lines)]
    for raw in lines:
        cells = [cell.strip() for cell in raw]
        if not any(cells):
            continue
        if table.get("layout") != "matrix":
            yield lines.line_num, "", dict(zip(header, cells, strict=True))
            continue
        first = {"zone": "value", "percent": "percent", "bounds": "floor"}.get(shape, "price")
        for heading, cell in zip(header[1:], cells[1:], strict=True):
            if cell:
                yield (
                    lines.line_num,
                    heading,
                    {table["down"]: cells[0], table["across"]: heading, first: cell},
                )


def _products(directory: Directory, text: str) -> str:
    """Products by their codes, however they are written."""
    return "|".join(directory.product(word.strip()) for word in text.split("|"))


def _place(cells: Mapping[str, str], end: str, directory: Directory) -> tuple[tuple[Place, ...], int]:
    """The finest places that a row names at an end, and how many; no places: no site lies in any."""
    for kind in KINDS:
        text = cells.get(f"{end}_{kind}", "")
        if text:
            words = [word.strip() for word in text.split("|")]
            codes = [directory.code(kind, word) for word in words]
            named = {code or word for code, word in zip(codes, words, strict=True)}
            return tuple((kind, code) for code in dict.fromkeys(codes) if code is not None), len(named)
    return (("", ""),), 0
