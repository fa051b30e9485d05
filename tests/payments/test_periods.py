"""Closed days of the books, in money: what accounts and payments book late for them stands on the first open day.

Steps of a case, separated by `；`; days are of November 2025, what happens happens at noon:

到 12                          it is four o'clock on the 12th
关账 11 张三                     the books are closed through the 11th; 反关账 10 李四: open again after the 10th;
                             预关账 13: closed by a clock that is ahead of the lanes'
充值 11 100                      a command of the 11th: 提现, 买, 冻结, 扣用 (of what is held), 缴保证金
单 FR-1 11 100                   a receivable; again: amended; 扣款单: deducted from the account, 充值单: paid into it
款 A1 11 100 FR-1 费0.60          a payment; 退 R1 11 30 A1: a refund
核减 FR-1 20                     part of a receivable is written off; 取消 FR-1
日结 11 张三                     the channel's day is closed
"""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest

from flows.lifecycle.periods import OPEN
from schemas.events import BooksClosed, BooksReopened
from schemas.money import parse_yuan
from schemas.times import DAY, HOUR
from tests.channels.world import NOON
from tests.lifecycle.world import text
from tests.payments.both import Both
from tests.payments.closes import close, day, noon
from tests.payments.test_any_order import FACTS
from tests.payments.test_closing import AFTER, TODAY, disordered, journal, told
from tests.payments.world import Books, cancelled, decided, due, paid, refunded, tick
from tests.rating.material import scenarios
from tests.wallet.world import PARTY, Bank, command

CASES = scenarios("money_periods.csv")
COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "充值": ("top_up", {}),
    "提现": ("withdraw", {}),
    "冻结": ("hold", {"purpose": "withdraw"}),
    "扣用": ("capture", {"hold": "冻结"}),
    "缴保证金": ("deposit_in", {}),
}
DUES: dict[str, dict[str, Any]] = {"单": {}, "扣款单": {"settle": "account"}, "充值单": {"kind": "topup"}}
LABELS = {
    "top_up": "充值",
    "withdraw": "提现",
    "purchase": "购买",
    "deposit_in": "保证金",
    "deduct": "扣款",
    "give_back": "退回",
    "receivable": "应收",
    "receivable_paid": "核销",
    "receivable_refunded": "退款核销",
    "receivable_written_off": "核减",
    "payment_in": "收款",
    "payment_out": "退款",
    "channel_fee": "手续费",
    "account_topped_up": "入账",
}


def closed(through: date, time: int, by: str = "张三") -> BooksClosed:
    """The books are closed through a day."""
    return BooksClosed(id=f"closed-{through}-{by}", time=time, through=through, by=by)


class Case:
    """A case as far as it has gone. `restarts`: all lanes start again after each step."""

    def __init__(self, both: Both | None = None, *, restarts: bool = False) -> None:
        self.both, self.now, self.restarts = both or Both(), NOON, restarts
        self.steps = 0

    def play(self, steps: str) -> "Case":
        """All steps."""
        for step in steps.split("；"):
            self.steps += 1
            what, *words = step.split()
            if what in COMMANDS or what == "买":
                self._command(what, *words)
            elif what in DUES:
                self._due(what, *words)
            else:
                self._others[what](self, *words)
            self.both.settle()
            if self.restarts:
                self.both.restart()
        for time in (HOUR, DAY):  # in which all is told
            self._pass(self.now + time)
        assert (
            self.both.bank.refused() == [text(r["reason"]) for r in self.both.books.rows["dead_letter"]] == []
        )
        return self

    def _until(self, on: str) -> None:
        self.now = noon(on) - 8 * HOUR
        self._pass(self.now)

    def _pass(self, time: int) -> None:
        self.both.bank.block(("waybook.ticks", 0, tick(time)))
        self.both.take(tick(time)).settle()

    def _close(self, on: str, by: str) -> None:
        self.both.publish(closed(day(on), self.now, by))

    def _close_ahead(self, on: str) -> None:
        self.both.publish(closed(day(on), noon(on) + DAY))

    def _reopen(self, on: str, by: str) -> None:
        self.both.publish(BooksReopened(id=f"re-{on}", time=self.now, through=day(on), by=by, reason="漏记"))

    def _command(self, what: str, on: str, amount: str) -> None:
        number = what if what == "冻结" else f"c{self.steps}"
        if what == "买":
            body: dict[str, Any] = {"item": "袋子", "quantity": 1, "unit_price_e4": parse_yuan(amount)}
            self.both.ask(command("purchase", number, at=noon(on), **body))
        else:
            name, more = COMMANDS[what]
            self.both.ask(command(name, number, at=noon(on), amount_e4=parse_yuan(amount), **more))

    def _due(self, what: str, document: str, on: str, amount: str) -> None:
        facts = {"id": f"W{self.steps}", "time": noon(on) + self.steps, "party": PARTY, **DUES[what]}
        self.both.take(due(document, amount, **facts))

    def _paid(self, number: str, on: str, amount: str, order: str, fee: str = "费0") -> None:
        self.both.take(paid(number, amount, order, time=noon(on), fee_e4=parse_yuan(fee[1:])))

    def _refunded(self, number: str, on: str, amount: str, original: str) -> None:
        self.both.take(refunded(number, amount, original, time=noon(on)))

    def _write_off(self, document: str, amount: str) -> None:
        units = parse_yuan(amount)
        self.both.take(
            decided("write_off", f"K{self.steps}", document=document, amount_e4=units, time=self.now)
        )

    def _cancel(self, document: str) -> None:
        self.both.take(cancelled(document, self.now + self.steps))

    def _close_channel(self, on: str, by: str) -> None:
        self.both.take(close(f"C{self.steps}", day(on), by, time=self.now))
        assert self.both.books.rows["close"][-1]["status"] == "closed"

    _others: dict[str, Callable[..., None]] = {  # noqa: RUF012
        "到": _until,
        "关账": _close,
        "预关账": _close_ahead,
        "反关账": _reopen,
        "款": _paid,
        "退": _refunded,
        "核减": _write_off,
        "取消": _cancel,
        "日结": _close_channel,
    }

    # What came of it

    def booked(self) -> str:
        """What stands in headquarters' book: the day that it is for, → the one that it is booked on, if another."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for row in self.rows("journal"):
            own, on = own_day(row["event_time"]).day, row["business_date"].day
            if text(row["side"]) == "D" and text(row["book"]) == "HQ":
                found[LABELS[text(row["fee"])] + (f"{own}→{on}" if on != own else f"{own}")] += row["amount"]
        return " ".join(f"{what} {amount:.2f}" for what, amount in sorted(found.items()) if amount)

    def moved(self) -> str:
        """What the party's accounts without its deposit have gained, by business date."""
        found: dict[int, Decimal] = defaultdict(Decimal)
        for row in self.both.bank.rows["account_movement"]:
            if text(row["account"]) != "deposit":
                found[row["business_date"].day] += row["amount"]
        return " ".join(f"{on}={amount:.2f}" for on, amount in sorted(found.items()) if amount)

    def available(self) -> str:
        """What the party may spend."""
        return f"{Decimal(self.both.bank.wallet().available) / 10_000:.2f}"

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows of both flows."""
        return [*self.both.bank.rows[table], *self.both.books.rows[table]]

    def as_for(self) -> dict[tuple[Any, ...], Decimal]:
        """What the journal comes to by the days that its rows are for."""
        found: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for row in self.rows("journal"):
            signed = row["amount"] if text(row["side"]) == "D" else -row["amount"]
            found[own_day(row["event_time"]), text(row["book"]), text(row["account"])] += signed
        return {what: amount for what, amount in found.items() if amount}


def own_day(time: datetime) -> date:
    """The Shanghai day of a time."""
    return (time.replace(tzinfo=None) + timedelta(hours=8)).date()


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
@pytest.mark.parametrize("restarts", [False, True])
def test_scenario(case: dict[str, str], restarts: bool) -> None:
    found = Case(restarts=restarts).play(case["经过"])
    assert found.booked() == case["记账"]
    assert found.moved() == case["流水"]
    assert found.available() == case["可用"]
    assert found.both.in_transit() == 0


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_closes_change_no_amount_and_no_answer(case: dict[str, str]) -> None:
    found = Case().play(case["经过"])
    whole = Case().play("；".join(step for step in case["经过"].split("；") if "关账" not in step))
    assert found.both.final() == whole.both.final()
    assert found.available() == whole.available()
    assert found.as_for() == whole.as_for()
    assert [one.accepted for one in found.both.bank.answers] == [
        one.accepted for one in whole.both.bank.answers
    ]


def the_books_are_closed(books: Books) -> None:
    """Through the day; told twice and with nonsense beside it."""
    event = closed(TODAY, NOON + DAY)
    books.until(NOON + DAY).take(event).take(event, closed(TODAY - timedelta(1), NOON + DAY))
    books.records([("waybook.control", b"{}"), ("waybook.control", b"")])
    elsewhere = msgspec.json.encode(closed(TODAY + timedelta(1), NOON + 2 * DAY))
    books.records([("waybook.ticks", elsewhere), ("waybook.dead-letters", elsewhere)])


@cache
def as_told() -> Books:
    """The books of the facts in their own order; only looked at."""
    return told(the_books_are_closed, FACTS, AFTER, 100)


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_facts_matters_neither_before_the_close_nor_after_it(seed: int) -> None:
    expected, found = as_told(), disordered(the_books_are_closed, seed)
    assert found.final() == expected.final()
    assert journal(found) == journal(expected)
    assert [row["event_id"] for row in found.rows["books_close"]] == [f"closed-{TODAY}-张三"]
    assert found.rows["dead_letter"] == []


@pytest.mark.parametrize("blocks", [1, 100])
def test_nothing_is_booked_on_a_closed_day(blocks: int) -> None:
    books = told(the_books_are_closed, FACTS, AFTER, blocks)
    since = books.rows["books_close"][0]["seq"]
    for table in ("journal", "payment_match"):
        late = [row["business_date"] for row in books.rows[table] if row["seq"] >= since]
        assert set(late) == {TODAY + timedelta(1)}, table


@pytest.mark.parametrize("seed", range(4))
def test_commands_in_any_order_keep_to_closed_days(seed: int) -> None:
    r = random.Random(seed)
    asked = [command("top_up", f"c{n}", at=NOON + n % 2 * DAY, amount_e4=100 * (n + 1)) for n in range(20)]
    bank, event = Bank(), closed(TODAY, NOON + DAY)
    bank.block(("waybook.ticks", 0, tick(NOON + DAY)), ("waybook.ticks", 0, event))
    at, order = r.randrange(20), r.sample(asked, 20)
    bank.take(*order[:at]).block(("waybook.control", 0, event)).take(*order[at:], *r.sample(asked, 3))
    early = [one.id for one in order[:at] if one.time == NOON]
    movements = {text(row["command_id"]): row["business_date"] for row in bank.rows["account_movement"]}
    assert movements == {one.id: TODAY + timedelta(one.id not in early) for one in asked}
    assert {row["business_date"] for row in bank.rows["journal"]} == set(movements.values())


def test_a_lane_that_knew_of_rules_alone_goes_on() -> None:
    known, fresh = Books().work, Books._work()
    for rules in (None, known.published):
        fresh.load_documents(msgspec.msgpack.encode(rules))
        assert (fresh.published, fresh.periods.through) == (rules, OPEN)
