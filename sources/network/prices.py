"""Prices of the simulated network: the files of the default tariff book that are too long to be written by hand.

    python -m sources.network.prices flows/rating/default

Distances and volumes make them, with a little of each pair's own; nothing is drawn, so the files are always the same.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import product as pairs
from pathlib import Path

import msgspec
from xxhash import xxh32_intdigest

from sources.network.directory import build
from sources.network.files import City, cities, csv_of, places, provinces
from sources.network.trade import AGREEMENTS, OWN_PRICES

BUSY = 50
"""Cities between which there are prices of their own."""
REMOTE = ("150000", "540000", "620000", "630000", "640000", "650000")
"""Provinces whose cities are remote but for their capital: Inner Mongolia, Tibet, Gansu, Qinghai, Ningxia, Xinjiang."""
MONTHS = ((1_001, 5_000, 3), (5_001, 20_000, 5), (20_001, 100_000, 8), (100_001, 0, 12))
"""Parcels in a month, from and to (0: no end), and percent off."""
ZONES = ((0, "一区"), (300, "二区"), (700, "三区"), (1_200, "四区"), (1_800, "五区"), (2_600, "六区"))
"""From so many kilometres on."""
FIRST_CONTINUED = ("first_kg", "first_price", "continued_price")

Fen = int


class Country(msgspec.Struct, frozen=True):
    """What prices are made from."""

    cities: list[City]
    """The busiest first."""
    provinces: dict[str, str]
    """Names by code."""
    kilometres: dict[tuple[str, str], int]
    """Between provinces' capitals."""

    def distance(self, a: City, b: City) -> int:
        """Kilometres between cities, roughly."""
        if a.province == b.province:
            return 40 if a.code == b.code else 160
        return max(160, self.kilometres[a.province, b.province])


def country() -> Country:
    """The country of `places.csv`."""
    rows = places()
    busiest = sorted(cities(rows), key=lambda city: (-city.sends - city.receives, city.code))
    return Country(busiest, provinces(rows), build(60, 1).kilometres)


def files(of: Country) -> dict[str, str]:
    """The files by name."""
    return {
        "transit-city.csv": csv_of(
            ("origin_city", "destination_city", "product", *FIRST_CONTINUED), _city_pairs(of)
        ),
        "transit-express.csv": csv_of(
            ("origin_province", "destination_province", "product", *FIRST_CONTINUED), _express(of)
        ),
        "transit-customers.csv": csv_of(
            ("customer", "destination_province", *FIRST_CONTINUED), _own_prices(of)
        ),
        "delivery-city.csv": csv_of(("destination_city", "product", "price"), _delivery(of)),
        "remote.csv": csv_of(("destination_city", "price", "minimum"), _remote(of)),
        "agreements.csv": csv_of(("customer", "percent"), _agreements()),
        "volume.csv": csv_of(("customer", "month_parcels", "percent"), _volumes()),
        "zones.csv": csv_of(("origin_province", "destination_province", "value"), _zones(of)),
    }


def _city_pairs(of: Country) -> Iterator[Sequence[str]]:
    """A tenth below the province's price; an express parcel costs more than twice as much."""
    busy = of.cities[:BUSY]
    for a, b in pairs(busy, busy):
        first, each = _prices(of.distance(a, b), f"{a.code}{b.code}")
        yield a.name, b.name, "STD|ECO", "1", _yuan(first * 9 // 10), _yuan(each * 9 // 10)
        if busy.index(a) < BUSY // 2 and busy.index(b) < BUSY // 2:
            yield a.name, b.name, "EXP", "1", _yuan(first * 22 // 10), _yuan(each * 25 // 10)


def _express(of: Country) -> Iterator[Sequence[str]]:
    for a, b in pairs(of.provinces, of.provinces):
        first, each = _prices(60 if a == b else of.kilometres[a, b], f"{a}{b}")
        yield of.provinces[a], of.provinces[b], "EXP", "1", _yuan(first * 24 // 10), _yuan(each * 27 // 10)


def _own_prices(of: Country) -> Iterator[Sequence[str]]:
    for n, code in pairs(range(1, OWN_PRICES + 1), of.provinces):
        capital = next(city for city in of.cities if city.province == "330000")
        away = 60 if code == capital.province else of.kilometres[capital.province, code]
        first, each = _prices(away, f"C{n}{code}")
        yield (
            _customer(n),
            of.provinces[code],
            "1",
            _yuan(first * (80 + n % 8) // 100),
            _yuan(each * 85 // 100),
        )


def _delivery(of: Country) -> Iterator[Sequence[str]]:
    """The less a city receives, the longer the courier's way; an express parcel comes within hours."""
    for place, city in enumerate(of.cities):
        far = 160 if city.province in REMOTE else 0
        price = 90 + place * 60 // len(of.cities) + far + _own(city.code, 20)
        yield city.name, "ECO", _yuan(price * 9 // 10)
        yield city.name, "EXP", _yuan(price * 15 // 10)


def _remote(of: Country) -> Iterator[Sequence[str]]:
    capitals = {
        min((city.code for city in of.cities if city.province == code), default="") for code in REMOTE
    }
    for city in sorted(of.cities, key=lambda city: city.code):
        if city.province in REMOTE and city.code not in capitals:
            price = 100 + _own(city.code, 10) * 10 + (300 if city.province == "540000" else 0)
            yield city.name, _yuan(price), _yuan(2 * price)


def _agreements() -> Iterator[Sequence[str]]:
    """The larger the customer, the more off: 20 percent down to 5. Who has prices of their own has no agreement."""
    for n in range(OWN_PRICES + 1, AGREEMENTS + 1):
        yield _customer(n), str(20 - 15 * (n - 1) // (AGREEMENTS - 1))


def _volumes() -> Iterator[Sequence[str]]:
    for n, (low, high, percent) in pairs(range(1, AGREEMENTS + 1), MONTHS):
        yield _customer(n), f"{low}..{high or ''}", str(percent + (n <= OWN_PRICES))


def _zones(of: Country) -> Iterator[Sequence[str]]:
    for a, b in pairs(of.provinces, of.provinces):
        away = 0 if a == b else of.kilometres[a, b]
        yield of.provinces[a], of.provinces[b], next(name for km, name in reversed(ZONES) if away >= km)


def _prices(kilometres: int, pair: str) -> tuple[Fen, Fen]:
    """First and continued price by the distance, and a little of the pair's own, in steps of five fen."""
    first = 140 + kilometres * 11 // 100 + _own(pair, 20)
    each = 30 + kilometres * 10 // 100 + _own(pair[::-1], 10)
    return first // 5 * 5, each // 5 * 5


def _own(text: str, most: int) -> int:
    """A number below `most` that belongs to a text."""
    return xxh32_intdigest(text.encode()) % most


def _customer(number: int) -> str:
    return f"C{number:06d}"


def _yuan(fen: Fen) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def main() -> None:
    """Write the files into the directory that is given."""
    for name, text in files(country()).items():
        (Path(sys.argv[1]) / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
