"""Why a charge is what it is: its steps in plain words, from the columns of its own row.

A charge's row holds the factors, the matched price and the weights, so it explains itself for as long as it
is kept, whatever has become of the tariff book.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flows.rating.exact import Exact
from flows.rating.facts import Facts
from flows.rating.levels import LEVELS
from flows.rating.measures import number
from flows.rating.passes import ROUNDINGS, Step, passed_over, steps_in_words
from flows.rating.rounding import PER_UNIT, to_fen
from flows.rating.tariffs import SHORT, Quote
from schemas.money import parse_yuan, yuan

Words = dict[str, tuple[str, str]]
"""Chinese and English by the name that a column holds."""

WEIGHT_CLASSES: Words = {
    "hub_dws": ("分拨中心 DWS", "hub DWS"),
    "hub_scale": ("分拨中心电子秤", "hub scale"),
    "outlet_dws": ("网点 DWS", "outlet DWS"),
    "outlet_scale": ("网点电子秤", "outlet scale"),
    "decided": ("人工裁决", "decided by a person"),
    "declared": ("客户申报", "declared by the customer"),
}
MATCHES: Words = {level.name: (level.zh, level.en) for level in LEVELS}


class Factors(NamedTuple):
    """The numbers of a charge: grams, and money in units of 0.0001 yuan."""

    actual_g: int
    volumetric_g: int
    chargeable_g: int
    first_g: int
    continued_g: int
    unit_g: int
    first_price: int
    continued_price: int
    amount: int

    @property
    def weighed(self) -> bool:
        """Whether the price depends on the weight; a flat price has only a first price."""
        return bool(self.chargeable_g or self.first_g or self.continued_price)


def explain(charge: Mapping[str, object]) -> list[Step]:
    """The steps of a charge, from the adopted weight to the amount.

    `charge` has the columns of the table `charge` (see `sinks.tables`): grams as whole numbers and money in
    yuan, as ClickHouse gives them (Decimal, or a number as text).
    """
    steps = _freight if charge["fee"] == "freight" else _fee
    return [*facts_of(charge), *steps(charge, _factors(charge))]


def facts_of(charge: Mapping[str, object]) -> Iterator[Step]:
    """The event that said for whom, from where, to where and on which terms; nothing of a trial."""
    if event := charge.get("order_event"):
        yield Step(
            "计费事实",
            "Facts",
            f"网点、产品、客户与约定取自事件 {event}",
            f"outlets, product, customer and terms are those of event {event}",
        )


def of_quote(quote: Quote, facts: Facts, version: str) -> list[Step]:
    """The steps of a price that is not charged: a trial's."""
    row = quote.row
    short = row.table.shape in SHORT
    first_g, first, each = row.values if row.table.shape == "first_continued" else (0, *row.values[:1], 0)
    charge = {
        "fee": row.table.fee,
        "payer": "",
        "payee": "",
        "amount": yuan(quote.amount),
        "book_version": version,
        "price_table": row.file,
        "price_row": row.number,
        "price_column": row.column,
        "matched": row.level,
        "weight_class": "",
        "weight_event": "",
        "actual_g": facts.weight_g if row.table.weight else 0,
        "volumetric_g": quote.volumetric_g,
        "chargeable_g": quote.chargeable_g,
        "first_g": first_g,
        "first_price": yuan(first) if short else "0",
        "continued_g": quote.continued_g,
        "continued_price": yuan(each),
        "unit_g": row.table.unit_g,
        "rounding": row.rounding,
        "passed_over": quote.passed_over,
        "steps": quote.steps,
    }
    return [step for step in explain(charge) if step.label_en != "Amount"]


def _kg(grams: int) -> str:
    return number(grams, "weight")


def _yuan(exact: int) -> str:
    """Thousandths of a money unit as yuan, with at least two decimals.

    >>> _yuan(52_500_000), _yuan(52_512_345)
    ('5.25', '5.2512345')
    """
    return str(Exact(exact, PER_UNIT))


def _factors(charge: Mapping[str, object]) -> Factors:
    money = ("first_price", "continued_price", "amount")
    return Factors(
        *(
            parse_yuan(str(charge[name])) if name in money else int(str(charge[name]))
            for name in Factors._fields
        )
    )


def _freight(charge: Mapping[str, object], factors: Factors) -> Iterator[Step]:
    """The customer's payment has no tariff: it is what the order says."""
    amount, payee = yuan(factors.amount), charge["payee"]
    yield Step(
        "运费",
        "Freight",
        f"订单上客户支付 {amount} 元，归始发网点 {payee}",
        f"the customer pays {amount} yuan by the order, to the origin outlet {payee}",
    )


def _fee(charge: Mapping[str, object], factors: Factors) -> Iterator[Step]:
    steps = str(charge.get("steps") or "")
    if factors.weighed or (steps and (charge["weight_class"] or factors.actual_g)):
        yield from _weights(charge, factors)
    yield _match(charge)
    yield from passed_over(str(charge.get("passed_over") or ""))
    if steps:
        yield from steps_in_words(steps)
        yield _charged(charge, factors)
    else:
        yield from _prices(factors)
        yield from _amount(charge, factors)


def _weights(charge: Mapping[str, object], factors: Factors) -> Iterator[Step]:
    """Whose weight was adopted, which of goods in a store nobody has to decide; and what it was charged as."""
    actual, chargeable = _kg(factors.actual_g), _kg(factors.chargeable_g)
    if charge["weight_class"]:
        by_zh, by_en = _words(WEIGHT_CLASSES, charge["weight_class"])
        event = charge["weight_event"]
        yield Step(
            "采信重量",
            "Adopted weight",
            f"{actual} 公斤，{by_zh}（事件 {event}）",
            f"{actual} kg, {by_en} (event {event})",
        )
    zh, en = [f"实际 {actual} 公斤"], [f"actual {actual} kg"]
    if factors.volumetric_g:
        zh.append(f"体积重 {_kg(factors.volumetric_g)} 公斤")
        en.append(f"volumetric {_kg(factors.volumetric_g)} kg")
    if factors.unit_g > 1 and max(factors.actual_g, factors.volumetric_g) > factors.first_g:
        zh.append(f"续重以 {_kg(factors.unit_g)} 公斤为单位")
        en.append(f"beyond the first weight in units of {_kg(factors.unit_g)} kg")
    elif factors.chargeable_g not in (factors.actual_g, factors.volumetric_g):
        zh.append("按价格表取整")
        en.append("rounded as the table says")
    yield Step(
        "计费重量",
        "Chargeable weight",
        "，".join([*zh, f"计 {chargeable} 公斤"]),
        ", ".join([*en, f"charged as {chargeable} kg"]),
    )


def _match(charge: Mapping[str, object]) -> Step:
    zh, en = _words(MATCHES, charge["matched"])
    file, row, version = charge["price_table"], charge["price_row"], charge["book_version"]
    column = charge["price_column"]
    at_zh, at_en = (f"「{column}」列", f" column {column}") if column else ("", "")
    return Step(
        "匹配价格",
        "Matched price",
        f"{zh}：{file} 第 {row} 行{at_zh}（价格手册 {version}）",
        f"{en}: {file} row {row}{at_en} (tariff book {version})",
    )


def _prices(factors: Factors) -> Iterator[Step]:
    first = yuan(factors.first_price)
    if not factors.weighed:
        yield Step("每票价格", "Price per parcel", f"{first} 元", f"{first} yuan")
        return
    upto = _kg(factors.first_g)
    yield Step("首重", "First weight", f"{upto} 公斤以内 {first} 元", f"{first} yuan up to {upto} kg")
    if factors.continued_g:
        beyond, each = _kg(factors.continued_g), yuan(factors.continued_price)
        product = _yuan(factors.continued_price * factors.continued_g)
        yield Step(
            "续重",
            "Continued weight",
            f"{beyond} 公斤 × {each} 元/公斤 = {product} 元",
            f"{beyond} kg × {each} yuan/kg = {product} yuan",
        )


def _amount(charge: Mapping[str, object], factors: Factors) -> Iterator[Step]:
    rounding = str(charge["rounding"])
    zh, en = _words(ROUNDINGS, rounding)
    continued = factors.continued_price * factors.continued_g
    exact = factors.first_price * PER_UNIT + continued
    total = _yuan(exact)
    if continued:
        total = f"{yuan(factors.first_price)} + {_yuan(continued)} = {total}"
    rounded = to_fen(exact, rounding.removesuffix("_fen"))
    yield Step(
        "舍入",
        "Rounding",
        f"{total} 元，{zh}：{yuan(rounded)} 元",
        f"{total} yuan, {en}: {yuan(rounded)} yuan",
    )
    yield _charged(charge, factors)
    if abs(factors.amount) != rounded:
        yield Step(
            "核对不符",
            "Does not agree",
            f"按以上各步应为 {yuan(rounded)} 元",
            f"by these steps it would be {yuan(rounded)} yuan",
        )


def _charged(charge: Mapping[str, object], factors: Factors) -> Step:
    amount, payer, payee = yuan(factors.amount), charge["payer"], charge["payee"]
    reversal_zh, reversal_en = ("红字冲销 ", "reversal: ") if factors.amount < 0 else ("", "")
    return Step(
        "金额",
        "Amount",
        f"{reversal_zh}{amount} 元，{payer} 付给 {payee}",
        f"{reversal_en}{amount} yuan, from {payer} to {payee}",
    )


def _words(words: Words, name: object) -> tuple[str, str]:
    """The words for a name; the name itself where a later version of Waybook wrote one unknown here."""
    return words.get(str(name), (str(name), str(name)))
