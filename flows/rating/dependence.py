"""Which of a parcel's facts the prices of a fee can depend on: what nothing looks at need not be known to rate again.

Origin, destination, product and the business date always count.
"""

from collections.abc import Iterable

from flows.rating.factors import CALENDAR, Named, When
from flows.rating.model import PriceTable
from flows.rating.shapes import SHAPES
from flows.rating.tariffs import Tariffs

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

_WEIGHT, _TERMS, _STAY = ("weight_g", "volume_cm3"), ("terms",), ("stay",)
_OF_FACTOR: dict[str, tuple[str, ...]] = {
    "customer": ("customer",),
    "customer_level": ("customer",),
    "channel": _TERMS,
    "billing": _TERMS,
    "direction": _TERMS,
    "temperature": _STAY,
    "area": _STAY,
    "vehicle": _STAY,
    "hub": ("hubs",),
    "service": _TERMS,
    "weight": ("weight_g",),
    "volume": ("volume_cm3",),
    "density": _WEIGHT,
    "pieces": _TERMS,
    "longest": ("longest_mm",),
    "insured": _TERMS,
    "cod": _TERMS,
    "promised": _TERMS,
    "month_parcels": ("month_parcels",),
    **dict.fromkeys(CALENDAR, ()),
}
_OF_NAME: dict[str, tuple[str, ...]] = {
    "hubs": ("hubs",),
    "weight_g": ("weight_g",),
    "volume_cm3": ("volume_cm3",),
    "longest_mm": ("longest_mm",),
    "services": _TERMS,
    "promised_h": _TERMS,
    "pallets": _STAY,
    "days": _STAY,
    "hours": _STAY,
    **dict.fromkeys(("origin", "destination", "product", "weekday", "holiday"), ()),
    **dict.fromkeys(
        (f"{end}_{kind}" for end in ("origin", "destination") for kind in ("city", "province")), ()
    ),
}
"""Names in conditions that are no factors."""
_OF_MEASURE: dict[str, tuple[str, ...]] = {
    "": (),
    "weight": _WEIGHT,
    "volume": ("volume_cm3",),
    "pieces": _TERMS,
    "m3_days": ("volume_cm3", "stay"),
    "kg_days": ("weight_g", "stay"),
    "month_parcels": ("month_parcels",),
    **dict.fromkeys(("pallets", "days", "hours", "pallet_days"), _STAY),
}
_OF_SHARE: dict[str, tuple[str, ...]] = {"insured": _TERMS, "cod": _TERMS, "payment": ("payment",)}


def dependence(tariffs: Tariffs) -> dict[str, frozenset[str]]:
    """By fee, those of `FIELDS` that its price may depend on. Raises KeyError for a factor that is not known here."""
    found: dict[str, set[str]] = {fee: set() for fee in tariffs.fees}
    zones: dict[str, set[str]] = {}
    through: dict[str, set[str]] = {fee: set() for fee in tariffs.fees}
    """By fee, the maps of zones by which it is priced."""
    for book in tariffs.books:
        for table in book.tables:
            own = zones.setdefault(table.name, set()) if table.kind == "zones" else found[table.fee]
            own.update(_of_table(table))
        for row in book.rows:
            table = row.table
            own = zones[table.name] if table.kind == "zones" else found[table.fee]
            for one in row.named:
                if one.factor in ("zone", "line"):
                    through.get(table.fee, set()).add(one.factor)
                else:
                    own.update(_of_named(one))
    for fee, own in found.items():
        own.update(*(zones.get(name, set()) for name in through[fee]))
        if tariffs.weighs(fee):
            own.update(_WEIGHT)
    return {fee: frozenset(own) for fee, own in found.items()}


def _of_table(table: PriceTable) -> Iterable[str]:
    yield from _OF_SHARE.get(table.of, ())
    yield from _OF_MEASURE[table.each]
    if table.weight:
        yield from _WEIGHT
    if SHAPES[table.shape].measured:
        yield from _OF_MEASURE[table.measure]


def _of_named(one: Named) -> Iterable[str]:
    if not isinstance(one, When):
        return _OF_FACTOR[one.factor]
    names = one.condition.program.variables()
    return [field for name in names for field in (_OF_NAME[name] if name in _OF_NAME else _OF_FACTOR[name])]
