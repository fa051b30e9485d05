"""How old a fact may be, what is never booked twice, who is given up, and which ticks are believed."""

from collections import Counter
from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.lifecycle.process import Lifecycle
from schemas import topics
from schemas.events import DeadLetter, DeadLetterReplayed, Event, Tick
from schemas.times import DAY, HOUR
from tests.lifecycle.world import BOOK, START, WAYBILL, Book, events_of, order, scan, tariff, weight
from tests.volume import examples

WHOLE = "订单 揽收 网点秤2.6 发件 分拨DWS2.5 到件 派件 签收"


def forget(book: Book) -> None:
    """As many epochs as it takes for memory to be freed."""
    for _ in range(book.lifecycle.ring.size + 1):
        book.lifecycle.ring.segment(book.lifecycle.ring.epoch)


def late(book: Book, *events: Event) -> Book:
    """Events that come without time passing."""
    return book.block(*((topics.DEVICES.name, event) for event in events))


def test_a_parcel_that_waits_gets_its_order_however_late() -> None:
    book = Book().take(*events_of("揽收@1 网点秤2.5@2 签收@3"))
    assert book.waiting() == {"waybill": "no_order", "transit": "no_order", "delivery": "no_order"}
    book.tick(START + 20 * DAY)
    late(book, order())
    assert (book.refused(), book.waiting()) == ([], {})
    assert book.net("transit") == book.net("transit").__class__("5.2500")


def test_beyond_the_absolute_age_nothing_is_taken() -> None:
    book = Book().take(*events_of("揽收@1 签收@3"))
    book.tick(START + 33 * DAY).tick(START + 66 * DAY).take(scan("派件", START + 80 * DAY))
    book.tick(START + 91 * DAY)
    late(book, order())
    assert book.refused() == ["time_too_old"]
    late(book, order(START + 2 * DAY, id="order-2"))
    assert book.refused() == ["time_too_old"]


def test_a_record_takes_nothing_that_was_too_old_when_it_began() -> None:
    book = Book().tick(START + 5 * DAY)
    late(book, scan("揽收", START + 5 * DAY), order(START + 2 * DAY), scan("签收", START + 2 * DAY - 1))
    assert book.refused() == ["time_too_old"]
    book.tick(START + 12 * DAY)
    late(book, order(START + 2 * DAY, id="order-2"), weight("网点秤", 900, START + 2 * DAY - 1))
    assert book.refused() == ["time_too_old"] * 2
    assert len(book.rows["event"]) == 3


def test_a_waybill_that_comes_back_takes_no_repeat_of_its_former_life() -> None:
    """The former life was forgotten: whatever it had taken must be refused, or it would be booked twice."""
    story = events_of(WHOLE)
    book = Book().take(*story).tick(START + 6 * DAY)
    late(book, scan("发件", START + 6 * DAY, id="return"))
    late(book, *story)
    assert set(book.refused()) == {"time_too_old"}
    assert len(book.rows["charge"]) == 5


@pytest.mark.parametrize("freed", [False, True])
def test_a_parcel_that_is_over_takes_no_repeat_whether_its_memory_is_freed_or_not(freed: bool) -> None:
    story = events_of(WHOLE)
    book = Book().take(*story).tick(START + 5 * DAY)
    if freed:
        forget(book)
    late(book, *story)
    assert set(book.refused()) == {"time_too_old"}
    assert (len(book.rows["event"]), len(book.rows["charge"])) == (8, 5)


FACTS = [
    *events_of(WHOLE),
    order(START + 5 * DAY, id="order-2", destination="YLE"),
    scan("签收", START + 5 * DAY, id="signed-2"),
    scan("到件", START + 9 * DAY, id="arrived-2"),
    weight("分拨秤", 3_100, START + 40 * DAY),
]


@examples(75)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(FACTS),
            st.sampled_from((HOUR, DAY, 3 * DAY, 4 * DAY, 30 * DAY)),
            st.sampled_from(("forget", "story")),
        ),
        max_size=40,
    )
)
def test_no_fact_is_ever_accepted_twice(steps: list[Event | int | str]) -> None:
    book, now = Book(), START
    for step in steps:
        if isinstance(step, int):
            now += step
            book.tick(now)
        elif step == "forget":
            forget(book)
        elif step == "story":
            late(book, *events_of(WHOLE))
        elif not isinstance(step, str):
            late(book, step)
    accepted = Counter(str(row["event_id"]) for row in book.rows["event"])
    assert all(times == 1 for times in accepted.values()), accepted


SOON = "订单0 揽收 分拨DWS2.5 签收"


@cache
def soon() -> Book:
    """The books of facts that come as they happen; only looked at."""
    return Book().take(*events_of(SOON))


@examples(30)
@given(st.permutations(events_of(SOON)), st.integers(1, 70))
def test_any_order_over_many_days_ends_in_the_same_books(story: list[Event], days: int) -> None:
    """The first fact comes in time, each other one days after the one before; none is finished without all."""
    book, now = Book(), START + 4 * HOUR
    book.tick(now)
    for event in story:
        late(book, event)
        now += days * DAY // 3
        book.tick(now)
    assert (book.refused(), book.waiting(), book.books()) == ([], {}, soon().books())


def test_limits_that_do_not_fit_together_are_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="oldest"):
        Lifecycle(3 * DAY, oldest=3 * DAY)


# A missing pick-up, and parcels that nothing more is heard of


def test_a_missing_pick_up_waits_and_ends_with_the_scan() -> None:
    book = Book().take(*events_of("订单 分拨DWS2.5 签收"))
    assert book.waiting() == {"waybill": "no_pickup"}
    book.tick(START + 8 * DAY)
    forget(book)
    late(book, scan("揽收", START + HOUR))
    assert book.waiting() == {}
    assert book.net("waybill") == 1


def given_up(story: str) -> Book:
    """A story of which nothing more is heard."""
    book = Book().take(*events_of(story))
    for day in (30, 60, 90):
        book.tick(START + day * DAY)
    return book


@pytest.mark.parametrize(
    ("story", "left"),
    [
        ("订单", {"waybill", "transit", "delivery"}),
        ("发件", {"waybill", "transit", "delivery"}),
        ("订单 揽收", {"transit", "delivery"}),
        ("订单 分拨DWS2.5 签收", {"waybill"}),
    ],
)
def test_an_unfinished_parcel_is_given_up_visibly(story: str, left: set[str]) -> None:
    book = given_up(story)
    assert "abandoned" not in book.waiting().values()
    book.tick(START + 92 * DAY)
    assert book.waiting() == dict.fromkeys(left, "abandoned")
    forget(book)
    assert WAYBILL not in book.lifecycle.ring.records
    assert not book.lifecycle.waiting
    rows = len(book.rows["waiting"])
    book.tick(START + 95 * DAY).tick(START + 120 * DAY)
    assert len(book.rows["waiting"]) == rows


def test_looking_at_what_waits_does_not_postpone_its_end() -> None:
    book = Book().take(*events_of("揽收 签收"))
    for week in range(1, 13):
        book.tick(START + 7 * week * DAY)
        cheaper = {**BOOK, "waybill.csv": f"product,price\n,{week}.00\n"}
        book.block((topics.CONTROL.name, tariff(cheaper)))
    assert set(book.waiting().values()) == {"no_order"}
    book.tick(START + 92 * DAY)
    assert set(book.waiting().values()) == {"abandoned"}


def test_a_parcel_that_a_deadline_finished_is_kept_for_its_repeats() -> None:
    book = Book().take(*events_of("订单2.5 揽收 签收")).tick(START + 2 * DAY)
    assert book.net("transit") > 0
    forget(book)
    book.tick(START + 5 * DAY)
    forget(book)
    assert WAYBILL in book.lifecycle.ring.records
    book.tick(START + 6 * DAY)
    forget(book)
    assert WAYBILL not in book.lifecycle.ring.records


def test_a_finished_parcel_is_not_given_up() -> None:
    book = given_up(WHOLE).tick(START + 92 * DAY)
    assert not [row for row in book.rows["waiting"] if row["reason"] in ("abandoned", b"abandoned")]


def test_what_is_given_up_stays_so_after_a_restart() -> None:
    book = given_up("订单").tick(START + 92 * DAY).restart()
    rows = len(book.rows["waiting"])
    book.tick(START + 95 * DAY)
    assert len(book.rows["waiting"]) == rows
    late(book, order())
    assert book.refused() == ["time_too_old"]


def test_who_is_given_up_comes_in_order_of_waybills() -> None:
    names = [f"YT{n}" for n in (7500000000009, 7500000000002, 7500000000005)]
    book = Book().take(*(order(id=f"o-{name}", waybill=name) for name in names))
    for day in (30, 60, 92):
        book.tick(START + day * DAY)
    found = [str(row["waybill"]).strip("b'") for row in book.rows["waiting"]]
    assert found == [name for name in sorted(names) for _ in range(3)]


# Ticks and letters that would poison a lane


def test_one_wrong_clock_makes_nothing_too_old() -> None:
    book = Book().tick(START + 400 * DAY).take(*events_of(WHOLE))
    assert book.refused() == ["time_in_future"]
    assert len(book.rows["charge"]) == 5
    assert book.lifecycle.ring.now < START + DAY


def test_after_a_long_pause_kafkas_clock_bears_a_tick_out() -> None:
    book = Book()
    assert book.tick(START + 35 * DAY).lifecycle.ring.now == START + 35 * DAY
    assert book.tick(START + 70 * DAY + 1).refused() == ["time_in_future"]
    book.kafka_time = START + 300 * DAY
    assert book.tick(START + 301 * DAY).lifecycle.ring.now == START + 301 * DAY


def test_time_may_begin_anywhere() -> None:
    book = Book()
    book.lifecycle.ring.now = 0
    assert book.tick(START + 900 * DAY).refused() == []


LETTER = DeadLetter(
    id="dl-1", time=START, reason="unknown_site", detail="", transport="mqtt", topic="t", raw=b"x"
)


@pytest.mark.parametrize(
    "changed",
    [
        {"offset": 2**70},
        {"offset": 2**63},
        {"offset": -2},
        {"partition": 2**40},
        {"partition": 2**31},
        {"id": WAYBILL},
        {"id": "dl-" + "x" * 62},
    ],
)
def test_a_poisonous_letter_is_refused_and_harms_nothing(changed: dict[str, object]) -> None:
    poison = msgspec.json.decode(msgspec.json.encode(LETTER)) | changed
    book = Book().take(*events_of("订单 揽收"))
    book.block(
        (topics.DEAD_LETTERS.name, msgspec.json.encode(poison) if "offset" not in changed else _with(poison))
    )
    book.take(*events_of("网点秤2.5@2 签收@3"))
    assert book.refused() in (["wrong_type"], ["identifier_too_long"])
    assert book.net("delivery_paid") > 0
    assert book.waiting() == {}


def _with(poison: dict[str, object]) -> bytes:
    """As JSON, whatever size its numbers have."""
    offset = poison.pop("offset")
    return msgspec.json.encode(poison)[:-1] + f',"offset":{offset}}}'.encode()


def test_a_note_of_a_replay_that_names_a_waybill_is_refused() -> None:
    for changed in ({"id": WAYBILL}, {"dead_letter": WAYBILL}):
        note = DeadLetterReplayed(id="dl-r", time=START, dead_letter="dl-1")
        book = Book().block((topics.DEAD_LETTERS.name, msgspec.structs.replace(note, **changed)))
        assert book.refused() == ["wrong_type"]


def test_letters_at_the_bounds_are_kept() -> None:
    high = msgspec.structs.replace(LETTER, partition=2**31 - 1, offset=2**62 - 1)
    book = Book().block((topics.DEAD_LETTERS.name, high))
    row = book.rows["dead_letter"][0]
    assert (row["partition"], row["offset"]) == (2**31 - 1, 2**62 - 1)


def test_a_tick_is_a_tick_only_on_its_topic() -> None:
    book = Book().block((topics.CONTROL.name, Tick(id="t", time=START + DAY)))
    assert book.refused() == ["unknown_type"]
