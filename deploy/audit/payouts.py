"""Money that left and has to come back: booked once, cleared by what comes of it, and asked about as long as it lacks.

Payouts of channels to banks come as the bank's credit, or come back to the channel; what went back beyond what was paid
(a refund, then a chargeback of the same payment) comes from the channel. What people accepted that it does not come is
a loss; what they accepted that came, and is of nothing known, is a gain. Which of two equal payouts came nobody can
tell, so any pairing that the published rules allow is right; what may not be is a payout that waits while a credit that
would do is nobody's.
"""

import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deploy.audit.asked import Asked
from deploy.audit.decided import Decided, Voucher
from deploy.audit.names import content_name
from deploy.audit.report import Check, Findings
from deploy.audit.store import Row, Store

DAY, SHANGHAI = 86_400_000, 28_800_000
OPENS = {"payout_sent": "1817", "deposit_sent": "1817", "refund_owed": "1221"}
COMES = {
    **dict.fromkeys(("payout_arrived", "payout_returned", "deposit_arrived"), "1817"),
    "refund_recovered": "1221",
}
LOST = {"payout_lost": "1817", "refund_lost": "1221"}
ACCOUNTS = {**OPENS, **COMES, **LOST}
TRANSIT = tuple(ACCOUNTS)
"""Posting rules of what has to come back, of what has come, and of what is given up, and the accounts."""
ASKED = {"payout_sent": "payout_missing", "deposit_sent": "payout_missing", "refund_owed": "refund_over"}
UNCLAIMED = "return_orphan"
MISSING = "short"
ACCEPTED = {
    (UNCLAIMED, "in"): "money_kept",
    ("refund_over", "in"): "money_kept",
    (MISSING, "in"): "channel_short",
    (MISSING, "out"): "channel_over",
}
"""Posting rules of what people accepted (money which came is ours, a channel has not what it notified), by kind of
exception and way of the money."""
AMOUNT = "bill_amount"
STATUS = "bill_status"
"""And that a bill has more or less, or that nothing moved, which goes by its lines."""
FAILED = frozenset({"failed", "closed"})
"""States of lines of which no money moves any more."""
OF_NO_DUE = (*TRANSIT, *ACCEPTED.values())
"""Posting rules of vouchers that name a payment where others name a document."""
RULE, DECIDED = "payout", "decided"

_PUBLISHED = """
    SELECT argMax(content, (seq, line)) AS newest, uniqExact(content) AS versions FROM $payment_rules
    WHERE file = 'matching.toml'"""
_MOVED = f"""
    SELECT payment, newest.1 AS of_group, newest.2 AS channel, newest.3 AS account, newest.4 AS kind,
           newest.5 AS direction, newest.6 AS units, newest.7 AS time, newest.8 AS words, newest.9 AS lane,
           newest.12 AS ordered, newest.13 AS original
    FROM (
        SELECT payment, argMax((toString(group), toString(channel), concat(channel, '/', merchant), toString(kind),
               toString(direction), reinterpretAsInt64(amount), event_time, text, bitShiftRight(seq, 32),
               toString(state), toString(currency), order, original), (seq, line)) AS newest
        FROM $payment WHERE kind = 'transfer' OR channel IN {{banks:Array(String)}}
            OR payment IN (SELECT arrayJoin([payment, document]) FROM $payment_match WHERE posting IN {TRANSIT})
        GROUP BY payment
    ) WHERE newest.10 = 'success' AND newest.11 = 'CNY'"""
_ACCEPTED = """
    SELECT payment, newest.1 AS direction, newest.3 AS time, newest.4 AS units, billed.units AS lines,
           billed.states AS states
    FROM (
        SELECT payment, argMax((toString(direction), toString(currency), event_time, reinterpretAsInt64(amount),
               toString(state)), (seq, line)) AS newest
        FROM $payment WHERE payment IN (SELECT subject FROM $payment_exception WHERE kind IN {kinds:Array(String)})
        GROUP BY payment
    ) AS p LEFT JOIN (
        SELECT payment, groupUniqArrayIf(reinterpretAsInt64(amount), currency = 'CNY') AS units,
               groupUniqArrayIf(toString(state), amount > 0) AS states
        FROM $bill_line
        WHERE payment IN (SELECT subject FROM $payment_exception WHERE kind IN {kinds:Array(String)})
        GROUP BY payment
    ) AS billed USING (payment) WHERE newest.2 = 'CNY' AND newest.5 = 'success'"""
_PLAIN = "upper(replaceRegexpAll({0}, '[^0-9A-Za-z]', ''))"
_NAMED = f"""
    SELECT count() AS n FROM (
        SELECT arrayJoin(arrayConcat([document], splitByChar(' ', references))) AS number FROM $receivable
        WHERE group = {{group:String}}
    ) WHERE number != '' AND position({_PLAIN.format("{words:String}")}, {_PLAIN.format("number")}) > 0"""
"""Documents that a text may name."""
_LEDGER = f"""
    SELECT toString(account) AS of, toString(counterparty) AS other,
           sum(if(side = 'D', 1, -1) * reinterpretAsInt64(amount)) AS units
    FROM $journal WHERE account IN {tuple(sorted(set(ACCOUNTS.values())))} GROUP BY of, other HAVING units != 0"""


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
    original: str

    @property
    def day(self) -> int:
        """Business day, days since 1970-01-01."""
        return (self.time + SHANGHAI) // DAY


class Payouts:
    """All of it. Vouchers are told one by one (`see`), then `check` compares."""

    def __init__(self, store: Store, asked: Asked, decided: Decided, patience: int) -> None:
        self._store, self._asked, self._decided, self._patience = store, asked, decided, patience
        self.found = Findings(
            "payouts", "渠道提现与多退款项待收一次、收回冲销一次，余额相符，逾期未到的有例外，认可的记损失"
        )
        self._taken: Counter[str] = Counter()
        """By payment: what matches of any kind have taken."""
        self._opened: dict[str, Voucher] = {}
        self._came: dict[str, list[Voucher]] = defaultdict(list)
        self._lost: dict[str, list[Voucher]] = defaultdict(list)
        """By the payment that left."""
        self._accepted: list[Voucher] = []
        self._balance: Counter[tuple[str, str]] = Counter()

    def see(self, voucher: Voucher) -> None:
        """What stands of a payment's voucher."""
        if voucher.what == "match":
            self._taken[voucher.payment] += voucher.units
        if voucher.posting in ACCEPTED.values():
            self._accepted.append(voucher)
        if voucher.posting not in TRANSIT:
            return
        self.found.seen += 1
        sign = 1 if voucher.posting in OPENS else -1
        self._balance[ACCOUNTS[voucher.posting], voucher.party] += sign * voucher.units
        if voucher.posting in OPENS:
            if voucher.payment != voucher.document or voucher.payment in self._opened:
                self.found.add(f"{voucher.payment}: has to come back as {voucher.document}, or twice")
            self._opened[voucher.document] = voucher
        else:
            (self._came if voucher.posting in COMES else self._lost)[voucher.document].append(voucher)

    def check(self) -> Check:
        """The outcome."""
        (row,) = self._store.rows(_PUBLISHED)
        agreed = [_agreed(one) for one in tomllib.loads(row["newest"] or "").get("payout", ())]
        banks = sorted({bank for one in agreed for bank in one.banks})
        moved = {row["payment"]: Moved(**row) for row in self._store.rows(_MOVED, banks=banks)}
        for name in sorted(self._opened.keys() | self._came.keys() | self._lost.keys()):
            self._standing(name, moved)
        self._are_accepted()
        if row["versions"] <= 1:
            self._pairs(moved, agreed)
        ledger = {(row["of"], row["other"]): row["units"] for row in self._store.rows(_LEDGER)}
        for place in ledger.keys() | self._balance.keys():
            if ledger.get(place, 0) != self._balance[place]:
                self.found.add(f"{place}: holds {ledger.get(place, 0)}, should be {self._balance[place]}")
        return self.found.check("payouts and credits")

    def _rest(self, name: str) -> int:
        """What has not come."""
        return self._opened[name].units - sum(one.units for one in self._came[name])

    def _standing(self, name: str, moved: Mapping[str, Moved]) -> None:
        """What came is of the same account, the other way, and no more than left; the rest is asked about or lost."""
        opened, of = self._opened.get(name), moved.get(name)
        if opened is None or of is None:
            self.found.add(f"{name}: something has come of it, and no such money left")
            return
        whole = opened.posting == "refund_owed" or opened.units == of.units
        by = {"transfer": RULE, "payment": "deposit"}.get(of.kind, of.kind)
        right = (opened.party, opened.rule) == (of.account, by)
        if not whole or not right or opened.time != of.time or opened.units > of.units:
            self.found.add(f"{name}: is {opened.posting} with {opened}")
        for one in self._came[name]:
            payment = moved.get(one.payment)
            if payment is None or payment.direction == of.direction or one.units > payment.units:
                self.found.add(f"{one.payment}: is nothing that could have come of {name}")
            elif one.party != of.account or one.posting != _comes_as(of, payment):
                self.found.add(f"{one.payment}: is {one.posting} with {one.party}")
            elif one.rule != DECIDED and (
                one.time != max(of.time, payment.time) or not _may_be(one, payment, of)
            ):
                self.found.add(f"{one.payment}: comes of {name} by {one.rule}, and is none of it")
        rest = self._rest(name)
        if rest < 0:
            self.found.add(f"{name}: {-rest} more has come of it than left")
        if rest and of.kind == "payment":
            self.found.add(f"{name}: is a deposit of which {rest} has not come")
        self._is_lost(name, of, rest, ASKED[opened.posting])

    def _is_lost(self, name: str, of: Moved, rest: int, kind: str) -> None:
        """What people accepted that it does not come, and nothing else, is a loss."""
        decision = self._decided.acceptance(of.of_group, content_name("ex", of.of_group, kind, name))
        told = self._asked.there(of.of_group, name, kind)
        counts = rest and decision is not None and decision.units == rest and told == rest
        wanted = [(rest, f"decision {decision.number}")] if counts and decision is not None else []
        there = [(one.units, one.evidence) for one in self._lost[name]]
        if there != wanted:
            self.found.add(f"{name}: {there} is lost, should be {wanted}")
        if kind == "refund_over" and (told or 0) != rest:
            self.found.add(f"{name}: people are asked about {told}, still to come is {rest}")

    def _are_accepted(self) -> None:
        """What people accepted, and nothing else, is booked of money that is ours or is not there."""
        wanted = []
        kinds = sorted({AMOUNT, STATUS, *(kind for kind, _ in ACCEPTED)})
        moved = {row["payment"]: row for row in self._store.rows(_ACCEPTED, kinds=kinds)}
        for group, subject, kind in self._asked.accepted:
            row = moved.get(subject)
            decision = self._decided.acceptance(group, content_name("ex", group, kind, subject))
            if row is None or decision is None:
                continue
            posting = self._posting(group, subject, kind, decision.units, row)
            if posting is None:
                continue
            at, evidence = max(row["time"], decision.time), f"decision {decision.number}"
            wanted.append((subject, posting, decision.units, evidence, at))
        there = [(one.payment, one.posting, one.units, one.evidence, one.time) for one in self._accepted]
        if sorted(there) != sorted(wanted):
            self.found.add(f"{there} is booked as accepted, should be {wanted}")
        for one in self._accepted:
            if one.payment != one.document or not one.payment.startswith(f"{one.party}/"):
                self.found.add(f"{one.payment}: is accepted with {one.party} as {one.document}")

    def _posting(self, group: str, payment: str, kind: str, units: int, row: Row) -> str | None:
        """How what people accepted is booked; None: it is not. What a channel lacks counts first, then what its bills
        say did not happen, then another amount."""
        accepted = {other for other in (MISSING, STATUS) if (group, payment, other) in self._asked.accepted}
        failed = self._by_state(payment, row) if accepted == {STATUS} else None
        if kind == STATUS:
            return failed
        if kind == AMOUNT:
            return None if MISSING in accepted or failed else self._by_lines(payment, units, row)
        return ACCEPTED.get((kind, row["direction"]))

    def _by_state(self, payment: str, row: Row) -> str | None:
        """Whether the channel has none of a payment, by the lines of its bills; where corrections say both, as it is
        booked."""
        none = ACCEPTED[MISSING, row["direction"]]
        failed, others = FAILED.intersection(row["states"]), set(row["states"]) - FAILED
        booked = any((one.payment, one.posting) == (payment, none) for one in self._accepted)
        return none if failed and (booked or not others) else None

    def _by_lines(self, payment: str, units: int, row: Row) -> str | None:
        """Whether the channel has so much more of a payment, or less, by the lines of its bills; where corrections say
        both, as it is booked."""
        signs = {"in": (1, -1), "out": (-1, 1)}[row["direction"]]
        may_be = [
            posting
            for posting, sign in zip(("channel_over", "channel_short"), signs, strict=True)
            if row["units"] + sign * units in row["lines"]
        ]
        there = {one.posting for one in self._accepted if one.payment == payment}
        return next((one for one in may_be if one in there), may_be[0] if may_be else None)

    def _pairs(self, moved: Mapping[str, Moved], agreed: Sequence[Agreed]) -> None:
        """By the rules: what has to be on its way is, and nothing waits for what has come."""
        idle = [one for one in moved.values() if _receives(one, agreed) and not self._taken[one.payment]]
        back = defaultdict(list)
        for one in moved.values():
            if one.kind == "transfer" and one.direction == "in":
                left = one.units - self._taken[one.payment]
                if left > 0:
                    back[one.original].append(one)
                self._is_unclaimed(one, left if any(one.channel in rule.channels for rule in agreed) else 0)
        self._by_rule(moved, agreed)
        for one in moved.values():
            rule = _pays_out(one, agreed)
            sent = one.payment in self._opened
            if (
                one.kind == "transfer"
                and sent != (rule is not None)
                and not (rule and self._taken[one.payment])
            ):
                self.found.add(f"{one.payment}: is {'' if sent else 'not '}on its way")
            if rule is None or not sent:
                continue
            self.found.seen += 1
            rest = self._rest(one.payment)
            would_do = [other for other in idle if rest == one.units and _would_do(other, one, rule)]
            for other in (*would_do, *(back[one.payment] if rest else ())):
                if not self._is_for_else(other):
                    self.found.add(f"{one.payment}: waits, and {other.payment} is nobody's")
            self._is_asked(one, rule, rest)

    def _by_rule(self, moved: Mapping[str, Moved], agreed: Sequence[Agreed]) -> None:
        """A credit is taken for a payout only as the payout's own rule says."""
        for name, vouchers in self._came.items():
            of = _pays_out(moved[name], agreed) if name in moved else None
            for voucher in vouchers:
                by_rule = (voucher.posting, voucher.rule) == (
                    "payout_arrived",
                    RULE,
                ) and voucher.payment in moved
                if by_rule and (of is None or not _receives(moved[voucher.payment], [of])):
                    self.found.add(f"{voucher.payment}: is taken for {name}, and no rule says so")

    def _is_asked(self, one: Moved, rule: Agreed, rest: int) -> None:
        """People are asked about what of a payout has not come in its days."""
        asked = self._asked.there(one.of_group, one.payment, ASKED["payout_sent"])
        over = (one.day + rule.days + 1) * DAY - SHANGHAI + self._patience
        if asked is not None and (not rest or asked != rest):
            self.found.add(f"{one.payment}: people are asked about {asked}, missing is {rest}")
        if asked is None and rest and self._asked.now(one.lane) >= over:
            self.found.add(f"{one.payment}: has not come, and nobody is asked")

    def _is_unclaimed(self, one: Moved, left: int) -> None:
        """People are asked about what came back to a channel that pays out, and is of no payout."""
        asked = self._asked.there(one.of_group, one.payment, UNCLAIMED)
        wanted = 0 if self._decided.goes_back(one.of_group, one.payment, left) else left
        if asked is not None and asked != wanted:
            self.found.add(f"{one.payment}: people are asked about {asked} that came back, it is {wanted}")
        if asked is None and wanted and self._asked.now(one.lane) >= one.time + self._patience:
            self.found.add(f"{one.payment}: {wanted} came back of no payout, and nobody is asked")

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


def _would_do(credit: Moved, payout: Moved, rule: Agreed) -> bool:
    """Whether a payout's rule could take a credit for it."""
    same = (credit.of_group, credit.units) == (payout.of_group, payout.units)
    return same and credit.day >= payout.day and _receives(credit, [rule])


def _comes_as(of: Moved, payment: Moved) -> str:
    if of.kind == "payment":
        return "deposit_arrived"
    if of.kind != "transfer":
        return "refund_recovered"
    return "payout_returned" if payment.kind == "transfer" else "payout_arrived"


def _may_be(one: Voucher, payment: Moved, of: Moved) -> bool:
    """Whether a rule could take one for what came of the other."""
    if of.kind == "payment":
        return False
    if of.kind != "transfer":
        return (payment.original, one.rule) == (of.original, payment.kind)
    if payment.kind == "transfer":
        numbers = (of.ordered, of.payment.rpartition("/")[2])
        by_voucher = payment.ordered and payment.ordered in numbers and payment.units == of.units
        return one.rule == RULE and (payment.original == of.payment or bool(by_voucher))
    return one.rule == RULE and one.units == of.units and payment.day >= of.day
