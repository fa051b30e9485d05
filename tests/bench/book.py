"""A large tariff book: how long it takes to check, what memory it needs, and how fast it rates.

    python -m tests.bench.book --rows 1000000

The network has 20,000 outlets. Prices are by pairs of outlets, pairs of cities with tiers of weight, customer and
province, zone and product; on top of them surcharges and discounts. The same arguments make the same book. Two others
rate the same number of parcels beside it: the default book, and a book of the same shapes for a network of 600 outlets,
which tells what the size costs and what the shapes do.
"""

import argparse
import gc
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from deploy.rerating.uncounted import days_by_month
from flows.fees.current import FEES
from flows.governance.network import Network, read_network
from flows.rating.advice import advice
from flows.rating.book import Book, read_book
from flows.rating.facts import Terms, Trial
from flows.rating.tariffs import Tariffs
from schemas.times import day_of
from sources.network.directory import PRODUCTS, World, build
from sources.network.files import csv_of
from tests.bench.machine import resident_mib

SEED = 11
DEFAULT = Path(__file__).parents[2] / "flows" / "rating" / "default"
OUTLETS, DEFAULT_OUTLETS = 20_000, 600
CUSTOMERS = 2_000
FEW_ROWS, FEW_CUSTOMERS = 120_000, 60
PARCELS = 200_000
SAMPLE = 5_000
DAY = date(2025, 11, 11)
ENDS = ("outlet", "city", "province")
PLACES = (*(f"origin_{end}" for end in ENDS), *(f"destination_{end}" for end in ENDS))
FIRST_CONTINUED = ("first_kg", "first_price", "continued_price")

BOOK = """name = "大价格手册"
currency = "CNY"
[[table]]
fee = "waybill"
file = "waybill.csv"
shape = "flat"
effective_from = 2025-01-01
[[table]]
fee = "transit"
file = "outlets.csv"
shape = "first_continued"
effective_from = 2025-01-01
weight = "larger"
divisor = 8000
continued_unit_kg = "0.5"
[[table]]
fee = "transit"
file = "cities.csv"
shape = "graduated"
effective_from = 2025-01-01
weight = "larger"
divisor = 8000
[[table]]
fee = "transit"
file = "customers.csv"
shape = "first_continued"
effective_from = 2025-01-01
weight = "larger"
divisor = 8000
continued_unit_kg = "exact"
[[table]]
fee = "transit"
file = "zones.csv"
shape = "first_continued"
effective_from = 2025-01-01
weight = "larger"
divisor = 8000
continued_unit_kg = "1"
[[table]]
fee = "transit"
kind = "surcharge"
name = "偏远附加费"
file = "remote.csv"
shape = "per_unit"
effective_from = 2025-01-01
weight = "actual"
[[table]]
fee = "transit"
kind = "discount"
name = "月累计票数折扣"
file = "volume.csv"
shape = "percent"
effective_from = 2025-01-01
[[table]]
fee = "delivery"
file = "delivery.csv"
shape = "flat"
effective_from = 2025-01-01
[[zones]]
factor = "zone"
file = "zone-map.csv"
effective_from = 2025-01-01
"""


def large_book(world: World, rows: int, customers_agreed: int = CUSTOMERS) -> dict[str, str]:
    """The files of a book of so many rows, give or take a few; there are 114,000 pairs of cities, and one for each
    province and agreement."""
    r = random.Random(f"{SEED}/book")
    outlets = [site.code for site in world.outlets]
    cities = sorted({site.city for site in world.outlets})
    provinces = sorted(world.hubs)
    customers = [f"C{n:06d}" for n in range(customers_agreed)]

    def money(low: int, high: int) -> str:
        fen = r.randint(low, high)
        return f"{fen // 100}.{fen % 100:02d}"

    def prices() -> tuple[str, str, str]:
        return "1", money(150, 900), money(40, 400)

    files = {
        "waybill.csv": csv_of(("product", "price"), [("", "1.00"), ("EXP", "1.20")]),
        "cities.csv": csv_of(
            ("origin_city", "destination_city", "..1", "1..3", "3..10", "10..30", "30.."),
            [
                (a, b, money(200, 500), money(150, 300), money(100, 200), money(80, 150), money(60, 90))
                for a in cities
                for b in cities
            ],
        ),
        "customers.csv": csv_of(
            ("customer", "destination_province", *FIRST_CONTINUED),
            [(customer, place, *prices()) for customer in customers for place in provinces],
        ),
        "zones.csv": csv_of(
            ("zone", "product", *FIRST_CONTINUED),
            [(f"Z{n}", product, *prices()) for n in range(1, 9) for product in ("", *PRODUCTS)],
        ),
        "zone-map.csv": csv_of(
            ("origin_province", "destination_province", "value"),
            [(a, b, f"Z{1 + world.kilometres[a, b] // 600 % 8}") for a in provinces for b in provinces],
        ),
        "remote.csv": csv_of(
            ("destination_outlet", "price"),
            [(outlet, "0.50") for outlet in r.sample(outlets, len(outlets) // 10)],
        ),
        "volume.csv": csv_of(
            ("customer", "month_parcels", "percent"),
            [
                (customer, range_, percent)
                for customer in customers
                for range_, percent in (("1001..5000", "3"), ("5001..20000", "5"), ("20001..", "8"))
            ],
        ),
        "delivery.csv": csv_of(
            ("destination_outlet", "product", "price"),
            [(outlet, product, money(80, 300)) for outlet in outlets for product in ("", *PRODUCTS)],
        ),
    }
    left = rows - sum(text.count("\n") - 1 for text in files.values())
    pairs: dict[tuple[str, str], None] = {}
    while len(pairs) < left:
        pairs[r.choice(outlets), r.choice(outlets)] = None
    return {
        "book.toml": BOOK,
        **files,
        "outlets.csv": csv_of(
            ("origin_outlet", "destination_outlet", *FIRST_CONTINUED), [(*pair, *prices()) for pair in pairs]
        ),
    }


def default_book() -> dict[str, str]:
    """The files of the default book."""
    return {path.name: path.read_text("utf-8") for path in sorted(DEFAULT.iterdir())}


def parcels(world: World, count: int) -> Iterator[Trial]:
    """Parcels as they go through such a network: a tenth are agreement customers', a fiftieth have rarer terms."""
    r = random.Random(f"{SEED}/parcels")
    for n in range(count):
        origin, destination = world.pair(r)
        yield Trial(
            origin=origin.code,
            destination=destination.code,
            product=r.choices(list(PRODUCTS), (25, 5, 70))[0],
            customer=f"C{r.randrange(CUSTOMERS if n % 10 == 0 else 1_000_000):06d}",
            weight_g=max(60, int(r.lognormvariate(6.6, 0.85))),
            volume_cm3=r.randint(500, 20_000),
            longest_mm=r.randint(100, 900),
            terms=Terms(insured=10_000_000) if n % 50 == 0 else None,
        )


def measured(name: str, world: World, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is measured of a book, in order."""
    network: Network = read_network(world.files)
    before = resident_mib_of_this()
    start = time.process_time()
    book: Book = read_book(files, network)
    checked = time.process_time()
    yield f"{name}: rows", f"{len(book.rows):,}"
    yield f"{name}: check (read_book)", f"{checked - start:.1f} s"
    tariffs = Tariffs([book], network)
    made = time.process_time()
    yield f"{name}: Tariffs", f"{made - checked:.1f} s"
    days_by_month(tariffs, FEES)
    yield f"{name}: days of prices by the month", f"{time.process_time() - made:.2f} s"
    yield f"{name}: memory", f"{resident_mib_of_this() - before:,.0f} MiB more, peak {peak_mib():,.0f} MiB"
    yield from speeds(name, world, tariffs)
    start = time.process_time()
    warnings = sum(1 for _ in advice(book, network, day_of(DAY)))
    yield f"{name}: check's warnings", f"{time.process_time() - start:.1f} s ({warnings} of them)"


def speeds(name: str, world: World, tariffs: Tariffs) -> Iterator[tuple[str, str]]:
    """How long one match and one call of `rate` take, for parcels seen before (again) and not (first)."""
    trials = list(parcels(world, PARCELS))
    day = day_of(DAY)
    gc.collect()
    gc.disable()  # as in a lane
    for fee in ("transit", "delivery"):
        best = tariffs.fees[fee].base.best
        for turn in ("first", "again"):
            yield f"{name}: match {fee}, {turn}", _typical(trials, partial(best, day))
    for fee in ("waybill", "transit", "delivery"):
        spent = _typical(trials, partial(tariffs.rate, fee, day))
        rated = sum(tariffs.rate(fee, day, trial) is not None for trial in trials)
        yield f"{name}: rate {fee}", f"{spent} ({rated / len(trials):.0%} priced)"
    gc.enable()


def _typical(trials: Sequence[Trial], call: Callable[[Trial], object]) -> str:
    """CPU time of a call: the lower quartile of many samples, because other work on the machine only adds to it."""
    spent = []
    for start in range(0, len(trials), SAMPLE):
        began = time.process_time()
        for trial in trials[start : start + SAMPLE]:
            call(trial)
        spent.append((time.process_time() - began) / SAMPLE)
    return f"{sorted(spent)[len(spent) // 4] * 1e6:.2f} µs"


def resident_mib_of_this() -> float:
    """Memory of this process now."""
    return resident_mib(os.getpid())


def peak_mib() -> float:
    """The most memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="tests.bench.book", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("default", "small", "large"))
    wanted = parser.parse_args()
    books: dict[str, tuple[int, Callable[[World], Mapping[str, str]]]] = {
        "default": (DEFAULT_OUTLETS, lambda _: default_book()),
        "small": (DEFAULT_OUTLETS, lambda world: large_book(world, FEW_ROWS, FEW_CUSTOMERS)),
        "large": (OUTLETS, lambda world: large_book(world, wanted.rows)),
    }
    for name in [wanted.only] if wanted.only else books:
        outlets, files_of = books[name]
        world = build(outlets, SEED)
        for label, value in measured(name, world, files_of(world)):
            sys.stdout.write(f"{label:34} {value}\n")


if __name__ == "__main__":
    main()
