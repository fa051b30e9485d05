"""What "more specific" means: the one order in which rows compete for a parcel.

1. Level: outlet to outlet, city to city, city to province, province to province, the whole country.
2. Within a level: a row that names the product before one that does not.
3. Then: both ends named, the destination alone, the origin alone (a blank end is any place).

What is still equal is decided by publication, the newest book first, then by the later first day in force;
inside one book two equal rows may not be in force on the same day.
"""

import msgspec


class Level(msgspec.Struct, frozen=True):
    """A level and what it names at each end; a level of two kinds of place needs both ends."""

    name: str
    origin: str
    destination: str
    zh: str
    en: str


LEVELS = (
    Level("outlet", "outlet", "outlet", "网点→网点", "outlet to outlet"),
    Level("city", "city", "city", "城市→城市", "city to city"),
    Level("city_province", "city", "province", "城市→省", "city to province"),
    Level("province", "province", "province", "省→省", "province to province"),
    Level("national", "", "", "全国", "the whole country"),
)
"""Most specific first."""

KINDS = ("outlet", "city", "province")
"""Kinds of place, finest first."""

_BY_ENDS: dict[tuple[str, str], str] = {}
for _level in LEVELS:
    _BY_ENDS[_level.origin, _level.destination] = _level.name
    if _level.origin == _level.destination:
        _BY_ENDS[_level.origin, ""] = _BY_ENDS["", _level.destination] = _level.name


def level_of(origin: str, destination: str) -> str | None:
    """The level of a row that names these kinds of place ("": none); None for a mixture without a level.

    >>> level_of("city", "province"), level_of("", "province"), level_of("", ""), level_of("outlet", "city")
    ('city_province', 'province', 'national', None)
    """
    return _BY_ENDS.get((origin, destination))
