"""Payouts of channels to banks: each is on its way once, its credit clears it once, and people are asked where it is.

Which of two equal payouts came nobody can tell, so any pairing that the published rules allow is right; what may not be
is a payout that waits while a credit that would do is nobody's.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deploy.audit.asked import Asked
from deploy.audit.decided import Decided, Voucher
from deploy.audit.report import Check, Findings
from deploy.audit.store import Store

DAY, SHANGHAI = 86_400_000, 28_800_000
SENT, ARRIVED = "payout_sent", "payout_arrived"
TRANSIT = (SENT, ARRIVED)
"""Posting rules of what is on its way, and has come."""
ACCOUNT, RULE, MISSING = "1817", "payout", "payout_missing"

_PUBLISHED = """
    SELECT argMax(content, (seq, line)) AS newest, uniqExact(content) AS versions FROM $payment_rules
    WHERE file = 'matching.toml'"""
_MOVED = """
    SELECT payment, newest.1 AS of_group, newest.2 AS channel, newest.3 AS account, newest.4 AS kind,
           newest.5 AS direction, newest.6 AS units, newest.7 AS time, newest.8 AS words, newest.9 AS lane,
           newest.12 AS ordered
    FROM (
        SELECT payment, argMax((toString(group), toString(channel), concat(channel, '/', merchant), toString(kind),
               toString(direction), reinterpretAsInt64(amount), event_time, text, bitShiftRight(seq, 32),
               toString(state), toString(currency), order), (seq, line)) AS newest
        FROM $payment WHERE kind = 'transfer' OR channel IN {banks:Array(String)} GROUP BY payment
    ) WHERE newest.10 = 'success' AND newest.11 = 'CNY'"""
_PLAIN = "upper(replaceRegexpAll({0}, '[^0-9A-Za-z]', ''))"
_NAMED = f"""
    SELECT count() AS n FROM (
        SELECT arrayJoin(arrayConcat([document], splitByChar(' ', references))) AS number FROM $receivable
        WHERE group = {{group:String}}
    ) WHERE number != '' AND position({_PLAIN.format("{words:String}")}, {_PLAIN.format("number")}) > 0"""
"""Documents that a text may name."""
_LEDGER = f"""
    SELECT toString(counterparty) AS other, sum(if(side = 'D', 1, -1) * reinterpretAsInt64(amount)) AS units
    FROM $journal WHERE account = '{ACCOUNT}' GROUP BY other HAVING units != 0"""


class Agreed(NamedTuple):
    """A `[[payout]]`."""

    channels: Sequence[str]
    banks: Sequence[str]
    words: Sequence[str]
    days: int


class Moved(NamedTuple):
    """Money that is paid out, or may be what was."""

    payment: str
    of_group: str
    channel: str
    account: str
    kind: str
    direction: str
    units: int
    time: int
    words: str
    lane: int
    ordered: str

    @property
    def day(self) -> int:
        """Business day, days since 1970-01-01."""
        return (self.time + SHANGHAI) // DAY


class Payouts:
    """All payouts. Vouchers are told one by one (`see`), then `check` compares."""

    def __init__(self, store: Store, asked: Asked, decided: Decided, patience: int) -> None:
        self._store, self._asked, self._decided, self._patience = store, asked, decided, patience
        self.found = Findings("payouts", "渠道提现在途一次、到账冲销一次，在途余额相符，逾期未到账的有例外")
        self._taken: Counter[str] = Counter()
        """By payment: what matches of any kind have taken."""
        self._moves: list[Voucher] = []

    def see(self, voucher: Voucher) -> None:
        """What stands of a payment's voucher."""
        if voucher.what == "match":
            self._taken[voucher.payment] += voucher.units
        if voucher.posting in TRANSIT:
            self._moves.append(voucher)

    def check(self) -> Check:
        """The outcome."""
        (row,) = self._store.rows(_PUBLISHED)
        agreed = [_agreed(one) for one in tomllib.loads(row["newest"] or "").get("payout", ())]
        banks = sorted({bank for one in agreed for bank in one.banks})
        moved = {row["payment"]: Moved(**row) for row in self._store.rows(_MOVED, banks=banks)}
        same = row["versions"] <= 1
        self._standing(moved)
        if same:
            self._pairs(moved, agreed)
        ledger = {row["other"]: row["units"] for row in self._store.rows(_LEDGER)}
        should: Counter[str] = Counter()
        for one in self._moves:
            should[one.party] += one.units if one.posting == SENT else -one.units
        for party in ledger.keys() | should.keys():
            if ledger.get(party, 0) != should[party]:
                self.found.add(f"{party}: {ledger.get(party, 0)} is in transit, should be {should[party]}")
        return self.found.check("payouts and credits")

    def _standing(self, moved: Mapping[str, Moved]) -> None:
        """Each payout is sent once and comes at most once, each credit is of one, and all of the same money."""
        self.found.seen += len(self._moves)
        sent = {one.payment: one for one in self._moves if one.posting == SENT}
        times = Counter((one.posting, one.document) for one in self._moves)
        times += Counter((ARRIVED, f"of {one.payment}") for one in self._moves if one.posting == ARRIVED)
        for (posting, name), several in times.items():
            if several > 1:
                self.found.add(f"{name}: {posting} {several} times")
        for one in self._moves:
            payout, payment = moved.get(one.document), moved.get(one.payment)
            if payout is None or payment is None:
                self.found.add(f"{one.payment}: is {one.posting} of {one.document}, and no such money moved")
                continue
            facts = one.units, one.party, one.rule, one.time
            if facts != (payout.units, payout.account, RULE, max(payout.time, payment.time)):
                self.found.add(f"{one.payment}: is {one.posting} with {facts}")
            if one.posting == SENT and one.payment != one.document:
                self.found.add(f"{one.payment}: is sent as {one.document}")
            if one.posting == ARRIVED and (
                one.document not in sent or payment.units != payout.units or payment.day < payout.day
            ):
                self.found.add(f"{one.payment}: is no credit of {one.document}")

    def _pairs(self, moved: Mapping[str, Moved], agreed: Sequence[Agreed]) -> None:
        """By the rules: what has to be on its way is, and nothing waits for what has come."""
        sent = {one.payment for one in self._moves if one.posting == SENT}
        came = {one.document for one in self._moves if one.posting == ARRIVED}
        credits_ = {one.payment: one.document for one in self._moves if one.posting == ARRIVED}
        idle = [one for one in moved.values() if _receives(one, agreed) and not self._taken[one.payment]]
        for name, document in credits_.items():
            if name not in moved or document not in moved:
                continue
            of = _pays_out(moved[document], agreed)
            if of is None or not _receives(moved[name], [of]):
                self.found.add(f"{name}: is taken for the payout {document}, and its rule does not say so")
        for one in moved.values():
            rule = _pays_out(one, agreed)
            if (one.payment in sent) != (rule is not None) and not (rule and self._taken[one.payment]):
                self.found.add(f"{one.payment}: is {'' if one.payment in sent else 'not '}on its way")
            if rule is None:
                continue
            self.found.seen += 1
            waits = one.payment in sent and one.payment not in came
            for other in idle if waits else ():
                same = (other.of_group, other.units) == (one.of_group, one.units) and other.day >= one.day
                if same and _receives(other, [rule]) and not self._is_for_else(other):
                    self.found.add(f"{one.payment}: waits, and {other.payment} is nobody's")
            asked = self._asked.there(one.of_group, one.payment, MISSING)
            over = (one.day + rule.days + 1) * DAY - SHANGHAI + self._patience
            if asked is not None and (not waits or asked != one.units):
                self.found.add(f"{one.payment}: people are asked about {asked} that is not missing")
            if asked is None and waits and self._asked.now(one.lane) >= over:
                self.found.add(f"{one.payment}: has not come, and nobody is asked")

    def _is_for_else(self, one: Moved) -> bool:
        """Whether a credit may name a document, or people said what it is for."""
        words = f"{one.ordered} {one.words}"
        named = self._store.rows(_NAMED, group=one.of_group, words=words)[0]["n"]
        return bool(named) or self._decided.touches(one.of_group, one.payment)


def _agreed(said: Mapping[str, Any]) -> Agreed:
    return Agreed(said["channels"], said["banks"], said["words"], said.get("days", 3))


def _pays_out(one: Moved, agreed: Sequence[Agreed]) -> Agreed | None:
    if (one.kind, one.direction) != ("transfer", "out"):
        return None
    return next((rule for rule in agreed if one.channel in rule.channels), None)


def _receives(one: Moved, agreed: Sequence[Agreed]) -> bool:
    return (one.kind, one.direction) == ("payment", "in") and any(
        one.channel in rule.banks and any(word in one.words for word in rule.words) for rule in agreed
    )
