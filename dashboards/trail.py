"""A payment, or a document, from what it comes to down to what told of it: `waybook payments show`, and its page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards import decided, named, terms
from dashboards.currencies import amount_of
from dashboards.phrases import Phrases
from dashboards.queries import ACCOUNTS, Row, rows
from dashboards.stored import phrases_of
from dashboards.words import fee, shanghai, yuan
from schemas.reasons import ANSWER

KNOWN = """
SELECT (SELECT count() FROM payment WHERE payment = {name:String}) AS payments,
       (SELECT count() FROM receivable WHERE document = {name:String}) AS documents"""
THERE = """
SELECT DISTINCT payment AS name FROM payment WHERE payment IN {names:Array(String)}
UNION ALL SELECT DISTINCT document FROM receivable WHERE document IN {names:Array(String)}"""
NUMBERED = """
SELECT DISTINCT payment FROM payment WHERE {name:String} != '' AND (number = {name:String} OR `order` = {name:String})
ORDER BY payment LIMIT 20"""
TOLD = """
SELECT event_time, toString(state) AS state, amount, toString(currency) AS currency, fee, fee_told, `order`, original,
       cause FROM payment WHERE payment = {name:String} ORDER BY seq, line"""
HEARD = """
SELECT payment, notification_id, received, toString(topic) AS topic, partition, offset FROM notification
WHERE payment IN {names:Array(String)} ORDER BY seq, line"""
BILLED = """
SELECT l.payment AS payment, l.day AS day, toString(l.sort) AS sort, toString(l.state) AS state, l.amount AS amount,
       toString(l.currency) AS currency, l.fee AS fee, l.bill AS bill, b.file AS file
FROM bill_line AS l LEFT JOIN (SELECT bill, any(file) AS file FROM bill GROUP BY bill) AS b ON b.bill = l.bill
WHERE l.payment IN {names:Array(String)} ORDER BY l.seq, l.line"""
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
SELECT exception_id, kind, subject, state, amount, evidence, suggested, since FROM payment_exception_now
WHERE subject = {name:String} OR (state != 'closed' AND has(
    splitByChar(' ', candidates), replaceAll(replaceAll({name:String}, '%', '%25'), ' ', '%20')))
ORDER BY since, exception_id"""
"""About it, and open ones about payments for which it was looked at: what is paid twice is over-paid by the second."""
DECISIONS = """
SELECT event_id FROM payment_decision
WHERE payment = {name:String} OR document = {name:String} OR position(shares, concat('"', {name:String}, '"')) > 0
    OR exception_id IN (SELECT exception_id FROM payment_exception WHERE subject = {name:String})"""
DECIDED = f"""{decided.DECISIONS}
WHERE p.event_id IN ({DECISIONS}) OR p.of IN ({DECISIONS})
ORDER BY event_time, of != '', event_id"""
"""Decisions about it, with the words about them: who approved, who withdrew."""
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
SUMS = {"due": "应付 due", "paid": "已付 paid", "refunded": "已退 refunded", "overpaid": "多付 over-paid"}
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
    """Whether there is a payment or a document of just this name."""
    return any(rows(client, KNOWN, name=name)[0].values())


def known_of(client: Client, names: Iterable[str]) -> set[str]:
    """Those of the names that are payments or documents; others have only been named, and no page tells of them."""
    wanted = sorted(set(names) - {""})
    return {row["name"] for row in rows(client, THERE, names=wanted)} if wanted else set()


def meant(client: Client, name: str) -> list[str]:
    """What a name may stand for: a payment or document of that name, else the payments that a channel knows by this
    number or that name it as their order, some of them."""
    if is_known(client, name):
        return [name]
    return [row["payment"] for row in rows(client, NUMBERED, name=name)]


def one_meant(client: Client, name: str) -> str:
    """The one that a name stands for. Raises LookupError."""
    found = meant(client, name)
    if not found:
        raise LookupError(
            f"there is no payment and no document {name}: a payment is channel/merchant/kind/number, or its number"
        )
    if len(found) > 1:
        raise LookupError(f"{name} may be any of these: {', '.join(found)}")
    return found[0]


def trail(client: Client, name: str) -> list[Step]:
    """All about a payment's key or a document, to the bills' lines and notifications of a document's payments. Raises
    LookupError."""
    words, told = rows(client, WORDS, name=name), rows(client, TOLD, name=name)
    if not words and not told:
        raise LookupError(f"there is no payment and no document {name}")
    document = not told
    asked = rows(client, ASKED, name=name)
    said = rows(client, DECIDED, name=name)
    of = decided.currencies_of(client, said, name, *(row["subject"] for row in asked))
    matches = rows(client, MATCHES, name=name, document=document)
    payments = sorted({row["payment"] for row in matches} - {""}) if document else [name]
    phrases = phrases_of(client)
    return [
        *(_word(row) for row in words),
        *(_told(row) for row in told),
        *deducted(client, name),
        *(_match(row, phrases, document=document) for row in matches),
        *(_status(row) for row in rows(client, STATUSES, name=name)),
        *(_exception(row, phrases, name, amount_of(row["amount"], row["subject"], of)) for row in asked),
        *(_decision(row, of, name) for row in said),
        *_entries(client, name, matches, document=document),
        *sides(client, payments, name),
    ]


def sides(client: Client, payments: Sequence[str], name: str) -> list[Step]:
    """What channels say of payments: bills' lines, then notifications. `name`: what all is about."""
    return [
        *(_billed(row, name) for row in rows(client, BILLED, names=payments)),
        *(_heard(row, name) for row in rows(client, HEARD, names=payments)),
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
    what = f"{terms.DUE_STATES.both(row['status'])}  {terms.DUES.both(row['kind'])}"
    what += f"  {terms.WAYS.both(row['direction'])} {yuan(row['amount'])} {row['currency']}  {row['party']}".rstrip()
    what += f"  结算 settle {terms.SETTLES.both(row['settle'])}" if row["settle"] else ""
    return Step("单据 due", shanghai(row["event_time"]), f"{what}  ({row['event_id']})")


def _told(row: Row) -> Step:
    fee = f"  手续费 fee {yuan(row['fee'])}" if row["fee_told"] else ""
    what = f"{terms.MONEY_STATES.both(row['state'])}  {yuan(row['amount'])} {row['currency']}{fee}"
    what += f"  {row['order']}".rstrip()
    return Step(TOLD_OF, shanghai(row["event_time"]), f"{what}  ({row['cause']})", row["original"])


def _match(row: Row, phrases: Phrases, *, document: bool) -> Step:
    other = row["payment" if document else "document"]
    back = "冲回 taken back  " if row["reversal"] else ""
    why = f"{' '.join(dict.fromkeys(phrases.rule(row['rule'])))}: {phrases.told(row['evidence'])}"
    what = f"{back}{yuan(row['amount'])}  {other}  {why}  ({row['id']})"
    return Step(terms.VOUCHERS.both(row["what"]), shanghai(row["time"]), what, other)


def _between(match: Row) -> str:
    """What a match is between; a write-off is of a document alone."""
    return " → ".join(filter(None, (match["payment"], match["document"])))


def _status(row: Row) -> Step:
    sums = "  ".join(f"{label} {yuan(row[name])}" for name, label in SUMS.items())
    what = f"{row['serial']} {terms.DUE_STATES.both(row['status'])}  {sums}"
    return Step("状态 status", shanghai(row["time"]), what)


def _exception(row: Row, phrases: Phrases, name: str, amount: str) -> Step:
    what = f"{terms.EXCEPTIONS.both(row['kind'])}  {terms.EXCEPTION_STATES.both(row['state'])}  {amount}"
    what += f"  {row['subject']}" if row["subject"] != name else ""
    what += f"  {phrases.told(row['evidence'])}"
    what += f"; {terms.ACTIONS.both(row['suggested'])}" if row["state"] != "closed" else ""
    others = [row["subject"], *named.keys(row["evidence"])]
    other = next((one for one in others if one != name), "")
    return Step("差异 exception", shanghai(row["since"]), f"{what}  ({row['exception_id']})", other)


def _decision(row: Row, of: Mapping[str, str], name: str) -> Step:
    other = next((one for one in decided.names_of(row) if one != name), "")
    return Step("裁决 decision", shanghai(row["event_time"]), decided.line(row, of, name), other)


def _entries(client: Client, name: str, matches: Sequence[Row], *, document: bool) -> Iterator[Step]:
    """Its own, and those of its matches with the match and what is at its other end."""
    of = {row["id"]: row for row in matches}
    names = sorted({name, *(row["payment"] for row in matches)})
    accounts = {row["account"]: " ".join(row.values()) for row in rows(client, ACCOUNTS)}
    for row in rows(client, JOURNAL, name=name, names=names):
        side = "借" if row["side"] == "D" else "贷"
        account = accounts.get(row["account"], row["account"])
        what = f"{row['book']} {account} {side} {yuan(row['amount'])}  {fee(row['fee'])}"
        match, other = of.get(row["charge"]), ""
        if match is not None:
            other = match["payment" if document else "document"]
            what += f"  {terms.VOUCHERS.both(match['what'])} {row['charge']}  {_between(match)}"
        yield Step("分录 journal", str(row["business_date"]), what, other)


def _billed(row: Row, name: str) -> Step:
    what = f"{terms.SORTS.both(row['sort'])}  {terms.MONEY_STATES.both(row['state'])}  {yuan(row['amount'])}"
    what += f" {row['currency']}  手续费 fee {yuan(row['fee'])}"
    other = _other(row, name)
    parts = filter(None, (what, row["file"], f"({row['bill']})", other))
    return Step("账单 bill", str(row["day"]), "  ".join(parts), other)


def _heard(row: Row, name: str) -> Step:
    where, other = f"{row['topic']}:{row['partition']}:{row['offset']}", _other(row, name)
    what = f"{where}  (waybook evidence {row['notification_id']})  {other}".rstrip()
    return Step("通知 notification", shanghai(row["received"]), what, other)


def _other(row: Row, name: str) -> str:
    """The payment that a row is of, where all is about a document."""
    return "" if row["payment"] == name else str(row["payment"])
