"""What a lane has made of a person's decision, and what holds of the payments and documents that it is about."""

import time
from collections.abc import Iterator, Sequence

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards import terms
from dashboards.blocks import is_sealed
from dashboards.currencies import amount_of, foreign
from dashboards.phrases import Phrases
from dashboards.queries import Row, rows
from dashboards.stored import phrases_of
from dashboards.words import yuan
from deploy.reconciliation.people import APPROVE, WITHDRAW
from flows.reconciliation.posting import payment_rules
from flows.reconciliation.threeway import ALONE
from schemas import topics
from schemas.payments import PaymentDecided, Share

BECAME = """
SELECT if(p.of = '', n.state, 'noted') AS state, n.state AS of_state, '' AS why, p.seq AS seq
FROM (SELECT toString(`group`) AS of_group, event_id, of, seq FROM payment_decision WHERE event_id = {id:String}) AS p
LEFT JOIN decision_shown AS n ON n.of_group = p.of_group AND n.decision_id = if(p.of = '', p.event_id, p.of)
WHERE state != ''
UNION ALL
SELECT 'refused', '', concat(reason, ': ', detail), seq FROM dead_letter
WHERE event_id = {id:String} AND topic = {topic:String} AND status = 'open'
LIMIT 1"""
ABOUT = """
SELECT payment, document, shares, exception_id, decision FROM decision_now WHERE decision_id = {id:String}"""
BOOKED = """
SELECT toString(posting) AS posting, sum(m.amount) AS amount FROM payment_match AS m
WHERE payment = {payment:String} AND evidence = {evidence:String} GROUP BY posting HAVING amount != 0"""
SUBJECT = "SELECT any(subject) AS subject FROM payment_exception WHERE exception_id = {id:String}"
PAID = """
SELECT payment, amount, currency, matched, unmatched FROM payment_now
WHERE payment IN {names:Array(String)} ORDER BY payment"""
STANDS = """
SELECT document, toString(rule) AS rule, evidence, sum(m.amount) AS amount FROM payment_match AS m
WHERE payment = {payment:String} AND what = 'match'
GROUP BY document, rule, evidence ORDER BY document"""
"""Matches of a payment; those that were taken back have an amount of 0."""
OWED = """
SELECT document, currency, status, paid, refunded, remains, w.amount AS written_off FROM due_now
LEFT JOIN (
    SELECT document, sum(m.amount) AS amount FROM payment_match AS m
    WHERE what = 'write_off' AND `group` = {group:String} AND document IN {names:Array(String)} GROUP BY document
) AS w USING (document)
WHERE of_group = {group:String} AND document IN {names:Array(String)} ORDER BY document"""
ASKED = """
SELECT exception_id, kind, subject, state, amount FROM payment_exception_now
WHERE exception_id = {id:String}
    OR (of_group = {group:String} AND subject IN {names:Array(String)} AND state != 'closed')
ORDER BY exception_id != {id:String}, exception_id"""
HINTS = {"waiting": APPROVE, "withdrawing": WITHDRAW}
"""Of states in which something is left to do: what."""
FEE_BOOKED = "入账 booked: 渠道手续费 the channel's fee"
NOT_BOOKED = "登记认可不另入账 nothing is booked by accepting it"
WRITING = "the lane is still writing: waybook exceptions show tells later what holds"


def became(client: Client, decision: PaymentDecided, seconds: float = 20) -> tuple[bool, list[str]]:
    """Whether a lane has taken a decision, and what holds after it; waits so long for it, and until all of its block
    is there: before that, what it has changed would be told as it was."""
    until = time.monotonic() + seconds
    while not (found := rows(client, BECAME, id=decision.id, topic=topics.DECISIONS.name)):
        if time.monotonic() > until:
            return False, ["no lane has taken it yet: waybook exceptions show tells later"]
        time.sleep(0.2)
    taken = found[0]["state"] != "refused"
    state = f"{_state(found[0]['state'])} {found[0]['why']}".rstrip()
    if not taken:
        return False, [state]
    if decision.of:
        state += f"; {decision.of}: {_state(found[0]['of_state'])}"
    while not is_sealed(client, found[0]["seq"]):
        if time.monotonic() > until:
            return True, [state, WRITING]
        time.sleep(0.2)
    return True, [state, *holds(client, decision)]


def holds(client: Client, decision: PaymentDecided) -> Iterator[str]:
    """What is matched, by what, and what is open, of the payments and documents that a decision, or the one that it
    is a word about, is about, those that it was taken from, too; and what people are still asked about them."""
    (about,) = rows(client, ABOUT, id=decision.of or decision.id)
    shares = msgspec.json.decode(about["shares"], type=tuple[Share, ...])
    names = {about["payment"], about["document"]}
    names |= {name for share in shares for name in (share.payment, share.document)}
    names |= {row["subject"] for row in rows(client, SUBJECT, id=about["exception_id"])}
    phrases = phrases_of(client)
    for paid in rows(client, PAID, names=sorted(names)):
        stands = rows(client, STANDS, payment=paid["payment"])
        names |= {one["document"] for one in stands}
        yield from _paid(paid, [one for one in stands if one["amount"]], phrases)
    said = {"group": decision.group, "names": sorted(names - {""})}
    yield from map(_owed, rows(client, OWED, **said))
    asked_now = rows(client, ASKED, id=about["exception_id"], **said)
    of = foreign(client, (asked["subject"] for asked in asked_now))
    for asked in asked_now:
        state = terms.EXCEPTION_STATES.both(asked["state"])
        amount = "" if asked["state"] == "closed" else f"  {amount_of(asked['amount'], asked['subject'], of)}"
        yield f"{asked['exception_id']}  {terms.EXCEPTIONS.both(asked['kind'])}  {asked['subject']}{amount}  {state}"

    if about["decision"] == "accept" and asked_now and asked_now[0]["state"] == "accepted":
        yield from _booked(client, asked_now[0], decision.of or decision.id)


def _booked(client: Client, asked: Row, decision: str) -> Iterator[str]:
    """What the acceptance of an exception has booked."""
    names = payment_rules()[0].rules
    found = rows(client, BOOKED, payment=asked["subject"], evidence=f"decision {decision}")
    for one in found:
        rule = names[one["posting"]]
        yield f"入账 booked: {rule.zh} {rule.en}  {yuan(one['amount'])}"
    if not found:
        yield FEE_BOOKED if asked["kind"] == ALONE else NOT_BOOKED


def _paid(paid: Row, stands: Sequence[Row], phrases: Phrases) -> Iterator[str]:
    yield (
        f"{paid['payment']}  {yuan(paid['amount'])} {paid['currency']}  已核销 matched {yuan(paid['matched'])}  "
        f"未核销 not matched {yuan(paid['unmatched'])}"
    )
    for one in stands:
        rule = " ".join(dict.fromkeys(phrases.rule(one["rule"])))
        yield f"  {one['document']}  {yuan(one['amount'])}  {rule}: {phrases.told(one['evidence'])}"


def _owed(owed: Row) -> str:
    written_off = f"  已核减 written off {yuan(owed['written_off'])}" if owed["written_off"] else ""
    return (
        f"{owed['document']}  {terms.DUE_STATES.both(owed['status'])}  已付 paid {yuan(owed['paid'])}  "
        f"已退 refunded {yuan(owed['refunded'])}{written_off}  未付 open {yuan(owed['remains'])} {owed['currency']}"
    )


def _state(state: str) -> str:
    return HINTS.get(state) or terms.DECISION_STATES.both(state)
