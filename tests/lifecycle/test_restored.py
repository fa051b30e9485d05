"""A lane that began again is in every respect the one that went on, wherever memory was freed and timers were set."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from flows.lifecycle import process
from schemas import topics
from schemas.events import DeadLetter, DeadLetterReplayed
from schemas.times import DAY, HOUR
from tests.lifecycle.test_ages import forget
from tests.lifecycle.test_backdated import changed, many, recalls
from tests.lifecycle.test_volumes import BY_MONTH, counted
from tests.lifecycle.test_weights import weighing
from tests.lifecycle.world import START, WAYBILL, Book, events_of, order, tariff, weight


@pytest.mark.parametrize("freed", [False, True])
def test_a_letter_that_is_sent_again_after_it_was_forgotten_never_waits_for_fees(freed: bool) -> None:
    letter = DeadLetter(id="dl-1", time=START, reason="x", detail="", transport="mqtt", topic="t")
    note = DeadLetterReplayed(id="dl-replayed-1", time=START, dead_letter="dl-1", replayed_by="me")
    book = Book().block((topics.DEAD_LETTERS.name, letter)).tick(START + 10 * DAY)
    if freed:
        forget(book)
    book.block((topics.DEAD_LETTERS.name, note))
    for month in range(1, 10):
        book.tick(START + 30 * month * DAY)
    assert [row["status"] for row in book.rows["dead_letter"]] in (
        ["open", "replayed"],
        [b"open", b"replayed"],
    )
    assert not book.rows["waiting"]


@pytest.mark.parametrize("again", [False, True])
def test_a_deadline_that_is_no_more_makes_nobody_look(again: bool) -> None:
    """The weight came before it; a count that came since changes no price by itself."""
    book = Book((tariff(BY_MONTH),)).take(*events_of("订单2.5 揽收 签收"))
    book.take(weight("网点秤", 2500, START + 3 * HOUR))
    book.block((topics.CONTROL.name, counted(date(2025, 11, 10), 1000)))
    if again:
        book.restart()
    book.tick(START + 2 * DAY)
    assert book.net("waybill") == Decimal("1.00")


def test_who_left_before_its_turn_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other books touch five parcels, one is looked at a block; one is given up before its turn and freed."""
    monkeypatch.setattr(process, "MOST_AGAIN", 1)
    book = Book().take(*many(3)).tick(START + 30 * DAY).tick(START + 60 * DAY)
    young = [order(START + 88 * DAY, id=f"o{n}", waybill=f"YT760000000000{n}") for n in range(2)]
    scans = [
        msgspec.structs.replace(events_of("揽收")[0], time=START + 88 * DAY, id=f"s{n}", waybill=one.waybill)
        for n, one in enumerate(young)
    ]
    book.take(*young, *scans).block((topics.CONTROL.name, changed("面单费2.00")))
    assert len(recalls(book)) == 1
    book.tick(START + 89 * DAY).tick(START + 92 * DAY)
    forget(book)
    book.tick(START + 92 * DAY + HOUR)
    assert not book.lifecycle.again
    assert "YT7500000000002" not in book.lifecycle.ring.records


def test_who_is_given_up_waits_for_nobodys_decision() -> None:
    book = weighing("缓计").take(*events_of("揽收 网点秤4 分拨DWS2.5"))
    assert book.lifecycle.pending == {WAYBILL}
    for day in (30, 60, 92):
        book.tick(START + day * DAY)
    assert not book.lifecycle.pending
    assert not book.restart().lifecycle.pending
