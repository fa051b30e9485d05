"""Statements of account, balances, trial balance and ledgers as text for the terminal."""

from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards import accounts
from dashboards.claims import claims
from dashboards.queries import Row
from dashboards.words import (
    ACCOUNTS,
    LAST_DAY,
    MONEY,
    NOTICES,
    body,
    fee,
    handover,
    movement,
    shanghai,
    span,
    until,
)
from dashboards.words import yuan as _yuan
from deploy.terminal import table
from schemas.parties import HQ

NOTHING_SEEN = "没有双方均可见的往来 nothing between the two that both may see"
EPOCH = datetime(1970, 1, 1)
_table = partial(table, indent=2)


def balance(client: Client, party: str, at: datetime | None = None, reader: str = "") -> str:
    """A party's accounts, holds and terms at a moment (UTC), or as they are now; empty: nobody knows it.

    `reader`: who looks; empty: headquarters. Raises LookupError for one who may not see it.
    """
    accounts.require_reader(client, reader, party)
    moment = accounts.LATEST if at is None else (at - EPOCH) // timedelta(milliseconds=1)
    found = accounts.balance(client, party, moment)
    if found is None:
        return ""
    lines = [(ACCOUNTS[name], _yuan(found.accounts[name])) for name in accounts.VIRTUAL]
    lines += [
        ("冻结 held", _yuan(found.held)),
        ("授信额度 credit limit", _yuan(found.limit)),
        ("可用 available", _yuan(found.available)),
    ]
    when = "最新 latest" if at is None else f"截至 as of {shanghai(at)}"
    gone = [f"! {handover(row)}" for row in accounts.handed_over(client, party)]
    text = [f"{party}  {when}", *gone, *_table(lines, right=(1,))]
    holds = [(hold["hold"], MONEY[hold["purpose"]], _yuan(hold["left"])) for hold in found.holds]
    text += ["", "冻结明细 holds", *_table(holds, right=(2,))] if holds else []
    text += [f"! {NOTICES[notice['kind']]}" for notice in found.notices]
    return "\n".join(text)


def statement(client: Client, party: str, first: date, last: date, *, lines: bool, reader: str = "") -> str:
    """Opening balance, movements, closing balance; with `lines` what each comes from. Empty: unknown party.

    Of virtual accounts; of a party that has none, of what it is owed and owes. Raises LookupError for a `reader` who
    may not see it.
    """
    accounts.require_reader(client, reader, party)
    found = accounts.statement(client, party, first, last, causes=lines)
    if found is None:
        return _of_books(client, party, first, last, lines=lines)
    causes = {
        key: list(group)
        for key, group in groupby(found.causes, lambda row: (row["business_date"], row["fee"]))
    }
    shown: list[tuple[str, ...]] = [
        ("日期 date", "摘要 what", "现金 cash", "业务 business", "保证金 deposit", "余额 balance")
    ]
    running = sum(found.opening.values())
    shown.append(("", "期初 opening", *_three(found.opening), _yuan(running)))
    for day, group in groupby(found.movements, lambda row: row["business_date"]):
        told: set[str] = set()
        for row in group:
            running += row["cash"] + row["business"] + row["deposit"]
            shown.append((str(day), movement(row, found.asked), *_three(row), _yuan(running)))
            if lines and (asked := found.asked.get(row["command_id"])):
                shown.append(_asked(asked))
            if not row["command_id"] and row["fee"] not in told:
                told.add(row["fee"])
                shown += [_cause(cause) for cause in causes.get((day, row["fee"]), [])]
    shown.append(("", "期末 closing", *_three(found.closing), _yuan(sum(found.closing.values()))))
    return "\n".join((f"{party}  {span(first, last)}", *_table(shown, right=(2, 3, 4, 5))))


def _of_books(client: Client, party: str, first: date, last: date, *, lines: bool) -> str:
    """What others owe a party, less what it owes, before, day by day, and after; empty: no book knows it."""
    found = claims(client, party, first, last, causes=lines)
    if found is None:
        return ""
    causes = {key: list(group) for key, group in groupby(found.causes, _moved)}
    shown: list[tuple[str, ...]] = [
        ("日期 date", "摘要 what", "往来方 other", "增减 moved", "应收（负：应付） owed to it")
    ]
    running = found.opening
    shown.append(("", "期初 opening", "", "", _yuan(running)))
    for row in found.movements:
        running += row["amount"]
        day, what, other = _moved(row)
        shown.append((str(day), fee(what), other, _yuan(row["amount"]), _yuan(running)))
        shown += [_claimed(cause) for cause in causes.get((day, what, other), [])]
    shown.append(("", "期末 closing", "", "", _yuan(found.closing)))
    return "\n".join((f"{party}  {span(first, last)}", *_table(shown, right=(3, 4))))


def _moved(row: Row) -> tuple[date, str, str]:
    return row["business_date"], row["fee"], row["other"]


def trial_balance(client: Client, at: date, book: str, reader: str = "") -> tuple[str, bool]:
    """Every account's debits and credits, and whether they and the two sides' books agree. Raises LookupError.

    A `reader` who is a party sees its own book, and of others' what is between them and both may see: not all of an
    entry, so that only of whole books is it said whether they agree.
    """
    partly = reader not in ("", HQ, book)
    if book:
        accounts.require_book(client, book)
    rows = accounts.trial_balance(client, at, book, reader)
    debit, credit = sum(row["debit"] for row in rows), sum(row["credit"] for row in rows)
    shown = [("科目 account", "借方 debit", "贷方 credit", "余额 balance")]
    shown += [
        (
            f"{row['account']} {row['name']}",
            _yuan(row["debit"]),
            _yuan(row["credit"]),
            _side(row["debit"] - row["credit"]),
        )
        for row in rows
    ]
    shown.append(("合计 total", _yuan(debit), _yuan(credit), _side(debit - credit)))
    mirrored = [] if book or partly else accounts.mirror(client, at)
    wrong = [row for row in mirrored if row["in_hq_book"] != row["in_party_book"]]
    when = until(at) if at >= LAST_DAY else f"截至 up to {at}"
    text = [f"{book or '全部账册 all books'}  {when}", *_table(shown, right=(1, 2, 3))]
    if not (book or partly):
        text.append(f"镜像 mirror: {len(mirrored):,} 个主体 parties, {len(wrong)} 个不符 differ")
    text += [NOTHING_SEEN] if partly and not rows else []
    text += [
        f"  {row['party']}: 总部账 HQ {_yuan(row['in_hq_book'])}, 其账 its own {_yuan(row['in_party_book'])}"
        for row in wrong
    ]
    return "\n".join(text), partly or (debit == credit and not wrong)


def ledger(
    client: Client, book: str, account: str, first: date, last: date, limit: int, reader: str = ""
) -> str:
    """An account of a book, row by row with its balance. Raises LookupError for one that there is not, or that the
    reader may not see; of another's account a party sees what is between the two."""
    accounts.require_book(client, book, account)
    accounts.require_reader(client, reader, book, account)
    running, rows = accounts.ledger(client, book, account, first, last, limit, reader)
    shown = [
        ("日期 date", "费用 fee", "运单 waybill", "往来方 other", "借 debit", "贷 credit", "余额 balance")
    ]
    shown.append(("", "期初 opening", "", "", "", "", _side(running)))
    for row in rows:
        debit = row["side"] == "D"
        running += row["amount"] if debit else -row["amount"]
        amount = _yuan(row["amount"])
        sides = (amount, "") if debit else ("", amount)
        shown.append(
            (
                str(row["business_date"]),
                fee(row["fee"]),
                row["waybill"],
                row["counterparty"],
                *sides,
                _side(running),
            )
        )
    if not (rows or running) and reader not in ("", HQ, book):
        shown.append(("", NOTHING_SEEN, "", "", "", "", ""))
    more = [f"… 只列前 {limit:,} 行 only the first {limit:,} rows"] if len(rows) == limit else []
    return "\n".join([f"{book}  {account}  {span(first, last)}", *_table(shown, right=(4, 5, 6)), *more])


def _cause(row: Row) -> tuple[str, ...]:
    where = f"  {row['waybill']}  {row['charge'][:12].lower()}  {row['lane']}/{row['block']}"
    return "", where, "", "", "", f"({_yuan(row['gained'])})"


def _claimed(row: Row) -> tuple[str, ...]:
    charge = row["charge"][:12].lower() if row["charge"].strip("0") else ""
    where = "  ".join(filter(None, (f"  {row['waybill']}", charge, f"{row['lane']}/{row['block']}")))
    return "", where, "", f"({_yuan(row['gained'])})", ""


def _asked(row: Row) -> tuple[str, ...]:
    return "", f"  {row['actor']}  {shanghai(row['command_time'])}  {body(row['body'])}", "", "", "", ""


def _three(row: Row) -> tuple[str, str, str]:
    return _yuan(row["cash"]), _yuan(row["business"]), _yuan(row["deposit"])


def _side(amount: Any) -> str:
    """A balance as accountants write it: the side and a positive amount."""
    return "平 0.00" if not amount else f"{'借' if amount > 0 else '贷'} {_yuan(abs(amount))}"
