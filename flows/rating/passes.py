"""The passes of a price in plain words: what a charge's `steps` and `passed_over` say, in Chinese and in English."""

import re
from ast import literal_eval
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec

from flows.rating.measures import MEASURES, units
from flows.rating.names import in_words
from flows.rating.steps import Step as Pass


class Step(NamedTuple):
    """A step of a charge: what it is and what it says, in Chinese and in English."""

    label_zh: str
    label_en: str
    text_zh: str
    text_en: str


KINDS = {
    "base": ("基础价格", "Base price"),
    "surcharge": ("附加费", "Surcharge"),
    "discount": ("优惠", "Discount"),
    "bounds": ("保底封顶", "Floor and cap"),
}
TERMS = {
    "flat": ("每票", "per parcel"),
    "first": ("首重", "first"),
    "continued": ("续重", "continued"),
    "each": ("单价", "each"),
    "tier": ("阶梯", "tier"),
    "slab": ("续段", "further slabs"),
    "included": ("包量", "included"),
    "within": ("包量内", "within"),
    "overage": ("超量", "overage"),
    "percent": ("按比例", "share"),
    "minimum": ("保底", "minimum"),
    "shortfall": ("扣除已有", "less what there is"),
}
OF_SLABS = {
    "first": ("首段", "first slab"),
    "slab": ("续段", "further slabs"),
}
"""The same, where what comes first is a slab and no weight."""
ALL_SLABS = ("按段", "each slab")
"""Where the first slab has no price of its own."""
BOUNDS = {
    "minimum": ("补到最低 {} 元：{}{} 元", "raised to the minimum of {} yuan: {}{} yuan"),
    "maximum": ("减到最高 {} 元：{}{} 元", "cut to the maximum of {} yuan: {}{} yuan"),
}
"""What a bound makes of the terms before it: the bound, and what it adds or takes."""
CUT = ("超出现有金额的部分不减", "not more than there is")
"""Of a discount that would have taken more than there was."""
OF = {
    "base": ("基础价格", "the base price"),
    "total": ("当前金额", "the amount so far"),
    "subtotal": ("基础价格与附加费", "base price and surcharges"),
    "insured": ("保价金额", "the insured value"),
    "cod": ("代收货款", "the cash on delivery"),
    "payment": ("客户运费", "the customer's payment"),
    "month": ("当月累计金额", "the month so far"),
    "shared": ("所分费用", "what is shared"),
}
ROUNDINGS = {
    "half_up_fen": ("四舍五入到分", "rounded to the fen, halves up"),
    "up_fen": ("进位到分", "rounded up to the fen"),
    "down_fen": ("舍去分以下", "rounded down to the fen"),
}
LOST = {
    "less_specific": ("不如中选行具体", "less specific"),
    "lower_priority": ("优先级较低", "of lower priority"),
    "earlier_table": ("生效日期较早", "in force from an earlier day"),
    "earlier_book": ("发布较早", "published earlier"),
    "earlier_row": ("同表中排在前面", "stands before it in the table"),
}
NO_PRICE = "0.00"
"""Of a quantity that costs nothing: a charge's steps leave such a price out."""
LOWER = ("金额较低：{} 元", "comes to less: {} yuan")
"""Of base prices of another name."""

OF_BOOK = re.compile(r"(.+)@([0-9a-f]{16})")
"""A row of another book than the winner's: where it stands, and the book's version."""

_steps = msgspec.json.Decoder(list[Pass])


def steps_in_words(steps: str) -> Iterator[Step]:
    """The passes of a price, each with its numbers, the rounding last."""
    for one in _steps.decode(steps):
        if one.kind == "factors":
            yield _factors(one)
        elif one.kind == "accrued":
            yield Step(
                "本日应计",
                "The day's share",
                f"此前各天已计 {one.amount} 元，本日 {one.total} 元",
                f"less {one.amount} yuan for the days before: {one.total} yuan",
            )
        elif one.kind == "rounding":
            zh, en = ROUNDINGS.get(one.name, (one.name, one.name))
            yield Step("舍入", "Rounding", f"{one.total} 元，{zh}", f"{one.total} yuan, {en}")
        else:
            yield _pass(one)
            yield from passed_over(one.passed_over)


def passed_over(text: str) -> Iterator[Step]:
    """Rows that were for the parcel too, and why they lost."""
    if not text:
        return
    told = [_lost(one) for one in text.split(", ")]
    yield Step("落选价格", "Passed over", "；".join(zh for zh, _ in told), "; ".join(en for _, en in told))


def _lost(one: str) -> tuple[str, str]:
    """A row that lost: of another book than the winner's (`file:row@version`) with that book."""
    where, _, why = one.partition(" ")
    reason = LOST.get(why)
    if why.startswith("lower_amount "):
        amount = why.removeprefix("lower_amount ")
        reason = LOWER[0].format(amount), LOWER[1].format(amount)
    if reason is None:
        return one, one
    zh, en = reason
    if of_book := OF_BOOK.fullmatch(where):
        where, version = of_book.groups()
        zh, en = f"价格手册 {version}，{zh}", f"tariff book {version}, {en}"
    return f"{where}（{zh}）", f"{where} ({en})"


def _factors(one: Pass) -> Step:
    told = [in_words(name, _plain(value)) for name, value in one.factors.items()]
    return Step("计费因子", "Factors", "，".join(zh for zh, _ in told), ", ".join(en for _, en in told))


def _plain(value: str) -> str:
    """A fact's value; of several words, as conditions have them, without their quotes."""
    return " ".join(literal_eval(value)) if value.startswith("['") else value


def _pass(one: Pass) -> Step:
    zh, en = KINDS.get(one.kind, (one.kind, one.kind))
    name = f"{one.name} " if one.name else ""
    terms = [_term(term, one) for term in one.terms]
    if one.each:
        measure = MEASURES[one.each]
        terms.append(
            (f"每{measure.zh}，共 {one.times} {measure.zh}", f"for each {measure.unit}: {one.times}")
        )
    if one.kind == "discount" and one.total == NO_PRICE and Decimal(one.amount) < _worth(one):
        terms.append(CUT)
    sign, amount = _signed(f"-{one.amount}" if one.kind == "discount" else one.amount)
    day = [in_words(name, value) for name, value in one.factors.items()]
    if day:
        terms.insert(
            0, (f"因业务{'，'.join(zh for zh, _ in day)}", f"for business {', '.join(en for _, en in day)}")
        )
    same = one.amount == one.total
    where_zh, where_en = one.where, one.where
    if of_book := OF_BOOK.fullmatch(one.where):
        where, version = of_book.groups()
        where_zh, where_en = f"{where}，价格手册 {version}", f"{where}, tariff book {version}"
    return Step(
        zh,
        en,
        f"{name}（{where_zh}）：{'；'.join(term for term, _ in terms)}；计 {sign}{amount} 元"
        + ("" if same else f"，累计 {one.total} 元"),
        f"{name}({where_en}): {'; '.join(term for _, term in terms)}; {sign}{amount} yuan"
        + ("" if same else f", so far {one.total} yuan"),
    )


def _worth(one: Pass) -> Decimal:
    """What the terms come to, for as many as there are."""
    return sum((Decimal(amount) for *_, amount in one.terms), Decimal(0)) * Decimal(one.times or 1)


def _signed(amount: str) -> tuple[str, str]:
    """An amount's minus sign, as it is printed, and its digits."""
    return ("−", amount[1:]) if amount.startswith("-") else ("", amount)


def _term(term: tuple[str, str, str, str, str], one: Pass) -> tuple[str, str]:
    label, quantity, measure, price, amount = term
    if measure == "percent":
        of_zh, of_en = OF.get(one.of, (one.of, one.of))
        return f"{of_zh}的 {quantity}% = {amount} 元", f"{quantity}% of {of_en} = {amount} yuan"
    if label in BOUNDS and one.shape != "shortfall":
        sign, digits = _signed(amount)
        zh, en = (text.format(price or NO_PRICE, sign or "+", digits) for text in BOUNDS[label])
        return zh, en
    zh, en = (OF_SLABS if one.shape == "slabs" else TERMS).get(label, (label, label))
    if not measure:
        return f"{zh} {amount} 元", f"{en} {amount} yuan"
    price = price or NO_PRICE
    if measure == "slab" and term is one.terms[0]:
        zh, en = ALL_SLABS
    unit = MEASURES.get(measure)
    unit_zh, unit_en = (unit.zh, unit.unit) if unit else ("段", "slab")
    unit_en = units(quantity, unit_en)
    return (
        f"{zh} {quantity} {unit_zh} × {price} 元 = {amount} 元",
        f"{en} {quantity} {unit_en} × {price} yuan = {amount} yuan",
    )
