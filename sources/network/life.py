"""A parcel's life as it would be if nothing went wrong: one order, seven scans, two weights.

Picked up (10), weighed and sent (20) by the origin outlet; arrived (30) at its province's hub, weighed and
measured by a DWS line and sent (20); arrived (30), out for delivery (40) and signed for (50) at the destination.
Everything is drawn from a generator seeded by the network's seed and the parcel's number, so the same parcel is
the same in every run.
"""

import random
from typing import Literal

import msgspec

from schemas.events import ARRIVED, OUT_FOR_DELIVERY, PICKED_UP, SENT, SIGNED
from schemas.money import YUAN
from schemas.times import HOUR, MINUTE, SHANGHAI_OFFSET
from sources.network.directory import Site, World

Kind = Literal["order", "scan", "weight"]

ROAD_KMH, AIR_KMH, FLIES_BEYOND_KM = 75, 500, 800
PRODUCT_SHARES = {"ECO": 70, "STD": 25, "EXP": 5}
SURCHARGE = {"ECO": 0, "STD": 4 * YUAN, "EXP": 9 * YUAN}
"""What customers pay for a product beyond the cheapest."""
BILLED_OTHERWISE = 0.05
"""Share of parcels that their customers pay by contract, not one by one: payment 0."""

# fmt: off
DAY_CURVE = (
    20, 12, 8, 6, 6, 10, 25, 50, 80, 110, 130, 135,
    120, 125, 140, 150, 160, 165, 160, 150, 140, 120, 80, 45,
)
# fmt: on
"""Orders by hour of Shanghai's day, in percent of the mean."""


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
    origin, destination = world.pair(r)
    kilometres = world.distance(origin, destination)
    product = r.choices(list(PRODUCT_SHARES), list(PRODUCT_SHARES.values()))[0]
    grams = min(50_000, max(60, int(r.lognormvariate(6.6, 0.85))))
    parcel = Parcel(
        number=number,
        waybill=f"YT{7_500_000_000_000 + number}",
        origin=origin,
        destination=destination,
        customer=f"C{r.randint(1, 5000):06d}",
        product=product,
        declared_g=max(10, (grams + r.randint(-200, 100)) // 10 * 10),
        payment_e4=_payment(r, kilometres, grams, product),
        facts=[],
    )
    parcel.facts = _facts(parcel, world, r, created, kilometres, grams)
    return parcel, r


def _facts(
    parcel: Parcel, world: World, r: random.Random, created: int, kilometres: int, grams: int
) -> list[Fact]:
    facts = [Fact(kind="order", time=created, waybill=parcel.waybill)]

    def happen(after: tuple[int, int], site: Site, operation: str) -> None:
        """A scan, so many minutes after what was before."""
        time = facts[-1].time + r.randint(*after) * MINUTE + r.randint(0, 59_999)
        facts.append(Fact(kind="scan", time=time, waybill=parcel.waybill, site=site, operation=operation))

    def weigh(site: Site, measured: int, sides: tuple[int, int, int]) -> None:
        """Some seconds after what was before."""
        time = facts[-1].time + r.randint(1_000, 20_000)
        facts.append(
            Fact(
                kind="weight",
                time=time,
                waybill=parcel.waybill,
                site=site,
                weight_g=measured,
                sides_mm=sides,
            )
        )

    origin, hub, destination = parcel.origin, world.hubs[parcel.origin.province], parcel.destination
    on_the_road = _minutes(kilometres, parcel.product)
    happen((20, 240), origin, PICKED_UP)
    weigh(origin, max(10, grams + r.randint(-15, 15)), (0, 0, 0))
    happen((60, 300), origin, SENT)
    happen((60, 240), hub, ARRIVED)
    weigh(hub, grams, _sides(r, grams))
    happen((30, 180), hub, SENT)
    happen((on_the_road, on_the_road * 3 // 2), destination, ARRIVED)
    happen((60, 400), destination, OUT_FOR_DELIVERY)
    happen((30, 480), destination, SIGNED)
    return facts


def _minutes(kilometres: int, product: str) -> int:
    """Line-haul: two hours of handling and the way; an express parcel flies where that is worth it."""
    speed = AIR_KMH if product == "EXP" and kilometres > FLIES_BEYOND_KM else ROAD_KMH
    return 120 + kilometres * 60 // speed


def _payment(r: random.Random, kilometres: int, grams: int, product: str) -> int:
    """What the customer pays, to the jiao: 3 yuan, 1 per 1,000 km, 0.8 per further half kilogram, the product."""
    if r.random() < BILLED_OTHERWISE:
        return 0
    halves = max(0, -(-(grams - 1000) // 500))
    units = 3 * YUAN + kilometres * YUAN // 1000 + halves * YUAN * 8 // 10 + SURCHARGE[product]
    return units // (YUAN // 10) * (YUAN // 10)


def _sides(r: random.Random, grams: int) -> tuple[int, int, int]:
    """Dimensions in mm of a box that weighs about 250 g a litre, give or take."""
    volume = grams * 4 * r.uniform(0.4, 2.2) * 1000
    edge = volume ** (1 / 3)
    a, b = r.uniform(0.6, 1.6), r.uniform(0.7, 1.3)
    return _mm(edge * a), _mm(edge * b), _mm(edge / (a * b))


def _mm(side: float) -> int:
    return min(1500, max(20, int(side)))


def next_order(time: int, per_hour: float) -> int:
    """When the next parcel is ordered (UTC ms), following the day's curve: gaps grow as the night falls."""
    hour = (time + SHANGHAI_OFFSET) // HOUR % 24
    return time + max(1, int(HOUR * 100 / (per_hour * DAY_CURVE[hour])))
