"""What people are asked about payments, and what they answer: `waybook exceptions`, `waybook match explain`."""

from collections.abc import Iterator, Sequence
from datetime import date

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards import terms
from dashboards.asked import found, is_payment
from dashboards.currencies import amount_of, foreign, subject_of
from dashboards.payments import CLOCK, OPEN_DECISIONS, ages_as_of
from dashboards.queries import Row, rows
from dashboards.stored import now_of
from dashboards.trail import one_meant
from dashboards.words import aged, shanghai, yuan
from flows.reconciliation.decisions import REASONED
from flows.reconciliation.judge import ADVICE
from schemas import topics
from schemas.identity import content_id, person_of
from schemas.money import parse_yuan
from schemas.money import yuan as told
from schemas.payments import PaymentDecided, Share
from schemas.settings import Settings
from schemas.times import DAY, SHANGHAI_OFFSET, day_of
from sinks.kafka import sending

OPEN = """
SELECT exception_id, of_group, kind, subject, severity, owner, suggested, state, amount, since, until,
       dateDiff('minute', since, (SELECT now FROM payment_clock)) AS minutes, count() OVER () AS all
FROM payment_exception_now
WHERE state != 'closed' AND (state = 'accepted') = {accepted:Bool}
    AND ({kind:String} = '' OR kind = {kind:String}) AND ({group:String} = '' OR of_group = {group:String})
    AND ({owner:String} = '' OR owner = {owner:String}) AND ({ignored:Bool} OR state != 'ignored')
    AND since <= (SELECT now FROM payment_clock) - toIntervalMillisecond({age:UInt64})
ORDER BY indexOf(['high', 'medium', 'low'], severity), since, exception_id LIMIT {limit:UInt32}"""
ACCEPTED = """
SELECT exception_id, decision_id, decided_by, reason FROM decision_now
WHERE decision = 'accept' AND state IN ('in_force', 'withdrawing')
    AND ({group:String} = '' OR of_group = {group:String})
ORDER BY decided_at, decision_id"""
DECISION = """
SELECT of_group, '' AS exception_id, decided_by, state, (
           SELECT groupUniqArray(by) FROM payment_decision WHERE decision = 'withdraw' AND of = {id:String}
       ) AS withdrawn_by
FROM decision_now WHERE decision_id = {id:String}"""
NAMED = """
SELECT toString(of_group) AS of_group, payment AS subject, payment_now.amount AS amount FROM payment_now
WHERE payment = {name:String}
UNION ALL SELECT toString(of_group), document, remains FROM due_now WHERE document = {name:String}
ORDER BY of_group"""
GOES_BACK = """
SELECT decision_id, amount FROM open_decision
WHERE of_group = {group:String} AND decision = 'refund' AND about = {payment:String}"""
ASKED = """
SELECT exception_id FROM payment_exception_now
WHERE of_group = {group:String} AND subject = {subject:String} AND state != 'closed' AND kind IN {kinds:Array(String)}
ORDER BY since, exception_id"""
NOTHING_ASKED = {"exception_id": "", "kind": "", "candidates": ""}
AMOUNTS = """
SELECT document, reinterpretAsInt64(amount) AS amount, direction, reinterpretAsInt64(paid) AS paid,
       reinterpretAsInt64(refunded) AS refunded, currency, reinterpretAsInt64(remains) AS remains,
       w.units AS written_off
FROM due_now
LEFT JOIN (
    SELECT document, sum(reinterpretAsInt64(amount)) AS units FROM payment_match
    WHERE what = 'write_off' AND `group` = {group:String} AND document IN {names:Array(String)} GROUP BY document
) AS w USING (document)
WHERE of_group = {group:String} AND document IN {names:Array(String)}"""
MOVED = """
SELECT payment, kind, direction, reinterpretAsInt64(amount) AS whole, currency,
       reinterpretAsInt64(payment_now.unmatched) + k.kept AS unmatched
FROM payment_now
LEFT JOIN (
    SELECT payment, sum(reinterpretAsInt64(amount)) AS kept FROM payment_match
    WHERE posting = 'money_kept' AND payment IN {names:Array(String)} GROUP BY payment
) AS k USING (payment)
WHERE of_group = {group:String} AND payment IN {names:Array(String)}"""
EXPECTED = """
SELECT document,
       sum(if(posting IN ('payout_sent', 'deposit_sent', 'refund_owed'), 1, -1) * reinterpretAsInt64(amount)) AS rest
FROM payment_match WHERE document IN {names:Array(String)} AND posting IN
    ('payout_sent', 'payout_arrived', 'payout_returned', 'deposit_sent', 'deposit_arrived', 'refund_owed',
     'refund_recovered') GROUP BY document"""
AFTER = """
SELECT toUnixTimestamp64Milli(max(event_time)) + 1 AS ms FROM payment_decision WHERE `group` = {group:String}"""
UNMATCHED = "SELECT unmatched FROM payment_now WHERE payment = {payment:String}"
EXCEPTIONS = "ex-"
"""How ids of exceptions begin."""
UNDER = "amount_under"
WAYS = {"in": "came", "out": "left"}
NO_DOCUMENT = "there is no document {} of group {}"
WAITS = f"{terms.NEEDS['approval']} waits for another person"
APPROVE = f"{WAITS}: waybook exceptions approve"
WITHDRAW = f"{terms.NEEDS['withdrawal']} withdrawal waits for another person: waybook exceptions withdraw"
UNDONE = {
    "approval": APPROVE,
    "withdrawal": WITHDRAW,
    "refund": f"{terms.NEEDS['refund']} has to go back, and has not",
}


def listing(
    client: Client,
    kind: str = "",
    group: str = "",
    *,
    owner: str = "",
    ignored: bool = False,
    accepted: bool = False,
    age: int = 0,
    limit: int = 1000,
) -> Iterator[str]:
    """A line for each open exception, the worst and oldest first, as of when their ages are, and how many there are
    beyond `limit`. `accepted`:
    for each that was accepted instead, with the decision. `age`: those that are open for so many ms at least, as time
    passes in the books."""
    asked = {"kind": kind, "group": group, "owner": owner, "ignored": ignored, "accepted": accepted}
    listed = rows(client, OPEN, **asked, age=age, limit=limit)
    decided = _acceptances(client, group) if accepted else _waiting(client, group)
    of = foreign(client, (row["subject"] for row in listed))
    for row in listed:
        said = f"  暂缓至 sleeps until {shanghai(row['until'])}" if row["state"] == "ignored" else ""
        said += f"  {decided[row['exception_id']]}" if row["exception_id"] in decided else ""
        amount = amount_of(row["amount"], row["subject"], of)
        yield (
            f"{row['exception_id']}  {terms.SEVERITIES.both(row['severity'])}  {terms.EXCEPTIONS.both(row['kind'])}  "
            f"{row['subject']}  {amount}  {terms.OWNERS.both(row['owner'])}  {shanghai(row['since'])}  "
            f"{aged(row['minutes'])}  {terms.ACTIONS.both(row['suggested'])}{said}"
        )
    yield from map(ages_as_of, rows(client, CLOCK) if listed else ())
    if listed and (more := listed[0]["all"] - len(listed)):
        yield f"… 还有 {more:,} 项 more: --limit shows further ones, --group, --kind, --owner and --older-than fewer"


def _acceptances(client: Client, group: str) -> dict[str, str]:
    """By exception: who accepted it, and why."""
    return {
        row["exception_id"]: f"{row['decision_id']}  {row['decided_by']}  {row['reason']}"
        for row in rows(client, ACCEPTED, group=group)
    }


def _waiting(client: Client, group: str) -> dict[str, str]:
    """By exception: the decision about it that waits for another person."""
    return {
        row["exception_id"]: f"{WAITS}: {row['decision_id']}"
        for row in rows(client, OPEN_DECISIONS, group=group)
        if row["needs"] == "approval"
    }


def undone(client: Client, group: str = "") -> Iterator[str]:
    """A line for each decision that waits for another person, each whose withdrawal does, and each after which money
    has to go back and has not."""
    found = rows(client, OPEN_DECISIONS, group=group)
    of = foreign(client, map(subject_of, found))
    for row in found:
        amount = amount_of(row["amount"], subject_of(row), of)
        yield (
            f"{row['decision_id']}  {UNDONE[row['needs']]}  {terms.DECISIONS.both(row['decision'])}  {row['about']}  "
            f"{amount}  {row['decided_by']}  {shanghai(row['decided_at'])}  {row['reason']}"
        ).rstrip()


class Answer:
    """A person's answer, about an open exception, a payment or document, or a decision of another person.

    Each raises LookupError or ValueError for what would change nothing, before it is said.
    """

    def __init__(self, client: Client, by: str, reason: str = "") -> None:
        if not by.strip():
            raise ValueError("nobody decides: say --by NAME")
        self.client, self.by, self.reason = client, by, reason

    def match(self, number: str, shares: Sequence[tuple[str, int]]) -> PaymentDecided:
        """The payment, or the exception's, is for these documents, so much each (0.0001). Money that left and has to
        come back (a payout, what went back beyond what was paid) stands where a document does: it is matched with what
        came of it, whichever of both the answer is about."""
        row = self._about(number)
        if not is_payment(self.client, row):
            raise LookupError(f"{row['subject']} is no payment: match the one that is for it")
        names = [document for document, _ in shares]
        known = self._documents(row, names)
        moved = self._moved(row, [row["subject"], *names])
        way, currency = moved[row["subject"]]["direction"], moved[row["subject"]]["currency"]
        said = []
        for document, amount in shares:
            said.append(Share(row["subject"], document, amount))
            if document in moved and document not in known:
                said[-1] = self._came_of(moved[row["subject"]], moved[document], amount)
                continue
            if document not in known:
                raise LookupError(NO_DOCUMENT.format(document, row["of_group"]))
            of = known[document]
            if currency != of["currency"]:
                raise ValueError(f"{row['subject']} is in {currency}, {document} in {of['currency']}")
            if amount > of["amount"]:
                raise ValueError(f"{document} is about no more than {told(of['amount'])}")
            if way != of["direction"] and amount > (back := max(of["paid"] - of["refunded"], 0)):
                raise ValueError(
                    f"{row['subject']} is money that {WAYS[way]}: no more than {told(back)}, what was paid of "
                    f"{document}, can have gone back"
                )
        return self._said(row, "match", shares=tuple(said))

    def _came_of(self, one: Row, other: Row, amount: int) -> Share:
        """So much of the money of one movement came of what left by the other."""
        came, left = (one, other) if one["direction"] == "in" else (other, one)
        if (came["direction"], left["direction"]) != ("in", "out"):
            raise ValueError(f"{one['payment']} and {other['payment']} both {WAYS[one['direction']]}")
        expected = {
            row["document"]: row["rest"] for row in rows(self.client, EXPECTED, names=[left["payment"]])
        }
        rest = expected.get(left["payment"], 0)
        unused = left["unmatched"] == left["whole"]
        deposit = unused and (came["kind"], left["kind"]) == ("transfer", "payment")
        if deposit and amount != left["whole"]:
            raise ValueError(f"a deposit is all of {left['payment']}: {told(left['whole'])}")
        if amount > rest and not deposit:
            raise ValueError(f"no more than {told(rest)} of {left['payment']} has to come back")
        if amount > came["unmatched"]:
            raise ValueError(f"no more than {told(came['unmatched'])} of {came['payment']} is not matched")
        return Share(came["payment"], left["payment"], amount)

    def write_off(self, number: str, document: str, amount: int) -> PaymentDecided:
        """So much of a document is given up, of what is open of it; empty: of the one that it is about."""
        row = self._about(number)
        names = [document] if document else [row["subject"], *row["candidates"].split()]
        known = self._documents(row, names)
        if document and not known:
            raise LookupError(NO_DOCUMENT.format(document, row["of_group"]))
        if len(known) != 1:
            raise LookupError(
                f"which document? say --document: {', '.join(sorted(known)) or 'it is about none'}"
            )
        (name,) = known
        open_ = known[name]["remains"] + known[name]["written_off"]
        if amount > open_:
            raise ValueError(
                f"no more than {told(open_)} of {name} can be written off: that is what is open of it"
            )
        return self._said(row, "write_off", document=name, amount_e4=amount)

    def refund(self, number: str, amount: int = 0) -> PaymentDecided:
        """So much (0.0001) of the payment has to go back. 0: all of it, or as much as the exception is about, or what
        of it is not matched where that is about what is missing of documents.

        Raises ValueError where some has to already, nothing is asked and no amount is said: it would take the place of
        that.
        """
        row = self._about(number)
        if not is_payment(self.client, row, "payment"):
            raise LookupError(f"{row['subject']} is no payment: nothing of it can go back")
        group, payment = row["of_group"], row["subject"]
        (moved,) = rows(self.client, MOVED, group=group, names=[payment])
        if amount > moved["whole"]:
            raise ValueError(f"{payment} is of {told(moved['whole'])}: no more can go back")
        standing = (
            []
            if row["exception_id"] or amount
            else rows(self.client, GOES_BACK, group=group, payment=payment)
        )
        for made in standing:
            raise ValueError(
                f"{yuan(made['amount'])} of {payment} has to go back already, by {made['decision_id']}: withdraw that, "
                "or say with --refund YUAN how much it is in its place"
            )
        if not amount:
            unmatched = row["kind"] == UNDER
            found = (
                rows(self.client, UNMATCHED, payment=payment)[0]["unmatched"] if unmatched else row["amount"]
            )
            amount = parse_yuan(str(found))
        return self._said(row, "refund", payment=payment, amount_e4=amount)

    def ignore(self, number: str, until: date) -> PaymentDecided:
        """The exception sleeps until that day begins in Shanghai."""
        row, wakes = self._asked(number), day_of(until) * DAY - SHANGHAI_OFFSET
        if wakes <= now_of(self.client):
            raise ValueError(f"{until} has begun already, as time passes in the books")
        return self._said(row, "ignore", until=wakes)

    def accept(self, number: str, amount: int) -> PaymentDecided:
        """The exception is accepted as it is, so long as it is about this amount (0.0001)."""
        row = self._asked(number)
        if not ADVICE[row["kind"]].accept:
            raise ValueError(
                f"{row['kind']} is not accepted as it is: {terms.ACTIONS.both(row['suggested'])}"
            )
        if amount != parse_yuan(str(row["amount"])):
            raise ValueError(
                f"{number} is about {yuan(row['amount'])}, not {told(amount)}: say that it is accepted"
            )
        return self._said(row, "accept", amount_e4=amount)

    def approve(self, decision: str) -> PaymentDecided:
        """Another person's decision is agreed to."""
        of = self._decision(decision)
        if person_of(of["decided_by"]) == person_of(self.by):
            raise ValueError(f"{self.by} has decided it: another person has to agree")
        return self._said(of, "approve", of=decision)

    def withdraw(self, decision: str) -> PaymentDecided:
        """A decision no longer counts; of one that another person had to approve two have to say so."""
        of = self._decision(decision)
        if person_of(self.by) in map(person_of, of["withdrawn_by"]):
            raise ValueError(f"{self.by} has withdrawn it: another person has to, too")
        return self._said(of, "withdraw", of=decision)

    def _about(self, name: str) -> Row:
        """What an answer is about: an open exception, or else a payment or document: what is asked about its money, or
        itself where nothing is."""
        if name.startswith(EXCEPTIONS):
            return self._open(name)
        named = rows(self.client, NAMED, name=one_meant(self.client, name))
        if len(named) > 1:
            groups = ", ".join(row["of_group"] for row in named)
            raise LookupError(
                f"{name} is a document of each of these groups: {groups}; answer one of its exceptions"
            )
        (row,) = named
        kinds = [kind for kind, advice in ADVICE.items() if not advice.accept]
        asked = rows(self.client, ASKED, group=row["of_group"], subject=row["subject"], kinds=kinds)
        return self._open(asked[0]["exception_id"]) if asked else {**row, **NOTHING_ASKED}

    def _open(self, number: str) -> Row:
        row = found(self.client, number)
        if row["state"] == "closed":
            raise LookupError(f"{number} is closed: waybook exceptions show {number}")
        return row

    def _asked(self, number: str) -> Row:
        row = self._open(number)
        if row["state"] == "accepted":
            raise LookupError(f"{number} was accepted: waybook exceptions show {number}")
        return row

    def _documents(self, row: Row, names: Sequence[str]) -> dict[str, Row]:
        """Those of the names that are documents of the exception's group: amounts, which way they are paid, and what
        was."""
        known = rows(self.client, AMOUNTS, group=row["of_group"], names=list(names))
        return {one["document"]: one for one in known}

    def _moved(self, row: Row, names: Sequence[str]) -> dict[str, Row]:
        """Those of the names that are payments of the exception's group: which way, and what is not matched."""
        known = rows(self.client, MOVED, group=row["of_group"], names=list(names))
        return {one["payment"]: one for one in known}

    def _decision(self, decision: str) -> Row:
        known = rows(self.client, DECISION, id=decision)
        if not known:
            raise LookupError(f"there is no decision {decision}")
        if known[0]["state"] == "withdrawn":
            raise LookupError(f"{decision} was withdrawn")
        return dict(known[0])

    def _moment(self, group: str) -> int:
        """When it is said: after all that was said before, since the later counts, though no time passes in the books
        while nothing happens."""
        return max(now_of(self.client), int(rows(self.client, AFTER, group=group)[0]["ms"]))

    def _said(self, row: Row, decision: str, **said: object) -> PaymentDecided:
        if decision in REASONED and not self.reason.strip():
            raise ValueError(f"{decision} needs a reason: say --reason TEXT")
        now = self._moment(row["of_group"])
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


def send(settings: Settings, decision: PaymentDecided) -> None:
    """Returns when Kafka has the decision."""
    records = sending(settings)
    records.produce(topics.DECISIONS.name, decision.group, msgspec.json.encode(decision))
    records.flush()
