"""What bills say, in a lane: lines meet their payments, and what a day's bill lacks is found when it is whole.

Accounts are derived from the records: payments wait in them for the bills of their days.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, cast

from msgspec.structs import replace

from flows.engine.ring import Ring
from flows.engine.timers import Timers
from flows.lifecycle.intake import RefusedError
from flows.reconciliation.accounts import (
    Account,
    Bill,
    Sums,
    Terms,
    disagreement,
    missing_bill,
    refused_bill,
    settlement_day,
)
from flows.reconciliation.facts import current, holds
from flows.reconciliation.model import CURRENCY, Open
from flows.reconciliation.output import BillSaid, Counted, Listed, Output, Stated
from flows.reconciliation.record import (
    RECEIPT,
    AccountRecord,
    DayRecord,
    PaymentRecord,
    Record,
    account_key,
    day_key,
    payment_key,
)
from flows.reconciliation.threeway import (
    COMPARED,
    Billed,
    Told,
    agrees,
    billed_with,
    findings,
    ordered,
    payment_of,
)
from schemas.money import whole_fen
from schemas.payments import BillComplete, BillLine, BillLines, BillRefused, Payment, Sort
from schemas.times import DAY, business_day, day_of, iso

FARTHEST = 31 * DAY
"""A line's own time is at most so far from the end of its bill's day."""
MOST_OFF = 2
"""Days between a bill's day and the day at whose end it says that it ends."""
BillEvent = BillLines | BillComplete | BillRefused


class Known(Protocol):
    """What is asked of the channels in force."""

    def terms(self, channel: str, merchant: str) -> tuple[str, Terms] | None:
        """The group of a merchant, and what is agreed about its bills; None: there is no such merchant."""

    def party_of(self, token: str) -> str:
        """Whose a payer's token is; empty: not known."""


class Billing:
    """A lane's bills. `begin`, `change`, `link`: how its records are made, changed and found again. `around`: has what
    hangs together with payments judged (group, documents, payments, event). `book_fee`: books what a channel took of a
    payment, with the event that told of it. `oldest`: ms of data time after which a movement may be forgotten.

    `touched`: keys of records that are to be judged at the block's end, with their group and the event.
    """

    def __init__(
        self,
        ring: Ring[Record],
        timers: Timers,
        touched: dict[str, tuple[str, str]],
        begin: Callable[[Record], Record],
        change: Callable[[Record], None],
        link: Callable[[Record], None],
        around: Callable[[str, Sequence[str], Sequence[str], str], None],
        book_fee: Callable[[PaymentRecord, Payment, str], None],
        oldest: int,
    ) -> None:
        self._ring, self._timers, self._touched = ring, timers, touched
        self._begin, self._change, self._link = begin, change, link
        self._around, self._book_fee, self._oldest = around, book_fee, oldest
        self.output = Output()
        self._channels: Known | None = None
        self._accounts: dict[tuple[str, str], Account] = {}

    def renew(self, channels: Known) -> None:
        """The accounts by the channels in force, of all records."""
        self._channels = channels
        self._accounts.clear()
        for record in self._ring.records.values():
            match record:
                case AccountRecord():
                    account = self._account(record.channel, record.merchant)
                    for sort, days in record.whole.items():
                        for day in days:
                            account.close(sort, day)
                case PaymentRecord():
                    self._await(record)

    def due(self, record: DayRecord) -> int:
        """When a day's bill is missed."""
        return self._account(record.channel, record.merchant).due(record.day)

    def wait_for(self, record: DayRecord) -> None:
        """A day's bill is looked at when it is missed: when its time comes, or at once."""
        due = self.due(record)
        if due > self._ring.now:
            self._timers.set(due, record.key)
        else:
            self._touched.setdefault(record.key, (record.group, "time"))

    # Notifications

    def forget(self, record: PaymentRecord) -> None:
        """What was notified of a payment is about to change."""
        day = self._day_of(record)
        if day is not None:
            one = record.told[0]
            self._account(one.channel, one.merchant).has(record.key, day)

    def expect(self, record: PaymentRecord) -> None:
        """A payment was notified: the bills of its day must have it."""
        day = self._await(record)
        if day is None:
            return
        one = record.told[0]
        account = self._account(one.channel, one.merchant)
        for sort in account.terms.sorts:
            key = day_key(one.channel, one.merchant, sort, day)
            known = self._ring.known(key)
            if not isinstance(known, DayRecord) or not known.expected:
                found = self._day(one.channel, one.merchant, one.group, sort, day)
                found.expected = True
                found.finished = account.is_whole(sort, day)
                self.wait_for(found)

    def _await(self, record: PaymentRecord) -> int | None:
        """Let a payment wait for its day's bills, unless all have it; the day. None: it need not be in any."""
        day = self._day_of(record)
        if day is not None:
            one = record.told[0]
            account = self._account(one.channel, one.merchant)
            if {bill.sort for bill in record.billed if bill.lines} >= set(account.terms.sorts):
                account.has(record.key, day)
            else:
                account.expect(record.key, day)
        return day

    def _day_of(self, record: PaymentRecord) -> int | None:
        """The day in whose bills a notified payment must be; None: in no bill."""
        if not record.told:
            return None
        one = record.told[0]
        terms = self._account(one.channel, one.merchant).terms
        payment = holds(record.told) if terms.sorts else one
        return _day(payment, terms) if terms.sorts and payment.state == "success" else None

    # Bills

    def take(self, event: BillEvent, partition: int, offset: int) -> None:
        """A part of a bill, its end, or that it is not believed. Raises RefusedError."""
        self._check(event)
        day = day_of(event.day)
        record = self._day(event.channel, event.merchant, event.group, event.sort, day)
        if isinstance(event, BillRefused):
            is_new = event.bill not in record.refused
            record.refused.setdefault(event.bill, (event.statement, f"{event.reason}: {event.detail}"))
        else:
            is_new = self._told_more(record, event, day)
        if not is_new:
            self.output.repeats += 1
            return
        if isinstance(event, BillLines):
            self.output.lines.append(Listed(event, partition, offset))
        else:
            self.output.bills.append(BillSaid(event, partition, offset))
        self._touched[record.key] = event.group, event.id

    def _told_more(self, record: DayRecord, event: BillLines | BillComplete, day: int) -> bool:
        """A bill is told further; False: that has come before."""
        counted, said = record.counts(event.statement), record.said
        bill = self._bill(record, event)
        was_whole = bill.is_whole
        if isinstance(event, BillLines):
            if not bill.is_new(event.part, event.lines):
                return False
        elif bill.parts >= 0:
            return False
        else:
            bill.end(event.parts, Sums(event.lines, event.paid_e4, event.refunded_e4, event.fee_e4))
            bill.time = event.time
        if bill.is_wrong:
            record.refused[event.bill] = bill.statement, f"bill_total_wrong: {disagreement(bill)}"
        counts = record.counts(event.statement)
        if counted not in ("", counts):
            self._supersede(record, counts, event)
        if record.said != said:
            account = f"{event.channel}/{event.merchant}"
            self.output.counted.append(Counted(account, event.sort, day, record.said))
        if isinstance(event, BillLines):
            of = self._account(event.channel, event.merchant)
            for line in event.lines:
                if event.bill == counts:
                    self._line(event, day, line, of)
                else:
                    self._line_aside(event, day, line)
        if bill.is_whole and not was_whole:
            self._close(record, event.id)
        return True

    @staticmethod
    def _bill(record: DayRecord, event: BillLines | BillComplete) -> Bill:
        """A bill of a day. Raises RefusedError where it was told as another statement before."""
        bill = record.bills.setdefault(event.bill, Bill(statement=event.statement))
        if bill.statement != event.statement:
            raise RefusedError("conflicting_duplicate", f"it was told as statement {bill.statement!r} before")
        return bill

    def _supersede(self, day: DayRecord, counts: str, event: BillLines | BillComplete) -> None:
        """Another bill of a statement counts: its lines take the places of those of the one before. Looks at all
        payments of the merchant, which is seldom necessary."""
        of_day = day.day, day.sort
        names = {name for name, bill in day.bills.items() if bill.statement == event.statement}
        start = payment_key(f"{day.channel}/{day.merchant}/")
        for key in [key for key in self._ring.records if key.startswith(start)]:
            record = self._ring.known(key)
            if not isinstance(record, PaymentRecord):
                continue
            said = (*record.billed, *record.aside)
            mine = [one for one in said if (one.day, one.sort) == of_day and one.bill in names]
            if mine:
                billed = [one for one in record.billed if one not in mine]
                aside = [one for one in record.aside if one not in mine]
                for one in mine:
                    (billed if one.bill == counts else aside).append(one)
                self._count(record, ordered(billed), ordered(aside), event)

    def _count(
        self,
        record: PaymentRecord,
        billed: tuple[Billed, ...],
        aside: tuple[Billed, ...],
        event: BillLines | BillComplete,
    ) -> None:
        """Of what bills have of a payment, this counts now. If it comes to the same, nobody has to look."""
        same = [replace(one, bill="") for one in record.billed] == [replace(one, bill="") for one in billed]
        if same and not record.has_open(COMPARED):
            self._ring.mark(record)
            record.billed, record.aside = billed, aside
            return
        before = current(record)
        if before is not None and before.state == "success":
            self._around(event.group, [], [before.key], event.id)
        self._change(record)
        record.billed, record.aside = billed, aside
        self._link(record)
        self._await(record)
        if (now := self._state(record, before, event)) is not None:
            record.finished = now.state != "success"
        self._touched[record.key] = event.group, event.id

    def _check(self, event: BillEvent) -> None:
        """Raises RefusedError for a bill of nobody, or lines of quite another time."""
        self.owned(event.channel, event.merchant, event.group)
        off = day_of(event.day) - business_day(event.time - 1)
        if abs(off) > MOST_OFF:
            rule = "time_in_future" if off > 0 else "time_too_old"
            raise RefusedError(rule, f"a bill of {event.day} ends with that day, not at {iso(event.time)}")
        if isinstance(event, BillLines):
            for line in event.lines:
                aged = line.time < self._ring.now - self._oldest
                if line.currency == CURRENCY and not whole_fen(line.amount_e4):
                    raise RefusedError("part_of_a_fen", "a line's amount, which nobody can pay")
                if aged or abs(line.time - event.time) > FARTHEST or line.amount_e4 < 0:
                    raise RefusedError(
                        "amount_out_of_range" if line.amount_e4 < 0 else "time_too_old", "a line"
                    )

    def _line(self, event: BillLines, day: int, line: BillLine, account: Account) -> None:
        record = self._payment(event, line)
        before = current(record)
        notified = holds(record.told) if record.told else None
        plain = self._is_plain(record, notified, event.sort, line, account)
        said = _said(event, line, notified)
        self._ring.mark(record)
        if said:
            self._change(record)
        record.billed = billed_with(record.billed, event.bill, day, event.sort, line, *said)
        if said:
            self._link(record)
        self._await(record)
        now = self._state(record, before, event)
        if now is not None:
            if plain:
                self._book_fee(record, now, event.id)
            else:
                record.finished = now.state != "success"
        if not plain:
            record.at = self._ring.now
            self._touched[record.key] = event.group, event.id

    def _line_aside(self, event: BillLines, day: int, line: BillLine) -> None:
        """A line of a bill that does not count: another one of its statement does."""
        record = self._payment(event, line)
        before = current(record)
        said = _said(event, line, holds(record.told) if record.told else None)
        self._ring.mark(record)
        record.aside = billed_with(record.aside, event.bill, day, event.sort, line, *said)
        self._state(record, before, event)

    def _payment(self, event: BillLines, line: BillLine) -> PaymentRecord:
        """The record of a line's movement."""
        key = payment_key(f"{event.channel}/{event.merchant}/{line.kind}/{line.number}")
        known = self._ring.known(key)
        if known is None:
            known = self._begin(PaymentRecord(key, self._ring.place, self._ring.epoch, self._ring.now, True))
        return cast("PaymentRecord", known)

    def _state(self, record: PaymentRecord, before: Payment | None, event: BillEvent) -> Payment | None:
        """Say what a payment is now, if it was something else; None: it was not."""
        now = current(record)
        if now is None or now == before:
            return None
        self.output.stated.append(Stated(now, self._of.party_of(now.payer), event.id))
        return now

    def _is_plain(
        self, record: PaymentRecord, notified: Payment | None, sort: Sort, line: BillLine, account: Account
    ) -> bool:
        """Whether a line is all that bills have to say of a payment that is judged already: only its fee is new."""
        return (
            notified is not None
            and notified.state == "success"
            and not record.billed
            and record.of_voucher(RECEIPT) is not None
            and record.key not in self._touched
            and not record.has_open(COMPARED)
            and agrees(_told(notified), sort, line, account.terms)
        )

    def _close(self, record: DayRecord, cause: str) -> None:
        """A day's bill is whole: what waits for it is looked at."""
        key = account_key(record.channel, record.merchant)
        known = self._ring.known(key)
        if known is None:
            known = self._begin(AccountRecord(key, self._ring.place, self._ring.epoch, self._ring.now))
        kept = cast("AccountRecord", known)
        self._ring.mark(kept)
        kept.channel, kept.merchant = record.channel, record.merchant
        days = kept.whole.get(record.sort, [])
        kept.whole = kept.whole | {record.sort: sorted({*days, record.day})}
        for waiting in self._account(record.channel, record.merchant).close(record.sort, record.day):
            self._touched[waiting] = record.group, cause

    # Judging

    def findings(self, record: PaymentRecord) -> Sequence[Open]:
        """What bills and notifications of a payment do not agree in."""
        one = record.known[0]
        account = self._account(one.channel, one.merchant)
        if not record.billed and not account.terms.sorts:
            return ()
        notified = _told(holds(record.told)) if record.told else None
        return findings(record.key[2:], notified, record.billed, account.terms, account)

    def of_day(self, record: DayRecord) -> list[Open]:
        """What is wrong with a day's bill."""
        account, doubted = self._account(record.channel, record.merchant), record.doubted
        found = [refused_bill(record.subject, doubted)] if doubted else []
        whole = account.is_whole(record.sort, record.day)
        if record.expected and not whole and self._ring.now >= account.due(record.day):
            found.append(missing_bill(record.subject))
        return found

    def finish(self, record: DayRecord) -> None:
        """A day's bill that is there, that nobody waits for, or of which all that is wrong was accepted, may be
        forgotten."""
        whole = self._account(record.channel, record.merchant).is_whole(record.sort, record.day)
        finished = not record.asked and (whole or not record.expected or bool(record.open))
        if record.finished != finished:
            self._ring.mark(record)
            record.finished = finished

    # What closing asks

    def owned(self, channel: str, merchant: str, group: str) -> None:
        """Raises RefusedError where a channel has no such merchant of this group."""
        found = self._of.terms(channel, merchant)
        if found is None or found[0] != group:
            raise RefusedError("unknown_merchant", f"{channel}/{merchant} is no merchant of group {group!r}")

    def sorts(self, channel: str, merchant: str) -> Sequence[Sort]:
        """Sorts of bills that the channel gives for each day."""
        return self._account(channel, merchant).terms.sorts

    def has(self, channel: str, merchant: str, sort: Sort, day: int) -> bool:
        """Whether a day's bill is there as a whole."""
        return self._account(channel, merchant).is_whole(sort, day)

    # Records

    def _day(self, channel: str, merchant: str, group: str, sort: Sort, day: int) -> DayRecord:
        """The record of a day's bill, new or marked as changed."""
        key = day_key(channel, merchant, sort, day)
        known = self._ring.known(key)
        if known is None:
            known = self._begin(DayRecord(key, self._ring.place, self._ring.epoch, self._ring.now))
            record = cast("DayRecord", known)
            record.group, record.channel, record.merchant, record.day = group, channel, merchant, day
            record.sort = sort
        self._ring.mark(known)
        known.at = self._ring.now
        return cast("DayRecord", known)

    def _account(self, channel: str, merchant: str) -> Account:
        account = self._accounts.get((channel, merchant))
        if account is None:
            found = self._of.terms(channel, merchant)
            account = self._accounts[channel, merchant] = Account(found[1] if found else Terms())
        return account

    @property
    def _of(self) -> Known:
        if self._channels is None:
            raise RuntimeError("a bill was read before rules were published")
        return self._channels


def _day(payment: Payment, terms: Terms) -> int:
    settled = day_of(payment.settled) if payment.settled is not None else 0
    return settlement_day(payment.time, settled, terms)


def _said(event: BillLines, line: BillLine, notified: Payment | None) -> tuple[Payment, ...]:
    """The payment that a line tells of, or its fee alone; nothing where a notification has told that money moved."""
    if notified is not None and notified.state == "success":
        return ()
    return (payment_of(event.channel, event.merchant, event.group, line, event.day),)


def _told(payment: Payment) -> Told:
    settled = day_of(payment.settled) if payment.settled is not None else 0
    return Told(
        payment.kind,
        payment.amount_e4,
        payment.state,
        payment.time,
        settled,
        payment.fee_e4,
        payment.currency,
    )
