"""Who orders what on which terms: customers, channels, insured values, cash on delivery, promises, billing.

A few hundred merchants with agreements send nearly half of all parcels, and most of them pay by the month; what a
shop platform sells goes by the cheapest product. Shares are data, in percent; they are believable rather than
measured (cash on delivery and insurance are rare, and platforms whose goods are worn come back most).
"""

import random
from collections.abc import Mapping

import msgspec

from schemas.events import Direction
from schemas.money import YUAN


class Band(msgspec.Struct, frozen=True):
    """Customers up to this number (from the band before on): their share of parcels, and what they send."""

    upto: int
    share: int
    products: Mapping[str, int]


OWN_PRICES, AGREEMENTS = 24, 240
"""Customers with prices of their own, and with an agreement with headquarters: the first so many."""

MERCHANTS, PEOPLE = {"ECO": 85, "STD": 12, "EXP": 3}, {"ECO": 40, "STD": 50, "EXP": 10}
BANDS = (
    Band(OWN_PRICES, 12, MERCHANTS),
    Band(AGREEMENTS, 33, MERCHANTS),
    Band(2_000, 25, {"ECO": 70, "STD": 25, "EXP": 5}),
    Band(5_000, 30, PEOPLE),
)
BY_THE_MONTH = 7
"""Of ten customers with an agreement so many get one bill a month, so that their orders say no payment."""

SHOPS = {"taobao": 26, "tmall": 14, "pinduoduo": 30, "douyin": 19, "kuaishou": 5, "jd": 4, "wechat": 2}
COUNTERS = {"wechat": 38, "app": 27, "counter": 25, "taobao": 5, "": 5}
CHANNELS = {"ECO": SHOPS, "STD": COUNTERS, "EXP": COUNTERS}
"""By product: where it is ordered; empty: nobody knows."""
SENT_BACK = {"douyin": 9, "kuaishou": 8, "taobao": 5, "tmall": 5, "pinduoduo": 3, "jd": 3}
"""By channel: what consignees send back after they have signed for it, in percent; elsewhere nothing."""

INSURED = {"ECO": 1, "STD": 4, "EXP": 12}
PAID_AT_THE_DOOR = {"ECO": 2, "STD": 4, "EXP": 1}
IN_PIECES = {"ECO": 1, "STD": 6, "EXP": 3}
"""By product, in percent: insured, cash on delivery, more than one piece."""
SERVICES = {"": 975, "address_change": 8, "upstairs": 10, "evening": 7}
"""Further services that are ordered, of a thousand parcels; empty: none."""

PROMISES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "ECO": (),
    "STD": ((800, 36), (1_600, 48), (10_000, 72)),
    "EXP": ((300, 24), (1_600, 36), (10_000, 40)),
}
"""By product: up to so many kilometres, so many hours from pick-up to signature; none: no promise."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What an order says besides where to and what; the same names as in the event."""

    pieces: int = 1
    channel: str = ""
    insured_e4: int = 0
    cod_e4: int = 0
    promised_hours: int = 0
    direction: Direction = "forward"
    billing: str = ""
    related: str = ""
    services: tuple[str, ...] = ()


def customer_and_product(r: random.Random) -> tuple[str, str]:
    """Who orders, and which product."""
    at = r.choices(range(len(BANDS)), [band.share for band in BANDS])[0]
    number = r.randint(BANDS[at - 1].upto + 1 if at else 1, BANDS[at].upto)
    return f"C{number:06d}", pick(r, BANDS[at].products)


def terms(r: random.Random, customer: str, product: str, kilometres: int) -> Terms:
    """What is agreed for a parcel."""
    service = pick(r, SERVICES)
    return Terms(
        pieces=r.randint(2, 6) if percent(r, IN_PIECES[product]) else 1,
        channel=pick(r, CHANNELS[product]),
        insured_e4=_insured(r) if percent(r, INSURED[product]) else 0,
        cod_e4=r.randint(30, 1_500) * YUAN if percent(r, PAID_AT_THE_DOOR[product]) else 0,
        promised_hours=promise(product, kilometres),
        billing=billing(customer),
        services=(service,) if service else (),
    )


def billing(customer: str) -> str:
    """How a customer pays: `monthly` by a bill a month; empty: each parcel.

    >>> billing("C000020"), billing("C000027"), billing("C000250")
    ('monthly', '', '')
    """
    number = int(customer[1:])
    return "monthly" if number <= AGREEMENTS and number % 10 < BY_THE_MONTH else ""


def promise(product: str, kilometres: int) -> int:
    """Hours that are promised; 0: none.

    >>> promise("EXP", 200), promise("STD", 2_000), promise("ECO", 200)
    (24, 72, 0)
    """
    return next((hours for upto, hours in PROMISES[product] if kilometres <= upto), 0)


def pick(r: random.Random, shares: Mapping[str, int]) -> str:
    """One of these by their shares."""
    return r.choices(list(shares), list(shares.values()))[0]


def percent(r: random.Random, of: int) -> bool:
    """Whether it comes to that, in so many of a hundred cases."""
    return r.randrange(100) < of


def _insured(r: random.Random) -> int:
    """A value in whole tens of yuan: mostly some hundreds, at times a new telephone, rarely more."""
    return min(30_000, max(100, int(r.lognormvariate(6.6, 1.0)) // 10 * 10)) * YUAN
