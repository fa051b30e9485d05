"""What the books know of a group's dues, payments and decisions, as matching asks it (`reconciliation.components`).

Each question is answered from ClickHouse when it is asked first, so explaining one payment looks at what hangs
together with it and at nothing else.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.phrases import Phrases
from dashboards.queries import rows
from flows.reconciliation.components import (
    AMOUNT,
    NUMBER,
    ORIGINAL,
    PARTY,
    PAYER,
    TRANSIT,
    keys_of_due,
    keys_of_payment,
)
from flows.reconciliation.decisions import InForce, in_force
from flows.reconciliation.model import Due, Paid
from flows.reconciliation.record import DecisionRecord
from flows.reconciliation.rules import BY_NUMBER, DECIDED, FILE, MatchingRules, default_rules, read_matching
from schemas.payments import PaymentDecided, Share
from schemas.times import day_of

_PLAIN = "upper(replaceRegexpAll({}, '[\\\\s\\\\-_/.]+', ''))"
DUES = """
SELECT document, argMaxIf(toString(r.kind), (event_time, event_id), told) AS kind,
       argMaxIf(r.party, (event_time, event_id), told) AS party,
       argMaxIf(reinterpretAsInt64(r.amount), (event_time, event_id), told) AS amount,
       toUnixTimestamp64Milli(min(event_time)) AS time,
       argMaxIf(toString(r.direction), (event_time, event_id), told) AS direction,
       argMaxIf(toString(r.currency), (event_time, event_id), told) AS currency,
       argMaxIf(r.due_day, (event_time, event_id), told) AS due_on,
       argMaxIf(r.references, (event_time, event_id), told) AS quoted,
       argMaxIf(r.payer, (event_time, event_id), told) AS payer,
       argMaxIf(r.partial, (event_time, event_id), told) AS partial,
       argMaxIf(toString(r.settle), (event_time, event_id), told) AS settle,
       argMax(r.status, (event_time, event_id)) = 'cancelled' AS cancelled
FROM (SELECT *, status = 'told' AS told FROM receivable) AS r
WHERE `group` = {{group:String}} AND document IN (
    SELECT document FROM receivable WHERE `group` = {{group:String}} AND ({where}) LIMIT 5000)
GROUP BY document HAVING countIf(told) > 0"""
PAYMENTS = """
SELECT payment, any(toString(p.kind)) AS kind, argMax(reinterpretAsInt64(p.amount), (seq, line)) AS amount,
       toUnixTimestamp64Milli(argMax(event_time, (seq, line))) AS time,
       argMax(toString(p.direction), (seq, line)) AS direction, argMax(p.order, (seq, line)) AS ordered,
       argMax(p.original, (seq, line)) AS original, argMax(toString(p.currency), (seq, line)) AS currency,
       argMax(p.payer, (seq, line)) AS payer, argMax(p.party, (seq, line)) AS party,
       argMax(p.text, (seq, line)) AS text
FROM payment AS p WHERE `group` = {{group:String}} AND p.channel != 'account' AND payment IN (
    SELECT payment FROM payment WHERE `group` = {{group:String}} AND ({where}) LIMIT 5000)
GROUP BY payment HAVING argMax(toString(p.state), (seq, line)) = 'success'"""
STANDING = """
SELECT document, groupUniqArray(toString(rule)) AS by FROM (
    SELECT document, payment, rule, sum(amount) AS stands FROM payment_match
    WHERE `group` = {group:String} AND what = 'match' GROUP BY document, payment, rule HAVING stands != 0)
GROUP BY document"""
SETTLED = "SELECT document FROM due_now WHERE of_group = {group:String} AND remains = 0"
DECISIONS = """
SELECT decision_id, toUnixTimestamp64Milli(decided_at) AS time, decision, state, decided_by, exception_id, shares,
       payment, document, reinterpretAsInt64(amount) AS units, toUnixTimestamp64Milli(until) AS wakes
FROM decision_now WHERE of_group = {group:String}"""
RULES = "SELECT content FROM payment_rules WHERE file = {file:String} ORDER BY seq DESC, line DESC LIMIT 1"
NOW = "SELECT toUnixTimestamp64Milli(now) AS ms FROM payment_clock"
GROUP_OF = "SELECT any(toString(`group`)) AS of FROM payment WHERE payment = {payment:String} HAVING of != ''"


def rules_of(client: Client) -> MatchingRules:
    """The rules that were published last, or those that come with the package."""
    found = rows(client, RULES, file=FILE)
    return read_matching(found[0]["content"]) if found else default_rules()


def phrases_of(client: Client) -> Phrases:
    """How texts of the books are told, with the names of the rules in force."""
    return Phrases({rule.name: rule.label for rule in rules_of(client).rules})


def now_of(client: Client) -> int:
    """How late it is in the books, UTC ms: they may be of a simulated network, or behind."""
    return int(rows(client, NOW)[0]["ms"])


class Stored:
    """The facts of one group."""

    def __init__(self, client: Client, group: str, rules: MatchingRules) -> None:
        self.client, self.group, self.rules = client, group, rules
        self._dues: dict[str, Due | None] = {}
        self._payments: dict[str, Paid | None] = {}
        self._by_number = {rule.name for rule in rules.of(*BY_NUMBER)} | {DECIDED}
        self._settled: set[str] | None = None
        self.decided = self._in_force()

    def due(self, document: str) -> Due | None:
        """The due of a document."""
        if document not in self._dues:
            self._read_dues("document = {value:String}", document)
        return self._dues.setdefault(document, None)

    def payment(self, key: str) -> Paid | None:
        """The payment of a key, when money moved."""
        if key not in self._payments:
            self._read_payments("payment = {value:String}", key)
        return self._payments.setdefault(key, None)

    def dues_by(self, key: str) -> Iterable[str]:
        """Documents of the dues that have a key."""
        number = f"{_PLAIN.format('document')} = {{value:String}} OR has(arrayMap(x -> {_PLAIN.format('x')}, "
        number += "splitByChar(' ', references)), {value:String})"
        where = {
            NUMBER: number,
            PAYER: "payer = {value:String}",
            PARTY: "party = {value:String}",
            AMOUNT: "concat(toString(currency), ':', toString(direction), ':', toString(reinterpretAsInt64(amount))) "
            "= substringIndex({value:String}, ':', 3)",
        }[key[:2]]
        return [
            due.document for due in self._read_dues(where, key[2:]) if key in keys_of_due(due, self.rules)
        ]

    def payments_by(self, key: str) -> Iterable[str]:
        """Keys of the payments that have a key."""
        number = f"{_PLAIN.format('`order`')} = {{value:String}} OR position({_PLAIN.format('text')}, {{value:String}})"
        where = {
            NUMBER: number,
            PAYER: "payer = {value:String}",
            PARTY: "party = {value:String}",
            ORIGINAL: "original = {value:String}",
            TRANSIT: "concat(toString(currency), ':', toString(reinterpretAsInt64(amount))) = {value:String}",
            AMOUNT: "toString(reinterpretAsInt64(amount)) = splitByChar(':', {value:String})[3]",
        }[key[:2]]
        found = self._read_payments(where, key[2:])
        return [paid.key for paid in found if key in keys_of_payment(paid, self.rules)]

    def pooled(self, key: str) -> bool:
        """Whether no number leads from the payment to a due: `components` finds that out itself."""
        del key
        return False

    def settled(self, document: str) -> bool:
        """Whether numbers and decisions alone leave nothing of the due open."""
        if self._settled is None:
            paid = {row["document"] for row in rows(self.client, SETTLED, group=self.group)}
            pooled = {
                row["document"]
                for row in rows(self.client, STANDING, group=self.group)
                if not self._by_number.issuperset(row["by"])
            }
            self._settled = paid - pooled
        return document in self._settled

    def decided_with(self, name: str) -> Iterable[str]:
        """Payments that people's shares give to a document; documents that they give a payment to."""
        for share in self.decided.decisions.shares:
            if share.document == name:
                yield share.payment
            if share.payment == name:
                yield share.document

    def _in_force(self) -> InForce:
        return in_force(
            DecisionRecord(row["decision_id"], 0, 0, 0, said=self._said(row), state=row["state"])
            for row in rows(self.client, DECISIONS, group=self.group)
        )

    def _said(self, row: dict[str, Any]) -> PaymentDecided:
        return PaymentDecided(
            id=row["decision_id"],
            time=row["time"],
            group=self.group,
            decision=row["decision"],
            by=row["decided_by"],
            exception=row["exception_id"],
            shares=msgspec.json.decode(row["shares"], type=tuple[Share, ...]),
            payment=row["payment"],
            document=row["document"],
            amount_e4=row["units"],
            until=row["wakes"],
        )

    def _read_dues(self, where: str, value: str) -> list[Due]:
        found = [
            Due(
                row["document"],
                row["kind"],
                row["party"],
                row["amount"],
                row["time"],
                row["direction"],
                row["currency"],
                day_of(row["due_on"]),
                references=tuple(row["quoted"].split()),
                payer=row["payer"],
                partial=bool(row["partial"]),
                cancelled=bool(row["cancelled"]),
                settle=row["settle"],
            )
            for row in rows(self.client, DUES.format(where=where), group=self.group, value=value)
        ]
        found = [msgspec.structs.replace(due, account=self.rules.deducts(self.group, due)) for due in found]
        self._dues |= {due.document: due for due in found}
        return found

    def _read_payments(self, where: str, value: str) -> list[Paid]:
        found = [
            Paid(
                row["payment"],
                row["kind"],
                row["amount"],
                row["time"],
                row["direction"],
                row["ordered"],
                row["original"],
                row["currency"],
                row["payer"],
                row["party"],
                row["text"],
            )
            for row in rows(self.client, PAYMENTS.format(where=where), group=self.group, value=value)
        ]
        self._payments |= {paid.key: paid for paid in found}
        return found
