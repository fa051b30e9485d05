"""A parcel's life as it would be if nothing went wrong: one order, seven scans, two weights.

Everything is drawn from a generator seeded by the network's seed and the parcel's number, so the same parcel
is the same in every run.
"""

import random
from typing import Literal

import msgspec

from schemas.times import HOUR, MINUTE
from sources.network.directory import Site, World

Kind = Literal["order", "scan", "weight"]


class Fact(msgspec.Struct, kw_only=True):
    """Something that happens to a parcel at a simulated time (UTC ms)."""

    kind: Kind
    time: int
    waybill: str
    site: Site | None = None
    operation: str = ""
    weight_g: int = 0
    sides_mm: tuple[int, int, int] = (0, 0, 0)


class Parcel(msgspec.Struct):
    """A parcel and its facts in order of time; the first is the order."""

    number: int
    waybill: str
    origin: Site
    destination: Site
    customer: str
    product: str
    declared_g: int
    payment_e4: int
    facts: list[Fact]


def live(world: World, number: int, created: int, seed: int) -> tuple[Parcel, random.Random]:
    """Parcel `number`, ordered at `created`; and its generator, to go on spoiling things with."""
    r = random.Random(f"{seed}/{number}")
    origin, destination = world.pick(r), world.pick(r)
    product = r.choices(("ECO", "STD", "EXP"), (70, 25, 5))[0]
    grams = min(50_000, max(60, int(r.lognormvariate(6.9, 0.9))))
    sides = _sides(r, grams)
    far = 1 if origin.province == destination.province else r.randint(2, 4)
    price = (
        30_000 + 1_000 * far + 8 * max(0, grams - 1000) + {"ECO": 0, "STD": 40_000, "EXP": 90_000}[product]
    )
    waybill = f"YT{7_500_000_000_000 + number}"
    hubs = world.hubs[origin.province], world.hubs[destination.province]
    facts = [Fact(kind="order", time=created, waybill=waybill)]

    def happen(after: tuple[int, int], site: Site, operation: str) -> None:
        time = facts[-1].time + r.randint(*after) * MINUTE + r.randint(0, 59_999)
        facts.append(Fact(kind="scan", time=time, waybill=waybill, site=site, operation=operation))

    def weigh(site: Site, measured: int, dimensions: tuple[int, int, int]) -> None:
        time = facts[-1].time + r.randint(1_000, 20_000)
        facts.append(
            Fact(kind="weight", time=time, waybill=waybill, site=site, weight_g=measured, sides_mm=dimensions)
        )

    happen((20, 240), origin, "10")
    weigh(origin, max(10, grams + r.randint(-15, 15)), (0, 0, 0))
    happen((60, 300), origin, "20")
    happen((60, 240), hubs[0], "30")
    weigh(hubs[0], grams, sides)
    happen((30, 180), hubs[0], "20")
    happen((240 * far, 480 * far), destination, "30")
    happen((60, 400), destination, "40")
    happen((30, 480), destination, "50")
    parcel = Parcel(
        number=number,
        waybill=waybill,
        origin=origin,
        destination=destination,
        customer=f"C{r.randint(1, 5000):06d}",
        product=product,
        declared_g=max(10, (grams + r.randint(-200, 100)) // 10 * 10),
        payment_e4=price // 1000 * 1000,
        facts=facts,
    )
    return parcel, r


def _sides(r: random.Random, grams: int) -> tuple[int, int, int]:
    """Dimensions in mm of a box that weighs about 250 g a litre, give or take."""
    volume = grams * 4 * r.uniform(0.4, 2.2) * 1000
    edge = volume ** (1 / 3)
    a, b = r.uniform(0.6, 1.6), r.uniform(0.7, 1.3)
    return tuple(min(1500, max(20, int(side))) for side in (edge * a, edge * b, edge / (a * b)))  # type: ignore[return-value]


DAY_CURVE = (
    20,
    12,
    8,
    6,
    6,
    10,
    25,
    50,
    80,
    110,
    130,
    135,
    120,
    125,
    140,
    150,
    160,
    165,
    160,
    150,
    140,
    120,
    80,
    45,
)
"""Orders by hour of Shanghai's day, in percent of the mean."""


def next_order(time: int, per_hour: float) -> int:
    """When the next parcel is ordered, following the day's curve; ms after `time` grow as the night falls."""
    hour = (time + 8 * HOUR) // HOUR % 24
    return time + max(1, int(HOUR * 100 / (per_hour * DAY_CURVE[hour])))
