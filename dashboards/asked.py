"""An exception of payments, open or closed: what it is about, what was seen and decided, why nothing matched."""

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from dashboards import terms
from dashboards.currencies import amount_of, foreign
from dashboards.queries import Row, rows
from dashboards.stored import phrases_of
from dashboards.trail import deducted
from dashboards.why import explained
from dashboards.words import shanghai
from flows.reconciliation.deducting import REFUSED

ONE = """
SELECT any(toString(`group`)) AS of_group, any(toString(kind)) AS kind, any(subject) AS subject,
       any(toString(severity)) AS severity, any(toString(owner)) AS owner, any(action) AS suggested,
       argMax(toString(status), (seq, line)) AS state, argMax(e.amount, (seq, line)) AS amount,
       argMax(e.evidence, (seq, line)) AS evidence, argMax(e.candidates, (seq, line)) AS candidates,
       exception_id
FROM payment_exception AS e WHERE exception_id = {id:String} GROUP BY exception_id"""
HISTORY = """
SELECT time, status, amount, evidence, cause FROM payment_exception
WHERE exception_id = {id:String} ORDER BY seq, line"""
DECISIONS = """
SELECT p.event_id AS event_id, p.event_time AS event_time, toString(p.decision) AS decision, p.by AS by,
       p.reason AS reason, p.of AS of, p.exception_id AS exception_id, p.payment AS payment, p.document AS document,
       p.shares AS shares, p.amount AS amount, p.until AS until, if(n.state = '', 'noted', n.state) AS state
FROM payment_decision AS p
LEFT JOIN decision_now AS n ON n.of_group = toString(p.`group`) AND n.decision_id = p.event_id"""
"""People's decisions about payments, with what has become of them."""
DECIDED = f"""{DECISIONS}
WHERE p.exception_id = {{id:String}}
    OR p.of IN (SELECT event_id FROM payment_decision WHERE exception_id = {{id:String}})
ORDER BY event_time, event_id"""
PAYMENT = """
SELECT count() AS n FROM payment WHERE payment = {payment:String} AND ({kind:String} = '' OR kind = {kind:String})"""


def showing(client: Client, number: str) -> Iterator[str]:
    """All about an exception, open or closed, with what matching saw. Raises LookupError."""
    return about(client, found(client, number))


def about(client: Client, row: Row) -> Iterator[str]:
    """The same of one that was found."""
    number = row["exception_id"]
    phrases = phrases_of(client)
    of = foreign(client, [row["subject"]])
    state, amount = terms.EXCEPTION_STATES.both(row["state"]), amount_of(row["amount"], row["subject"], of)
    yield f"{terms.EXCEPTIONS.both(row['kind'])}  {row['subject']}  {amount}  {state}"
    yield (
        f"严重程度 severity {terms.SEVERITIES.both(row['severity'])}  负责 owner {terms.OWNERS.both(row['owner'])}  "
        f"建议 suggested: {terms.ACTIONS.both(row['suggested'])}"
    )
    yield f"依据 evidence: {phrases.told(row['evidence'])}"
    if row["candidates"]:
        yield f"候选 looked at: {row['candidates']}"
    for one in rows(client, HISTORY, id=number):
        amount = amount_of(one["amount"], row["subject"], of)
        what = f"{terms.EXCEPTION_STATES.both(one['status'])}  {amount}  {phrases.told(one['evidence'])}"
        yield f"  {shanghai(one['time'])}  {what}  ({one['cause']})"
    for one in rows(client, DECIDED, id=number):
        what = f"{terms.DECISIONS.both(one['decision'])} {one['event_id']}  {terms.DECISION_STATES.both(one['state'])}"
        what += f"  {one['by']}  {one['reason']}"
        yield f"  {shanghai(one['event_time'])}  {what}"
    if row["kind"] == REFUSED:
        yield from (step.line for step in deducted(client, row["subject"]))
    elif is_payment(client, row):
        yield from map(str, explained(client, row["subject"]))


def found(client: Client, number: str) -> Row:
    """An exception, open or closed. Raises LookupError."""
    known = rows(client, ONE, id=number)
    if not known:
        raise LookupError(
            f"there is no exception {number}: waybook exceptions list shows those that are open"
        )
    return dict(known[0])


def is_payment(client: Client, row: Row, kind: str = "") -> bool:
    """Whether an exception is about a payment, of this kind or (empty) of any."""
    return bool(rows(client, PAYMENT, payment=row["subject"], kind=kind)[0]["n"])
