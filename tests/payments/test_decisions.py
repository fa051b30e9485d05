"""Which decisions count: each row of `tests/scenarios/decisions.csv` comes to the same in any order.

Steps are separated by `；`, each is a minute after the one before, or so many after noon (`@9`):

单 FR-1 600                a receivable; 款 A1 600 FR-1: a payment, with its order; 另说 A1: told as another payer's
核销 K1 李 A1 FR-1 600      a decision to match; 核减 K1 李 FR-1 30: to write off; 退回 K1 李 A1 600: to give back
认可 K1 李 A1 60           the contradiction of the payment is accepted with this amount; 认可不明: that nobody knows it
暂缓 K1 李 A1              the contradiction sleeps
复核 王 K1, 撤回 王 K1       words about a decision
"""

import random
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from flows.reconciliation.record import DayRecord, DecisionRecord, payment_key
from schemas.events import Event
from schemas.money import parse_yuan
from schemas.payments import BillLine, PaymentDecided, Share, exception_id
from schemas.times import DAY, HOUR, MINUTE
from tests.bills.lane import not_believed, parts, with_bills
from tests.channels.world import NOON
from tests.payments.closes import close, reopen
from tests.payments.world import GROUP, Books, decided, due, key, paid, rules
from tests.rating.material import scenarios

CASES = scenarios("decisions.csv")
TODAY = date(2025, 11, 11)
DAYS_BILL = "other/SHOP-7/trade/2025-11-11"
MATCHING = """
patience = "10m"
work = 200000
most = 2000
[decisions]
write_off = "50.00"
four_eyes = "1000.00"
[[rule]]
name = "order_number"
label = "按订单号"
kind = "order_number"
documents = 20
payments = 6
prefer = ["fewest_payments"]
"""
"""No amount finds a document by itself: people do."""


def asked(number: str, kind: str = "conflicting_states") -> str:
    """The id of a payment's exception."""
    return exception_id(GROUP, kind, key(number))


def events(steps: str) -> list[Event]:
    """What a case tells."""
    found: list[Event] = []
    amounts: dict[str, str] = {}
    for n, step in enumerate(steps.split("；")):
        words, _, at = step.partition(" @")
        what, *of = words.split()
        time = NOON + int(at or n) * MINUTE
        match what, of:
            case "单", [document, amount]:
                found.append(due(document, amount))
            case "款", [number, amount, *order]:
                amounts[number] = amount
                found.append(paid(number, amount, *order, payer="someone"))
            case "另说", [number]:
                found.append(paid(number, amounts[number], payer="someone else", time=NOON + MINUTE))
            case (("复核" | "撤回"), [by, number]):
                word = "approve" if what == "复核" else "withdraw"
                found.append(decided(word, f"W{n}", by, of=number, time=time))
            case _, [number, by, *about]:
                found.append(decision(what, number, by, time, *about))
    return found


def decision(what: str, number: str, by: str, time: int, about: str, *more: str) -> PaymentDecided:
    """A person's decision."""
    amount = parse_yuan(more[-1]) if more else 0
    said: dict[str, tuple[str, dict[str, Any]]] = {
        "核销": ("match", {"shares": [{"payment": key(about), "document": more[0], "amount_e4": amount}]})
        if more
        else ("", {}),
        "核减": ("write_off", {"document": about, "amount_e4": amount}),
        "退回": ("refund", {"payment": key(about), "amount_e4": amount}),
        "认可": ("accept", {"exception": asked(about), "amount_e4": amount}),
        "认可不明": ("accept", {"exception": asked(about, "unknown_payment"), "amount_e4": amount}),
        "暂缓": ("ignore", {"exception": asked(about), "until": NOON + 9 * DAY}),
    }
    kind, facts = said[what]
    return decided(kind, number, by, time=time, **facts)


def states(books: Books) -> dict[str, str]:
    """What became of each decision."""
    return {row["event_id"]: row["state"] for row in books.rows["decision_state"]}


def play(told: list[Event], size: int, r: random.Random | None = None) -> Books:
    """Books after these events, so many to a block, and when all is told."""
    books = Books(rules(matching=MATCHING))
    for start in range(0, len(told), size):
        books.take(*told[start : start + size])
        if r is not None and r.random() < 0.3:
            books.restart()
    books.until(NOON + HOUR)
    assert books.rows["dead_letter"] == []
    return books


def shown(books: Books) -> str:
    """Documents and exceptions, as the table writes them."""
    documents = sorted({row["document"] for row in books.rows["receivable"]})
    found = [f"{document} {books.status(document)[0]}" for document in documents]
    for (kind, subject), status in sorted(books.exceptions().items()):
        found.append(f"{subject.removeprefix(key(''))} {kind} {status.replace('changed', 'opened')}")
    return "；".join(found)


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    told = events(case["经过"])
    for seed in range(6):
        r = random.Random(seed)
        order = r.sample(told, len(told)) + r.sample(told, 2) if seed else told
        books = play(order, r.choice([1, 2, 9]), r if seed else None)
        found = "；".join(f"{number} {state}" for number, state in sorted(states(books).items()))
        assert found == case["裁决"], order
        assert shown(books) == case["单据与例外"], order


def test_what_is_accepted_may_be_forgotten_with_its_decision() -> None:
    books = play(events("单 FR-1 60；款 A1 60 FR-1；另说 A1"), 9)
    record = books.work.ring.records[payment_key(key("A1"))]
    assert not record.finished
    books.take(decision("认可", "K1", "li", NOON + HOUR, "A1", "60"))
    made = next(one for one in books.work.ring.records.values() if isinstance(one, DecisionRecord))
    assert (record.finished, made.finished, made.at) == (True, True, record.at)
    books.take(decided("withdraw", "K2", of="K1", time=NOON + HOUR))
    assert (record.finished, made.finished) == (False, False)
    books.take(decision("认可", "K3", "li", NOON + HOUR, "A1", "60")).restart()
    for days in (30, 60, 80, 95):
        there = {key.partition("/")[0] for key in books.work.ring.records if books.work.ring.known(key)}
        assert there >= {"p", "d", "k"}
        books.until(NOON + days * DAY)
    there = {key.partition("/")[0] for key in books.work.ring.records if books.work.ring.known(key)}
    assert not there & {"p", "d", "k"}


def test_what_is_accepted_is_asked_again_with_another_amount() -> None:
    books = Books(with_bills('sorts = ["trade"]'))
    books.take(due("FR-1", "60.00"), paid("A1", "60.00", "FR-1")).until(NOON + DAY)

    def billed(amount: int, corrects: int) -> str:
        line = BillLine("payment", "A1", "FR-1", "", amount, 0, NOON)
        books.take(*parts(TODAY, line, corrects=corrects))
        return books.exceptions().get(("bill_amount", key("A1")), "")

    assert billed(610_000, 0) == "opened"
    number = asked("A1", "bill_amount")
    books.take(decided("accept", "K1", exception=number, amount_e4=10_000, time=NOON + DAY))
    assert books.exceptions() == {("bill_amount", key("A1")): "accepted"}
    assert billed(620_000, 1) == "opened"
    assert billed(610_000, 2) == "accepted"
    assert billed(600_000, 3) == ""
    assert billed(610_000, 4) == "accepted"


def test_a_day_whose_bill_was_accepted_closes_unnamed() -> None:
    books = Books(with_bills('sorts = ["trade"]'))
    books.take(due("FR-1", "60.00"), paid("A1", "60.00", "FR-1")).until(NOON + 4 * DAY)
    books.take(not_believed(TODAY))
    assert set(books.exceptions()) == {("bill_missing", DAYS_BILL), ("bill_refused", DAYS_BILL)}
    accepted = [
        decided("accept", f"K-{kind}", exception=exception_id(GROUP, kind, DAYS_BILL), time=NOON + 4 * DAY)
        for kind in ("bill_refused", "bill_missing")
    ]
    for n, one in enumerate(accepted):
        books.take(close(f"C{n}", TODAY, time=NOON + 4 * DAY)).take(one)
        assert books.rows["close"][-1]["status"] == "refused"
        made = [
            one for one in books.work.ring.records.values() if isinstance(one, DecisionRecord) and one.said
        ]
        assert [one.finished for one in made] == [bool(n)] * (n + 1), "they stay as long as the day"
    books.take(close("C2", TODAY, time=NOON + 4 * DAY))
    row = books.rows["close"][-1]
    assert (row["status"], row["open_count"]) == ("closed", 0)
    (day,) = [one for one in books.work.ring.records.values() if isinstance(one, DayRecord)]
    assert day.finished


@pytest.mark.parametrize("own_first", [True, False])
def test_a_match_told_for_another_group_has_matched_nothing(own_first: bool) -> None:
    books = Books().take(due("FR-1", "60.00"), paid("A1", "60.00"))
    shares = [{"payment": key("A1"), "document": "FR-1", "amount_e4": 600_000}]
    own = decided("match", "K1", shares=shares)
    astray = decided("match", "K2", group="another", shares=shares)
    for one in (own, astray) if own_first else (astray, own):
        books.take(one)
    assert books.until(NOON + DAY).status("FR-1")[0] == "paid"
    assert books.exceptions() == {("decision_idle", "K2"): "opened"}


def test_who_decides_alone_is_a_matter_of_the_newest_rules() -> None:
    books = play(events("单 FR-1 900；款 A1 900；核销 K1 李 A1 FR-1 900"), 9)
    assert (states(books), books.status("FR-1")[0]) == ({"K1": "in_force"}, "paid")
    books.take(rules(matching=MATCHING.replace("1000.00", "500.00")))
    assert (states(books), books.status("FR-1")[0]) == ({"K1": "waiting"}, "open")
    books.take(rules(matching=MATCHING))
    assert (states(books), books.status("FR-1")[0]) == ({"K1": "in_force"}, "paid")


def test_what_is_accepted_is_so_by_the_newest_rules() -> None:
    books = play(events("单 FR-1 900；款 A1 900 FR-1；另说 A1；认可 K1 李 A1 900"), 9)
    for alone, status in (("1000.00", "accepted"), ("500.00", "opened"), ("1000.00", "accepted")):
        books.take(rules(matching=MATCHING.replace("1000.00", alone)))
        assert books.exceptions() == {("conflicting_states", key("A1")): status}


def test_nobody_pays_a_part_of_a_fen() -> None:
    """Nor matches, gives back or writes off one; what is accepted may be finer: it is about what is there."""
    books = Books().take(due("FR-1", "60.00"), paid("A1", "60.00", "FR-9"))
    said: dict[str, dict[str, Any]] = {
        "match": {"shares": (Share(key("A1"), "FR-1", 10_000), Share(key("A1"), "FR-2", 10_050))},
        "write_off": {"document": "FR-1", "amount_e4": 50},
        "refund": {"payment": key("A1"), "amount_e4": 599_999},
    }
    for n, (what, facts) in enumerate(said.items()):
        books.take(decided(what, f"K{n}", **facts))
        letter = books.rows["dead_letter"][-1]
        text = f"{what} is about a part of a fen, which nobody can pay"
        assert (letter["reason"], letter["detail"]) == ("part_of_a_fen", text)
    books.take(decided("accept", "K9", exception=asked("A1"), amount_e4=60))
    assert [row["event_id"] for row in books.rows["payment_decision"]] == ["K9"]
    books.until(NOON + DAY).take(*parts(TODAY, BillLine("payment", "A2", "", "", 10_050, 0, NOON)))
    letter = books.rows["dead_letter"][-1]
    assert (letter["reason"], letter["detail"]) == ("part_of_a_fen", "a line's amount, which nobody can pay")


def test_what_needs_a_reason_is_refused_without_one() -> None:
    books = Books().take(due("FR-1", "60.00"))
    said: dict[str, dict[str, Any]] = {
        "write_off": {"document": "FR-1", "amount_e4": 10_000},
        "accept": {"exception": "ex-1", "amount_e4": 10_000},
        "withdraw": {"of": "K9"},
    }
    for n, (what, facts) in enumerate(said.items()):
        books.take(decided(what, f"K{n}", **facts, reason=" "))
        letter = books.rows["dead_letter"][-1]
        assert (letter["reason"], letter["detail"]) == ("reason_missing", f"{what} does not say why")
    assert books.rows["payment_decision"] == []
    books.until(NOON + DAY).take(close("C1", TODAY, time=NOON + DAY))
    undo = reopen("R1", "C1", "李四", NOON + DAY)
    books.take(replace(undo, reason=" "))
    letter = books.rows["dead_letter"][-1]
    assert (letter["reason"], letter["detail"]) == (
        "reason_missing",
        "a close is not undone without a reason",
    )
    books.take(undo)
    assert [row["status"] for row in books.rows["close"]] == ["closed", "reopened"]
