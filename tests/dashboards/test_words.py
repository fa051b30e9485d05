"""Codes of the books in words."""

import pytest

from dashboards.words import COMMAND_FIELDS, MONEY, body, fee
from flows.reconciliation.posting import payment_rules
from schemas.commands import BODIES


def test_what_payments_are_booked_as_is_said_in_both_languages() -> None:
    for name, rule in payment_rules()[0].rules.items():
        assert fee(name) == f"{rule.zh} {rule.en}"
    assert fee("account_topped_up") == "虚拟账户收款 paid into a virtual account"


@pytest.mark.parametrize("name", BODIES)
def test_every_command_and_each_of_its_fields_has_words(name: str) -> None:
    assert name in MONEY
    assert {field.removesuffix("_e4") for field in BODIES[name].__struct_fields__} <= COMMAND_FIELDS.keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"item":"BAG-L","quantity":20,"unit_price_e4":null}', "物料 item BAG-L, 数量 quantity 20"),
        ('{"amount_e4":5560000,"reference":""}', "金额 amount 556.00"),
        ('{"amount_e4":12525,"purpose":"withdraw"}', "金额 amount 1.2525, 用途 purpose 提现 withdrawal"),
        ("FR-1007", "FR-1007"),
    ],
)
def test_a_command_is_told_in_words(text: str, said: str) -> None:
    assert body(text) == said
