"""Which of a parcel's facts the prices of a fee can depend on: what nothing looks at need not be kept or known.

Origin, destination, product and the business date always count.
"""

from collections.abc import Iterable
from itertools import chain

from flows.rating.classes import OF_STAY, OF_TERMS
from flows.rating.factors import CALENDAR, Named, When
from flows.rating.model import PriceTable
from flows.rating.shapes import SHAPES
from flows.rating.weights import MEASURES as WEIGHED

FIELDS = (
    "customer",
    "payment",
    "weight_g",
    "volume_cm3",
    "longest_mm",
    "terms",
    "hubs",
    "month_parcels",
    "stay",
)
"""Further facts, by their names in `flows.rating.facts`."""

WEIGHT, _TERMS, _STAY = ("weight_g", "volume_cm3"), ("terms",), ("stay",)
_OF_FACTOR: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(OF_TERMS, _TERMS),
    **dict.fromkeys(OF_STAY, _STAY),
    **dict.fromkeys(CALENDAR, ()),
    **dict.fromkeys(("zone", "line"), ()),
    "customer": ("customer",),
    "customer_level": ("customer",),
    "hub": ("hubs",),
    "weight": ("weight_g",),
    "volume": ("volume_cm3",),
    "density": WEIGHT,
    "longest": ("longest_mm",),
    "month_parcels": ("month_parcels",),
}
"""A zone or line is told by the ends, and by what the rows of its map name."""
_OF_NAME: dict[str, tuple[str, ...]] = {
    **_OF_FACTOR,
    **{name: (name,) for name in FIELDS},
    "services": _TERMS,
    "promised_h": _TERMS,
    "m3_days": ("volume_cm3", "stay"),
    "kg_days": ("weight_g", "stay"),
    **dict.fromkeys(("pallets", "days", "hours", "pallet_days"), _STAY),
    **dict.fromkeys(WEIGHED, WEIGHT),
    **dict.fromkeys(("origin", "destination", "product", "month"), ()),
    **dict.fromkeys(
        (f"{end}_{kind}" for end in ("origin", "destination") for kind in ("city", "province")), ()
    ),
}
"""By what prices look at (`looked_at`)."""
_OF_ORDER = ("insured", "cod", "payment", "month")
"""What a percentage may be taken of that does not come from the price itself."""


def looked_at(tables: Iterable[PriceTable], named: Iterable[Named]) -> frozenset[str]:
    """What prices by tables look at whose rows, and maps of zones, name this: the names of factors, of facts as
    conditions call them, of measures and of weights that are charged, and what a percentage is taken of.
    """
    return frozenset(
        chain(chain.from_iterable(map(_by_table, tables)), chain.from_iterable(map(_by_named, named)))
    )


def dependence(tables: Iterable[PriceTable], named: Iterable[Named]) -> frozenset[str]:
    """Those of `FIELDS` on which prices by tables depend whose rows, and maps of zones, name this.

    Raises KeyError for a factor that is not known here.
    """
    return frozenset(field for name in looked_at(tables, named) for field in _OF_NAME[name])


def _by_table(table: PriceTable) -> Iterable[str]:
    if table.of in _OF_ORDER:
        yield table.of
    if table.each:
        yield table.each
    if table.weight:
        yield table.weight
    elif SHAPES[table.shape].measured:
        yield table.measure


def _by_named(one: Named) -> Iterable[str]:
    return one.condition.names if isinstance(one, When) else (one.factor,)
