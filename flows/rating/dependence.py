"""Which of a parcel's facts the prices of a fee can depend on: what nothing looks at need not be kept or known.

Origin, destination, product and the business date always count.
"""

from collections.abc import Iterable
from itertools import chain

from flows.rating.classes import OF_STAY, OF_TERMS
from flows.rating.factors import CALENDAR, Named, When
from flows.rating.model import PriceTable
from flows.rating.shapes import SHAPES

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
    **dict.fromkeys(("pallets", "days", "hours"), _STAY),
    **dict.fromkeys(("origin", "destination", "product"), ()),
    **dict.fromkeys(
        (f"{end}_{kind}" for end in ("origin", "destination") for kind in ("city", "province")), ()
    ),
}
"""By the names that conditions use."""
_OF_MEASURE: dict[str, tuple[str, ...]] = {
    "": (),
    "weight": WEIGHT,
    "volume": ("volume_cm3",),
    "pieces": _TERMS,
    "m3_days": ("volume_cm3", "stay"),
    "kg_days": ("weight_g", "stay"),
    "month_parcels": ("month_parcels",),
    **dict.fromkeys(("pallets", "days", "hours", "pallet_days"), _STAY),
}
_OF_SHARE: dict[str, tuple[str, ...]] = {"insured": _TERMS, "cod": _TERMS, "payment": ("payment",)}


def dependence(tables: Iterable[PriceTable], named: Iterable[Named]) -> frozenset[str]:
    """Those of `FIELDS` on which prices by tables depend whose rows, and maps of zones, name this.

    Raises KeyError for a factor that is not known here.
    """
    return frozenset(
        field for fields in chain(map(_of_table, tables), map(_of_named, named)) for field in fields
    )


def _of_table(table: PriceTable) -> Iterable[str]:
    yield from _OF_SHARE.get(table.of, ())
    yield from _OF_MEASURE[table.each]
    if table.weight:
        yield from WEIGHT
    if SHAPES[table.shape].measured:
        yield from _OF_MEASURE[table.measure]


def _of_named(one: Named) -> Iterable[str]:
    if not isinstance(one, When):
        return _OF_FACTOR[one.factor]
    return [field for name in one.condition.names for field in _OF_NAME[name]]
