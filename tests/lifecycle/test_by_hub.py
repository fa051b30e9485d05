"""Prices that name the hubs that a parcel has passed: whenever a hub is heard of, what it changes is corrected."""

from decimal import Decimal
from itertools import permutations

import msgspec
import pytest

from schemas import topics
from schemas.events import Event, Scan
from schemas.times import HOUR
from tests.lifecycle.world import BOOK, START, Book, events_of, scan, tariff

SURCHARGE = """
[[table]]
fee = "transit"
kind = "surcharge"
name = "分拨"
file = "hubs.csv"
shape = "flat"
effective_from = 2025-01-01
"""
BY_WORD = {**BOOK, "book.toml": BOOK["book.toml"] + SURCHARGE, "hubs.csv": "hub,price\nSH-HUB,0.30\n"}
BY_CONDITION = {**BY_WORD, "hubs.csv": "condition,price\n'SH-HUB' in hubs,0.30\n"}
BY_ZONE = {
    **BY_WORD,
    "book.toml": BY_WORD["book.toml"]
    + '[[zones]]\nfactor = "zone"\nfile = "zones.csv"\neffective_from = 2025-01-01\n',
    "zones.csv": "hub,value\nSH-HUB,沪\n",
    "hubs.csv": "zone,price\n沪,0.30\n",
}
BEFORE = Decimal("5.25")
"""2.5 kg: 3.00 and 1.5 × 1.50."""


def passing(at: int) -> Scan:
    """A scan at the hub."""
    return msgspec.structs.replace(scan("到件", at), id="hub-1", site="SH-HUB", outlet="HQ")


@pytest.mark.parametrize("files", [BY_WORD, BY_CONDITION, BY_ZONE])
def test_a_hub_that_is_heard_of_late_corrects_the_price(files: dict[str, str]) -> None:
    book = Book((tariff(files),)).take(*events_of("订单 揽收 分拨DWS2.5"))
    assert book.net("transit") == BEFORE
    book.take(passing(START + HOUR))
    assert book.net("transit") == BEFORE + Decimal("0.30")
    assert [row["revision"] for row in book.rows["charge"] if row["fee"] in ("transit", b"transit")] == [
        0,
        0,
        1,
    ]


@pytest.mark.parametrize("files", [BY_WORD, BY_ZONE])
def test_in_whichever_order(files: dict[str, str]) -> None:
    events: list[Event] = [*events_of("订单 揽收 分拨DWS2.5"), passing(START + HOUR)]
    for order in permutations(events):
        book = Book((tariff(files),))
        for event in order:
            book.take(event)
        assert book.net("transit") == BEFORE + Decimal("0.30")


def test_hubs_are_remembered_while_no_price_asks_for_a_time() -> None:
    """What was asked for once is asked for again."""
    first = tariff(BY_WORD)
    book = Book((first,)).take(*events_of("订单 揽收"))
    book.block((topics.CONTROL.name, tariff()))
    book.restart()
    book.take(passing(START + HOUR))
    book.block((topics.CONTROL.name, msgspec.structs.replace(first, id="again")))
    book.take(*events_of("分拨DWS2.5@3"))
    assert book.net("transit") == BEFORE + Decimal("0.30")


def test_hubs_are_not_remembered_where_no_price_asks() -> None:
    book = Book().take(*events_of("订单 揽收 分拨DWS2.5"), passing(START + HOUR))
    assert not book.lifecycle.rules.by_hub
    assert all(parcel.hubs == () for parcel in book.lifecycle.ring.records.values())
