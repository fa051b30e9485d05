"""How payments are posted, as the auditor knows it, and what was published about who may decide what."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from deploy.audit.store import Row, Store
from schemas.parties import HQ

PARTY, CHANNEL, SUSPENSE = "party", "channel", "2601"
"""In whose book a leg is, besides headquarters'; the account of a payment's channel; what has found no document."""
IN_TRANSIT = "1816"
"""What is deducted from virtual accounts passes through it."""
CLEARING = {"wechat": "1811", "alipay": "1812", "unionpay": "1813", "bank": "1814", "account": IN_TRANSIT}
ELSEWHERE = "1815"
"""The account of channels that have none of their own."""

Leg = tuple[str, str, str]
"""Book, account, side."""
LEGS: Mapping[str, tuple[Leg, ...]] = {
    "payment_in": ((HQ, CHANNEL, "D"), (HQ, SUSPENSE, "C")),
    "payment_out": ((HQ, SUSPENSE, "D"), (HQ, CHANNEL, "C")),
    "channel_fee": ((HQ, "6301", "D"), (HQ, CHANNEL, "C")),
    "receivable": ((HQ, "1122", "D"), (HQ, "2602", "C")),
    "payable": ((HQ, "2602", "D"), (HQ, "2303", "C")),
    "receivable_paid": ((HQ, SUSPENSE, "D"), (HQ, "1122", "C")),
    "receivable_refunded": ((HQ, "1122", "D"), (HQ, SUSPENSE, "C")),
    "payable_paid": ((HQ, "2303", "D"), (HQ, SUSPENSE, "C")),
    "payable_refunded": ((HQ, SUSPENSE, "D"), (HQ, "2303", "C")),
    "receivable_written_off": ((HQ, "6302", "D"), (HQ, "1122", "C")),
    "payable_written_off": ((HQ, "2303", "D"), (HQ, "6302", "C")),
    "difference_kept": ((HQ, SUSPENSE, "D"), (HQ, "6302", "C")),
    "difference_paid": ((HQ, "6302", "D"), (HQ, SUSPENSE, "C")),
    "payout_sent": ((HQ, "1817", "D"), (HQ, SUSPENSE, "C")),
    "payout_arrived": ((HQ, SUSPENSE, "D"), (HQ, "1817", "C")),
    "payout_returned": ((HQ, SUSPENSE, "D"), (HQ, "1817", "C")),
    "payout_lost": ((HQ, "6303", "D"), (HQ, "1817", "C")),
    "refund_owed": ((HQ, "1221", "D"), (HQ, SUSPENSE, "C")),
    "refund_recovered": ((HQ, SUSPENSE, "D"), (HQ, "1221", "C")),
    "refund_lost": ((HQ, "6303", "D"), (HQ, "1221", "C")),
    "deposit_sent": ((HQ, "1817", "D"), (HQ, SUSPENSE, "C")),
    "deposit_arrived": ((HQ, SUSPENSE, "D"), (HQ, "1817", "C")),
    "channel_short": ((HQ, "6303", "D"), (HQ, CHANNEL, "C")),
    "channel_over": ((HQ, CHANNEL, "D"), (HQ, "6303", "C")),
    "money_kept": ((HQ, SUSPENSE, "D"), (HQ, "6303", "C")),
    "account_topped_up": (
        *((PARTY, "1201", "D"), (PARTY, "1801", "C")),
        *((HQ, SUSPENSE, "D"), (HQ, "2401", "C")),
    ),
    "account_paid_out": (
        *((HQ, "2401", "D"), (HQ, SUSPENSE, "C")),
        *((PARTY, "1801", "D"), (PARTY, "1201", "C")),
    ),
}
RECEIPTS = ("payment_in", "payment_out", "channel_fee")
DUES = ("receivable", "payable")
MATCHES = tuple(name for name in LEGS if name not in (*RECEIPTS, *DUES))
"""Posting rules of rows of the table of matches."""
OWN = "CNY"
"""What is in another currency is not posted."""
VIRTUAL = ("topup", "statement")
"""Dues that a virtual account is paid by: no receivables of their own."""

Line = tuple[str, str, str, int, str, int, int]
"""Book, account, side, units, counterparty, time, business day."""


def lines(rule: str, party: str, units: int, time: int, day: int) -> Iterator[Line]:
    """What an entry comes to in the journal."""
    for book, account, side in LEGS[rule] if units else ():
        of = CLEARING.get(party.partition("/")[0], ELSEWHERE) if account == CHANNEL else account
        owner, other = (HQ, party) if book == HQ else (party, HQ)
        yield owner, of, side, units, other, time, day


def posting_of(what: str, kind: str, due: str, money: str, units: int) -> str:
    """The posting rule of a row of the table of matches; `due` and `money`: which way they go."""
    virtual = kind in VIRTUAL
    if what == "write_off" or (what == "difference" and units < 0):
        return "" if virtual else {"in": "receivable_written_off", "out": "payable_written_off"}[due]
    if what == "difference":
        return {"in": "difference_kept", "out": "difference_paid"}[money]
    if virtual:
        return {"in": "account_topped_up", "out": "account_paid_out"}[money]
    same, back = {
        "in": ("receivable_paid", "receivable_refunded"),
        "out": ("payable_paid", "payable_refunded"),
    }[due]
    return same if due == money else back


def account_of(account: str, party: str) -> str:
    """SQL: the account of a leg, where it is the channel's by the party's channel."""
    channel = f"substring({party}, 1, position({party}, '/') - 1)"
    accounts = f"transform({channel}, {[*CLEARING]}, {[*CLEARING.values()]}, '{ELSEWHERE}')"
    return f"if({account} = '{CHANNEL}', {accounts}, {account})"


def as_values() -> str:
    """The legs of matches as a table in SQL: fee, of, account, side."""
    rows = [
        f"('{rule}', '{of}', '{account}', '{side}')" for rule in MATCHES for of, account, side in LEGS[rule]
    ]
    return f"values('fee String, of String, account String, side String', {', '.join(rows)})"


class Bounds(msgspec.Struct, frozen=True):
    """What matching rules allow, in 0.0001 yuan and milliseconds."""

    write_off: int
    alone: int
    """What one person may decide about without another."""
    patience: int
    plain: bool
    """Whether whatever carries its order's number finds it, however old."""
    agreed: tuple[Mapping[str, Sequence[str]], ...] = ()
    """Which dues are deducted from virtual accounts: groups, kinds and parties; what is left out: all."""

    def deducts(self, group: str, kind: str, party: str) -> bool:
        """Whether such a due is, unless it says something else."""
        asked = {"groups": group, "kinds": kind, "parties": party}
        return any(
            all(not one.get(name) or value in one[name] for name, value in asked.items())
            for one in self.agreed
        )


_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DEFAULT = Bounds(500_000, 10_000_000, 600_000, True)


def bounds_of(text: str | None) -> Bounds:
    """Of a published `matching.toml`; None: it was not published, so the usual ones count."""
    if text is None:
        return _DEFAULT
    found: dict[str, Any] = tomllib.loads(text)
    decisions = found.get("decisions", {})
    span = re.fullmatch("([0-9]+)([mhd])", str(found.get("patience", "0m")))
    numbers = [rule for rule in found.get("rule", ()) if rule.get("kind") == "order_number"]
    return Bounds(
        int(Decimal(decisions.get("write_off", "0")) * 10_000),
        int(Decimal(decisions.get("four_eyes", "0")) * 10_000),
        int(span[1]) * _UNITS[span[2]] if span else 0,
        any(not {"before", "after", "direction"} & rule.keys() for rule in numbers),
        tuple(found.get("deduct", ())),
    )


def read_bounds(store: Store) -> list[Bounds]:
    """Of all that was published, in order."""
    rows: list[Row] = store.rows(
        "SELECT seq, line, version, toString(file) AS file, content FROM $payment_rules ORDER BY seq, line"
    )
    published: dict[tuple[int, str], dict[str, str]] = {}
    for row in rows:
        published.setdefault((row["seq"], row["version"]), {})[row["file"]] = row["content"]
    return [bounds_of(files.get("matching.toml")) for files in published.values()]
