"""Cases that finance staff can read: the columns of a scenario table that say what is known of a parcel or a stay."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from flows.rating.facts import Stay, Terms, Trial
from schemas.money import parse_yuan
from schemas.times import day_of

Case = Mapping[str, str]

DAY = "2025-06-18"
"""The day of cases that name none; a Wednesday."""


def parts(per: int) -> Callable[[str], int]:
    """Reads whole parts of a unit."""

    def read(text: str) -> int:
        found = Decimal(text) * per
        assert found == int(found), text
        return int(found)

    return read


def words(text: str) -> tuple[str, ...]:
    """Several words, in order."""
    return tuple(sorted(text.split("|")))


FACTS: dict[str, tuple[str, Callable[[str], object]]] = {
    "始发": ("origin", str),
    "目的": ("destination", str),
    "产品": ("product", str),
    "客户": ("customer", str),
    "运费": ("payment", parse_yuan),
    "重量kg": ("weight_g", parts(1_000)),
    "体积m3": ("volume_cm3", parts(1_000_000)),
    "最长边cm": ("longest_mm", parts(10)),
    "经过分拨": ("hubs", words),
    "当月票数": ("month_parcels", int),
    "当月金额": ("month_amount", parse_yuan),
}
TERMS: dict[str, tuple[str, Callable[[str], object]]] = {
    "件数": ("pieces", int),
    "渠道": ("channel", str),
    "计费方式": ("billing", str),
    "方向": ("direction", str),
    "保价": ("insured", parse_yuan),
    "代收货款": ("cod", parse_yuan),
    "时效h": ("promised_h", int),
    "附加服务": ("services", words),
}
STAY: dict[str, tuple[str, Callable[[str], object]]] = {
    "板数": ("pallets", int),
    "天数": ("days", int),
    "小时": ("hours", int),
    "温层": ("temperature", str),
    "库区": ("area", str),
    "车型": ("vehicle", str),
}
"""Columns: the fact of each, and how its cells are read."""


def known(case: Case, columns: Mapping[str, tuple[str, Callable[[str], object]]]) -> dict[str, object]:
    """The facts that a case says."""
    return {name: read(case[column]) for column, (name, read) in columns.items() if case.get(column)}


def facts_of(case: Case) -> Trial:
    """The facts of a case; from SHA to XAB, standard, 1 kg unless it says otherwise."""
    terms, stay = known(case, TERMS), known(case, STAY)
    usual = {"origin": "SHA", "destination": "XAB", "product": "standard", "weight_g": 1_000}
    return Trial(
        **{**usual, **known(case, FACTS)},  # type: ignore[arg-type]
        terms=Terms(**terms) if terms else None,  # type: ignore[arg-type]
        stay=Stay(**stay) if stay else None,  # type: ignore[arg-type]
    )


def day_of_case(case: Case) -> int:
    """Its business day."""
    return day_of(date.fromisoformat(case.get("日期") or DAY))
