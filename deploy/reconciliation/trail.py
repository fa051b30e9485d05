"""`waybook payments show`: a payment, or a document, from what it comes to down to what told of it."""

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from dashboards.queries import Row, rows
from dashboards.words import shanghai, yuan
from schemas.reasons import ANSWER, EXCEPTION

KNOWN = """
SELECT (SELECT count() FROM payment WHERE payment = {name:String}) AS payments,
       (SELECT count() FROM receivable WHERE document = {name:String}) AS documents"""
TOLD = """
SELECT event_time, toString(state) AS state, amount, toString(currency) AS currency, fee, fee_told, `order`, cause
FROM payment WHERE payment = {name:String} ORDER BY seq, line"""
HEARD = """
SELECT notification_id, received, toString(topic) AS topic, partition, offset FROM notification
WHERE payment = {name:String} ORDER BY seq, line"""
WORDS = """
SELECT event_time, toString(status) AS status, toString(kind) AS kind, toString(direction) AS direction, amount,
       toString(currency) AS currency, party, toString(settle) AS settle, event_id
FROM receivable WHERE document = {name:String} ORDER BY seq, line"""
STATUSES = """
SELECT time, serial, toString(status) AS status, due, paid, refunded FROM order_status
WHERE document = {name:String} ORDER BY `group`, serial"""
MATCHES = """
SELECT time, toString(what) AS what, payment, document, amount, toString(rule) AS rule, evidence, reversal
FROM payment_match WHERE if({document:Bool}, document, payment) = {name:String} ORDER BY seq, line"""
JOURNAL = """
SELECT business_date, toString(book) AS book, toString(account) AS account, toString(side) AS side, amount,
       toString(fee) AS fee FROM journal WHERE waybill = {name:String} ORDER BY seq, line"""
ASKED = """
SELECT exception_id, kind, state, amount, suggested FROM open_payment_exception
WHERE subject = {name:String} ORDER BY exception_id"""
DECIDED = """
SELECT event_time, event_id, toString(decision) AS decision, toString(state) AS state, by, reason FROM payment_decision
WHERE payment = {name:String} OR document = {name:String} OR position(shares, concat('"', {name:String}, '"')) > 0
ORDER BY seq, line"""

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


def deducted(client: Client, name: str) -> Iterator[str]:
    """Lines about what is deducted from virtual accounts for a document, or as a payment."""
    for row in rows(client, DEDUCTED, name=name):
        what = f"{DONE[row['status']]}  {row['party']}  {yuan(row['amount'])}"
        if row["reason"]:
            what += f"  {ANSWER[row['reason']]} {row['reason']}, available {yuan(row['available'])}"
        yield f"扣款 deduction  {shanghai(row['time'])}  {what}  ({row['deduction']})"


def trail(client: Client, name: str) -> Iterator[str]:
    """Lines about a payment's key or a document. Raises LookupError."""
    known = rows(client, KNOWN, name=name)[0]
    if not known["payments"] and not known["documents"]:
        raise LookupError(
            f"there is no payment and no document {name}: a payment is channel/merchant/kind/number"
        )
    for row in rows(client, WORDS, name=name):
        what = (
            f"{row['kind']} {row['direction']} {yuan(row['amount'])} {row['currency']} {row['party']}".strip()
        )
        what += f" settle {row['settle']}" if row["settle"] else ""
        yield f"单据 due  {shanghai(row['event_time'])}  {row['status']}  {what}  ({row['event_id']})"
    for row in rows(client, TOLD, name=name):
        fee = f"  fee {yuan(row['fee'])}" if row["fee_told"] else ""
        what = f"{row['state']}  {yuan(row['amount'])} {row['currency']}{fee}  {row['order']}".rstrip()
        yield f"支付 payment  {shanghai(row['event_time'])}  {what}  ({row['cause']})"
    yield from deducted(client, name)
    for row in rows(client, MATCHES, name=name, document=not known["payments"]):
        yield _matched(row, other="payment" if not known["payments"] else "document")
    for row in rows(client, STATUSES, name=name):
        sums = "  ".join(f"{name} {yuan(row[name])}" for name in ("due", "paid", "refunded"))
        yield f"状态 status  {shanghai(row['time'])}  {row['serial']} {row['status']}  {sums}"
    for row in rows(client, ASKED, name=name):
        what = f"{EXCEPTION[row['kind']]} {row['kind']}  {row['state']}  {yuan(row['amount'])}  {row['suggested']}"
        yield f"差异 exception  {what}  ({row['exception_id']})"
    for row in rows(client, DECIDED, name=name):
        what = f"{row['decision']}  {row['state']}  {row['by']}  {row['reason']}".rstrip()
        yield f"裁决 decision  {shanghai(row['event_time'])}  {what}  ({row['event_id']})"
    for row in rows(client, JOURNAL, name=name):
        what = f"{row['book']} {row['account']} {'借' if row['side'] == 'D' else '贷'} {yuan(row['amount'])}"
        yield f"分录 journal  {row['business_date']}  {what}  {row['fee']}"
    for row in rows(client, HEARD, name=name):
        where = f"{row['topic']}:{row['partition']}:{row['offset']}"
        yield f"通知 notification  {shanghai(row['received'])}  {where}  (waybook evidence {row['notification_id']})"


def _matched(row: Row, other: str) -> str:
    back = "冲回 taken back" if row["reversal"] else row["what"]
    what = f"{back}  {yuan(row['amount'])}  {row[other]}  {row['rule']}: {row['evidence']}"
    return f"核销 match  {shanghai(row['time'])}  {what}"
