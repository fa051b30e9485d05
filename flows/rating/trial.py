"""The trial calculator: what a parcel would cost, from facts that people write, by the very code that rates parcels.

`FIELDS` says what may be asked, how it is called in a terminal, a table and a form, and how it is read.
"""

import datetime as dt
from collections.abc import Mapping

import msgspec

from flows.governance.network import Network
from flows.rating.explain import of_quote
from flows.rating.factors import DIRECTIONS, KG, M3, part
from flows.rating.facts import NOWHERE, Stay, Terms, Trial
from flows.rating.findings import Broken
from flows.rating.model import Book
from flows.rating.passes import Step
from flows.rating.places import Gazetteer, gazetteer, hint
from flows.rating.tariffs import Quote, Tariffs
from schemas.limits import MOST_IDENTIFIER, MOST_LENGTH_MM, MOST_WEIGHT_G
from schemas.money import parse_yuan
from schemas.times import day_of

MOST_COUNT = 100_000
MOST_MONTH = 100_000_000
MOST_CUBIC = MOST_LENGTH_MM**3 // 1_000


class Field(msgspec.Struct, frozen=True):
    """A fact that may be asked with: its name (also of its option and column), its Chinese name, an example."""

    name: str
    zh: str
    example: str
    help: str


FIELDS = (
    Field("fee", "费用", "transit", "which fee; empty: every fee of the book"),
    Field("from", "始发网点", "SHC", "origin outlet, by code or name"),
    Field("to", "目的网点", "XAD", "destination outlet, by code or name"),
    Field("product", "产品", "STD", "product, by code or name"),
    Field("date", "日期", "2025-11-11", "business date; default: today"),
    Field("kg", "重量公斤", "2.5", "adopted weight in kg"),
    Field("cm", "长宽高厘米", "30x20x10", "length x width x height in cm"),
    Field("m3", "体积立方米", "0.006", "volume in m³, instead of cm"),
    Field("pieces", "件数", "1", "pieces"),
    Field("customer", "客户", "C1", "customer"),
    Field("channel", "渠道", "taobao", "where it was ordered"),
    Field("billing", "计费方式", "weight", "the billing method that the customer agreed to"),
    Field("direction", "方向", "forward", f"one of {', '.join(DIRECTIONS)}"),
    Field("insured", "保价金额", "1000", "insured value in yuan"),
    Field("cod", "代收货款", "200", "cash on delivery in yuan"),
    Field("payment", "客户运费", "12", "what the customer pays for the transport, yuan"),
    Field("hubs", "经过分拨", "SH-HUB|XA-HUB", "hubs passed, joined by |"),
    Field("promised", "时效小时", "48", "hours within which delivery is promised"),
    Field(
        "services", "附加服务", "upstairs|address_change", "further services that were ordered, joined by |"
    ),
    Field("month", "当月累计票数", "1200", "the customer's parcels in the month so far"),
    Field("billed", "当月累计金额", "8000", "what the fee came to in the month so far, yuan"),
    Field("pallets", "板数", "4", "in a store: pallet places taken"),
    Field("days", "天数", "3", "in a store: days begun"),
    Field("hours", "小时", "60", "in a store: hours begun"),
    Field("temperature", "温层", "frozen", "in a store: class of temperature"),
    Field("area", "库区", "A1", "in a store: where"),
    Field("vehicle", "车型", "4.2m", "class of vehicle that brings or fetches"),
)
BY_HEADING = {heading: field.name for field in FIELDS for heading in (field.name, field.zh)}
"""Fields by what a table's columns or a form may call them."""

Asked = Mapping[str, str]
"""Texts by the fields' names; a field that is absent or blank is not said."""


class Answer(msgspec.Struct, frozen=True):
    """What a fee would cost, or (`error`) why that cannot be said."""

    fee: str
    quote: Quote | None = None
    steps: list[Step] = []
    error_zh: str = ""
    error_en: str = ""


class RefusedError(ValueError):
    """What is asked cannot be understood; `field` is where, the message says what would be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message = field, message


class Calculator:
    """Books in force, to ask of."""

    def __init__(self, books: list[Book], network: Network) -> None:
        self._tariffs = Tariffs(books, network)
        self._places: Gazetteer = gazetteer(network)
        self._versions = {id(table): book.version for book in self._tariffs.books for table in book.tables}
        self.fees = list(self._tariffs.fees)

    def ask(self, asked: Asked, today: int) -> list[Answer]:
        """The answers: of the fee that is asked for, or of every fee. Raises RefusedError."""
        said = {name: text.strip() for name, text in asked.items() if text.strip()}
        wanted = said.get("fee", "")
        if wanted and wanted not in self.fees:
            message = f"{wanted!r} is none of {', '.join(self.fees)}{hint(wanted, self.fees)}"
            raise RefusedError("fee", message)
        day, facts = self._read(said, today)
        return [self._answer(fee, day, facts, "kg" in said) for fee in ([wanted] if wanted else self.fees)]

    def _answer(self, fee: str, day: int, facts: Trial, weighed: bool) -> Answer:
        quote = self._tariffs.rate(fee, day, facts)
        if quote is None:
            return Answer(fee, error_zh="没有适用的价格", error_en="no row has a price for this parcel")
        if not weighed and self._tariffs.needs_weight(fee, quote.row):
            return Answer(
                fee,
                error_zh="此价格按重量计算，请填写重量",
                error_en="the price depends on the weight: say kg",
            )
        return Answer(fee, quote, of_quote(quote, facts, self._versions[id(quote.row.table)]))

    def _read(self, said: Asked, today: int) -> tuple[int, Trial]:
        """The day and the facts."""
        longest, volume = _size(said)
        terms = Terms(
            pieces=_number(said, "pieces", 1, MOST_COUNT, "a whole number of pieces", 1),
            channel=_word(said, "channel"),
            billing=_word(said, "billing"),
            direction=_one_of(said, "direction", DIRECTIONS),
            insured=_money(said, "insured"),
            cod=_money(said, "cod"),
            promised_h=_number(said, "promised", 1, MOST_COUNT, "a whole number of hours", 0),
            services=_words(said, "services"),
        )
        stay = Stay(
            pallets=_number(said, "pallets", 1, MOST_COUNT, "a whole number of pallets", 0),
            days=_number(said, "days", 1, MOST_COUNT, "a whole number of days", 0),
            hours=_number(said, "hours", 1, MOST_COUNT, "a whole number of hours", 0),
            temperature=_word(said, "temperature"),
            area=_word(said, "area"),
            vehicle=_word(said, "vehicle"),
        )
        facts = Trial(
            origin=self._place(said, "from"),
            destination=self._place(said, "to"),
            product=self._product(said),
            customer=_word(said, "customer"),
            payment=_money(said, "payment"),
            weight_g=_number(said, "kg", KG, MOST_WEIGHT_G, "kilograms as 2.5", 0),
            volume_cm3=volume,
            longest_mm=longest,
            hubs=_words(said, "hubs"),
            terms=terms,
            month_parcels=_number(said, "month", 1, MOST_MONTH, "a whole number of parcels", 0),
            month_amount=_money(said, "billed"),
            stay=stay if stay != NOWHERE else None,
        )
        return _day(said, today), facts

    def _place(self, said: Asked, field: str) -> str:
        if field not in said:
            raise RefusedError(field, "is missing; write an outlet's code or name")
        return _found(field, self._places.kinds["outlet"].find(said[field]))

    def _product(self, said: Asked) -> str:
        return _found("product", self._places.products.find(said["product"])) if "product" in said else ""


def _found(field: str, found: str | Broken) -> str:
    if isinstance(found, Broken):
        raise RefusedError(field, found.message)
    return found


def _size(said: Asked) -> tuple[int, int]:
    """The longest side in mm and the volume in cm³; 0 where nothing is said."""
    if "cm" not in said:
        return 0, _number(said, "m3", M3, MOST_CUBIC, "cubic metres as 0.006", 0)
    if "m3" in said:
        raise RefusedError("m3", "say either cm or m3")
    sides = said["cm"].lower().replace("×", "x").replace("*", "x").split("x")
    read = [part(side.strip(), 10, "centimetres") for side in sides]
    mm = [side for side in read if isinstance(side, int) and 0 < side <= MOST_LENGTH_MM]
    if len(read) != 3 or len(mm) != 3:
        raise RefusedError("cm", f"{said['cm']!r} is no length x width x height in cm; write 30x20x10")
    return max(mm), mm[0] * mm[1] * mm[2] // 1_000


def _number(said: Asked, field: str, per: int, most: int, unit: str, default: int) -> int:
    if field not in said:
        return default
    found = part(said[field], per, unit)
    if isinstance(found, Broken):
        raise RefusedError(field, found.message)
    if found > most:
        raise RefusedError(field, f"{said[field]!r} is too much")
    return found


def _money(said: Asked, field: str) -> int:
    try:
        units = parse_yuan(said.get(field, "0"))
    except ValueError as error:
        raise RefusedError(field, str(error)) from None
    if units < 0:
        raise RefusedError(field, f"{said[field]!r} is negative")
    return units


def _word(said: Asked, field: str) -> str:
    text = said.get(field, "")
    if len(text) > MOST_IDENTIFIER:
        raise RefusedError(field, f"has more than {MOST_IDENTIFIER} characters")
    return text


def _words(said: Asked, field: str) -> tuple[str, ...]:
    return tuple(sorted({word.strip() for word in said.get(field, "").split("|") if word.strip()}))


def _one_of(said: Asked, field: str, allowed: tuple[str, ...]) -> str:
    text = said.get(field, allowed[0])
    if text not in allowed:
        raise RefusedError(field, f"{text!r} is none of {', '.join(allowed)}")
    return text


def _day(said: Asked, today: int) -> int:
    try:
        return day_of(dt.date.fromisoformat(said["date"])) if "date" in said else today
    except ValueError:
        raise RefusedError("date", f"{said['date']!r} is no date as 2025-11-11") from None
