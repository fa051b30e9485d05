"""From a signed notification to matches, statuses and entries, without Bytewax and Kafka."""

from decimal import Decimal

import msgspec

from schemas.times import DAY, MINUTE
from tests.channels.world import NOON
from tests.payments.world import Books, cancelled, decided, due, key, paid, refunded, rules, tick


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
    assert set(books.work.ring.records) == {"d/north/FR-2", "f/other/SHOP-7/20403"}, "and the day's figures"
    books.take(paid("A1", "100.00", "FR-1"))
    assert books.rows["dead_letter"][-1]["reason"] == "time_too_old"


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
    fresh = books._work()
    fresh.load_documents(waiting.save_documents())
    fresh.ring.found(segment)
    assert fresh.ring.restore()
    fresh.restored()
    books.work = fresh
    books.take(rules(), tick(NOON)).take(due("FR-1", "1.00"), paid("A1", "1.00", "FR-1"))
    assert books.status("FR-1")[0] == "paid"
