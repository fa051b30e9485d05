"""Closing days, weeks and months of a channel's merchant: what is refused, what is in them, what comes afterwards."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest

from flows.reconciliation.figures import COUNTED
from flows.reconciliation.posting import payment_rules
from flows.reconciliation.record import ClosingRecord
from schemas.payments import Named
from schemas.reasons import CLOSE
from schemas.times import DAY, HOUR, MINUTE
from tests.channels.world import NOON, world
from tests.channels.world import told as told_by
from tests.payments.closes import Case, close, reopen
from tests.payments.test_any_order import FACTS
from tests.payments.world import Books, due, key, paid
from tests.rating.material import scenarios

CASES = scenarios("closes.csv")
TODAY = date(2025, 11, 11)


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    found = Case(case["账单"]).play(case["经过"])
    assert found.results() == case["结果"]
    assert found.figures() == case["结账数"]
    assert found.elsewhere() == case["顺延"]


def test_every_reason_to_refuse_has_a_case() -> None:
    told = "".join(case["结果"] for case in CASES)
    assert {what for what, label in CLOSE.items() if label not in told} == {"too_long_ago"}


def test_every_posting_rule_that_moves_suspense_counts() -> None:
    rules, _ = payment_rules()
    moving = {name for name, rule in rules.rules.items() if any(leg.account == "2601" for leg in rule.legs)}
    assert moving | {"channel_fee"} == COUNTED


def journal(books: Books) -> dict[tuple[Any, ...], Decimal]:
    """Sums of the journal by business date, account and counterparty."""
    sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in books.rows["journal"]:
        signed = row["amount"] if row["side"] == "D" else -row["amount"]
        sums[row["business_date"], row["account"], row["counterparty"]] += signed
    return {what: amount for what, amount in sums.items() if amount}


def exceptions(books: Books) -> list[Named]:
    """All that is open, with a reason."""
    newest = {row["exception_id"]: row["status"] for row in books.rows["payment_exception"]}
    return [Named(number, "以后再查") for number, status in sorted(newest.items()) if status != "closed"]


AFTER = [
    paid("L1", "31.00", "FR-1008", time=NOON + 2 * HOUR),
    due("FR-1012", "20.00", time=NOON + 3 * MINUTE),
    paid("L2", "20.00", "FR-1012", time=NOON + 4 * MINUTE),
    due("FR-1001", "80.00", id="FR-1001-2", time=NOON + DAY + HOUR),
    due("FR-9999", "20.00", time=NOON + DAY),
    paid("L3", "9.00", "FR-1003", time=NOON + DAY + HOUR),
]
"""Facts of the closed day and of the next one, and some that change what was booked."""


Between = Callable[[Books], object]
"""What happens to books between two parts of their facts."""


def told(
    between: Between, before: list[Any], after: list[Any], blocks: int, r: random.Random | None = None
) -> Books:
    """Books of these facts, so many in a block, on the next day. `r`: now and then a lane starts again."""
    books = Books()
    for part in (before, after):
        for start in range(0, len(part), blocks):
            books.take(*part[start : start + blocks])
            if r is not None and r.random() < 0.2:
                books.restart()
        if part is before:
            between(books)
            books.until(NOON + DAY + HOUR)
    return books.until(NOON + 2 * DAY)


def disordered(between: Between, seed: int) -> Books:
    """Books of all facts in another order, some of them twice, in blocks of another length."""
    r = random.Random(seed)
    before = r.sample(FACTS, len(FACTS)) + r.sample(FACTS, 5)
    after = r.sample(AFTER, len(AFTER)) + r.sample(AFTER, 2) + r.sample(FACTS, 3)
    return told(between, before, after, r.choice([1, 2, 5, 100]), r)


def the_day_is_closed(books: Books) -> None:
    """The channel's, with all that is open named."""
    books.until(NOON + 30 * MINUTE).until(NOON + DAY)
    books.take(close("C1", TODAY, "张三", "day", *exceptions(books), time=NOON + DAY))
    assert books.rows["close"][-1]["status"] == "closed"


@cache
def as_told() -> Books:
    """The books of the facts in their own order; only looked at."""
    return told(the_day_is_closed, FACTS, AFTER, 100)


def closes(books: Books) -> list[dict[str, Any]]:
    """What became of closes, whichever blocks they came in."""
    return [
        {name: value for name, value in row.items() if name not in ("seq", "line", "offset")}
        for row in books.rows["close"]
    ]


@pytest.mark.parametrize("seed", range(12))
def test_the_order_of_facts_matters_neither_before_the_close_nor_after_it(seed: int) -> None:
    expected, found = as_told(), disordered(the_day_is_closed, seed)
    assert found.final() == expected.final()
    assert journal(found) == journal(expected)
    assert closes(found) == closes(expected)


def test_nothing_is_booked_on_a_closed_day() -> None:
    books = told(the_day_is_closed, FACTS, AFTER, 3)
    of_close = next(row["seq"] for row in books.rows["close"])
    late = [
        row for row in books.rows["journal"] if row["seq"] > of_close and row["fee"] not in ("receivable",)
    ]
    assert late
    assert {row["business_date"] for row in late} == {TODAY + timedelta(days=1)}
    late = [row for row in books.rows["payment_match"] if row["seq"] > of_close and row["payment"]]
    assert any(row["reversal"] for row in late)
    assert {row["business_date"] for row in late} == {TODAY + timedelta(days=1)}


def test_what_is_taken_back_is_taken_back_where_it_was_booked_or_later() -> None:
    """A match that was booked on the next day, because its own was closed, is taken back on that."""
    case = Case("").play(
        "到 12；日结 11 张三；单 FR-1 100.00；款 A1 11 100.00 FR-1；反结 1 李四；单 FR-1 90.00"
    )
    dates = [
        (row["business_date"].day, row["amount"])
        for row in case.books.rows["payment_match"]
        if row["what"] == "match"
    ]
    assert dates == [(12, 100), (12, -100), (11, 90)]


def test_a_command_is_taken_once_and_never_with_other_content() -> None:
    books = Books().until(NOON + DAY)
    asked = close("C1", TODAY, time=NOON + DAY)
    books.take(asked, asked).take(asked)
    assert len(books.rows["close"]) == 1
    books.take(close("C1", TODAY - timedelta(days=1), time=NOON + DAY))
    assert [row["reason"] for row in books.rows["dead_letter"]] == ["conflicting_duplicate"]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"merchant": "SHOP-8"}, "unknown_merchant"),
        ({"channel": "wechat", "merchant": "1900000109"}, "unknown_merchant"),
        ({"period": "week"}, "decision_refused"),
        ({"period": "month"}, "decision_refused"),
        ({"last": TODAY + timedelta(days=1)}, "decision_refused"),
        ({"time": NOON + 3 * DAY}, "time_in_future"),
    ],
)
def test_what_makes_no_sense_is_a_dead_letter(facts: dict[str, Any], reason: str) -> None:
    asked = msgspec.structs.replace(close("C1", TODAY, time=NOON + DAY), **facts)
    books = Books().until(NOON + DAY).take(asked)
    assert [row["reason"] for row in books.rows["dead_letter"]] == [reason]
    assert books.rows["close"] == []


def test_a_card_number_in_a_reason_reaches_no_table() -> None:
    books = Books().take(paid("A1", "7.00", "FR-9")).until(NOON + DAY)
    named = [Named(one.item, "卡号 4111 1111 1111 1111") for one in exceptions(books)]
    books.take(close("C1", TODAY, "张三", "day", *named, time=NOON + DAY, reason="4111111111111111"))
    (row,) = books.rows["close"]
    assert row["status"] == "closed"
    assert "4111" not in str(row)


def test_a_command_counts_from_the_next_block_on_and_for_its_merchant_alone() -> None:
    books = Books().take(due("FR-1", "5.00"), due("FR-2", "6.00"), due("FR-3", "7.00")).until(NOON + DAY)
    books.take(close("C1", TODAY, time=NOON + DAY), paid("A1", "5.00", "FR-1"))
    assert books.rows["close"][-1]["status"] == "closed"
    assert {row["business_date"] for row in books.rows["journal"]} == {TODAY}, "the same block comes before"
    till = told_by("till", "B1", amount_e4=70_000, order="FR-3")
    books.take(paid("A2", "6.00", "FR-2"), world().signer.notification(till, NOON))
    assert len(books.matches()) == 3
    booked = {row["waybill"]: row["business_date"].day for row in books.rows["journal"]}
    assert booked == {
        **dict.fromkeys(("FR-1", "FR-2", "FR-3", key("A1"), till.key), 11),
        key("A2"): 12,
    }


def test_closes_of_long_ago_cannot_be_undone_and_their_figures_leave() -> None:
    books, now = Books(), NOON
    for n in range(60):
        now = NOON + (10 * n + 1) * DAY
        day = TODAY + timedelta(days=10 * n)
        books.until(now).take(paid(f"A{n}", "7.00", "FR-9", time=now - DAY))
        books.take(close(f"C{n}", day, "张三", "day", *exceptions(books), time=now))
    assert {row["status"] for row in books.rows["close"]} == {"closed"}
    assert books.rows["close"][-1]["suspense"] == 420
    books.take(close("M1", date(2025, 12, 1), "张三", "month", time=now))
    assert [lack["what"] for lack in msgspec.json.decode(books.rows["close"][-1]["lacks"])] == [
        "too_long_ago"
    ]
    books.take(close("X", TODAY, channel="till", merchant="till-1", time=now))
    assert [lack["what"] for lack in msgspec.json.decode(books.rows["close"][-1]["lacks"])] == [
        "too_long_ago"
    ]
    books.take(reopen("R0", "C0", "李四", now), reopen("R59", "C59", "李四", now))
    assert [row["status"] for row in books.rows["close"][-2:]] == ["refused", "reopened"]
    records = books.restart().work.ring.records
    kept = [key for key, record in records.items() if key.startswith("f/") and not record.finished]
    (closing,) = [record for record in records.values() if isinstance(record, ClosingRecord)]
    assert 40 <= len(closing.standing) <= len(kept) < 45
