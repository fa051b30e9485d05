"""What the tests of rating share: a small network, a small book, and how to vary them."""

import csv
from collections.abc import Mapping
from pathlib import Path

from flows.governance.network import Network, read_network
from flows.rating.book import Book, read_book
from flows.rating.facts import Trial
from flows.rating.settings import FILE

HERE = Path(__file__).parent
SCENARIOS = HERE.parent / "scenarios"


PRICES = ("first_g", "first_price", "continued_price")
"""What the values of a row of first and continued prices are."""


def parcel(
    origin: str, destination: str, product: str = "standard", weight_g: int = 1_000, volume_cm3: int = 0
) -> Trial:
    """The facts of a parcel."""
    return Trial(
        origin=origin, destination=destination, product=product, weight_g=weight_g, volume_cm3=volume_cm3
    )


def files_in(directory: Path) -> dict[str, str]:
    """The text files of a directory by name."""
    return {path.name: path.read_text("utf-8") for path in sorted(directory.iterdir()) if path.is_file()}


def scenarios(name: str) -> list[dict[str, str]]:
    """The rows of a table of scenarios."""
    with (SCENARIOS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


NETWORK: Network = read_network(files_in(HERE / "network"))
FILES: Mapping[str, str] = files_in(HERE / "book")

WEIGHT = """
[weight]
difference_g = 500
difference_percent = 10
[[weight.precedence]]
class = "hub_dws"
adopt = "at_once"
"""

TRANSIT: Mapping[str, str] = {
    "fee": '"transit"',
    "file": '"prices.csv"',
    "shape": '"first_continued"',
    "effective_from": "2025-01-01",
    "weight": '"actual"',
    "continued_unit_kg": '"exact"',
}
"""A table's settings as TOML writes them."""


def book_toml(*tables: Mapping[str, str]) -> str:
    """A book.toml with these tables."""
    sections = [
        "\n".join(["[[table]]", *(f"{key} = {value}" for key, value in table.items() if value)])
        for table in tables
    ]
    return f'name = "测试"\n{WEIGHT}' + "\n".join(sections) + "\n"


def book_of(prices: str, **settings: str) -> Book:
    """A book with one table of transit prices; settings replace those of `TRANSIT`, "" drops one."""
    return read_book({FILE: book_toml({**TRANSIT, **settings}), "prices.csv": prices}, NETWORK)
