"""Closing days, weeks and months: until which day a channel's merchant is closed, and what may be closed or undone.

An account (channel/merchant) is closed up to one day. What belongs to a day that is closed is booked on the first one
that is not (`Judge` asks `closed`), so what was booked on a closed day stays as it was. Commands of a block are decided
when all else of the block is booked, and count from the next block on. A preview is judged likewise, and changes
nothing. Days close in order; weeks and months are closed over closed days, and say again what was in them and what is
still open.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple, cast

from msgspec.structs import replace

from flows.engine.ring import Ring
from flows.lifecycle.intake import RefusedError
from flows.reconciliation.billing import Billing
from flows.reconciliation.facts import current
from flows.reconciliation.figures import add, nothing, set_bill, suspense, total
from flows.reconciliation.judge import Judge
from flows.reconciliation.model import CURRENCY
from flows.reconciliation.output import Closed, Item, Lack, Output
from flows.reconciliation.record import (
    BILL,
    ClosingRecord,
    DayRecord,
    PaymentRecord,
    Record,
    Standing,
    SumsRecord,
    closing_key,
    day_key,
    sums_key,
)
from schemas.identity import person_of
from schemas.payments import CloseAsked, PreviewAsked, ReopenAsked, Sort, exception_id
from schemas.times import DAY, SHANGHAI_OFFSET, business_day, date_of, day_of, iso, next_month

KEPT = 400
"""Days for which a close can be undone, and a week or month closed, after its days; no older day is closed first."""
NEVER = -1
Asked = CloseAsked | ReopenAsked


class Ask(NamedTuple):
    """A command, and where it lies in its topic."""

    event: Asked
    partition: int
    offset: int


class Closing:
    """A lane's closes. `begin`: how its records are made."""

    def __init__(
        self, ring: Ring[Record], billing: Billing, judge: Judge, begin: Callable[[Record], Record]
    ) -> None:
        self._ring, self._billing, self._judge, self._begin = ring, billing, judge, begin
        self.closed = judge.closed
        self._days: dict[str, set[int]] = {}
        """By account: days of which it is known what was booked."""
        self._asks: list[Ask] = []

    def renew(self) -> None:
        """The ring is back: derive what is not stored."""
        for record in self._ring.records.values():
            match record:
                case ClosingRecord(account=account, upto=upto):
                    self.closed[account] = upto
                case SumsRecord(finished=False):
                    self._days.setdefault(record.account, set()).add(record.day)

    def ask(self, event: Asked, partition: int, offset: int) -> None:
        """A command, to be decided at the block's end. Raises RefusedError for one that makes no sense at all."""
        self._billing.owned(event.channel, event.merchant, event.group)
        if isinstance(event, ReopenAsked) and not event.reason.strip():
            raise RefusedError("reason_missing", "a close is not undone without a reason")
        if isinstance(event, CloseAsked) and not _is_period(event):
            what = f"{event.first} to {event.last} is no {event.period}"
            raise RefusedError("decision_refused", what)
        self._asks.append(Ask(event, partition, offset))

    def book(self, output: Output) -> None:
        """All of a block that was booked is counted; then its commands are decided."""
        fresh: dict[tuple[str, int], list[int]] = {}
        for entry in output.entries:
            if entry.account and entry.rule and entry.amount:
                place = entry.account, entry.day
                add(fresh[place] if place in fresh else self._counted(*place, fresh), entry)
        for bill in output.counted:
            known = bill.day in self._days.get(bill.account, ())
            if (known or bill.said[0]) and bill.day > self.closed.get(bill.account, NEVER):
                set_bill(self._counted(bill.account, bill.day, fresh), bill.sort, bill.said)
        if self._asks:
            items = self._exceptions()
            for ask in self._asks:
                if isinstance(ask.event, CloseAsked):
                    made = self._close(ask.event, items, ask.partition, ask.offset)
                else:
                    made = self._reopen(ask.event, ask.partition, ask.offset)
                output.closes.append(made)
            self._asks = []

    def _counted(self, account: str, day: int, fresh: dict[tuple[str, int], list[int]]) -> list[int]:
        """A day's figures, about to change."""
        key = sums_key(account, day)
        known = self._ring.known(key)
        if known is None:
            made = SumsRecord(key, self._ring.place, self._ring.epoch, self._ring.now, sums=nothing())
            made.account, made.day = account, day
            known = self._begin(made)
            self._days.setdefault(account, set()).add(day)
        else:
            self._ring.mark(known)
        fresh[account, day] = cast("SumsRecord", known).sums
        return fresh[account, day]

    # Deciding

    def _close(
        self,
        event: CloseAsked,
        exceptions: Mapping[str, Sequence[tuple[int, Item]]],
        partition: int,
        offset: int,
    ) -> Closed:
        account = f"{event.channel}/{event.merchant}"
        record = self._known(account)
        first, last = day_of(event.first), day_of(event.last)
        asked = exceptions.get(account, ())
        lacks = list(self._not_yet(event, record, first, last))
        items = [item for day, item in asked if day <= last]
        if not lacks:
            items += self._bills(event, record, last)
        named = _named(items, event, record.named)
        lacks += [_lack(item) for item in named if not item.reason]
        sums, held = total(self._sums(account, first, last)), self._suspense(record, last)
        if lacks:
            return Closed(event, "refused", None, lacks, named, sums, held, partition, offset)
        made = Standing(event.id, event.period, first, last, event.by, record.upto, record.suspense)
        if isinstance(event, PreviewAsked):
            return Closed(event, "ready", made, (), named, sums, held, partition, offset)
        self._change(record)
        if event.period == "day":
            record.upto, record.suspense = last, held
            self.closed[account] = last
            self._forget(account, last - KEPT)
        record.standing = (*(one for one in record.standing if one.last >= record.upto - KEPT), made)
        still = {item.item for _, item in asked}
        before = {item: said for item, said in record.named.items() if item in still or item.startswith(BILL)}
        record.named = before | {item.item: (item.close, item.reason) for item in named}
        return Closed(event, "closed", made, (), named, sums, held, partition, offset)

    def _not_yet(self, event: CloseAsked, record: ClosingRecord, first: int, last: int) -> Iterator[Lack]:
        """What stands against a close whatever is named."""
        over = (last + 1) * DAY - SHANGHAI_OFFSET + self._judge.rules.patience
        if self._ring.now < over:
            yield Lack("not_over", iso(over + SHANGHAI_OFFSET)[: len("2025-11-11T00:10")])
        if event.period == "day":
            if last <= record.upto:
                yield Lack("already_closed", str(date_of(last)))
            if record.upto == NEVER:
                oldest = business_day(self._ring.now) - KEPT
                if last < oldest:
                    yield Lack("too_long_ago", str(date_of(oldest)))
                return
            open_ = self._days.get(record.account, set())
            for day in sorted(day for day in open_ if record.upto < day < last):
                yield Lack("earlier_open", str(date_of(day)))
            return
        for one in record.standing:
            if (one.period, one.first) == (event.period, first):
                yield Lack("already_closed", one.close)
        if record.upto < last:
            yield Lack("days_open", str(date_of(max(first, record.upto + 1))))
        if first < record.upto - KEPT:
            yield Lack("too_long_ago", str(date_of(record.upto - KEPT)))

    def _bills(self, event: CloseAsked, record: ClosingRecord, last: int) -> list[Item]:
        """Bills that have not come and that nobody is asked about: of the days that are closed, and named before."""
        channel, merchant = event.channel, event.merchant
        wanted: set[tuple[int, Sort]] = set()
        for item in record.named:
            if item.startswith(BILL):
                _, of, on = item.split("/")
                wanted.add((day_of(date.fromisoformat(on)), cast("Sort", of)))
        if event.period == "day":
            begins = last if record.upto == NEVER else record.upto + 1
            sorts = self._billing.sorts(channel, merchant)
            wanted |= {(day, sort) for day in range(begins, last + 1) for sort in sorts}
        found = []
        for day, sort in sorted(wanted):
            if day > last or self._billing.has(channel, merchant, sort, day):
                continue
            known = self._ring.known(day_key(channel, merchant, sort, day))
            if not (isinstance(known, DayRecord) and known.open):
                subject = f"{channel}/{merchant}/{sort}/{date_of(day)}"
                found.append(Item(f"{BILL}{sort}/{date_of(day)}", "bill_missing", subject, 0))
        return found

    def _reopen(self, event: ReopenAsked, partition: int, offset: int) -> Closed:
        account = f"{event.channel}/{event.merchant}"
        record = self._known(account)
        of = next((one for one in record.standing if one.close == event.of), None)
        lacks = list(_against(event, of, record.standing))
        if of is None or lacks:
            return Closed(event, "refused", of, lacks, (), (), record.suspense, partition, offset)
        self._change(record)
        record.standing = tuple(one for one in record.standing if one is not of)
        record.named = {item: said for item, said in record.named.items() if said[0] != of.close}
        if of.period == "day":
            record.upto, record.suspense = of.before, of.suspense
            self.closed[account] = of.before
        return Closed(event, "reopened", of, (), (), (), record.suspense, partition, offset)

    # What is known

    def _exceptions(self) -> dict[str, list[tuple[int, Item]]]:
        """What people are asked by account, with the days that it belongs to. Dues are of no account."""
        found: dict[str, list[tuple[int, Item]]] = {}
        for key in sorted(set(self._judge.asked.values())):
            record = self._ring.known(key)
            if isinstance(record, PaymentRecord) and (payment := current(record)) is not None:
                account, subject = payment.account, payment.key
                group, day, currency = payment.group, business_day(payment.time), payment.currency
            elif isinstance(record, DayRecord):
                account, subject = f"{record.channel}/{record.merchant}", record.subject
                group, day, currency = record.group, record.day, CURRENCY
            else:
                continue
            for told in record.asked:
                number = exception_id(group, told.kind, subject)
                item = Item(number, told.kind, subject, told.amount, currency=currency)
                found.setdefault(account, []).append((day, item))
        return found

    def _sums(self, account: str, first: int, last: int) -> Iterator[list[int]]:
        """The figures of the days of a period that have any."""
        for day in sorted(self._days.get(account, ())):
            if first <= day <= last:
                yield cast("SumsRecord", self._ring.records[sums_key(account, day)]).sums

    def _suspense(self, record: ClosingRecord, last: int) -> int:
        """What is in suspense at the end of a day."""
        upto = record.upto
        if last >= upto:
            return record.suspense + suspense(total(self._sums(record.account, upto + 1, last)))
        return record.suspense - suspense(total(self._sums(record.account, last + 1, upto)))

    def _known(self, account: str) -> ClosingRecord:
        """An account's closes; of one that has none an empty record that is not kept."""
        known = self._ring.known(closing_key(account))
        if isinstance(known, ClosingRecord):
            return known
        return ClosingRecord(
            closing_key(account), self._ring.place, self._ring.epoch, self._ring.now, account=account
        )

    def _change(self, record: ClosingRecord) -> None:
        """An account's closes are about to change."""
        if self._ring.known(record.key) is None:
            self._begin(record)
        else:
            self._ring.mark(record)

    def _forget(self, account: str, before: int) -> None:
        """Figures of days whose month can no longer be closed may leave."""
        for day in [day for day in self._days.get(account, ()) if day < before]:
            record = self._ring.records[sums_key(account, day)]
            self._ring.mark(record)
            record.finished, record.at = True, self._ring.now
            self._days[account].discard(day)


def _is_period(event: CloseAsked) -> bool:
    """Whether first and last day are those of a day, week or month."""
    first, last = event.first, event.last
    match event.period:
        case "day":
            return first == last
        case "week":
            return first.weekday() == 0 and last - first == timedelta(days=6)
    return first.day == 1 and last + timedelta(days=1) == next_month(first)


def _named(items: Iterable[Item], event: CloseAsked, before: Mapping[str, tuple[str, str]]) -> list[Item]:
    """Open items in order, with the reasons that were given for them, now or by a close that stands."""
    said = {one.item: (event.id, one.reason) for one in reversed(event.named)}
    found = []
    for one in sorted(items, key=lambda one: one.item):
        close, reason = before.get(one.item) or said.get(one.item) or ("", "")
        found.append(replace(one, reason=reason, close=close))
    return found


def _lack(item: Item) -> Lack:
    return Lack("bill_missing" if item.item.startswith(BILL) else "exception_open", item.item)


def _against(event: ReopenAsked, of: Standing | None, standing: Iterable[Standing]) -> Iterator[Lack]:
    """What stands against undoing a close."""
    if of is None:
        yield Lack("not_standing", event.of)
        return
    if person_of(of.by) == person_of(event.by):
        yield Lack("same_person", of.by)
    if of.period == "day":
        for other in standing:
            if other.last > of.last or (other.period != "day" and other.last == of.last):
                yield Lack("later_close", other.close)
