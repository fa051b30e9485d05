"""A payment, or a document, from what it comes to down to what told of it: `waybook payments show`, and its page."""

from collections.abc import Iterator, Sequence

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import Row, rows
from dashboards.words import shanghai, yuan
from schemas.reasons import ANSWER, EXCEPTION

KNOWN = """
SELECT (SELECT count() FROM payment WHERE payment = {name:String}) AS payments,
       (SELECT count() FROM receivable WHERE document = {name:String}) AS documents"""
TOLD = """
SELECT event_time, toString(state) AS state, amount, toString(currency) AS currency, fee, fee_told, `order`, original,
       cause FROM payment WHERE payment = {name:String} ORDER BY seq, line"""
HEARD = """
SELECT notification_id, received, toString(topic) AS topic, partition, offset FROM notification
WHERE payment = {name:String} ORDER BY seq, line"""
BILLED = """
SELECT l.day AS day, toString(l.sort) AS sort, toString(l.state) AS state, l.amount AS amount,
       toString(l.currency) AS currency, l.fee AS fee, l.bill AS bill, b.file AS file
FROM bill_line AS l LEFT JOIN (SELECT bill, any(file) AS file FROM bill GROUP BY bill) AS b ON b.bill = l.bill
WHERE l.payment = {name:String} ORDER BY l.seq, l.line"""
WORDS = """
SELECT event_time, toString(status) AS status, toString(kind) AS kind, toString(direction) AS direction, amount,
       toString(currency) AS currency, party, toString(settle) AS settle, event_id
FROM receivable WHERE document = {name:String} ORDER BY seq, line"""
STATUSES = """
SELECT time, serial, toString(status) AS status, due, paid, refunded, overpaid FROM order_status
WHERE document = {name:String} ORDER BY `group`, serial"""
MATCHES = """
SELECT time, hex(match_id) AS id, toString(what) AS what, payment, document, amount, toString(rule) AS rule, evidence,
       reversal
FROM payment_match WHERE if({document:Bool}, document, payment) = {name:String} ORDER BY seq, line"""
JOURNAL = """
SELECT business_date, hex(charge_id) AS charge, toString(book) AS book, toString(account) AS account,
       toString(side) AS side, amount, toString(fee) AS fee
FROM journal WHERE waybill IN {names:Array(String)} AND (
    waybill = {name:String} OR charge_id IN (SELECT match_id FROM payment_match WHERE document = {name:String}))
ORDER BY seq, line"""
"""Entries of a match stand under its payment."""
ASKED = """
SELECT exception_id, kind, state, amount, suggested, since FROM payment_exception_now
WHERE subject = {name:String} AND state != 'closed' ORDER BY exception_id"""
DECIDED = """
SELECT decided_at, decision_id, decision, state, decided_by, reason FROM decision_now
WHERE payment = {name:String} OR document = {name:String} OR position(shares, concat('"', {name:String}, '"')) > 0
    OR exception_id IN (SELECT exception_id FROM payment_exception WHERE subject = {name:String})
ORDER BY decided_at, decision_id"""
DEDUCTED = """
SELECT time, deduction, toString(status) AS status, party, amount, toString(reason) AS reason, available FROM deduction
WHERE document = {name:String} OR endsWith({name:String}, concat('/', deduction))
ORDER BY event_time, deduction, indexOf(['asked', 'refused', 'taken', 'dropped', 'withdrawn', 'returned'], status)"""
DONE = {
    "asked": "请求 asked",
    "refused": "余额不足，等待 waits",
    "taken": "已扣 taken",
    "dropped": "撤回请求 asked no more",
    "withdrawn": "已撤回 withdrawn",
    "returned": "已退回 given back",
}
VOUCHERS = {"match": "核销 match", "difference": "差额 difference", "write_off": "核减 write-off"}
TOLD_OF = "支付 payment"


class Step(msgspec.Struct, frozen=True):
    """One thing that the books know."""

    label: str
    when: str
    text: str
    other: str = ""
    """The payment or document at its other end; empty: it has none."""

    @property
    def line(self) -> str:
        """For a terminal."""
        return f"{self.label}  {self.when}  {self.text}"


def is_known(client: Client, name: str) -> bool:
    """Whether there is such a payment or document."""
    return any(rows(client, KNOWN, name=name)[0].values())


def trail(client: Client, name: str) -> list[Step]:
    """All about a payment's key or a document. Raises LookupError."""
    known = rows(client, KNOWN, name=name)[0]
    if not known["payments"] and not known["documents"]:
        raise LookupError(
            f"there is no payment and no document {name}: a payment is channel/merchant/kind/number"
        )
    document = not known["payments"]
    matches = rows(client, MATCHES, name=name, document=document)
    return [
        *(_word(row) for row in rows(client, WORDS, name=name)),
        *(_told(row) for row in rows(client, TOLD, name=name)),
        *deducted(client, name),
        *(_match(row, document=document) for row in matches),
        *(_status(row) for row in rows(client, STATUSES, name=name)),
        *(_exception(row) for row in rows(client, ASKED, name=name)),
        *(_decision(row) for row in rows(client, DECIDED, name=name)),
        *_entries(client, name, matches, document=document),
        *(_billed(row) for row in rows(client, BILLED, name=name)),
        *(_heard(row) for row in rows(client, HEARD, name=name)),
    ]


def is_payment(steps: Sequence[Step]) -> bool:
    """Whether a trail is a payment's."""
    return any(step.label == TOLD_OF for step in steps)


def deducted(client: Client, name: str) -> Iterator[Step]:
    """What is deducted from virtual accounts for a document, or as a payment."""
    for row in rows(client, DEDUCTED, name=name):
        what = f"{DONE[row['status']]}  {row['party']}  {yuan(row['amount'])}"
        if row["reason"]:
            what += f"  {ANSWER[row['reason']]} {row['reason']}, available {yuan(row['available'])}"
        yield Step("扣款 deduction", shanghai(row["time"]), f"{what}  ({row['deduction']})")


def _word(row: Row) -> Step:
    what = f"{row['kind']} {row['direction']} {yuan(row['amount'])} {row['currency']} {row['party']}".strip()
    what += f" settle {row['settle']}" if row["settle"] else ""
    return Step("单据 due", shanghai(row["event_time"]), f"{row['status']}  {what}  ({row['event_id']})")


def _told(row: Row) -> Step:
    fee = f"  fee {yuan(row['fee'])}" if row["fee_told"] else ""
    what = f"{row['state']}  {yuan(row['amount'])} {row['currency']}{fee}  {row['order']}".rstrip()
    return Step(TOLD_OF, shanghai(row["event_time"]), f"{what}  ({row['cause']})", row["original"])


def _match(row: Row, *, document: bool) -> Step:
    other = row["payment" if document else "document"]
    back = "冲回 taken back  " if row["reversal"] else ""
    what = f"{back}{yuan(row['amount'])}  {other}  {row['rule']}: {row['evidence']}  ({row['id']})"
    return Step(VOUCHERS[row["what"]], shanghai(row["time"]), what, other)


def _between(match: Row) -> str:
    """What a match is between; a write-off is of a document alone."""
    return " → ".join(filter(None, (match["payment"], match["document"])))


def _status(row: Row) -> Step:
    sums = "  ".join(f"{name} {yuan(row[name])}" for name in ("due", "paid", "refunded", "overpaid"))
    return Step("状态 status", shanghai(row["time"]), f"{row['serial']} {row['status']}  {sums}")


def _exception(row: Row) -> Step:
    what = (
        f"{EXCEPTION[row['kind']]} {row['kind']}  {row['state']}  {yuan(row['amount'])}  {row['suggested']}"
    )
    return Step("差异 exception", shanghai(row["since"]), f"{what}  ({row['exception_id']})")


def _decision(row: Row) -> Step:
    what = f"{row['decision']}  {row['state']}  {row['decided_by']}  {row['reason']}".rstrip()
    return Step("裁决 decision", shanghai(row["decided_at"]), f"{what}  ({row['decision_id']})")


def _entries(client: Client, name: str, matches: Sequence[Row], *, document: bool) -> Iterator[Step]:
    """Its own, and those of its matches with the match and what is at its other end."""
    of = {row["id"]: row for row in matches}
    names = sorted({name, *(row["payment"] for row in matches)})
    for row in rows(client, JOURNAL, name=name, names=names):
        side = "借" if row["side"] == "D" else "贷"
        what = f"{row['book']} {row['account']} {side} {yuan(row['amount'])}  {row['fee']}"
        match, other = of.get(row["charge"]), ""
        if match is not None:
            other = match["payment" if document else "document"]
            what += f"  {VOUCHERS[match['what']]} {row['charge']}  {_between(match)}"
        yield Step("分录 journal", str(row["business_date"]), what, other)


def _billed(row: Row) -> Step:
    what = f"{row['sort']}  {row['state']}  {yuan(row['amount'])} {row['currency']}  fee {yuan(row['fee'])}"
    return Step("账单 bill", str(row["day"]), f"{what}  {row['file'] or row['bill']}")


def _heard(row: Row) -> Step:
    where = f"{row['topic']}:{row['partition']}:{row['offset']}"
    return Step(
        "通知 notification",
        shanghai(row["received"]),
        f"{where}  (waybook evidence {row['notification_id']})",
    )
