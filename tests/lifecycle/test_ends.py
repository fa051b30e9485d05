"""Parcels that go back (退件) or on (转寄): their way ends there, and a signature that says otherwise is told."""

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.events import Event, NetworkPublished
from schemas.identity import version_of
from schemas.times import DAY, HOUR
from tests.lifecycle.fees import PRICES, TWO_HUBS, priced, story_of
from tests.lifecycle.test_chains import RULES, now
from tests.lifecycle.world import START, WAYBILL, Book, events_of, network, tariff, text
from tests.volume import examples

WEEK = START + 7 * DAY


def watched() -> Book:
    """A lane that watches scan chains, where every fee has a price and a breach its penalty."""
    rules = RULES.replace('name = "arrived"', 'due = "late"\nname = "arrived"')
    hubs = {"chains.toml": rules, **TWO_HUBS}
    version = version_of(hubs)
    directory = NetworkPublished(id="hubs", time=START, version=version, files=hubs)
    return Book((tariff(priced(PRICES)),), directory=directory)


def told(book: Book) -> tuple[str, ...]:
    """The newest remark about contradictory ends: event, what counts, what it says; empty: there is none."""
    rows = [row for row in book.rows["anomaly"] if text(row["kind"]) == "ended_twice"]
    return tuple(text(rows[-1][name]) for name in ("event_id", "expected", "found")) if rows else ()


def facts_of(book: Book) -> tuple[object, ...]:
    """Everything that has to be the same whatever the order: breaches, by what is open or final."""
    open_ = {rule: state for rule, state in now(book).items() if state[0] != "closed"}
    return book.books(), book.standing(), book.waiting(), open_, told(book)


STORIES = [
    "订单+代收88.50 揽收+张三 网点秤2.5 集包 发件 到件 派件 退件",
    "订单 揽收 网点秤2.5 集包 西安分拨集包 签收+承包区七@30 退件@40 签收#又@45",
    "订单+代收9 揽收 网点秤2.5 转寄@9 签收@12 退件@11 退件#早@10 签收#后@20",
    "订单 揽收 签收@9 签收#晚@12 退件@9 转寄@9 罚late+5",
    "订单 网点秤2 退件@3 退件#又@5 签收@4",
]


@cache
def as_told(story: str) -> tuple[object, ...]:
    """What a story comes to in its own order."""
    return facts_of(watched().take(*story_of(story)).tick(WEEK))


@pytest.mark.parametrize("story", STORIES)
@examples(15)
@given(data=st.data())
def test_any_order_and_repetition_ends_in_the_same_books(story: str, data: st.DataObject) -> None:
    events = story_of(story)
    shuffled: list[Event] = list(data.draw(st.permutations(events)))
    for again in data.draw(st.lists(st.sampled_from(events), max_size=5)):
        shuffled.insert(shuffled.index(again) + 1 + data.draw(st.integers(0, len(shuffled))), again)
    cuts = data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3))
    restarts = data.draw(st.booleans())
    book = watched()
    for low, high in pairwise([0, *sorted(cuts), len(shuffled)]):
        book.take(*shuffled[low:high])
    if restarts:
        book.restart()
    assert facts_of(book.tick(WEEK)) == as_told(story)
    assert book.refused() == []


@pytest.mark.parametrize("end", ["签收", "退件", "转寄"])
def test_it_leaves_the_state_as_a_signed_one_does(end: str) -> None:
    book = Book(directory=network(chains=RULES)).take(*events_of(f"订单 揽收 网点秤2.5 发件 到件 派件 {end}"))
    parcel = book.lifecycle.ring.records[WAYBILL]
    kept = book.lifecycle.horizon + book.lifecycle.ahead
    assert not book.lifecycle.over(parcel, parcel.at + kept)
    assert book.lifecycle.over(parcel, parcel.at + kept + 1)


def test_without_its_transit_fee_it_stays() -> None:
    book = Book().take(*events_of("订单0 揽收 退件"))
    assert not book.lifecycle.over(book.lifecycle.ring.records[WAYBILL], START + 30 * DAY)
    for day in (30, 60, 91, 92):
        book.tick(START + day * DAY)
    assert book.waiting() == {"transit": "abandoned"}, "and no delivery fee is missed"


def test_a_penalty_of_a_parcel_that_had_gone_back_before_is_taken_back() -> None:
    book = watched().take(*events_of("订单 揽收 网点秤2.5 签收@9")).tick(START + 4 * DAY)
    assert now(book) == {"arrived": ("final", "XAD")}
    assert book.net("late") > 0
    book.block((topics.DEVICES.name, events_of("退件@8")[0]))
    assert now(book) == {"arrived": ("closed", "XAD")}
    assert not book.net("late") + book.net("delivery_paid")
    assert told(book)[0] == "scan-50"


def test_what_comes_about_its_old_waybill_opens_no_breach_again() -> None:
    book = watched().take(*events_of("订单 揽收@1 发件@2 退件@3")).tick(START + 60 * HOUR)
    book.take(*events_of("到件@61")).tick(START + 6 * DAY)
    assert now(book) == {}


def test_who_contradicts_whom_is_told_once_and_again_only_when_it_is_otherwise() -> None:
    book = Book().take(*events_of("订单 揽收 网点秤2.5 退件@9 签收@12 签收#晚@13"))
    assert told(book) == ("scan-50", "70 退件 2025-11-11T09:00:00.000Z", "50 签收 2025-11-11T12:00:00.000Z")
    book.take(*events_of("签收#后@14"))
    assert len(book.rows["anomaly"]) == 1
    book.take(*events_of("签收#早@8"))
    assert told(book) == ("scan-70", "50 签收 2025-11-11T08:00:00.000Z", "70 退件 2025-11-11T09:00:00.000Z")
    assert book.net("delivery_paid") > 0
