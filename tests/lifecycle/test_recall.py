"""Parcels that have left the lane and come back from the books: corrected as if they had never left, once."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.lifecycle.parcel import Parcel
from schemas import topics
from schemas.events import Event, PartyTransferred, TariffWithdrawn
from schemas.times import DAY, HOUR, business_day, date_of
from tests.lifecycle.fees import PRICES, priced, story_of
from tests.lifecycle.fees import network as two_hubs
from tests.lifecycle.recalling import recall_of
from tests.lifecycle.test_backdated import changed, recalls
from tests.lifecycle.test_penalties import RULES, penalties, punishing, story
from tests.lifecycle.world import BOOK, START, WAYBILL, Book, events_of, order, scan, tariff, text, weight
from tests.volume import examples

WHOLE = "订单 揽收 网点秤2.6 发件 分拨DWS2.5 到件 派件 签收"
LATER = START + 30 * DAY


def forgotten(book: Book, at: int = LATER) -> Book:
    """Time passes until the lane has nothing of its parcels left."""
    book.tick(at)
    ring = book.lifecycle.ring
    for _ in range(ring.size + 1):
        ring.segment(ring.epoch)
    assert WAYBILL not in ring.records
    return book


def back(book: Book, cause: str = "asked-1", time: int = 0) -> tuple[str, Event]:
    """The record that brings the parcel back."""
    return topics.ORDERS.name, recall_of(book, cause, time)


def told(book: Book) -> list[tuple[str, str, int, int]]:
    """Cause, status and corrections of the newest row of table `recall`."""
    return recalls(book)[-1:]


def charge_ids(book: Book) -> list[Any]:
    """Of all charges."""
    return [row["charge_id"] for row in book.rows["charge"]]


STORIES = {
    "plain": events_of(WHOLE),
    "corrected before": events_of("订单 揽收 网点秤9 签收 分拨DWS2.5"),
    "sent elsewhere before": story_of("订单 揽收 分拨DWS2.5 签收 订单+派往YLE#改@3"),
    "terms": story_of("订单+代收88.50+保价2000+上楼+改址 揽收 分拨DWS2.5 签收"),
    "claims": story_of(
        "订单 揽收 分拨DWS2.5 签收 罚late 罚damaged+责任XAD+受益SHC+5 罚lost+责任SHC+受益XAD+7#甲 撤销#甲"
    ),
    "decided": events_of("订单 揽收 网点秤9 分拨DWS2.5 签收 改判2.8"),
    "couriers and hubs": story_of("订单 揽收+张三 分拨到件 西安分拨到件 分拨DWS2.5 签收+李四"),
}


EVER = 80 * DAY
"""A horizon with which nothing is forgotten."""


def rich(horizon: int = 3 * DAY) -> Book:
    """A lane with a price for every fee, and a share for provinces."""
    return Book((tariff(priced(PRICES)),), horizon, directory=two_hubs())


@pytest.mark.parametrize("name", STORIES)
def test_a_parcel_comes_back_as_it_was(name: str) -> None:
    """Nothing differs, so nothing is booked; nor does a repeat of its events, or of the recall, book anything."""
    book = rich().take(*STORIES[name])
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(book.lifecycle.ring.records[WAYBILL]))
    forgotten(book)
    rows = {table: len(rows) for table, rows in book.rows.items()}
    again = back(book)
    book.block(again)
    assert told(book) == [("asked-1", "rebuilt", 0, 0)]
    book.block(again)
    for event in STORIES[name]:
        book.block((topics.DEVICES.name, event))
    assert {table: len(rows) for table, rows in book.rows.items()} == {**rows, "recall": 1}
    rebuilt = msgspec.msgpack.decode(msgspec.msgpack.encode(book.lifecycle.ring.records[WAYBILL]))
    names = Parcel.__struct_fields__
    differing = {field for field, one, other in zip(names, kept, rebuilt, strict=True) if one != other}
    differing -= {"extra"} if name == "claims" else set()  # what a withdrawn claim once came to
    assert differing <= {"place", "epoch", "at", "seen", "born", "turn", "trail", "look"}


@pytest.mark.parametrize("name", STORIES)
def test_a_late_weight_corrects_a_parcel_that_had_left(name: str) -> None:
    """As if it had come in time."""
    late = weight("分拨DWS", 4100, START + 2 * HOUR, id="late")
    in_time = rich().take(*STORIES[name]).take(late)
    book = forgotten(rich().take(*STORIES[name]))
    book.block(back(book, "late"), (topics.DEVICES.name, late))
    assert book.standing() == in_time.standing()
    assert book.books() == in_time.books()
    assert len(set(charge_ids(book))) == len(charge_ids(book))


def test_a_late_weight_that_has_begun_a_record_is_joined_to_its_former_life() -> None:
    late = weight("分拨DWS", 4100, LATER, id="late")
    in_time = Book(horizon=EVER).take(*events_of(WHOLE.replace("分拨DWS2.5", "分拨秤2.5"))).take(late)
    book = forgotten(Book().take(*events_of(WHOLE.replace("分拨DWS2.5", "分拨秤2.5"))))
    book.take(late)
    assert book.waiting() == {"transit": "no_order"}
    book.block(back(book, "late"))
    assert book.refused() == ["recall_outdated"]
    book.tick(LATER + HOUR).block(back(book, "late"))
    assert told(book) == [("late", "joined", 1, 1)]
    assert book.waiting() == {}
    assert book.net("transit") == in_time.net("transit")
    assert book.lifecycle.waits[1:] == [0] * 7
    reversal = next(row for row in book.rows["charge"] if row["amount"] < 0)
    assert text(reversal["cause"]) == "late"


def test_a_corrected_order_after_the_horizon_moves_the_charges() -> None:
    corrected = order(LATER, id="order-2", destination="YLE", payment_e4=150_000)
    in_time = Book(horizon=EVER).take(*events_of(WHOLE)).take(corrected)
    book = forgotten(Book().take(*events_of(WHOLE))).take(corrected)
    book.tick(LATER + HOUR).block(back(book, "order-2"))
    assert told(book) == [("order-2", "joined", 5, 5)]
    assert book.standing() == in_time.standing()
    assert book.books() == in_time.books()


def test_a_claim_after_the_horizon_that_names_nobody_finds_its_order() -> None:
    late = story_of("罚late@720")
    in_time = rich(EVER).take(*events_of(WHOLE)).take(*late)
    book = forgotten(rich().take(*events_of(WHOLE))).take(*late)
    assert book.waiting() == {"late": "no_order"}
    book.tick(LATER + HOUR).block(back(book, "claim-late"))
    assert book.waiting() == {}
    assert book.standing() == in_time.standing()


AGAIN = {
    "the same line": order(LATER, id="order-2"),
    "another line": order(LATER, id="order-2", destination="YLE", payment_e4=150_000),
}


@pytest.mark.parametrize("leaves", [False, True], ids=["recalled at once", "recalled when it has left, too"])
@pytest.mark.parametrize("corrected", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("name", STORIES)
def test_what_was_charged_in_both_lives_is_taken_back_once(name: str, corrected: Event, leaves: bool) -> None:
    """A corrected order and facts that make fees due, before the former life was recalled: as if it had never left."""
    former = STORIES[name]
    late = (corrected, scan("揽收", LATER + HOUR, id="scan-2"), weight("分拨DWS", 4100, LATER, id="late"))
    book = forgotten(rich().take(*former)).take(*late[:2]).tick(LATER + 2 * HOUR).take(late[2])
    assert len(set(charge_ids(book))) == len(charge_ids(book))
    if leaves:
        book.tick(LATER + 2 * HOUR).take(scan("签收", LATER + 2 * HOUR, id="scan-3"))
        forgotten(book, LATER + 30 * DAY)
    at = book.lifecycle.ring.now + HOUR
    event = back(book.tick(at))
    book.block(event).block(event)
    expected = rich(EVER).take(*former).tick(LATER + 2 * HOUR).take(*late)
    if leaves:
        expected.take(scan("签收", LATER + 2 * HOUR, id="scan-3"))
    assert book.refused() == []
    assert book.standing() == expected.standing()
    assert book.books() == expected.books()
    assert book.waiting() == expected.waiting()
    assert len(set(charge_ids(book))) == len(charge_ids(book))
    book.block(back(book.tick(at + HOUR), "asked-2"))
    assert told(book)[-1][2:] == (0, 0)


@pytest.mark.parametrize("words", ["面单费2.00", "面单费2.00自2025-11-11"])
def test_a_backdated_book_corrects_what_had_left(words: str) -> None:
    dearer = changed(words)
    book = forgotten(Book().take(*events_of(WHOLE))).block((topics.CONTROL.name, dearer))
    assert recalls(book) == []
    book.block(back(book, dearer.id))
    assert told(book) == [(dearer.id, "rebuilt", 1, 1)]
    first, reversal, second = [row for row in book.rows["charge"] if text(row["fee"]) == "waybill"]
    assert reversal["reverses"] == first["charge_id"]
    assert (text(reversal["cause"]), second["revision"]) == (dearer.id, 1)
    assert second["amount"] == 2
    book.block(back(book, dearer.id))
    assert told(book) == [(dearer.id, "assessed", 0, 0)]
    forgotten(book, LATER + 30 * DAY).block(back(book, dearer.id))
    assert told(book) == [(dearer.id, "rebuilt", 0, 0)]


def test_a_withdrawn_book_is_taken_back_and_waits_until_there_is_another() -> None:
    book = forgotten(rich().take(*STORIES["couriers and hubs"]))
    withdrawn = TariffWithdrawn(id="w", time=START, version=tariff(priced(PRICES)).version)
    book.block((topics.CONTROL.name, withdrawn)).block(back(book, "w"))
    assert {key[0] for key in book.standing()} == {"freight"}
    assert book.waiting() == dict.fromkeys(("waybill", "transit", "delivery"), "no_price")
    book.block((topics.CONTROL.name, tariff(priced(PRICES))))
    expected = rich().take(*STORIES["couriers and hubs"])
    assert book.waiting() == {}
    assert book.standing() == expected.standing()


def test_what_is_recalled_from_older_books_than_the_horizon_is_too_old() -> None:
    """A record that was corrected since may be gone by then: its charges would be booked again."""
    book = forgotten(Book().take(*events_of(WHOLE))).block((topics.CONTROL.name, changed("面单费2.00")))
    stale = back(book, "asked-1")
    book.block(back(book, "asked-2"))
    assert book.net("waybill") == 2
    book.block(stale)
    assert told(book) == [("asked-1", "assessed", 0, 0)]
    forgotten(book, LATER + 4 * DAY)
    book.block(stale)
    assert book.refused() == ["time_too_old"]
    assert book.net("waybill") == 2
    assert len(set(charge_ids(book))) == len(charge_ids(book))


def test_an_outlet_that_went_over_in_between() -> None:
    """What was charged of the former party's days stays with it; what is corrected, too."""
    later = business_day(START) + 5
    sold = PartyTransferred(id="c", time=START + 5 * DAY, outlet="SHC", party="YLE", from_day=date_of(later))
    dearer = changed("面单费2.00")
    book = Book().take(*events_of(WHOLE)).tick(START + 5 * DAY).block((topics.CONTROL.name, sold))
    forgotten(book).block((topics.CONTROL.name, dearer)).block(back(book, dearer.id))
    assert told(book) == [(dearer.id, "rebuilt", 1, 1)]
    assert {key[2] for key in book.standing() if key[0] == "waybill"} == {"SHC"}


def test_a_parcel_charged_after_the_transfer_comes_back_to_the_new_party() -> None:
    sold = PartyTransferred(
        id="c", time=START, outlet="SHC", party="YLE", from_day=date_of(business_day(START))
    )
    stories = STORIES["claims"]
    book = rich().block((topics.CONTROL.name, sold)).take(*stories)
    dearer = tariff(priced({**PRICES, "late": "6.00"}))
    forgotten(book).block((topics.CONTROL.name, dearer)).block(back(book, dearer.id))
    assert told(book) == [(dearer.id, "rebuilt", 1, 1)]
    expected = Book((dearer,), directory=two_hubs())
    expected.block((topics.CONTROL.name, sold)).take(*stories)
    assert book.standing() == expected.standing()
    assert "YLE" in {party for key in book.standing() for party in key[2:4]}


PRICED = RULES.replace('due = "false_sign"\namount = "6.00"', 'due = "late"')
UNARRIVED = "订单 揽收 网点秤2.5 发件@2 派件@22 签收@24"


def test_a_penalty_for_a_broken_chain_comes_back_with_its_parcel() -> None:
    """Nothing differs; its price may; and it can still be withdrawn."""
    book = punishing(PRICED).take(*story(UNARRIVED)).tick(START + 97 * HOUR)
    assert penalties(book) == ["late XAD 2025-11-12 4.00"]
    forgotten(book).block(back(book))
    assert told(book) == [("asked-1", "rebuilt", 0, 0)]
    dearer = tariff(priced({**PRICES, "late": "6.00"}))
    forgotten(book, LATER + 30 * DAY).block((topics.CONTROL.name, dearer)).block(back(book, dearer.id))
    assert told(book) == [(dearer.id, "rebuilt", 1, 1)]
    assert penalties(book) == ["late XAD 2025-11-12 6.00"]
    (excused,) = story("免罚arrived@0")
    book.block((topics.ORDERS.name, msgspec.structs.replace(excused, time=LATER + 30 * DAY)))
    assert penalties(book) == []
    assert book.waiting() == {}


def test_another_order_moves_the_penalty_of_a_parcel_that_had_left() -> None:
    rules = PRICED.replace("hours = 6", 'hours = 6\nresponsible = "destination"')
    book = punishing(rules).take(*story(UNARRIVED)).tick(START + 97 * HOUR)
    forgotten(book).take(*story_of("订单+派往YLE#改@720"))
    book.tick(LATER + HOUR).block(back(book, "own-改"))
    assert [row[1] for row in told(book)] == ["joined"]
    assert penalties(book) == ["late YLE 2025-11-12 4.00"]


WRONG: Sequence[tuple[str, dict[str, Any], str]] = (
    ("no facts", {"facts": ()}, "recall_refused"),
    ("another waybill's facts", {"facts": (order(waybill="YT7500000000009"),)}, "recall_refused"),
)


@pytest.mark.parametrize(("changes", "reason"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_nonsense_is_refused(changes: dict[str, Any], reason: str) -> None:
    book = forgotten(Book().take(*events_of(WHOLE)))
    event = msgspec.structs.replace(recall_of(book), **changes)
    book.block((topics.ORDERS.name, event))
    assert book.refused() == [reason]


@pytest.mark.parametrize(
    "changes",
    [{"payer": "XAD"}, {"payee": "SHC"}, {"payer": ""}, {"fee": "tip"}, {"origin": "YLE"}],
)
def test_charges_that_the_lane_would_not_take_back_so_are_refused(changes: dict[str, Any]) -> None:
    book = forgotten(Book().take(*events_of(WHOLE)))
    event = recall_of(book)
    wrong = next(one for one in event.charged if one.fee == "waybill")
    charged = tuple(msgspec.structs.replace(one, **changes) if one is wrong else one for one in event.charged)
    book.block((topics.ORDERS.name, msgspec.structs.replace(event, charged=charged)))
    assert book.refused() == ["recall_refused"]
    assert WAYBILL not in book.lifecycle.ring.records


LATE = [
    weight("分拨DWS", 4100, LATER, id="late-1"),
    weight("分拨DWS", 3300, LATER - HOUR, id="late-2"),
    *story_of("罚late#late-3@720 罚damaged+责任XAD+受益SHC+5#late-4@720"),
    scan("揽收", LATER, id="late-5"),
    AGAIN["another line"],
]


@examples(30)
@given(st.data())
def test_late_facts_and_recalls_in_any_order_end_in_the_same_books(data: st.DataObject) -> None:
    """Facts after the horizon in any order and twice, the parcel brought back anywhere and more than once."""
    first = data.draw(st.sampled_from(sorted(STORIES)))
    some: list[Event] = data.draw(st.lists(st.sampled_from(LATE), unique_by=lambda event: event.id))
    repeated = [*some, *data.draw(st.lists(st.sampled_from(some), max_size=3))] if some else []
    sequence: list[Event | None] = list(data.draw(st.permutations(repeated)))
    for _ in range(data.draw(st.integers(1, 3))):
        sequence.insert(data.draw(st.integers(0, len(sequence))), None)
    dearer = tariff(priced({**PRICES, "late": "6.00", "handling": "0.40"}))
    expected = Book((tariff(priced(PRICES)), dearer), EVER, directory=two_hubs())
    expected.take(*STORIES[first]).take(*some).tick(LATER + 60 * HOUR)
    book = forgotten(rich().take(*STORIES[first])).block((topics.CONTROL.name, dearer))
    for n, event in enumerate(sequence):
        if event is None:
            book.tick(LATER + (n + 1) * HOUR).block(back(book, "asked-1"))
        else:
            book.block((topics.DEVICES.name, event))
    book.tick(LATER + 40 * HOUR).block(back(book, "asked-2")).tick(LATER + 60 * HOUR)
    assert book.refused() == []
    assert book.books() == expected.books()
    assert book.standing() == expected.standing()
    assert book.waiting() == expected.waiting()
    assert len(set(charge_ids(book))) == len(charge_ids(book))


def test_the_former_book_s_rows_explain_nothing_new() -> None:
    """The new charge names the book in force."""
    book = forgotten(Book().take(*events_of(WHOLE)))
    cheaper = tariff({**BOOK, "waybill.csv": "price\n0.50\n"})
    book.block((topics.CONTROL.name, cheaper)).block(back(book, cheaper.id))
    newest = book.rows["charge"][-1]
    assert (text(newest["book_version"]), newest["amount"]) == (cheaper.version, book.net("waybill"))
