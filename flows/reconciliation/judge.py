"""What hangs together is judged at once: what should be booked, told and asked is compared with what is.

Nothing booked: it is booked. The same: nothing happens. Something else: what stands is taken back, and the next
revision is booked. So neither the order in which facts come nor their repetition can matter in the end.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from sys import intern
from typing import NamedTuple, cast

from flows.lifecycle.periods import OPEN, Periods
from flows.reconciliation.clusters import Clusters
from flows.reconciliation.decisions import ANSWERS, COUNT, EXCEPTION, NOTHING, InForce, in_force, subjects_of
from flows.reconciliation.deducting import (
    REFUSED,
    ask_of,
    number_of,
    payment_of,
    refused,
    vouchers_of,
)
from flows.reconciliation.facts import contradicts, current, original_of
from flows.reconciliation.links import Links
from flows.reconciliation.model import (
    CURRENCY,
    VIRTUAL,
    Difference,
    Due,
    Match,
    Open,
    Outcome,
    Paid,
)
from flows.reconciliation.outcome import outcome
from flows.reconciliation.output import Asked, Entry, Exceptional, Output, Stated
from flows.reconciliation.posting import (
    CHANNEL_OVER,
    CHANNEL_SHORT,
    KEPT,
    LOST,
    rule_of_difference,
    rule_of_due,
    rule_of_match,
    rule_of_payment,
    rule_of_transit,
    rule_of_write_off,
)
from flows.reconciliation.record import (
    DIFFERENCE,
    FEE,
    LOSS,
    MATCH,
    RECEIPT,
    Booked,
    DayRecord,
    DecisionRecord,
    Deduction,
    DueRecord,
    PaymentRecord,
    Record,
    Told,
    due_key,
    payment_key,
)
from flows.reconciliation.rules import DECIDED, MatchingRules
from flows.reconciliation.threeway import ALONE, AMOUNT, COMPARED, MISSING, STATUS, SURPLUS, beyond
from schemas.identity import content_id
from schemas.money import yuan
from schemas.payments import Colour, InvoiceRequested, OrderStatus, Payment, Share, exception_id
from schemas.problems import DocumentError, Problem
from schemas.rows import rows_of, wrong
from schemas.shipped import shipped
from schemas.times import business_day

OVER = frozenset({"amount_over", "duplicate_payment", "cancelled_paid"})
"""Exceptions of money beyond what a document asks for."""
_BESIDE = COMPARED | {"conflicting_states"}
"""Exceptions of a payment that do not say what becomes of its money."""
SETTLED = ("paid", "over_paid", "refunded", "cancelled")
IDLE = "decision_idle"
"""A person's match that has not done what it says: there is no such payment or document, or not so much of it."""
MOST_IDLE = 5
"""Shares of one that its exception names."""
BLUE: Colour = "blue"
RED: Colour = "red"
WRITTEN_OFF = "written_off"
"""What stands in the place of a matching rule where something is given up."""


class Advice(NamedTuple):
    """What people are told about an exception: how bad, who looks at it, what to do."""

    severity: str
    owner: str
    accept: str
    """`yes`: it may be accepted as it is; else money has to be matched, given back or written off."""
    action: str
    english: str
    """The action; the books keep the Chinese one."""


def read_advice(text: str) -> dict[str, Advice]:
    """`exceptions.csv`: by kind of exception. Raises DocumentError."""
    problems: list[Problem] = []
    found: dict[str, Advice] = {}
    for number, row in rows_of({FILE: text}, FILE, ("kind", *Advice._fields), problems):
        kind = row.pop("kind")
        if not kind or kind in found:
            problems.append(wrong(FILE, number, "kind", "is empty or stands twice"))
        if row["accept"] not in ("", "yes"):
            problems.append(wrong(FILE, number, "accept", "is yes or empty"))
        found[kind] = Advice(**row)
    if problems:
        raise DocumentError(problems)
    return found


FILE = "exceptions.csv"
ADVICE = shipped(read_advice, Path(__file__).parent / FILE)


class Wanted(NamedTuple):
    """What should be booked of a voucher."""

    amount: int
    rule: str
    party: str
    time: int
    currency: str
    by: str = ""
    evidence: str = ""


class Moved(NamedTuple):
    """What payments did to a due."""

    paid: int = 0
    refunded: int = 0
    charged_back: int = 0
    """What a channel took back: as if it had not been paid."""

    @property
    def kept(self) -> int:
        """What was paid and no channel took back; refunded or not."""
        return max(self.paid - self.charged_back, 0)

    @property
    def back(self) -> int:
        """What went back, whoever wanted it."""
        return self.refunded + self.charged_back


class Known(NamedTuple):
    """A payment that moved money, with its record."""

    record: PaymentRecord
    payment: Payment


class Judge:
    """Judges what hangs together, by the rules in force, and writes into a block's output.

    `mark`: a record is about to change. `periods`: until when the books are closed.
    """

    def __init__(self, mark: Callable[[Record], None], rules: MatchingRules, periods: Periods) -> None:
        self.mark, self.rules, self.periods = mark, rules, periods
        self.output = Output()
        self.now = 0
        self.cause = ""
        """The event that is being looked at."""
        self.compare: Callable[[PaymentRecord], Sequence[Open]] = lambda _: ()
        """What bills and notifications of a payment do not agree in."""
        self.asked: dict[str, str] = {}
        """Exceptions that are true, and the keys of the records that they are about."""
        self.decided: dict[str, DecisionRecord] = {}
        """Decisions about what was judged in this block, by key."""
        self.closed: dict[str, int] = {}
        """By channel/merchant: until which day it is closed; -1: that was undone."""

    def judge(self, links: Links, dues: Sequence[Due], payments: Sequence[Paid]) -> list[tuple[int, str]]:
        """Everything about what hangs together; moments at which records, by key, want to be looked at again."""
        of = {due.document: _due(links, due) for due in dues}
        known = {paid.key: _known(links, paid) for paid in payments}
        keys = [*(record.key for record in of.values()), *(one.record.key for one in known.values())]
        decisions = {found.key: found for key in keys for found in links.decisions_on(key)}
        self.decided |= decisions
        decided = in_force(decisions.values()) if decisions else NOTHING
        found = outcome(dues, payments, decided.decisions, self.rules, self.now) if payments else Outcome()
        compared = {key: self.compare(one.record) for key, one in known.items()}
        matches: dict[str, list[Match]] = defaultdict(list)
        of_due: dict[str, list[Match]] = defaultdict(list)
        for match in found.matches:
            matches[match.payment].append(match)
            of_due[match.document].append(match)
        transit = _transit(found, known, decided)
        lost = self._given_up(found, known, links)
        different: dict[str, list[Difference]] = defaultdict(list)
        given_up: Counter[str] = Counter()
        for other in found.differences:
            different[other.payment].append(other)
            given_up[other.document] -= min(0, other.amount)
        for key, one in known.items():
            if one.record.pooled != (key in found.pooled):
                self.mark(one.record)
            links.pool(one.record, key in found.pooled)
            moving = transit.get(key, {}) | lost.get(key, {}) | self._off(one, compared[key], links)
            self._book_payment(one, matches.get(key, ()), different.get(key, ()), moving, of, decided)
        for name, record in of.items():
            if record.settled != (name in found.settled):
                self.mark(record)
                links.settle(record, not record.settled)
            self._book_due(record, decided)
            if record.deduction is not None or (record.due is not None and record.due.account):
                self._deduct(record, of_due.get(name, ()), known, given_up[name])
        open_ = self._exceptions(found, known.values(), of, compared)
        for one_over in _beyond(decided, of, of_due, known, given_up):
            open_.setdefault(one_over.subject, {})[one_over.kind] = one_over
        asked: list[tuple[str, DueRecord | PaymentRecord]] = [(key, one.record) for key, one in known.items()]
        timers: list[tuple[int, str]] = []
        for name, subject in (*asked, *of.items()):
            if subject.open or name in open_:
                timers += self._ask(subject, name, links, open_.get(name, {}))
                answers = _answers(subject.exceptions(links.group), links)
                decisions |= {one.key: one for one in answers}
        over = _over(open_, matches)
        for name, record in of.items():
            self._tell(record, of_due.get(name, ()), known, given_up[name], over.get(name, {}))
        self._finish(of, known, found, decisions.values(), lost)
        return timers + self._look_again(known.values(), found)

    def _look_again(self, known: Iterable[Known], found: Outcome) -> list[tuple[int, str]]:
        """Payments that are not used up remember when they want to be looked at again, each for itself."""
        timers: list[tuple[int, str]] = []
        open_ = found.left | found.on_the_way
        for record, payment in known:
            waits = payment.key in open_ and all(told.kind in _BESIDE for told in record.open)
            moment = found.again if waits else 0
            if record.again != moment:
                self.mark(record)
                record.again = moment
            if moment:
                timers.append((moment, record.key))
        return timers

    def judge_day(self, record: DayRecord, links: Links, should: Sequence[Open]) -> list[tuple[int, str]]:
        """What is wrong with a day's bill; moments at which it wants to be looked at again."""
        return self._ask(record, record.subject, links, {one.kind: one for one in should})

    def judge_decision(self, record: DecisionRecord, links: Links) -> list[tuple[int, str]]:
        """Whether a person's match has done what it says; moments at which it wants to be looked at again."""
        over = self.patient_until(record)
        if not over:
            return []
        idle = [share for share in self._idle(record, links) if share.amount_e4] if self.now >= over else []
        should = {IDLE: _idle_of(record.subject, idle)} if idle else {}
        timers = [(over, record.key)] if self.now < over else []
        return timers + (self._ask(record, record.subject, links, should) if should or record.open else [])

    def patient_until(self, record: DecisionRecord) -> int:
        """From when on a person's match has to have done what it says; 0: it says nothing of the kind."""
        said = record.said
        return said.time + self.rules.patience if said is not None and said.decision == "match" else 0

    def _idle(self, record: DecisionRecord, links: Links) -> Iterator[Share]:
        """Of each of its shares that counts, what nothing was matched of."""
        assert record.said is not None
        shares = {_pair(share): share for share in record.said.shares}
        for share in shares.values() if record.state in COUNT else ():
            key = payment_key(share.payment)
            words = [one.said for one in links.decisions_on(key) if one.state in COUNT]
            same = [
                (one.time, one.id)
                for one in words
                if one is not None and one.decision == "match" and _pair(share) in map(_pair, one.shares)
            ]
            if max(same, default=None) != (record.said.time, record.said.id):
                continue
            known = links.known(key)
            booked = None
            if isinstance(known, PaymentRecord) and known.group == links.group:
                booked = known.of_voucher(MATCH + share.document)
            matched = booked.amount if booked is not None and booked.stands else 0
            yield Share(share.payment, share.document, max(share.amount_e4 - matched, 0))

    def keep_answers(self, record: DayRecord | PaymentRecord, links: Links) -> None:
        """What people decided about its exceptions alone is kept as long as it is."""
        for one in _answers(record.exceptions(links.group), links):
            self.mark(one)
            one.finished, one.at = record.finished, max(one.at, record.at)

    # What is booked

    def _book_payment(
        self,
        one: Known,
        matches: Iterable[Match],
        different: Iterable[Difference],
        moving: Mapping[str, Wanted],
        dues: Mapping[str, DueRecord],
        decided: InForce,
    ) -> None:
        record, payment = one
        wanted = dict(moving)
        ours = payment.currency == CURRENCY
        rule = rule_of_payment(payment.direction) if ours else ""
        wanted[RECEIPT] = Wanted(payment.amount_e4, rule, payment.account, payment.time, payment.currency)
        if (fee := _fee(payment)) is not None:
            wanted[FEE] = fee
        for match in _by_document(matches):
            wanted[MATCH + match.document] = self._of_match(match, payment, dues[match.document], decided)
        for other in different:
            wanted[DIFFERENCE + other.document] = self._of_difference(other, payment, dues[other.document])
        if len(record.booked) == len(wanted) and all(
            one.voucher in wanted and _stands_as(one, wanted[one.voucher]) for one in record.booked
        ):
            return
        self._agree_all(record, payment, wanted, dues)

    def _given_up(
        self, found: Outcome, known: Mapping[str, Known], links: Links
    ) -> dict[str, dict[str, Wanted]]:
        """Money that left and does not come back, as a person accepted: a loss, by payment and voucher. And money that
        came, and of which nobody knows what it comes of: what is found over."""
        wanted: dict[str, dict[str, Wanted]] = {}
        for one in found.exceptions:
            rule = _rule_of_accepted(one, found, known)
            if not rule:
                continue
            if (booked := _of_accepted(one, rule, known[one.subject].payment, links)) is not None:
                wanted[one.subject] = {LOSS + one.subject: booked}
        return wanted

    def _off(self, known: Known, compared: Iterable[Open], links: Links) -> dict[str, Wanted]:
        """Money that a channel notified, and that its bills lack, have as not paid, or have otherwise: as a person
        accepted, the channel has what they say. What is lacking counts first."""
        record, payment = known
        if payment.currency != CURRENCY:
            return {}
        off = {one.kind: one for one in compared}
        for one in (off[kind] for kind in (MISSING, STATUS, AMOUNT) if kind in off):
            more = beyond(one.kind, payment.amount_e4, payment.currency, record.billed)
            rule = CHANNEL_OVER if (more > 0) == (payment.direction == "in") else CHANNEL_SHORT
            if more and (booked := _of_accepted(one, rule, payment, links)) is not None:
                return {DIFFERENCE + payment.key: booked}
        return {}

    def judge_none(self, record: PaymentRecord, payment: Payment, links: Links) -> list[tuple[int, str]]:
        """A payment that moves no money (any more): what stands of it is taken back, and nobody is asked about it, but
        for a fee of a trade that nobody knows, which stands once it is accepted. Moments at which it wants to be looked
        at again."""
        should = {one.kind: one for one in self.compare(record) if one.kind == ALONE}
        timers = self._ask(record, payment.key, links, should) if should or record.open else []
        now = cast("Payment", current(record))
        if now != payment:
            self.output.stated.append(Stated(now, links.party_of(now.payer), self.cause))
        fee = _fee(now) if now.state == "success" else None
        if fee is not None or any(booked.stands for booked in record.booked):
            found = {name: links.known(due_key(links.group, name)) for name in record.documents}
            dues = {name: due for name, due in found.items() if isinstance(due, DueRecord)}
            self._agree_all(record, now, {FEE: fee} if fee is not None else {}, dues)
        if record.again or record.finished == bool(record.asked):
            self.mark(record)
            record.again, record.finished = 0, not record.asked
        self.keep_answers(record, links)
        return timers

    def _agree_all(
        self,
        record: PaymentRecord,
        payment: Payment,
        wanted: Mapping[str, Wanted],
        dues: Mapping[str, DueRecord],
    ) -> None:
        """Make what is booked of all vouchers of a payment what should be."""
        self.mark(record)
        for voucher in sorted({*wanted, *(one.voucher for one in record.booked)}):
            booked = record.to_book(voucher)
            if not _stands_as(booked, wanted.get(voucher)):
                what, _, document = voucher.partition("/")
                due = dues[document].due if document in dues else None
                invoice = _invoice_of(payment, due) if what == "match" and due is not None else None
                place = payment.group, payment.key, document, invoice, payment.account
                self._agree(booked, wanted.get(voucher), what, *place)

    def book_fee(self, record: PaymentRecord, payment: Payment, cause: str) -> None:
        """What the channel took is known now, or is something else; nothing else about the payment has changed."""
        should = _fee(payment)
        if should is None and record.of_voucher(FEE) is None:
            return
        booked = record.to_book(FEE)
        if not _stands_as(booked, should):
            self.cause = cause
            self._agree(booked, should, FEE, payment.group, payment.key, "", None, payment.account)

    def _of_difference(self, one: Difference, payment: Payment, of: DueRecord) -> Wanted:
        due = of.due
        assert due is not None
        rule = rule_of_difference(due.kind, due.direction, payment.direction, one.amount)
        return Wanted(
            abs(one.amount),
            rule if payment.currency == CURRENCY == due.currency else "",
            due.party,
            max(payment.time, of.since),
            payment.currency,
            one.rule,
            "kept" if one.amount > 0 else "given up",
        )

    def _of_match(self, match: Match, payment: Payment, of: DueRecord, decided: InForce) -> Wanted:
        due = of.due
        assert due is not None
        rule = rule_of_match(due.kind, due.direction, payment.direction)
        return Wanted(
            match.amount,
            rule if payment.currency == CURRENCY == due.currency else "",
            due.party,
            max(payment.time, of.since, decided.times.get((payment.key, due.document), 0)),
            payment.currency,
            match.rule,
            match.evidence,
        )

    def _book_due(self, record: DueRecord, decided: InForce) -> None:
        due = record.due
        assert due is not None
        ours = due.currency == CURRENCY
        rule = rule_of_due(due.kind, due.direction) if ours else ""
        cancelled = due.cancelled
        should = None if cancelled else Wanted(due.amount, rule, due.party, record.since, due.currency)
        if record.booked is None or not _stands_as(record.booked, should):
            self.mark(record)
            record.booked = record.booked or Booked()
            self._agree(record.booked, should, "due", record.group, "", due.document)
        given_up = 0 if cancelled else min(decided.decisions.written_off.get(due.document, 0), due.amount)
        should = None
        if given_up:
            rule = rule_of_write_off(due.direction) if ours and due.kind not in VIRTUAL else ""
            by = decided.documents[due.document]
            at, evidence = max(record.since, by.time), f"decision {by.id}"
            should = Wanted(given_up, rule, due.party, at, due.currency, WRITTEN_OFF, evidence)
        if record.written_off is None:
            if should is None:
                return
            self.mark(record)
            record.written_off = Booked()
        if not _stands_as(record.written_off, should):
            self.mark(record)
            self._agree(record.written_off, should, "write_off", record.group, "", due.document)

    # What is deducted from virtual accounts

    def _deduct(
        self, record: DueRecord, matches: Iterable[Match], known: Mapping[str, Known], given_up: int
    ) -> None:
        """Ask for what should be deducted, give back what should not, book what was taken."""
        due = record.due
        assert due is not None
        wanted = 0
        if due.account and not due.cancelled:
            wanted = max(_asked_for(record, due, given_up) - _moved(due, matches, known).kept, 0)
        asked = record.deduction
        if asked is not None and (asked.party, asked.amount) != (due.party, wanted):
            self.mark(record)
            if asked.booked:
                self._book_deduction(record, asked, back=True)
            self.output.asked.append(Asked(ask_of(record, asked, back=True), self.cause))
            record.deduction = asked = None
        if wanted and asked is None:
            self.mark(record)
            record.asks += 1
            number = number_of(record, self.now)
            record.deduction = asked = Deduction(number, due.party, wanted, self.now)
            self.output.asked.append(Asked(ask_of(record, asked, back=False), self.cause))
        if asked is not None and asked.state == "taken" and not asked.booked:
            self.mark(record)
            asked.booked = True
            self._book_deduction(record, asked, back=False)

    def _book_deduction(self, record: DueRecord, taken: Deduction, *, back: bool) -> None:
        """A deduction is a payment through the channel `account`, and pays its due."""
        payment = payment_of(record, taken, "closed" if back else "success")
        self.output.stated.append(Stated(payment, taken.party, self.cause))
        for what, booked in vouchers_of(taken):
            document, invoice = (record.document, BLUE) if what == "match" else ("", None)
            self._enter(booked, back, what, record.group, payment.key, document, invoice, "")
            taken.day = booked.day

    def _agree(
        self,
        booked: Booked,
        should: Wanted | None,
        what: str,
        group: str,
        payment: str,
        document: str,
        invoice: Colour | None = None,
        account: str = "",
    ) -> None:
        """Make what is booked of a voucher what should be. `account`: channel/merchant, whose days may be closed."""
        if booked.stands:
            self._enter(booked, True, what, group, payment, document, invoice, account)
            booked.stands = False
            booked.revision += 1
        if should is not None:
            booked.amount, booked.rule, booked.party, booked.time, booked.currency = should[:5]
            booked.party = intern(booked.party)  # a channel's merchant is the party of very many
            booked.by, booked.evidence, booked.stands, booked.day = should.by, should.evidence, True, 0
            self._enter(booked, False, what, group, payment, document, invoice, account)

    def _enter(
        self,
        booked: Booked,
        reversal: bool,
        what: str,
        group: str,
        payment: str,
        document: str,
        invoice: Colour | None,
        account: str,
    ) -> None:
        own = booked.day or business_day(booked.time)
        day = self.periods.booked_on(max(own, self.closed.get(account, OPEN) + 1))
        if day != own:
            booked.day = day
        entry = Entry(
            what,
            group,
            payment,
            document,
            booked.rule,
            booked.party,
            -booked.amount if reversal else booked.amount,
            booked.currency,
            booked.time,
            booked.revision,
            reversal,
            booked.by,
            booked.evidence,
            self.cause,
            day,
            account,
        )
        self.output.entries.append(entry)
        if invoice is not None:
            self._invoice(entry, booked, invoice)

    def _invoice(self, entry: Entry, booked: Booked, colour: Colour) -> None:
        """What is paid is invoiced, what is given back in red; what is taken back of either the other way."""
        red = entry.reversal != (colour == RED)
        if booked.amount:
            self.output.invoices.append(
                InvoiceRequested(
                    id=content_id("inv", entry.name),
                    time=booked.time,
                    group=entry.group,
                    document=entry.document,
                    colour=RED if red else BLUE,
                    party=booked.party,
                    amount_e4=booked.amount,
                    payment=entry.payment,
                    currency=booked.currency,
                )
            )

    # What people are asked

    def _exceptions(
        self,
        found: Outcome,
        known: Iterable[Known],
        dues: Mapping[str, DueRecord],
        compared: Mapping[str, Sequence[Open]],
    ) -> dict[str, dict[str, Open]]:
        """By subject and kind. `compared`: by payment in what bills and notifications do not agree."""
        open_: dict[str, dict[str, Open]] = {}
        for name, due in dues.items():
            if due.deduction is not None and due.deduction.state == "refused":
                open_[name] = {REFUSED: refused(name, due.deduction)}
        for one in found.exceptions:
            open_.setdefault(one.subject, {}).setdefault(one.kind, one)
        for record, payment in known:
            if wrong := contradicts(record.told):
                kind = "conflicting_states"
                open_.setdefault(payment.key, {})[kind] = Open(kind, payment.key, payment.amount_e4, wrong)
            for one in compared[payment.key]:
                if one.kind != SURPLUS or payment.key in found.left:
                    open_.setdefault(payment.key, {}).setdefault(one.kind, one)
        return open_

    def _ask(
        self,
        record: DueRecord | PaymentRecord | DayRecord | DecisionRecord,
        subject: str,
        links: Links,
        should: Mapping[str, Open],
    ) -> list[tuple[int, str]]:
        """Open, change and close a record's exceptions; when sleeping ones wake."""
        timers: list[tuple[int, str]] = []
        told = {one.kind: one for one in record.open}
        for kind in sorted(told.keys() | should.keys()):
            before, now = told.get(kind), should.get(kind)
            number = exception_id(links.group, kind, subject)
            if now is None:
                assert before is not None
                self.mark(record)
                del told[kind], self.asked[number]
                self._told(number, "closed", links.group, kind, subject, before)
                for answer in _answers([number], links):
                    self._leave([answer], ())
                continue
            answers = _answers([number], links)
            decided = in_force(answers) if answers else NOTHING
            accepted = _is_accepted(kind, now.amount, decided.accepted.get(number))
            until = 0 if accepted else decided.asleep.get(number, 0)
            until = until if until > self.now else 0
            if until:
                timers.append((until, record.key))
            since = before.since if before is not None else self.now
            fresh = Told(kind, now.amount, now.evidence, now.candidates, since, until, accepted)
            if before != fresh:
                self.mark(record)
                told[kind] = fresh
                self.asked[number] = record.key
                self._told(number, _status_of(fresh, before), links.group, kind, subject, fresh)
        record.open = tuple([told[kind] for kind in sorted(told)])
        return timers

    def _told(self, number: str, status: str, group: str, kind: str, subject: str, told: Told) -> None:
        self.output.exceptions.append(
            Exceptional(
                number,
                status,
                group,
                kind,
                subject,
                told.amount,
                told.evidence,
                told.candidates,
                told.since,
                told.until,
                self.cause,
            )
        )

    # What the business systems are told

    def _tell(
        self,
        record: DueRecord,
        matches: Sequence[Match],
        known: Mapping[str, Known],
        given_up: int,
        over: Mapping[str, int],
    ) -> None:
        """Say a due's status if it is another one. `over`: by what it is of, money beyond what the due asks for."""
        due = record.due
        assert due is not None
        moved = _moved(due, matches, known)
        payments = sorted({match.payment for match in matches})
        if (taken := record.deduction) is not None and taken.booked:
            moved = moved._replace(paid=moved.paid + taken.amount)
            payments = sorted((*payments, payment_of(record, taken).key))
        asked = _asked_for(record, due, given_up)
        beyond = sum(over.values())
        status = _status(due.cancelled, asked, moved, beyond)
        said = (status, asked, moved.kept, moved.refunded, tuple(payments))
        if record.status != said or record.over != beyond:
            self.mark(record)
            first = record.serial == 0 and status == "open"
            record.status, record.over = said, beyond
            if not first:
                record.serial += 1
                self._say(record, due, known, over)

    def _say(self, record: DueRecord, due: Due, known: Mapping[str, Known], over: Iterable[str]) -> None:
        status, asked, paid, refunded, payments = record.status
        times = [record.newest[0], record.cancelled[0]]
        times += [known[key].payment.time for key in (*payments, *over) if key in known]
        if (taken := record.deduction) is not None and taken.booked:
            times.append(taken.time)
        parts = (
            record.group,
            due.document,
            *map(str, (record.serial, status, asked, paid, refunded, record.over)),
        )
        self.output.statuses.append(
            OrderStatus(
                id=content_id("os", *parts, *payments),
                time=max(times),
                group=record.group,
                document=due.document,
                serial=record.serial,
                status=status,  # type: ignore[arg-type]
                due_e4=asked,
                paid_e4=paid,
                refunded_e4=refunded,
                over_e4=record.over,
                payments=payments,
            )
        )

    # What may be forgotten

    def _finish(
        self,
        dues: Mapping[str, DueRecord],
        known: Mapping[str, Known],
        found: Outcome,
        decisions: Collection[DecisionRecord],
        lost: Collection[str],
    ) -> None:
        """What is matched, or looked at together, leaves together when all of it is settled. `lost`: payments that
        people gave up, or kept."""
        records: dict[str, Record] = {record.key: record for record in dues.values()}
        if not known and not decisions:
            for record in dues.values():
                self._leave([record], ())
            return
        records |= {one.record.key: one.record for one in known.values()}
        left = {payment_key(key) for key in (found.left | found.on_the_way).difference(lost)}
        if len(records) == 2 and len(found.matches) == 1 and not decisions:
            self._leave([records[key] for key in sorted(records)], left)
            return
        records |= {decision.key: decision for decision in decisions}
        for keys in _clusters(dues, known, found, decisions, self.asked).of(records):
            self._leave([records[key] for key in keys], left)

    def _leave(self, together: Sequence[Record], left: Container[str]) -> None:
        settled = all(_is_settled(record, left) for record in together)
        begun = settled and not all(record.finished for record in together)
        at = self.now if begun else max(record.at for record in together)
        for record in together:
            if record.finished != settled or (settled and record.at != at):
                self.mark(record)
                record.finished = settled
                record.at = max(record.at, at)


def _due(links: Links, due: Due) -> DueRecord:
    return cast("DueRecord", links.known(due_key(links.group, due.document)))


def _known(links: Links, paid: Paid) -> Known:
    record = cast("PaymentRecord", links.known(payment_key(paid.key)))
    payment = current(record)
    assert payment is not None
    return Known(record, payment)


def _fee(payment: Payment) -> Wanted | None:
    """What should be booked of a payment's fee."""
    if not payment.fee_e4:
        return None
    rule = "channel_fee" if payment.currency == CURRENCY else ""
    return Wanted(payment.fee_e4, rule, payment.account, payment.time, payment.currency)


def _is_accepted(kind: str, amount: int, accepted: int | None) -> bool:
    """Whether an exception is accepted as it is. `accepted`: the amount that a person accepted; None: nobody did."""
    return bool(ADVICE[kind].accept) and accepted == amount


def _of_accepted(one: Open, rule: str, payment: Payment, links: Links) -> Wanted | None:
    """What is booked of an exception as it is accepted; None: nobody has accepted it so."""
    number = exception_id(links.group, one.kind, one.subject)
    accepted = in_force(_answers([number], links)).acceptances.get(number)
    if accepted is None or not _is_accepted(one.kind, one.amount, accepted.amount_e4):
        return None
    at, by = max(payment.time, accepted.time), f"decision {accepted.id}"
    return Wanted(one.amount, rule, payment.account, at, payment.currency, WRITTEN_OFF, by)


def _rule_of_accepted(one: Open, found: Outcome, known: Mapping[str, Known]) -> str:
    """The posting rule of what is given up, or kept, where an exception is accepted; empty: nothing is booked."""
    if one.subject in found.on_the_way:
        return LOST.get(one.kind, "")
    payment = known[one.subject].payment if one.subject in found.left else None
    ours = payment is not None and (payment.direction, payment.currency) == ("in", CURRENCY)
    return KEPT.get(one.kind, "") if ours else ""


def _transit(found: Outcome, known: Mapping[str, Known], decided: InForce) -> dict[str, dict[str, Wanted]]:
    """What should be booked of money that left and has to come back, and of what came of it: by payment and voucher."""
    wanted: dict[str, dict[str, Wanted]] = {}
    for match in found.transit:
        of, payment = known[match.document].payment, known[match.payment].payment
        itself = match.payment == match.document
        rule = rule_of_transit(payment.kind, of.kind, itself=itself)
        time = max(of.time, payment.time, decided.times.get((match.payment, match.document), 0))
        one = Wanted(match.amount, rule, of.account, time, payment.currency, match.rule, match.evidence)
        vouchers = wanted.setdefault(match.payment, {})
        if (other := vouchers.get(MATCH + match.document)) is not None:
            evidence = f"{yuan(other.amount)} by {other.evidence}; {yuan(one.amount)} by {one.evidence}"
            by = other.by if one.by == DECIDED else one.by
            amount, time = other.amount + one.amount, max(other.time, time)
            one = one._replace(amount=amount, time=time, by=by, evidence=evidence)
        vouchers[MATCH + match.document] = one
    return wanted


def _invoice_of(payment: Payment, due: Due) -> Colour | None:
    """Which e-invoice a match with a document asks for: red where money went back; none for what is not ours to
    invoice."""
    if due.direction != "in" or due.kind in VIRTUAL:
        return None
    return BLUE if payment.direction == due.direction else RED


def _pair(share: Share) -> tuple[str, str]:
    return share.payment, share.document


def _idle_of(decision: str, idle: Sequence[Share]) -> Open:
    """What people are asked about a match that has not done what it says."""
    parts = [f"{yuan(one.amount_e4)} of {one.payment} for {one.document}" for one in idle[:MOST_IDLE]]
    text = "nothing could be matched of " + ", ".join(parts)
    return Open(IDLE, decision, sum(one.amount_e4 for one in idle), text)


def _stands_as(booked: Booked, should: Wanted | None) -> bool:
    """Whether what is booked of a voucher is what should be."""
    if should is None:
        return not booked.stands
    return booked.stands and should == (
        booked.amount,
        booked.rule,
        booked.party,
        booked.time,
        booked.currency,
        booked.by,
        booked.evidence,
    )


def _by_document(matches: Iterable[Match]) -> Iterator[Match]:
    """What a payment is for, once a document: what a person and rules say of one is one voucher, a rule's."""
    for document, parts in groupby(matches, key=lambda match: match.document):
        first, *more = parts
        if not more:
            yield first
            continue
        together = sorted((first, *more), key=lambda match: (match.rule == DECIDED, -match.amount, match))
        amount = sum(match.amount for match in together)
        evidence = "; ".join(f"{yuan(match.amount)} by {match.evidence}" for match in together)
        yield Match(first.payment, document, amount, together[0].rule, evidence)


def _clusters(
    dues: Mapping[str, DueRecord],
    known: Mapping[str, Known],
    found: Outcome,
    decisions: Collection[DecisionRecord],
    asked: Mapping[str, str],
) -> Clusters:
    """Keys of records that were matched, looked at or decided about together. `asked`: exceptions' records."""
    of = {name: record.key for name, record in dues.items()}
    of |= {key: one.record.key for key, one in known.items()}
    pairs = [(match.payment, match.document) for match in found.matches]
    pairs += [(other.payment, other.document) for other in found.differences]
    pairs += [(key, original_of(one.payment)) for key, one in known.items()]
    pairs += [(match.payment, match.document) for match in found.transit]
    pairs += [(open_.subject, name) for open_ in found.exceptions for name in open_.candidates]
    together = Clusters()
    for one, other in pairs:
        if one in of and other in of:
            together.join(of[one], of[other])
    keys = set(of.values())
    for decision in decisions:
        for subject in subjects_of(decision.said) if decision.said is not None else ():
            key = asked.get(subject.removeprefix(EXCEPTION), subject)
            if key in keys:
                together.join(decision.key, key)
    return together


def _is_settled(record: Record, left: Container[str]) -> bool:
    """Whether nothing is open about a record. `left`: payments of which something is; only what pays needs a due."""
    match record:
        case DueRecord():
            return not record.asked and record.status[0] in SETTLED
        case DecisionRecord():
            return not record.asked
        case PaymentRecord():
            payment = current(record)
            paid = payment is not None and payment.kind in ("payment", "transfer")
            return not record.asked and (record.key not in left or not paid)
    return True


def _moved(due: Due, matches: Iterable[Match], known: Mapping[str, Known]) -> Moved:
    """What payments paid of a due, and what went back; what came back of that did not go back."""
    moved: Counter[str] = Counter()
    for match in matches:
        payment = known[match.payment].payment
        paid = payment.direction == due.direction
        if paid and payment.kind in ("payment", "transfer"):
            moved["paid"] += match.amount
        else:
            kind = "chargeback" if payment.kind == "chargeback" else "refund"
            moved[kind] += -match.amount if paid else match.amount
    more = max(-moved["refund"], 0) + max(-moved["chargeback"], 0)
    return Moved(moved["paid"] + more, max(moved["refund"], 0), max(moved["chargeback"], 0))


def _asked_for(record: DueRecord, due: Due, given_up: int) -> int:
    """What a due asks for, less what a tolerance and people gave up of it."""
    written_off = record.written_off
    if written_off is not None and written_off.stands:
        given_up += written_off.amount
    return due.amount - given_up


def _beyond(
    decided: InForce,
    of: Mapping[str, DueRecord],
    matches: Mapping[str, Sequence[Match]],
    known: Mapping[str, Known],
    given_up: Mapping[str, int],
) -> Iterator[Open]:
    """Dues with which people matched more than they ask for, or of which more went back than was paid: people can do
    that, and are asked whether they meant it."""
    for name in sorted({share.document for share in decided.decisions.shares}.intersection(of)):
        record = of[name]
        due = record.due
        assert due is not None
        moved = _moved(due, matches.get(name, ()), known)
        asked = 0 if due.cancelled else _asked_for(record, due, given_up.get(name, 0))
        deducted = taken.amount if (taken := record.deduction) is not None and taken.booked else 0
        paid, back = moved.paid + deducted, moved.back
        if back > paid:
            evidence = f"people matched {yuan(back)} that went back, {yuan(paid)} of it was paid"
            yield Open("refund_over", name, back - paid, evidence)
        if (over := moved.paid - back - asked) > 0:
            evidence = f"people matched {yuan(moved.paid - back)} with it, it asks for {yuan(asked)}"
            yield Open("amount_over", name, over, evidence)


def _over(
    open_: Mapping[str, Mapping[str, Open]], matches: Mapping[str, Sequence[Match]]
) -> dict[str, dict[str, int]]:
    """Money beyond what documents ask for: by document, and by what it is of, how much.

    What is left of a payment is told of one document: the first by number of those that it, or the payment that it
    repeats, is matched with; or else of those that it names.
    """
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for subject, kinds in open_.items():
        for kind in OVER & kinds.keys():
            one = kinds[kind]
            of = [match.document for key in (subject, *one.candidates) for match in matches.get(key, ())]
            found[min(of or one.candidates or (subject,))][subject] = one.amount
    return found


def _answers(exceptions: Iterable[str], links: Links) -> list[DecisionRecord]:
    """People's decisions about exceptions alone."""
    found = [one for number in exceptions for one in links.decisions_on(EXCEPTION + number)]
    return [one for one in found if one.said is not None and one.said.decision in ANSWERS]


def _status_of(told: Told, before: Told | None) -> str:
    """What became of an exception that is true."""
    if told.accepted:
        return "accepted"
    if told.until:
        return "ignored"
    return "opened" if before is None or before.until or before.accepted else "changed"


def _status(cancelled: bool, asked: int, moved: Moved, over: int) -> str:
    if cancelled:
        return "cancelled"
    if moved.refunded and moved.refunded >= moved.paid:
        return "refunded"
    if moved.kept - moved.refunded >= asked:
        return "over_paid" if over else "paid"
    if moved.refunded:
        return "part_refunded"
    return "part_paid" if moved.kept else "open"
