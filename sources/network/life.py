"""A parcel's life as it would be if every device and message were right: an order, seven scans to ten, two weights.

Picked up (10), weighed and sent (20) by the origin outlet; arrived (30) at its province's hub, weighed and
measured by a DWS line, put into a bag (60) if it is small, and sent (20); into another province by way of its hub
(30, 20); arrived (30), out for delivery (40) and signed for (50) at the destination.
A few end otherwise: lost after the hub, refused at the door and sent back (70), sent on to another outlet (80); and
some of those that were signed for come back. What goes back or on is a parcel of its own with a waybill of its own,
the *sequel*. Everything is drawn from a generator seeded by the network's seed and the parcel's number, so the same
parcel is the same in every run.
"""

import random
from collections.abc import Iterator
from typing import Literal

import msgspec

from schemas.events import ARRIVED, BAGGED, OUT_FOR_DELIVERY, PICKED_UP, REDIRECTED, RETURNED, SENT, SIGNED
from schemas.money import YUAN
from schemas.times import HOUR, MINUTE, SHANGHAI_OFFSET
from sources.network import trade
from sources.network.directory import Site, World
from sources.network.parties import couriers
from sources.network.trade import Terms

Kind = Literal["order", "scan", "weight"]
Ending = Literal["signed", "returned", "refused", "redirected", "lost"]

ROAD_KMH, AIR_KMH, FLIES_BEYOND_KM = 75, 500, 800
SURCHARGE = {"ECO": 0, "STD": 4 * YUAN, "EXP": 9 * YUAN}
"""What customers pay for a product beyond the cheapest."""

ENDINGS: dict[str, int] = {"signed": 9_840, "refused": 80, "redirected": 60, "lost": 20}
"""How parcels end, of ten thousand; of those that are signed for some are returned, by channel."""
LAST = {"refused": RETURNED, "redirected": REDIRECTED}
"""The last scan of a life that ends at the door, but not with a signature."""
BAGGED_UP_TO_G = 3_000
"""Hubs put small parcels into bags."""
AT_THE_FAR_HUB = 80
"""Minutes of the way that are spent at the destination's hub and from there on, in the mean."""
GOES_ON_AFTER = {"returned": (6, 48), "refused": (2, 12), "redirected": (1, 6)}
"""Hours until the sequel is ordered."""
SEQUEL = 100_000_000_000
"""What a sequel's number is beyond that of the parcel before it."""
WITH_COURIERS = (PICKED_UP, OUT_FOR_DELIVERY, SIGNED)
"""Scans that couriers make."""

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
    courier: str = ""


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
    terms: Terms
    grams: int
    """What it weighs."""
    ending: Ending
    facts: list[Fact]

    @property
    def late(self) -> bool:
        """Whether it was signed for later than promised."""
        picked, last = self.facts[1], self.facts[-1]
        promised = self.terms.promised_hours
        return bool(promised) and last.operation == SIGNED and last.time > picked.time + promised * HOUR


def live(world: World, number: int, created: int, seed: int) -> tuple[Parcel, random.Random]:
    """Parcel `number`, ordered at `created`; and its generator, to go on spoiling things with."""
    r = random.Random(f"{seed}/{number}")
    origin, destination = world.pair(r)
    kilometres = world.distance(origin, destination)
    customer, product = trade.customer_and_product(r)
    grams = min(50_000, max(60, int(r.lognormvariate(6.6, 0.85))))
    terms = trade.terms(r, customer, product, kilometres)
    parcel = Parcel(
        number=number,
        waybill=waybill_of(number),
        origin=origin,
        destination=destination,
        customer=customer,
        product=product,
        declared_g=max(10, (grams + r.randint(-200, 100)) // 10 * 10),
        payment_e4=0 if terms.billing else _payment(kilometres, grams, product),
        terms=terms,
        grams=grams,
        ending=_ending(r, terms.channel),
        facts=[],
    )
    parcel.facts = _facts(parcel, world, r, created, kilometres)
    return parcel, r


def sequel(world: World, before: Parcel, seed: int) -> tuple[Parcel, random.Random] | None:
    """What goes back to its sender or on to another outlet, and its generator; None: nothing does."""
    if before.ending not in GOES_ON_AFTER:
        return None
    number = SEQUEL + before.number
    r = random.Random(f"{seed}/{number}")
    origin, destination = before.destination, before.origin
    if before.ending == "redirected":
        found = world.receivers[origin.province].one(r)
        assert isinstance(found, Site)
        destination = found
    kilometres = world.distance(origin, destination)
    terms = Terms(
        channel=before.terms.channel,
        promised_hours=trade.promise(before.product, kilometres),
        direction="forward" if before.ending == "redirected" else "return",
        billing=before.terms.billing,
        related=before.waybill,
    )
    parcel = Parcel(
        number=number,
        waybill=waybill_of(number),
        origin=origin,
        destination=destination,
        customer=before.customer,
        product=before.product,
        declared_g=before.declared_g,
        payment_e4=0 if terms.billing else _payment(kilometres, before.grams, before.product),
        terms=terms,
        grams=before.grams,
        ending="signed",
        facts=[],
    )
    created = before.facts[-1].time + r.randint(*(h * HOUR for h in GOES_ON_AFTER[before.ending]))
    parcel.facts = _facts(parcel, world, r, created, kilometres)
    return parcel, r


def lives(world: World, number: int, created: int, seed: int) -> Iterator[tuple[Parcel, random.Random]]:
    """Parcel `number` and its sequel."""
    first = live(world, number, created, seed)
    yield first
    if (second := sequel(world, first[0], seed)) is not None:
        yield second


def waybill_of(number: int) -> str:
    """A parcel's waybill."""
    return f"YT{7_500_000_000_000 + number}"


def _ending(r: random.Random, channel: str) -> Ending:
    ending: Ending = trade.pick(r, ENDINGS)  # type: ignore[assignment]  # its keys are such words
    comes_back = trade.percent(r, trade.SENT_BACK.get(channel, 0))
    return "returned" if ending == "signed" and comes_back else ending


def _facts(parcel: Parcel, world: World, r: random.Random, created: int, kilometres: int) -> list[Fact]:
    facts = [Fact(kind="order", time=created, waybill=parcel.waybill)]

    def happen(after: tuple[int, int], site: Site, operation: str) -> None:
        """A scan, so many minutes after what was before."""
        time = facts[-1].time + r.randint(*after) * MINUTE + r.randint(0, 59_999)
        courier = r.choice(couriers(site.code)) if operation in WITH_COURIERS else ""
        facts.append(
            Fact(
                kind="scan",
                time=time,
                waybill=parcel.waybill,
                site=site,
                operation=operation,
                courier=courier,
            )
        )

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

    origin, destination = parcel.origin, parcel.destination
    hub, far = world.hubs[origin.province], world.hubs[destination.province]
    grams = parcel.grams
    on_the_road = _minutes(kilometres, parcel.product)
    happen((20, 240), origin, PICKED_UP)
    weigh(origin, max(10, grams + r.randint(-15, 15)), (0, 0, 0))
    happen((60, 300), origin, SENT)
    happen((60, 240), hub, ARRIVED)
    weigh(hub, grams, _sides(r, grams))
    if grams <= BAGGED_UP_TO_G:
        happen((2, 25), hub, BAGGED)
    happen((30, 180), hub, SENT)
    if parcel.ending == "lost":
        return facts
    longest = on_the_road * 3 // 2
    if far is hub:
        happen((on_the_road, longest), destination, ARRIVED)
    else:
        happen((on_the_road - AT_THE_FAR_HUB, longest - AT_THE_FAR_HUB), far, ARRIVED)
        happen((20, 60), far, SENT)
        happen((20, 60), destination, ARRIVED)
    happen((60, 400), destination, OUT_FOR_DELIVERY)
    happen((30, 480), destination, LAST.get(parcel.ending, SIGNED))
    return facts


def _minutes(kilometres: int, product: str) -> int:
    """Line-haul: two hours of handling and the way; an express parcel flies where that is worth it."""
    speed = AIR_KMH if product == "EXP" and kilometres > FLIES_BEYOND_KM else ROAD_KMH
    return 120 + kilometres * 60 // speed


def _payment(kilometres: int, grams: int, product: str) -> int:
    """What the customer pays, to the jiao: 3 yuan, 1 per 1,000 km, 0.8 per further half kilogram, the product."""
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
