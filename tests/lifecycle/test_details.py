"""Details that a careless change would break: ties, what is restored, when a parcel is forgotten, marks of events."""

from decimal import Decimal

import pytest

from flows.fees.current import FEES
from flows.lifecycle.parcel import MARK, Parcel, over
from flows.lifecycle.process import _find
from flows.lifecycle.reasons import NO_ORDER, with_reason
from schemas.events import Event
from schemas.limits import AHEAD
from schemas.times import DAY, HOUR
from tests.lifecycle.world import START, WAYBILL, Book, events_of, order, scan, tariff, weight


def test_what_waits_is_known_after_a_restart() -> None:
    """A price that comes after a restart reaches what waited for it before."""
    book = Book(tariffs=()).take(*events_of("订单 揽收 分拨DWS2.5 签收")).restart()
    book.block(("waybook.control", tariff()))
    assert book.waiting() == {}
    assert book.net("waybill") == 1


def test_deadlines_are_kept_after_a_restart() -> None:
    book = Book().take(*events_of("订单2.5 揽收 签收")).restart()
    book.tick(START + 40 * HOUR)
    assert book.net("transit") == Decimal("5.2500")


def both(*events: Event) -> tuple[Book, Book]:
    """The same facts in both orders."""
    rest = events_of("订单0 揽收 签收")
    return Book().take(*rest, *events), Book().take(*rest, *reversed(events))


def causes(book: Book, fee: str) -> list[str]:
    """What the charge in force is due to."""
    return [str(row["cause"]) for row in book.rows["charge"] if row["fee"] in (fee, fee.encode())][-1:]


def test_terms_are_kept_as_the_order_says_them() -> None:
    """A redirect is a forward order with a related waybill; only prices call it by that name."""
    terms = {"related": "YT7500000000000", "cod_e4": 885_000, "pieces": 3, "promised_hours": 48}
    terms["services"] = ("upstairs", "evening", "upstairs")
    book = Book().take(order(START, **terms), order(START, id="order-2", direction="return", **terms))
    first, second = book.rows["order_terms"]
    assert [str(row["direction"]) for row in (first, second)] == ["forward", "return"]
    assert (first["cod"], first["pieces"], first["promised_hours"]) == (Decimal("88.5"), 3, 48)
    assert first["services"] == "evening|upstairs"
    kept = book.lifecycle.ring.records[WAYBILL].terms
    assert kept is not None
    assert kept.services == ("evening", "upstairs")


@pytest.mark.parametrize(("name", "fee"), [("揽收", "waybill"), ("签收", "delivery_paid")])
def test_of_scans_at_the_same_time_the_smaller_id_counts(name: str, fee: str) -> None:
    at = START - HOUR
    twins = [scan(name, at, id="scan-b"), scan(name, at, id="scan-a")]
    one = Book().take(order(START - 2 * HOUR), *twins)
    other = Book().take(order(START - 2 * HOUR), *reversed(twins))
    ring = [book.lifecycle.ring.records[WAYBILL] for book in (one, other)]
    assert {parcel.picked_id or parcel.signed_id for parcel in ring} == {"scan-a"}
    assert causes(other, fee) == ["scan-a"]


def test_of_orders_at_the_same_time_the_greater_id_counts() -> None:
    one = order(START, id="order-a", payment_e4=10_000)
    other = order(START, id="order-b", payment_e4=20_000)
    for events in ((one, other), (other, one)):
        book = Book().take(scan("揽收", START), *events)
        assert book.net("freight") == 2
        assert book.lifecycle.ring.records[WAYBILL].order_id == "order-b"


def test_of_weights_at_the_same_time_the_smaller_id_counts() -> None:
    at = START + HOUR
    for book in both(weight("分拨DWS", 9_000, at, id="w-b"), weight("分拨DWS", 2_500, at, id="w-a")):
        assert book.lifecycle.ring.records[WAYBILL].weight_id == "w-a"
        assert book.net("transit") == Decimal("5.2500")


def test_an_outlets_weight_counts_from_the_later_of_weighing_and_signing() -> None:
    """Its day is the business day of the later one, whichever that is."""
    before = Book().take(*events_of("订单0 揽收 网点秤2.5@2 签收@30"))
    after = Book().take(*events_of("订单0 揽收 签收@2 网点秤2.5@30"))
    for book, at in ((before, 30), (after, 30)):
        charge = next(row for row in book.rows["charge"] if row["fee"] in ("transit", b"transit"))
        assert charge["event_time"].timestamp() * 1000 == START + at * HOUR


def test_marks_are_found_only_at_their_places() -> None:
    """The bytes of a mark may lie across two others, or twice."""
    one, two = bytes(range(12)), bytes(range(12, 24))
    across = (one + two)[5:13]
    assert _find(one + two, across) == -1
    assert _find(one + two, two[:8]) == MARK
    assert _find(one + two, one[:8]) == 0
    assert _find(one + two + across + bytes(4), across) == 2 * MARK
    assert _find(b"", one[:8]) == -1


def test_an_event_of_the_near_future_is_recognised_as_long_as_it_could_be_accepted() -> None:
    """It may lie ahead of data time, so its repeat is young enough for that much longer."""
    ahead = [*events_of("订单0 揽收 分拨DWS2.5"), scan("签收", START + 2 * HOUR + AHEAD)]
    book = Book().tick(START + 2 * HOUR)
    for event in ahead:
        book.block(("waybook.devices", event))
    assert book.net("delivery_paid") > 0
    book.tick(START + 2 * HOUR + 3 * DAY + AHEAD)
    for _ in range(book.lifecycle.ring.size + 1):
        book.lifecycle.ring.segment(book.lifecycle.ring.epoch)
    book.block(("waybook.devices", ahead[-1]))
    assert (len(book.rows["event"]), book.refused()) == (4, [])


def test_a_finished_parcel_that_waits_again_is_not_over() -> None:
    parcel = Parcel(WAYBILL, 0, 0, START)
    parcel.done = FEES.finished
    is_over = over(3 * DAY, FEES.finished)
    assert not is_over(parcel, START + 3 * DAY)
    assert is_over(parcel, START + 3 * DAY + 1)
    parcel.waits = with_reason((), 0, NO_ORDER)
    assert not is_over(parcel, START + 300 * DAY)
    parcel.waits, parcel.done = (), FEES.finished & ~1 << 1
    assert not is_over(parcel, START + 300 * DAY)
