"""From a signed notification to matches, statuses and entries, without Bytewax and Kafka."""

from decimal import Decimal

import msgspec
import pytest
from xxhash import xxh3_64_intdigest

from flows.reconciliation.record import due_key
from schemas import topics
from schemas.events import Event
from schemas.money import yuan
from schemas.times import DAY, MINUTE, business_day, date_of
from tests.channels.test_believed import COMBINED
from tests.channels.world import NOON, TEXT, world
from tests.engine.reviving import revived
from tests.payments.world import GROUP, Books, cancelled, decided, due, key, paid, refunded, rules, tick


def test_a_payment_pays_its_order() -> None:
    books = Books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=6_000))
    assert books.matches() == {(key("A1"), "FR-1"): (Decimal("100"), "order_number")}
    assert books.status("FR-1") == ("paid", Decimal("100"), Decimal(0))
    assert [(one.serial, one.status, one.paid_e4) for one in books.statuses] == [(1, "paid", 1_000_000)]
    assert [(one.colour, one.amount_e4) for one in books.invoices] == [("blue", 1_000_000)]
    assert books.exceptions() == {}
    assert books.balances() == {
        ("HQ", "1815"): Decimal("99.4"),
        ("HQ", "6301"): Decimal("0.6"),
        ("HQ", "2602"): Decimal("-100"),
    }


def test_money_without_a_due_lies_in_suspense_until_its_due_comes() -> None:
    books = Books().take(paid("A1", "100.00", "FR-1")).until(NOON + 20 * MINUTE)
    assert books.balances() == {("HQ", "1815"): Decimal(100), ("HQ", "2601"): Decimal(-100)}
    assert books.exceptions() == {("unknown_payment", key("A1")): "opened"}
    books.take(due("FR-1", "100.00", time=NOON + 20 * MINUTE))
    assert books.status("FR-1")[0] == "paid"
    assert books.exceptions() == {}
    assert books.balances() == {("HQ", "1815"): Decimal(100), ("HQ", "2602"): Decimal(-100)}


def test_an_amended_due_takes_back_and_books_anew() -> None:
    books = Books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1"))
    books.take(due("FR-1", "120.00", id="FR-1-2", time=NOON))
    assert books.status("FR-1") == ("part_paid", Decimal("100"), Decimal(0))
    assert books.balances()["HQ", "1122"] == Decimal(20)
    assert sum(row["reversal"] for row in books.rows["payment_match"]) == 0
    books.take(due("FR-1", "80.00", id="FR-1-3", time=NOON + MINUTE))
    assert books.matches() == {(key("A1"), "FR-1"): (Decimal("80"), "order_number")}
    assert books.balances()["HQ", "2601"] == Decimal(-20)


def test_a_due_that_says_its_amount_twice_is_a_dead_letter() -> None:
    once = msgspec.json.encode(due("FR-1", "100"))
    books = Books()
    books.records([(topics.RECEIVABLES.name, once[:-1] + b',"amount_e4":100}')])
    assert [row["reason"] for row in books.rows["dead_letter"]] == ["name_twice"]
    assert books.rows["receivable"] == []


def test_a_due_has_whole_fen_as_far_as_its_currency_has() -> None:
    dinars = msgspec.json.encode(due("FR-2", "100.001", currency="KWD"))
    finer = dinars.replace(b"KWD", b"CNY").replace(b"FR-2", b"FR-1")
    books = Books()
    books.records([(topics.RECEIVABLES.name, finer), (topics.RECEIVABLES.name, dinars)])
    assert [row["reason"] for row in books.rows["dead_letter"]] == ["part_of_a_fen"]
    assert [row["document"] for row in books.rows["receivable"]] == ["FR-2"]


def test_repeats_change_nothing_and_conflicts_are_kept_aside() -> None:
    told, money = due("FR-1", "100.00"), paid("A1", "100.00", "FR-1")
    books = Books().take(told, money)
    before = len(books.rows["journal"])
    books.take(told, money)
    assert len(books.rows["journal"]) == before
    assert len(books.rows["payment"]) == 1
    assert len(books.rows["notification"]) == 1
    books.take(due("FR-1", "90.00"))
    assert [row["reason"] for row in books.rows["dead_letter"]] == ["conflicting_duplicate"]


def test_a_combined_order_is_several_payments_with_one_notification() -> None:
    """Each is matched by its own number and explained by the same notification; a repeat changes nothing."""
    told = world().notification(*COMBINED)
    dues = [
        due(one.order, yuan(one.amount_e4), group=one.group) for one in COMBINED if one.state == "success"
    ]
    books = Books().take(*dues, told)
    assert books.matches() == {
        (one.key, one.order): (Decimal(yuan(one.amount_e4)), "order_number") for one in COMBINED[:2]
    }
    for _ in range(2):
        assert [
            (row["notification_id"], row["payment"], row["payments"]) for row in books.rows["notification"]
        ] == [(told.id, one.key, 3) for one in COMBINED]
        assert {row["payment"]: row["cause"] for row in books.rows["payment"]} == dict.fromkeys(
            (one.key for one in COMBINED), told.id
        )
        books.take(told)
    assert books.rows["dead_letter"] == []


def test_a_combined_order_of_which_one_payment_cannot_be_taken_is_refused_whole() -> None:
    first, second, third = COMBINED
    books = Books().take(
        world().notification(first, msgspec.structs.replace(second, time=NOON - 100 * DAY), third)
    )
    assert [row["reason"] for row in books.rows["dead_letter"]] == ["time_too_old"]
    assert books.rows["payment"] == books.rows["notification"] == []


def test_what_is_not_signed_is_not_believed() -> None:
    books = Books().take(due("FR-1", "100.00"))
    forged = paid("A1", "100.00", "FR-1")
    books.take(msgspec.structs.replace(forged, body=forged.body.replace(b"10000", b"99900")))
    assert [row["reason"] for row in books.rows["dead_letter"]] == ["signature_wrong"]
    assert books.rows["payment"] == []
    assert books.status("FR-1")[0] == "open"
    raw = books.rows["dead_letter"][0]["raw"]
    assert b"A1" not in (raw if isinstance(raw, bytes) else raw.encode())


def test_a_payment_that_was_pending_counts_when_it_succeeds() -> None:
    books = Books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", state="pending"))
    assert books.matches() == {}
    books.take(paid("A1", "100.00", "FR-1"))
    assert books.status("FR-1")[0] == "paid"
    books.take(paid("A1", "100.00", "FR-1", state="failed"))
    assert books.status("FR-1")[0] == "paid"
    assert [row["state"] for row in books.rows["payment"]] == ["pending", "success"]


def test_two_tellings_of_one_payment_that_differ_are_an_exception() -> None:
    books = Books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1"))
    books.take(paid("A1", "101.00", "FR-1"))
    assert ("conflicting_states", key("A1")) in books.exceptions()


def test_records_that_are_finished_leave_and_their_indexes_too() -> None:
    books = Books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1"), due("FR-2", "100.00"))
    for day in range(1, 120):
        books.until(NOON + day * DAY)
    for _ in range(300):
        books.restart()
    left = {key for key in books.work.ring.records if not key.startswith("r/")}
    assert left == {"d/north/FR-2", "f/other/SHOP-7/20403"}, "and the day's figures"
    books.take(paid("A1", "100.00", "FR-1"))
    assert books.rows["dead_letter"][-1]["reason"] == "time_too_old"


def test_what_was_paid_too_much_leaves_when_it_has_gone_back() -> None:
    """With its document and the refund, matched or not."""
    books = Books().take(due("FR-1", "100.00"), paid("A1", "130.00", "FR-1"), paid("A2", "100.00", "FR-1"))
    books.take(refunded("R1", "30.00", "A1"), refunded("R2", "100.00", "A2"))
    books.take(paid("A3", "7.00"), refunded("R3", "7.00", "A3"))
    for days in (25, 50, 75, 100):
        books.until(NOON + days * DAY)
    for _ in range(257):
        books.restart()
    assert not [key for key in books.work.ring.records if not key.startswith(("r/", "f/"))]


def test_a_write_off_is_booked_when_it_is_decided() -> None:
    """An expense of the day on which somebody gave the money up, however old the document is."""
    late = NOON + 20 * DAY
    books = Books().take(due("FR-1", "10.00")).until(late)
    books.take(decided("write_off", "K1", document="FR-1", amount_e4=100_000, time=late))
    (row,) = (row for row in books.rows["payment_match"] if row["what"] == "write_off")
    assert row["business_date"] == date_of(business_day(late))
    days = {row["business_date"] for row in books.rows["journal"] if row["account"] == "6302"}
    assert days == {date_of(business_day(late))}


def test_what_is_written_off_whole_leaves_with_its_decision() -> None:
    """Though nothing was ever paid of it."""
    books = Books().take(due("FR-1", "10.00"), decided("write_off", "K1", document="FR-1", amount_e4=100_000))
    assert books.status("FR-1")[0] == "paid"
    for days in (25, 50, 75, 100):
        books.until(NOON + days * DAY)
    for _ in range(257):
        books.restart()
    assert not [key for key in books.work.ring.records if not key.startswith(("r/", "f/"))]


def test_what_is_known_of_dues_that_have_left_takes_little() -> None:
    """Not a record for each epoch, but one for each place of the ring; and all of it comes back."""
    books = Books()
    for number in range(300):
        books.take(due(f"FR-{number}", "1.00")).restart()
    registers = [key for key in books.work.ring.records if key.startswith("r/")]
    assert len(registers) == 256
    for number in (0, 43, 44, 299):
        assert xxh3_64_intdigest(due_key(GROUP, f"FR-{number}").encode()) in books.work.registered


@pytest.mark.parametrize("restarts", [0, 1])
def test_a_due_that_has_left_changes_no_more(restarts: int) -> None:
    """Its entries stand under their numbers: a word about it is kept aside, and the document is not booked anew."""
    books = Books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1"))
    books.restart()
    for days in (25, 50, 75, 100):
        books.until(NOON + days * DAY)
    for _ in range(restarts * 257):
        books.restart()
    before = {table: len(rows) for table, rows in books.rows.items()}
    books.take(due("FR-1", "120.00", id="FR-1-2", time=NOON + 100 * DAY))
    books.take(cancelled("FR-1", NOON + 100 * DAY))
    assert [row["reason"] for row in books.rows["dead_letter"]] == ["document_left"] * 2
    assert {table: len(rows) for table, rows in books.rows.items() if table != "dead_letter"} == before
    books.take(due("FR-2", "1.00", time=NOON + 100 * DAY))
    assert books.rows["receivable"][-1]["document"] == "FR-2"


def test_of_two_decisions_of_one_moment_the_one_with_the_later_id_counts() -> None:
    """In whichever order they come."""
    one = decided("write_off", "K1", document="FR-1", amount_e4=10_000)
    two = decided("write_off", "K2", document="FR-1", amount_e4=20_000)
    for order in ((one, two), (two, one)):
        books = Books().take(due("FR-1", "10.00")).take(order[0]).take(order[1])
        assert books.balances()["HQ", "1122"] == 8


def test_a_malformed_tick_is_kept_aside_by_others() -> None:
    """The parcel flow keeps it, in plain: here it is passed over, so that a replay has one letter and knows it."""
    books = Books()
    inputs = [(topics.TICKS.name, b'{"type":"tick","id":"t","time":"x"}'), (topics.TICKS.name, b"{")]
    books.records(inputs)
    assert books.rows["dead_letter"] == []


def test_a_notification_that_comes_again_under_other_rules_tells_nothing_new() -> None:
    books = Books().take(paid("A1", "100.00", "FR-1"))
    other = TEXT.replace(
        'amount = "fen"\nunit = "minor"\nfee = "fee"', 'amount = "fee"\nunit = "minor"\nfee = "fen"'
    )
    assert other != TEXT
    books.take(rules(channels=other)).take(paid("A1", "100.00", "FR-1"))
    assert [row["amount"] for row in books.rows["payment"]] == [100]


def test_a_restart_goes_on_where_it_was() -> None:
    events = [
        (due("FR-1", "100.00"), paid("A2", "30.00", "FR-2")),
        (paid("A1", "60.00", "FR-1"),),
        (tick(NOON + 20 * MINUTE),),
        (due("FR-2", "30.00"), paid("A3", "40.00", "FR-1")),
        (refunded("R1", "40.00", "A3", "FR-1"), cancelled("FR-2", NOON + MINUTE)),
    ]
    straight, broken = Books(), Books()
    for block in events:
        straight.take(*block)
        broken.take(*block).restart()
    assert straight.digests == broken.digests


CARD = "6222021001116245702"


def test_no_cards_number_reaches_a_table_wherever_people_write_it() -> None:
    books = Books().take(
        due("FR-9", "10.00", group=CARD),
        due(CARD, "10.00", references=(CARD, f"FR-2 {CARD}"), party=f"C {CARD}", text=CARD, id=f"e-{CARD}"),
        due(CARD, "10.00", references=(CARD,), id=f"e-{CARD}"),
        cancelled(CARD),
        paid("A1", "10.00", CARD, text=f"from {CARD}"),
        paid(CARD, "11.00", "FR-1"),
        decided("write_off", f"K-{CARD}", f"li {CARD}", document=CARD, amount_e4=100, reason=CARD),
        decided(
            "match", "K2", shares=[{"payment": key(CARD), "document": CARD, "amount_e4": 1}], exception=CARD
        ),
        decided("write_off", f"K3 {CARD}", document=CARD, amount_e4=10_000_000),
        decided("approve", "K4", of=CARD),
    )
    books.until(NOON + DAY)
    told = repr({table: rows for table, rows in books.rows.items() if table != "payment_rules"})
    assert "tok-" in told
    assert CARD not in told
    assert CARD not in repr((books.statuses, books.invoices))


def test_a_lane_that_is_killed_before_it_has_rules_begins_again() -> None:
    """Its first epoch may end before anything was published: then the recovery store has a ring and no documents."""
    books = Books()
    waiting = books._work()
    segment = waiting.ring.segment(waiting.ring.epoch)
    books.work = revived(books._work(), waiting.save_documents(), [segment])
    books.take(rules(), tick(NOON)).take(due("FR-1", "1.00"), paid("A1", "1.00", "FR-1"))
    assert books.status("FR-1")[0] == "paid"


@pytest.mark.parametrize(
    ("told", "left"), [((), 50), ((refunded("R1", "50.00", "A1"),), 0), ((cancelled("FR-1"),), 150)]
)
def test_more_than_a_document_asks_for_is_asked_about_when_people_matched_it(
    told: tuple[Event, ...], left: int
) -> None:
    share = {"payment": key("A1"), "document": "FR-1", "amount_e4": 1_500_000}
    books = (
        Books().take(due("FR-1", "100.00"), paid("A1", "150.00")).take(decided("match", "K1", shares=[share]))
    )
    books.take(*told)
    asked = [row["amount"] for row in books.rows["payment_exception"] if row["subject"] == "FR-1"]
    assert ("amount_over", "FR-1") in books.exceptions() if left else not books.exceptions()
    assert asked[-1] == (left or 50)
    assert left != 50 or books.status("FR-1")[0] == "over_paid"
    books.take(decided("withdraw", "K2", of="K1"))
    assert ("amount_over", "FR-1") not in books.exceptions()


@pytest.mark.parametrize(
    ("way", "direction", "told", "left"),
    [
        ("refund", "in", (), 50),
        ("refund", "in", (paid("A1", "40.00", "FR-1"),), 10),
        ("refund", "in", (paid("A1", "100.00", "FR-1"),), 0),
        ("payment", "out", (), 50),
    ],
)
def test_more_than_was_paid_is_asked_about_when_people_matched_that_it_went_back(
    way: str, direction: str, told: tuple[Event, ...], left: int
) -> None:
    """Or else the document would be owed for more than it asks for, and nobody would know."""
    money = refunded("B1", "50.00", "A9") if way == "refund" else paid("B1", "50.00")
    share = {"payment": key("B1", way), "document": "FR-1", "amount_e4": 500_000}
    books = Books().take(due("FR-1", "100.00", direction=direction), money, *told)
    books.take(decided("match", "K1", shares=[share])).restart()
    said = books.evidence().get(("refund_over", "FR-1"))
    assert (said[0] if said else 0) == left
    books.take(decided("withdraw", "K2", of="K1"))
    assert ("refund_over", "FR-1") not in books.exceptions()


def test_what_a_person_and_a_rule_say_of_one_document_is_one_voucher() -> None:
    """It is the rule's, and says how much of it is whose: nobody has decided all of it."""
    share = {"payment": key("A1"), "document": "FR-1", "amount_e4": 100_000}
    books = Books().take(due("FR-1", "40.00"), paid("A1", "30.00", "FR-1"))
    books.take(decided("match", "K1", shares=[share]))
    assert books.matches() == {(key("A1"), "FR-1"): (Decimal(30), "order_number")}
    evidence = books.rows["payment_match"][-1]["evidence"]
    assert evidence == "20.00 by order number FR-1; 10.00 by a person's decision"


def test_money_that_was_told_in_two_ways_is_asked_about_in_its_time() -> None:
    """That its tellings differ is another question."""
    books = Books().take(paid("A1", "30.00", "FR-9")).take(paid("A1", "31.00", "FR-9"))
    assert set(books.exceptions()) == {("conflicting_states", key("A1"))}
    books.until(NOON + DAY)
    assert set(books.exceptions()) == {("conflicting_states", key("A1")), ("unknown_payment", key("A1"))}
