"""Closes for people to read: a case's steps, as `tests/scenarios/closes.csv` writes them, and what comes of them.

Steps are separated by `；`, days are of November 2025, what happens happens at noon:

单 FR-1 100.00               a receivable, told on the 8th; again: amended
款 A1 11 100.00 FR-1 费0.60    a payment on the 11th with its order and fee; 退 R1 12 5.00 A1: a refund
费 F1 11 0.60                a fee that only a bill will tell, of a trade that nobody knows; 外 X1 11 6.00: dollars
账单 11 A1 A2 费0.10           the day's bill with these payments and refunds, and other fees; 资金账单: of movements;
                             残账单: a later one of which the first line has not come
到 13                         it is four o'clock on the 13th
日结 11 张三 列明A2 列明账单12     a close, naming what is open of a payment, or that a bill has not come
试结 日结 11 张三 列明A2         what would become of such a close; likewise of 周结 and 月结
周结, 月结                     the same with the first day of the week or month
认可 A1, 认可 账单11            what people are asked about a payment, or a day's bill, is accepted as it is
反结 1 李四                    the first command is undone
重启                          the lane starts again
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from schemas.money import parse_yuan
from schemas.payments import (
    BillLine,
    CloseAsked,
    Named,
    PaymentRulesPublished,
    PreviewAsked,
    ReopenAsked,
    Sort,
)
from schemas.reasons import CLOSE
from schemas.times import DAY, HOUR
from tests.bills.lane import MERCHANT, parts, with_bills
from tests.channels.world import NOON
from tests.payments.world import CHANNEL, GROUP, Books, decided, due, key, paid, refunded

AGREED = {
    "交易": 'sorts = ["trade"]',
    "资金": 'sorts = ["fund"]\nnotified = false',
    "都有": 'sorts = ["trade", "fund"]',
}
PERIODS = {"日结": "day", "周结": "week", "月结": "month"}
STATUSES = {"closed": "结清", "ready": "可结", "reopened": "反结"}
TO_NEXT_MONTH = timedelta(days=31)


def day(text: str) -> date:
    """A day of November 2025."""
    return date(2025, 11, 1) + timedelta(days=int(text) - 1)


def noon(text: str) -> int:
    """Its noon in Shanghai."""
    return NOON + (int(text) - 11) * DAY


def close(
    number: str,
    first: date,
    by: str = "张三",
    period: str = "day",
    *names: Named,
    asks: type[CloseAsked] = CloseAsked,
    **facts: Any,
) -> CloseAsked:
    """A command to close what begins on a day, or to tell what that would do."""
    last = {
        "day": first,
        "week": first + timedelta(days=6),
        "month": (first + TO_NEXT_MONTH).replace(day=1) - timedelta(days=1),
    }[period]
    usual = {"group": GROUP, "channel": CHANNEL, "merchant": MERCHANT}
    said: dict[str, Any] = {**usual, "id": number, "first": first, "last": last, "by": by, **facts}
    return asks(period=period, named=names, **said)  # type: ignore[arg-type]


def reopen(number: str, of: str, by: str, time: int) -> ReopenAsked:
    """A command to undo a close."""
    return ReopenAsked(
        id=number, time=time, group=GROUP, channel=CHANNEL, merchant=MERCHANT, of=of, by=by, reason="更正"
    )


class Case:
    """A case as far as it has gone."""

    def __init__(self, bills: str, books: Callable[[PaymentRulesPublished | None], Books] = Books) -> None:
        self.books = books(with_bills(AGREED[bills]) if bills else None)
        self.now = NOON
        self.commands = self.words = 0
        self._lines: dict[str, BillLine] = {}
        self._steps: dict[str, Callable[..., None]] = {
            "单": self._due,
            "款": self._paid,
            "退": self._refunded,
            "费": self._fee,
            "外": self._foreign,
            "账单": self._bill,
            "资金账单": self._funds,
            "残账单": self._lacking,
            "到": self._until,
            "认可": self._accept,
            "反结": self._reopen,
            "重启": self._restart,
        }

    def play(self, steps: str) -> "Case":
        """All steps."""
        for step in filter(None, (one.strip() for one in steps.split("；"))):
            what, *words = step.split()
            if what == "试结":
                self._close(PERIODS[words[0]], *words[1:], asks=PreviewAsked)
            elif what in PERIODS:
                self._close(PERIODS[what], *words)
            else:
                self._steps[what](*words)
        assert self.books.rows["dead_letter"] == []
        return self

    def _due(self, document: str, amount: str) -> None:
        self.words += 1
        self.books.take(due(document, amount, id=f"W{self.words}", time=noon("8") + self.words))

    def _paid(self, number: str, on: str, amount: str, *words: str) -> None:
        fee = next((parse_yuan(word[1:]) for word in words if word.startswith("费")), 0)
        order = next((word for word in words if not word.startswith("费")), "")
        self._lines[number] = BillLine("payment", number, order, "", parse_yuan(amount), fee, noon(on))
        self._not_before(noon(on))
        self.books.take(paid(number, amount, order, time=noon(on), fee_e4=fee))

    def _refunded(self, number: str, on: str, amount: str, original: str) -> None:
        units = parse_yuan(amount)
        self._lines[number] = BillLine("refund", number, "", original, units, 0, noon(on), "out")
        self._not_before(noon(on))
        self.books.take(refunded(number, amount, original, time=noon(on)))

    def _fee(self, number: str, on: str, amount: str) -> None:
        self._lines[number] = BillLine("payment", number, "", "", 0, parse_yuan(amount), noon(on))

    def _foreign(self, number: str, on: str, amount: str) -> None:
        usual = BillLine("payment", number, "", "", parse_yuan(amount), 0, noon(on))
        self._lines[number] = msgspec.structs.replace(usual, currency="USD")

    def _bill(self, on: str, *words: str, sort: Sort = "trade") -> None:
        lines = [self._lines[word] for word in words if word in self._lines]
        for fee in (parse_yuan(word[1:]) for word in words if word.startswith("费")):
            lines = [msgspec.structs.replace(one, fee_e4=fee) for one in lines]
        self.books.take(*parts(day(on), *lines, sort=sort))

    def _lacking(self, on: str, *words: str) -> None:
        _, *rest = parts(day(on), *(self._lines[word] for word in words), size=1, corrects=1)
        self.books.take(*rest)

    def _funds(self, on: str, *words: str) -> None:
        self._bill(on, *words, sort="fund")

    def _until(self, on: str) -> None:
        self._not_before(noon(on) - 8 * HOUR)

    def _not_before(self, time: int) -> None:
        if time > self.now:
            self.now = time
            self.books.until(time)

    def _restart(self) -> None:
        self.books.restart()

    def _close(self, period: str, on: str, by: str, *names: str, asks: type[CloseAsked] = CloseAsked) -> None:
        self.commands += 1
        named = [one for name in names for one in self._named(name.removeprefix("列明"))]
        number = f"C{self.commands}"
        self.books.take(close(number, day(on), by, period, *named, asks=asks, time=self.now))

    def _named(self, name: str) -> list[Named]:
        if name.startswith("账单"):
            on = day(name.removeprefix("账单"))
            return [Named(f"bill/{sort}/{on}", "节假日无账单") for sort in ("trade", "fund")]
        about = {key(name), key(name, "refund")}
        rows = self.books.rows["payment_exception"]
        return [Named(row["exception_id"], "客户未确认") for row in rows if row["subject"] in about]

    def _accept(self, name: str) -> None:
        bill = f"{CHANNEL}/{MERCHANT}/trade/{day(name.removeprefix('账单'))}" if "账单" in name else ""
        rows = [row for row in self.books.rows["payment_exception"] if row["subject"] == (bill or key(name))]
        for number, amount in {row["exception_id"]: row["amount"] for row in rows}.items():
            said = {"exception": number, "amount_e4": int(amount.scaleb(4)), "time": self.now}
            self.books.take(decided("accept", f"K-{number}", **said))

    def _reopen(self, of: str, by: str) -> None:
        self.commands += 1
        self.books.take(reopen(f"C{self.commands}", f"C{of}", by, self.now))

    # What came of it

    def results(self) -> str:
        """What became of each command, in order."""
        return "；".join(
            STATUSES.get(row["status"]) or f"拒绝：{self._lacks(row)}" for row in self.books.rows["close"]
        )

    def _lacks(self, row: dict[str, Any]) -> str:
        found = dict.fromkeys(CLOSE[lack["what"]] for lack in msgspec.json.decode(row["lacks"]))
        return "、".join(found)

    def figures(self) -> str:
        """Those of the newest close that was made or could be; zeros are left out."""
        made = (row for row in reversed(self.books.rows["close"]) if row["status"] in ("closed", "ready"))
        row = next(made, None)
        if row is None:
            return ""
        names = {
            "received": "收款",
            "refunded": "退款",
            "paid_out": "付款",
            "fees": "手续费",
            "matched": "核销",
            "matched_out": "退款核销",
            "billed": "账单",
            "billed_refunds": "账单退款",
            "suspense": "待核销",
        }
        told = [f"{label}{row[name]:.2f}" for name, label in names.items() if row[name]]
        return " ".join(told + [f"未了{row['open_count']}项"] * bool(row["open_count"]))

    def elsewhere(self) -> str:
        """What was not booked on its own day: 收款 or 核销, the amount, the day and the one it was booked on."""
        found: dict[str, Decimal] = {}
        labels = {
            "payment_in": "收款",
            "payment_out": "退款",
            "channel_fee": "手续费",
            "receivable_paid": "核销",
        }
        for row in self.books.rows["journal"]:
            own = (row["event_time"] + timedelta(hours=8)).date()
            if own != row["business_date"] and row["side"] == "D":
                label = labels.get(row["fee"], row["fee"])
                what = f"{label}{own.day}→{row['business_date'].day}"
                found[what] = found.get(what, Decimal(0)) + row["amount"]
        return " ".join(f"{what} {amount:.2f}" for what, amount in sorted(found.items()))
