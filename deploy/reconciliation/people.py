"""What people are asked about payments, and what they answer: `waybook exceptions`, `waybook match explain`."""

import time
from collections.abc import Iterator, Sequence
from datetime import date

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import Row, rows
from dashboards.words import shanghai, yuan
from deploy.reconciliation.stored import GROUP_OF, Stored, now_of, rules_of
from deploy.reconciliation.trail import deducted
from flows.reconciliation.components import component
from flows.reconciliation.deducting import REFUSED
from flows.reconciliation.explain import explain
from schemas import topics
from schemas.identity import content_id
from schemas.money import parse_yuan
from schemas.payments import ACCOUNT_CHANNEL, PaymentDecided, Share
from schemas.reasons import EXCEPTION
from schemas.settings import Settings
from schemas.times import DAY, SHANGHAI_OFFSET, day_of
from sinks.kafka import Records

OPEN = """
SELECT exception_id, of_group, kind, subject, severity, owner, suggested, state, amount, since
FROM open_payment_exception
WHERE ({kind:String} = '' OR kind = {kind:String}) AND ({group:String} = '' OR of_group = {group:String})
    AND ({ignored:Bool} OR state != 'ignored')
    AND since <= (SELECT now FROM payment_clock) - toIntervalMillisecond({age:UInt64})
ORDER BY indexOf(['high', 'medium', 'low'], severity), since, exception_id LIMIT {limit:UInt32}"""
ONE = "SELECT * FROM open_payment_exception WHERE exception_id = {id:String}"
HISTORY = """
SELECT time, status, amount, evidence, cause FROM payment_exception
WHERE exception_id = {id:String} ORDER BY seq, line"""
DECIDED = """
SELECT event_id, event_time, decision, state, by, reason FROM payment_decision
WHERE exception_id = {id:String} OR of IN (SELECT event_id FROM payment_decision WHERE exception_id = {id:String})
ORDER BY event_time, event_id"""
BECAME = """
SELECT toString(state) AS state, '' AS why FROM payment_decision WHERE event_id = {id:String}
UNION ALL
SELECT 'refused', concat(reason, ': ', detail) FROM dead_letter
WHERE event_id = {id:String} AND topic = {topic:String} AND status = 'open'
LIMIT 1"""
DECISION = "SELECT toString(`group`) AS of_group, '' AS exception_id FROM payment_decision WHERE event_id = {id:String}"


def listing(
    client: Client,
    kind: str = "",
    group: str = "",
    *,
    ignored: bool = False,
    age: int = 0,
    limit: int = 1000,
) -> Iterator[str]:
    """A line for each open exception, the worst and oldest first. `age`: those that are open for so many ms at least,
    as time passes in the books."""
    for row in rows(client, OPEN, kind=kind, group=group, ignored=ignored, age=age, limit=limit):
        yield (
            f"{row['exception_id']}  {row['severity']}  {EXCEPTION[row['kind']]} {row['kind']}  {row['subject']}  "
            f"{yuan(row['amount'])}  {row['owner']}  {shanghai(row['since'])}  {row['suggested']}"
        )


def showing(client: Client, number: str) -> Iterator[str]:
    """All about an open exception, with what matching saw. Raises LookupError."""
    row = found(client, number)
    yield f"{EXCEPTION[row['kind']]} {row['kind']}  {row['subject']}  {yuan(row['amount'])}"
    yield f"严重程度 severity {row['severity']}  负责 owner {row['owner']}  建议 suggested: {row['suggested']}"
    yield f"依据 evidence: {row['evidence']}"
    if row["candidates"]:
        yield f"候选 looked at: {row['candidates']}"
    for one in rows(client, HISTORY, id=number):
        yield f"  {shanghai(one['time'])}  {one['status']}  {yuan(one['amount'])}  {one['evidence']}  ({one['cause']})"
    for one in rows(client, DECIDED, id=number):
        what = f"{one['decision']} {one['event_id']}  {one['state']}  {one['by']}  {one['reason']}"
        yield f"  {shanghai(one['event_time'])}  {what}"
    if row["kind"] == REFUSED:
        yield from deducted(client, row["subject"])
    elif "/" in row["subject"]:
        yield from explained(client, row["subject"])


def found(client: Client, number: str) -> Row:
    """An open exception. Raises LookupError."""
    known = rows(client, ONE, id=number)
    if not known:
        raise LookupError(
            f"there is no open exception {number}: waybook exceptions list shows those that are"
        )
    return dict(known[0])


def explained(client: Client, payment: str) -> list[str]:
    """Why a payment was matched, or why not. Raises LookupError."""
    group = rows(client, GROUP_OF, payment=payment)
    if not group:
        raise LookupError(f"there is no payment {payment}: its key is channel/merchant/kind/number")
    if payment.startswith(f"{ACCOUNT_CHANNEL}/"):
        return ["deducted from the account, not matched by a rule", *deducted(client, payment)]
    facts = Stored(client, group[0]["of"], rules_of(client))
    dues, payments = component([], [payment], facts, facts.rules)
    return explain(payment, dues, payments, facts.decided.decisions, facts.rules, now_of(client))


class Answer:
    """A person's answer, about an exception or a decision of another person. Each raises LookupError."""

    def __init__(self, client: Client, by: str, reason: str = "") -> None:
        self.client, self.by, self.reason = client, by, reason

    def match(self, number: str, shares: Sequence[tuple[str, int]]) -> PaymentDecided:
        """The exception's payment is for these documents, so much each (0.0001)."""
        row = found(self.client, number)
        if row["kind"] == REFUSED:
            raise LookupError(f"{row['subject']} is a document: match the payment that is for it")
        said = tuple(Share(row["subject"], document, amount) for document, amount in shares)
        return self._said(row, "match", shares=said)

    def write_off(self, number: str, document: str, amount: int) -> PaymentDecided:
        """So much of a document is given up; empty: of the one that the exception is about."""
        row = found(self.client, number)
        return self._said(row, "write_off", document=document or row["subject"], amount_e4=amount)

    def refund(self, number: str) -> PaymentDecided:
        """The exception's payment has to go back; it is about so much as the exception is."""
        row = found(self.client, number)
        amount = parse_yuan(str(row["amount"]))
        return self._said(row, "refund", payment=row["subject"], amount_e4=amount)

    def ignore(self, number: str, until: date) -> PaymentDecided:
        """The exception sleeps until that day begins in Shanghai."""
        return self._said(found(self.client, number), "ignore", until=day_of(until) * DAY - SHANGHAI_OFFSET)

    def approve(self, decision: str) -> PaymentDecided:
        """Another person's decision is agreed to."""
        return self._said(self._decision(decision), "approve", of=decision)

    def withdraw(self, decision: str) -> PaymentDecided:
        """A decision no longer counts."""
        return self._said(self._decision(decision), "withdraw", of=decision)

    def _decision(self, decision: str) -> dict[str, str]:
        known = rows(self.client, DECISION, id=decision)
        if not known:
            raise LookupError(f"there is no decision {decision}")
        return dict(known[0])

    def _said(self, row: dict[str, str], decision: str, **said: object) -> PaymentDecided:
        now = now_of(self.client)
        parts = (
            row["of_group"],
            decision,
            self.by,
            str(now),
            repr(sorted(said.items())),
            row["exception_id"],
        )
        return PaymentDecided(
            id=content_id("decision", *parts),
            time=now,
            group=row["of_group"],
            decision=decision,  # type: ignore[arg-type]
            by=self.by,
            exception=row["exception_id"],
            reason=self.reason,
            **said,  # type: ignore[arg-type]
        )


STATES = {
    "in_force": "生效 in force",
    "waiting": "待他人复核 waits for another person: waybook exceptions approve",
    "withdrawn": "已撤回 withdrawn before it came",
    "noted": "已记录 noted",
    "refused": "被拒绝 refused",
}


def became(client: Client, decision: PaymentDecided, seconds: float = 20) -> str:
    """What a lane has made of a decision, and whether its exception is open still; waits so long for it."""
    until = time.monotonic() + seconds
    while not (found := rows(client, BECAME, id=decision.id, topic=topics.DECISIONS.name)):
        if time.monotonic() > until:
            return "no lane has taken it yet: waybook exceptions show tells later"
        time.sleep(0.2)
    state = f"{STATES[found[0]['state']]} {found[0]['why']}".rstrip()
    if not decision.exception:
        return state
    still = rows(client, ONE, id=decision.exception)
    return f"{state}; the exception is {still[0]['state'] if still else 'closed'}"


def send(settings: Settings, decision: PaymentDecided) -> None:
    """Returns when Kafka has the decision."""
    records = Records(settings)
    records.produce(topics.DECISIONS.name, decision.group, msgspec.json.encode(decision))
    records.flush()
