"""A close of days, weeks or months, all about it: figures, what was open and why, what stood against it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.payments import remarks as of_suspense
from dashboards.queries import Row, rows
from dashboards.terms import OPEN_SUM
from dashboards.words import shanghai
from flows.reconciliation.model import CURRENCY
from flows.reconciliation.output import Item, Lack
from schemas.money import yuan
from schemas.reasons import CLOSE, EXCEPTION

ONE = "SELECT *, toString(`group`) AS of_group FROM close WHERE close_id = {id:String} ORDER BY seq, line LIMIT 1"
UNDONE = """
SELECT by, event_time, reason, toString(status) AS state, close_id FROM close
WHERE of = {id:String} ORDER BY seq, line"""

PERIODS: dict[str, str] = {"day": "日结", "week": "周结", "month": "月结"}
WHAT = {"close": "结账 close", "preview": "试结 preview", "reopen": "反结账 reopen"}
STATUS = {
    "closed": "已结 closed",
    "ready": "可结 it would be closed",
    "reopened": "已反结 reopened",
    "refused": "被拒绝 refused",
}
WOULD_NOT = "不可结 it would be refused"
"""Of a preview that is refused."""
FIGURES: tuple[tuple[str, str, str], ...] = (
    ("billed", "账单应收", "billed"),
    ("received", "收款", "received"),
    ("billed_refunds", "账单退款", "refunds billed"),
    ("refunded", "退款", "refunds and chargebacks"),
    ("paid_out", "其他付款", "other money out"),
    ("billed_fees", "账单手续费", "fees billed"),
    ("fees", "手续费", "fees"),
    ("matched", "收款已核销", "money in that documents took"),
    ("matched_out", "付款已核销", "money out that documents took"),
    ("suspense", "期末待核销", "in suspense at the end"),
)
"""Amounts of a close, in the order in which people read them: what must be in, what is in."""
OPEN = ("未了事项", "open items")
COUNTS = {"billed": "billed_lines"}
"""Columns of their counts that are not called NAME_count."""
NO_COUNT = ("billed_refunds", "billed_fees", "suspense")


class Sum(NamedTuple):
    """So many open items, and their amounts (0.0001)."""

    number: int = 0
    units: int = 0


def found(client: Client, number: str) -> Row:
    """A command about a close, and what became of it. Raises LookupError."""
    known = rows(client, ONE, id=number)
    if not known:
        raise LookupError(f"there is no close {number}: waybook close list shows those that stand")
    return known[0]


def heading(row: Row) -> Iterator[str]:
    """What a command asked for, what became of it, what stands against it."""
    yield "  ".join(filter(None, (days_of(row), f"{row['channel']}/{row['merchant']}", row["of_group"])))
    asked = f"{row['by']}  {shanghai(row['event_time'])}  {row['reason']}".rstrip()
    yield f"{WHAT[row['what']]}  {status_of(row)}  {asked}"
    yield from against(row)


def status_of(row: Row) -> str:
    """What became of a command."""
    return WOULD_NOT if (row["what"], row["status"]) == ("preview", "refused") else STATUS[row["status"]]


def days_of(row: Row) -> str:
    """Of which days a command was; empty: of none, since the close that it was to undo does not stand."""
    return f"{PERIODS[row['period']]} {row['first']} .. {row['last']}" if row["period"] else ""


def is_close(row: Row) -> bool:
    """Whether a command closes, or tells what that would do, and so has figures; others undo a close."""
    return row["what"] in ("close", "preview")


def open_items(row: Row) -> Iterator[str]:
    """What was open and why."""
    return map(_item, items(row))


def remarks(*closed: Row) -> list[str]:
    """What is said of closes' figures."""
    said = of_suspense(row["suspense"] for row in closed)
    return [*said, " — ".join(OPEN_SUM)] if any(map(_counts_twice, closed)) else said


def _counts_twice(row: Row) -> bool:
    """Whether what is open comes to more than the money that it is about."""
    asked = items(row)
    return len({one.subject for one in asked}) < len(asked)


def undone(client: Client, number: str) -> Iterator[str]:
    """Who has undone a close, or asked for it."""
    for one in rows(client, UNDONE, id=number):
        yield (
            f"反结 reopen {one['close_id']}  {STATUS[one['state']]}  {one['by']}  {shanghai(one['event_time'])}  "
            f"{one['reason']}".rstrip()
        )


def figures(row: Row) -> list[tuple[str, str, str, str]]:
    """A close's figures: Chinese and English label, count, amount; of what is open a line for each currency."""
    of_row = [
        (
            chinese,
            english,
            "" if name in NO_COUNT else str(row[COUNTS.get(name, f"{name}_count")]),
            told(row[name]),
        )
        for name, chinese, english in FIGURES
    ]
    return [*of_row, *_open_figures(open_sums(row))]


def _open_figures(sums: Mapping[str, Sum]) -> Iterator[tuple[str, str, str, str]]:
    chinese, english = OPEN
    for currency, (number, units) in sums.items():
        of = "" if currency == CURRENCY else f" {currency}"
        yield f"{chinese}{of}", f"{english}{of}", str(number), yuan(units)


def open_sums(*closed: Row) -> dict[str, Sum]:
    """What is open in closes together, by currency, that of the ledger first."""
    found = {CURRENCY: Sum()}
    for item in sorted((item for row in closed for item in items(row)), key=lambda item: item.currency):
        number, units = found.get(item.currency, Sum())
        found[item.currency] = Sum(number + 1, units + item.amount_e4)
    return found


def foreign(*closed: Row) -> str:
    """What of it is in other currencies than that of the ledger: `EUR 5.00、USD 7.00`."""
    sums = open_sums(*closed).items()
    return "、".join(f"{currency} {yuan(of.units)}" for currency, of in sums if currency != CURRENCY)


def items(row: Row) -> list[Item]:
    """What was open at a close."""
    return msgspec.json.decode(row["items"], type=list[Item])


def lacks(row: Row) -> list[Lack]:
    """What stands against a command."""
    return msgspec.json.decode(row["lacks"], type=list[Lack])


def told(amount: Decimal) -> str:
    """An amount of the store for people."""
    return yuan(int(amount.scaleb(4)))


def kind_of(item: Item) -> str:
    """An open item's kind for people."""
    return EXCEPTION.get(item.kind, item.kind)


def _item(item: Item) -> str:
    reason = item.reason or "未列明 not named"
    amount = f"{yuan(item.amount_e4)} {item.currency}"
    return f"{item.item}  {kind_of(item)} {item.kind}  {item.subject}  {amount}  {reason}"


def against(row: Row) -> Iterator[str]:
    """What stands against a command, down to the items that have to be named."""
    open_ = {item.item: item for item in items(row)}
    for lack in lacks(row):
        what = _item(open_[lack.item]) if lack.item in open_ else lack.item
        yield f"{CLOSE.get(lack.what, lack.what)} {lack.what}: {what}"
