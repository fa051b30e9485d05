"""CSV texts of the simulated network, and the country that its files are made from."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec


class City(msgspec.Struct, frozen=True):
    """A city and the parcels that it sends and receives, as shares of no particular whole."""

    code: str
    name: str
    province: str
    sends: int
    receives: int


def places() -> list[dict[str, str]]:
    """The rows of `places.csv`."""
    return list(csv.DictReader(io.StringIO(Path(__file__).with_name("places.csv").read_text("utf-8"))))


def cities(rows: Iterable[dict[str, str]]) -> list[City]:
    """The cities among places."""
    return [
        City(row["code"], row["name"], row["province"], int(row["sends"]), int(row["receives"]))
        for row in rows
        if row["level"] == "city"
    ]


def provinces(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    """The names of the provinces among places, by code."""
    return {row["code"]: row["name"] for row in rows if row["level"] == "province"}


def csv_of(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def read_tariff(directory: Path) -> dict[str, str]:
    """A tariff book's files."""
    return {
        file.name: file.read_text("utf-8")
        for file in sorted(directory.iterdir())
        if file.suffix in (".toml", ".csv")
    }
