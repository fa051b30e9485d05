"""A charge's steps for people: a tariff's price as rating explains it, other amounts by where they came from."""

from collections.abc import Mapping

from flows.fees import current
from flows.rating.explain import explain, facts_of
from flows.rating.passes import Step
from schemas.money import parse_yuan, yuan

SOURCES = {
    "payment": ("订单上客户支付 {0} 元", "the customer pays {0} yuan by the order"),
    "cod": ("订单上代收货款 {0} 元", "{0} yuan are to be collected by the order"),
    "claim": ("理赔或奖惩 {1} 上写明 {0} 元", "claim {1} says {0} yuan"),
}
"""By source of an amount, in Chinese and in English; see `fees.toml`."""


def steps(charge: Mapping[str, object]) -> list[Step]:
    """The steps of a charge, a row of the table `charge`."""
    due = next((due for due in current.FEES.dues if charge["fee"] in due.fees), None)
    if charge["book_version"] or due is None or due.amount not in SOURCES or due.name == "freight":
        return explain(charge)
    amount = yuan(parse_yuan(str(charge["amount"])))
    zh, en = (text.format(amount, charge["part"]) for text in SOURCES[due.amount])
    payer, payee = charge["payer"], charge["payee"]
    return [
        *facts_of(charge),
        Step("金额", "Amount", f"{zh}，{payer} 付给 {payee}", f"{en}, from {payer} to {payee}"),
    ]
