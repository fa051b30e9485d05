"""A block of records → what it leads to: facts are taken one by one, what they touch is judged at the block's end."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, cast

import msgspec
from xxhash import xxh3_64_digest, xxh3_64_intdigest

from flows.engine.block import Block, Records
from flows.engine.ring import Ring
from flows.engine.timers import Timers
from flows.lifecycle.age import leaps
from flows.lifecycle.intake import RefusedError, read_by, read_once, readable
from flows.lifecycle.periods import Periods
from flows.lifecycle.periods import Said as Closed
from flows.lifecycle.refusals import refusal, replay
from flows.reconciliation.accounts import Terms
from flows.reconciliation.billing import BillEvent, Billing
from flows.reconciliation.closing import Closing
from flows.reconciliation.components import component
from flows.reconciliation.decisions import ANSWERS, MOVES, REASONED, WORDS, amount_of, amounts_of, states
from flows.reconciliation.facts import current, due_of, moved, named, scrubbed
from flows.reconciliation.hashes import Hashes
from flows.reconciliation.judge import Judge
from flows.reconciliation.links import Links
from flows.reconciliation.output import Decided, Heard, Output, Said, Stated, Weighed
from flows.reconciliation.record import (
    MOST_TOLD,
    MOST_WORDS,
    DayRecord,
    DecisionRecord,
    DueRecord,
    Note,
    PaymentRecord,
    Record,
    Register,
    Subject,
    decision_key,
    due_key,
    over,
    payment_key,
    register_key,
)
from flows.reconciliation.rules import FILE, MatchingRules, default_rules, read_matching
from schemas import topics
from schemas.events import DeadLetterReplayed, Tick
from schemas.identity import content_id, person_of, version_of
from schemas.limits import AHEAD, LEAP, OLDEST
from schemas.money import whole_fen, yuan
from schemas.payments import (
    BillComplete,
    BillLines,
    BillRefused,
    CloseAsked,
    DeductionAnswered,
    Notification,
    Payment,
    PaymentDecided,
    PaymentRulesPublished,
    PreviewAsked,
    Receivable,
    ReceivableCancelled,
    ReopenAsked,
    notification_id,
)
from schemas.problems import DocumentError, Problem
from schemas.times import iso

_json = msgspec.json.Encoder(order="deterministic")
_notification = msgspec.json.Decoder(Notification).decode
_due = msgspec.json.Decoder(Receivable | ReceivableCancelled).decode
_bill = msgspec.json.Decoder(BillLines | BillComplete | BillRefused).decode
_decision = msgspec.json.Decoder(PaymentDecided | CloseAsked | PreviewAsked | ReopenAsked).decode
_answer = msgspec.json.Decoder(DeductionAnswered).decode
_other = msgspec.json.Decoder(Tick | DeadLetterReplayed | PaymentRulesPublished).decode
NOTIFICATIONS = topics.notifications("").name


class Place(NamedTuple):
    """A record's bytes, and where it is in its topic."""

    raw: bytes
    partition: int
    offset: int


class Channels(Protocol):
    """What a lane asks of the channels in force; made of the published documents and the keys."""

    def payments(self, notification: Notification) -> Sequence[Payment]:
        """The payments that a notification tells of, verified, each once. Raises RefusedError."""

    def scrub(self, text: str) -> str:
        """A text without anything that could be a card number."""

    def payer(self, told: str) -> str:
        """The token of a payer who is told by an identifier or by the token itself."""

    def seal(self, identity: str, raw: bytes) -> bytes:
        """Bytes that only who has the key can read, under this identity; the same for the same bytes."""

    def party_of(self, token: str) -> str:
        """Whose a payer's token is; empty: not known."""

    def terms(self, channel: str, merchant: str) -> tuple[str, Terms] | None:
        """The group of a merchant, and what is agreed about its bills; None: there is no such merchant."""


Reader = Callable[[Mapping[str, str]], Channels]
"""Reads `channels.toml` and `payers.csv`. Raises DocumentError."""


Documents = tuple[PaymentRulesPublished | None, Periods]
"""What was published, as the recovery store keeps it: rules, and until when the books are closed."""


class Payments:
    """A lane's payments and dues. `process` is deterministic given its state and the block.

    `partition`: the one that a group's events lie on. `first`: this lane writes what every lane reads.
    """

    def __init__(
        self,
        read: Reader,
        partition: Callable[[str], int],
        ahead: int = AHEAD,
        *,
        oldest: int = OLDEST,
        leap: int = LEAP,
        first: bool = True,
    ) -> None:
        self.read, self.partition, self.first = read, partition, first
        self.ahead, self.oldest, self.leap = ahead, oldest, leap
        self.over = over(oldest + ahead)
        self.ring: Ring[Record] = Ring(cast("type[Record]", Record), self.over)
        self.ring.freed = self._left
        self.timers = Timers()
        self.published: PaymentRulesPublished | None = None
        self.periods = Periods()
        """Until when the books are closed."""
        self.channels: Channels | None = None
        self.matching: MatchingRules = default_rules()
        self.judge = Judge(self.ring.mark, self.matching, self.periods)
        self.output = Output()
        self.registered = Hashes()
        """Dues that were ever told."""
        self._links: dict[str, Links] = {}
        """By group."""
        self._touched: dict[str, tuple[str, str]] = {}
        """Keys of records that something was heard of in this block: their group, and the event."""
        self.billing = Billing(
            self.ring,
            self.timers,
            self._touched,
            self._begin,
            self._change,
            self._link,
            self._touch_around,
            self.judge.book_fee,
            oldest,
        )
        self.judge.compare = self.billing.findings
        self.closing = Closing(self.ring, self.billing, self.judge, self._begin)

    # What the engine asks for

    def save_documents(self) -> bytes:
        """The published rules, and until when the books are closed, for the recovery store."""
        return msgspec.msgpack.encode((self.published, self.periods))

    def load_documents(self, saved: bytes) -> None:
        """Put them back in force; lanes that did not read of closes kept the rules alone."""
        kept = msgspec.msgpack.decode(saved, type=Documents | PaymentRulesPublished | None)
        published, self.periods = kept if isinstance(kept, tuple) else (kept, Periods())
        self.judge.periods = self.periods
        if published is not None:
            self._in_force(published)

    def restored(self) -> None:
        """The ring is back: derive what is not stored."""
        if self.channels is None:
            return  # the epoch ended before there were rules: only what was refused can be there
        self._link_all()
        self.billing.renew(self.channels)
        self.closing.renew()
        for record in self.ring.records.values():
            self._wake(record)
        self.registered = Hashes(
            record.dues for record in self.ring.records.values() if isinstance(record, Register)
        )

    def ready(self, records: Sequence[bytes]) -> bool:
        """Whether there are rules and a time to begin with."""
        rules = tick = False
        for raw in records:
            try:
                event = _other(raw or b"")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            tick |= isinstance(event, Tick)
            rules |= isinstance(event, PaymentRulesPublished) and self._reads(event)
            if rules and tick:
                return True
        return False

    def process(self, block: Block) -> Output:
        """All that the block leads to."""
        self.output = self.judge.output = self.billing.output = Output()
        before = self.ring.now
        for records in block.inputs:
            self._records(records, block.newest)
        self.judge.now = self.ring.now
        for key in self.timers.passed(before, self.ring.now, self._moments_of):
            self._touched.setdefault(key, (_group(self.ring.records[key]), "time"))
        self._weigh()
        self._judge()
        self.closing.book(self.output)
        self.output.now = self.ring.now
        return self.output

    def _moments_of(self, key: str) -> Iterable[int]:
        """When a record wants to be looked at, if it is there."""
        record = self.ring.known(key)
        return () if record is None else self._moments(record)

    def _moments(self, record: Record) -> Iterator[int]:
        """When a record wants to be looked at, as it stands."""
        if isinstance(record, Subject):
            yield from (told.until for told in record.open)
        match record:
            case PaymentRecord(again=again):
                yield again
            case DayRecord(expected=True):
                yield self.billing.due(record)
            case DecisionRecord():
                yield self.judge.patient_until(record)

    def _records(self, records: Records, received: int) -> None:
        topic = records.topic
        take: Callable[[Any, Place], None]
        decode: Callable[[bytes], Any]
        reader = read_by
        if topic.startswith(NOTIFICATIONS):
            take, decode = self._notification, _notification
        elif topic == topics.RECEIVABLES.name:
            take, decode, reader = self._word, _due, read_once
        elif topic == topics.BILLS.name:
            take, decode = self._bill, _bill
        elif topic == topics.DECISIONS.name:
            take, decode, reader = self._decision, _decision, read_once
        elif topic == topics.DEDUCTIONS.name:
            take, decode = self._deducted, _answer
        elif topic == topics.CONTROL.name:
            self._books(records)
            return
        else:
            self._others(records, received)
            return
        for raw, offset in zip(records.values, records.offsets, strict=True):
            try:
                event = reader(decode, raw or b"")
                if self.partition(event.group) != records.partition:
                    raise RefusedError(
                        "wrong_partition", f"group {event.group!r} belongs to another partition"
                    )
                take(event, Place(raw, records.partition, offset))
            except RefusedError as error:
                self._refuse(error, records, offset, raw or b"", received)

    # Payments

    def _notification(self, event: Notification, at: Place) -> None:
        payments = self._channels.payments(event)
        if any(payment.group != event.group for payment in payments):
            raise RefusedError("unknown_merchant", f"its merchant is not of group {event.group!r}")
        if event.id != notification_id(event.channel, event.headers, event.body):
            raise RefusedError("wrong_type", "its id is not that of its bytes")
        mark = xxh3_64_digest(event.id.encode())
        known = [self.ring.known(payment_key(payment.key)) for payment in payments]
        if any(isinstance(one, PaymentRecord) and one.has_heard(mark) for one in known):
            self.output.repeats += 1
            return
        for payment, one in zip(payments, known, strict=True):
            self._check_payment(payment, one)
        sealed = self._channels.seal(event.id, at.raw)
        for payment, one in zip(payments, known, strict=True):
            record = self._payment(payment, one, event.id)
            self.ring.mark(record)
            record.seen += mark
            self.output.heard.append(Heard(event, payment, len(payments), sealed, at.partition, at.offset))

    def _check_payment(self, payment: Payment, known: Record | None) -> None:
        """Raises RefusedError for what cannot be told of a payment, before anything of its notification is taken."""
        if known is None:
            self._check_time(payment.time)
            return
        record = cast("PaymentRecord", known)
        if payment not in record.told:
            if record.group not in ("", payment.group):
                raise RefusedError("conflicting_duplicate", "it was told for another group before")
            if len(record.told) == MOST_TOLD:
                raise RefusedError("conflicting_duplicate", f"more than {MOST_TOLD} contents of one payment")

    def _payment(self, payment: Payment, known: Record | None, cause: str) -> PaymentRecord:
        """A payment as it is told now; its record."""
        if known is None:
            key = payment_key(payment.key)
            known = self._begin(PaymentRecord(key, self.ring.place, self.ring.epoch, self.ring.now))
        record = cast("PaymentRecord", known)
        if payment not in record.told:
            before = current(record)
            if before is not None and before.state == "success":
                self._touch_around(payment.group, [], [payment.key], cause)
            self._change(record)
            self.billing.forget(record)
            told = (*record.told, payment)
            record.told = told if len(told) == 1 else tuple(sorted(told, key=_json.encode))
            self._link(record)
            self.billing.expect(record)
            now = cast("Payment", current(record))
            record.finished = now.state != "success"
            if now != before:
                self.output.stated.append(Stated(now, self._channels.party_of(now.payer), cause))
            self._touched[record.key] = payment.group, cause
        return record

    def _bill(self, event: BillEvent, at: Place) -> None:
        self._check_time(event.time)
        self.billing.take(scrubbed(event, self._channels.scrub), at.partition, at.offset)

    # Dues

    def _word(self, event: Receivable | ReceivableCancelled, at: Place) -> None:
        if isinstance(event, Receivable) and (payer := self._channels.payer(event.payer)) != event.payer:
            event = msgspec.structs.replace(event, payer=payer)
        event = scrubbed(event, self._channels.scrub)
        document = event.document
        key = due_key(event.group, document)
        content = xxh3_64_intdigest(_json.encode(event))
        known = self.ring.known(key)
        if known is None:
            self._check_time(event.time)
            self._register(key)
            known = self._begin(
                DueRecord(
                    key,
                    self.ring.place,
                    self.ring.epoch,
                    self.ring.now,
                    group=event.group,
                    document=document,
                    since=event.time,
                )
            )
        record = cast("DueRecord", known)
        for number, other in record.words:
            if number == event.id:
                if other != content:
                    raise RefusedError("conflicting_duplicate", f"{event.id} was taken with other content")
                self.output.repeats += 1
                return
        if event.time > self.ring.now + self.ahead:
            raise RefusedError("time_in_future", f"{iso(event.time)} is ahead of {iso(self.ring.now)}")
        if len(record.words) == MOST_WORDS:
            raise RefusedError("too_many_events", f"more than {MOST_WORDS} events of {document}")
        if record.due is not None:
            self._touch_around(event.group, [document], [], event.id)
        self._change(record)
        record.words += ((event.id, content),)
        record.since = min(record.since, event.time)
        if isinstance(event, ReceivableCancelled):
            record.cancelled = max(record.cancelled, (event.time, event.id))
        elif (event.time, event.id) > record.newest:
            due = due_of(event)
            account = self.matching.deducts(event.group, due)
            record.due = msgspec.structs.replace(due, account=account)
            record.newest = event.time, event.id
        if record.due is not None:
            cancelled = record.cancelled > record.newest
            record.due = msgspec.structs.replace(record.due, time=record.since, cancelled=cancelled)
        record.finished = record.due is None
        self._link(record)
        self.output.said.append(Said(event, at.partition, at.offset))
        self._touched[key] = event.group, event.id

    def _deducted(self, event: DeductionAnswered, at: Place) -> None:
        """The accounts flow has answered. What is asked for no more, or was answered before, is passed over."""
        del at
        record = self.ring.known(due_key(event.group, event.document))
        asked = record.deduction if isinstance(record, DueRecord) else None
        if record is None or asked is None or asked.number != event.deduction:
            self.output.repeats += 1
            return
        if (asked.party, asked.amount) != (event.party, event.amount_e4):
            raise RefusedError("unknown_deduction", f"{asked.amount} was asked of {asked.party}")
        state: Literal["taken", "refused"] = "taken" if event.accepted else "refused"
        if asked.state in ("taken", state):
            self.output.repeats += 1
            return
        self.ring.mark(record)
        record.at = self.ring.now
        asked.state, asked.reason, asked.available = state, event.reason, event.available_e4
        asked.time = event.time
        self._touched[record.key] = event.group, event.id

    # Decisions

    def _decision(self, event: PaymentDecided | CloseAsked | ReopenAsked, at: Place) -> None:
        event = scrubbed(event, self._channels.scrub)
        key = decision_key(event.group, event.id)
        content = xxh3_64_intdigest(_json.encode(event))
        record = self._decision_record(key, event.time)
        if record.content:
            if record.content != content:
                raise RefusedError("conflicting_duplicate", f"{event.id} was taken with other content")
            self.output.repeats += 1
            return
        if not isinstance(event, PaymentDecided):
            self.closing.ask(event, at.partition, at.offset)
            self._change(record)
            record.content = content
            return
        self._check_decision(event)
        self._change(record)
        record.said, record.content = event, content
        record.finished = event.decision in (*WORDS, *ANSWERS)
        self._link(record)
        self._touch_decided(record, event.group, event.id)
        if event.decision in WORDS:
            of = self._decision_record(decision_key(event.group, event.of), event.time)
            self._change(of)
            words = of.withdrawn if event.decision == "withdraw" else of.approved
            person = person_of(event.by)
            words[person] = min(words.get(person, event.time), event.time)
            self._link(of)
            self._touch_decided(of, event.group, event.id)
        self.output.decided.append(Decided(event, at.partition, at.offset))

    def _touch_decided(self, record: DecisionRecord, group: str, cause: str) -> None:
        """What a decision is about is looked at."""
        self._touched[record.key] = group, cause
        said = record.said
        if said is not None and said.exception and (key := self.judge.asked.get(said.exception)):
            self._touched[key] = group, cause

    def _weigh(self) -> None:
        """Which decisions count now, of those that something was heard of and those that they add up with."""
        for key in sorted(self._touched):
            record = self.ring.known(key)
            if not isinstance(record, DecisionRecord):
                continue
            group, cause = self._touched[key]
            for one, state in states(self._of(group).decided_beside(record), self.matching.four_eyes):
                if one.state != state and one.said is not None:
                    self.ring.mark(one)
                    one.state = state
                    self.output.weighed.append(Weighed(one.said.id, group, state, cause))
                    self._touch_decided(one, group, cause)

    def _decision_record(self, key: str, time: int) -> DecisionRecord:
        known = self.ring.known(key)
        if known is None:
            self._check_time(time)
            known = self._begin(
                DecisionRecord(key, self.ring.place, self.ring.epoch, self.ring.now, finished=True)
            )
        return cast("DecisionRecord", known)

    def _check_decision(self, event: PaymentDecided) -> None:
        """Raises RefusedError for a decision that lacks what it is about, or goes beyond what people may decide."""
        wrong = {
            "match": not event.shares,
            "write_off": not event.document or not event.amount_e4,
            "refund": not event.payment or not event.amount_e4,
            "ignore": not event.exception or event.until <= event.time,
            "accept": not event.exception,
            "approve": not event.of or event.of == event.id,
            "withdraw": not event.of or event.of == event.id,
        }[event.decision]
        if wrong:
            raise RefusedError("decision_refused", f"{event.decision} does not say what about")
        if event.decision in MOVES and not all(map(whole_fen, amounts_of(event))):
            text = f"{event.decision} is about a part of a fen, which nobody can pay"
            raise RefusedError("part_of_a_fen", text)
        if event.decision in REASONED and not event.reason.strip():
            raise RefusedError("reason_missing", f"{event.decision} does not say why")
        if event.decision == "write_off" and amount_of(event) > self.matching.write_off:
            most = yuan(self.matching.write_off)
            raise RefusedError("decision_refused", f"more than the {most} that may be written off of a due")

    # Time and documents

    def _books(self, records: Records) -> None:
        """The books are closed, or open again; what else stands there is for other flows."""
        for raw in records.values:
            event = readable(raw)
            if isinstance(event, Closed):
                self.periods.follow(event, self.output.books)

    def _others(self, records: Records, received: int) -> None:
        for raw, offset in zip(records.values, records.offsets, strict=True):
            try:
                event = read_by(_other, raw or b"")
                if isinstance(event, PaymentRulesPublished) and records.topic == topics.PAYMENT_CONTROL.name:
                    self._publish(event)
            except RefusedError as error:
                if self.first and records.topic == topics.PAYMENT_CONTROL.name:
                    self._refuse(error, records, offset, raw or b"", received)
                continue
            match event:
                case Tick(time=time):
                    if not leaps(time, self.ring.now, received, self.leap):
                        self.ring.now = max(self.ring.now, time)
                case DeadLetterReplayed() as note:
                    self._replayed(note, received)

    def _publish(self, published: PaymentRulesPublished) -> None:
        """Rules come into force as a whole, or are refused. Raises RefusedError."""
        former = self.matching
        try:
            self._in_force(published)
        except DocumentError as error:
            text = "; ".join(map(str, error.problems))[:4000]
            raise RefusedError("payment_rules_refused", text) from error
        if self.first:
            self.output.published.append(published)
        self._link_all()
        for key, record in self.ring.records.items():
            decided = isinstance(record, DecisionRecord) and (
                (self.matching.four_eyes, self.matching.patience) != (former.four_eyes, former.patience)
            )
            if decided or (isinstance(record, PaymentRecord) and not record.finished):
                self._touched.setdefault(key, (_group(record), published.id))
            elif isinstance(record, DayRecord) and record.expected:
                self.billing.wait_for(record)
            elif isinstance(record, DueRecord) and self.ring.known(key) is record:
                self._settle_by(record, published.id)

    def _settle_by(self, record: DueRecord, cause: str) -> None:
        """Whether a due is deducted, by the rules in force now; what was deducted stays so."""
        due, taken = record.due, record.deduction is not None and record.deduction.state == "taken"
        if due is None or taken or self.matching.deducts(record.group, due) == due.account:
            return
        self._touch_around(record.group, [due.document], [], cause)
        self._change(record)
        record.due = msgspec.structs.replace(due, account=not due.account)
        self._link(record)
        self._touched[record.key] = record.group, cause

    def _reads(self, published: PaymentRulesPublished) -> bool:
        try:
            return bool(self._read(published))
        except DocumentError:
            return False

    def _read(self, published: PaymentRulesPublished) -> tuple[Channels, MatchingRules]:
        """The rules of a publication. Raises DocumentError."""
        if version_of(published.files) != published.version:
            raise DocumentError([Problem("", 0, "", "wrong_version", "the version is not that of its files")])
        text = published.files.get(FILE)
        return self.read(published.files), default_rules() if text is None else read_matching(text)

    def _in_force(self, published: PaymentRulesPublished) -> None:
        self.channels, self.matching = self._read(published)
        self.published = published
        self.judge.rules = self.matching
        self.billing.renew(self.channels)

    @property
    def _channels(self) -> Channels:
        if self.channels is None:
            raise RuntimeError("a block was cut before rules were published")
        return self.channels

    def _replayed(self, note: DeadLetterReplayed, received: int) -> None:
        """One of this lane's dead letters is sent again; the notes about others are other lanes'."""
        letter = self.ring.known(note.dead_letter)
        if isinstance(letter, Note) and self.ring.known(note.id) is None:
            self._note(note.id)
            self._note(note.dead_letter).replayed = True
            self.output.refusals.append(replay(note, received))

    # What was touched is judged

    def _judge(self) -> None:
        """All that hangs together with what was touched, in order of keys."""
        done = set[str]()
        for links in self._links.values():
            links.sift()
        for key in sorted(self._touched):
            record = self.ring.known(key)
            if key in done or record is None:
                continue
            group, self.judge.cause = self._touched[key]
            links = self._of(group)
            if isinstance(record, DayRecord):
                for moment, wants in self.judge.judge_day(record, links, self.billing.of_day(record)):
                    self.timers.set(moment, wants)
                self.billing.finish(record)
                self.judge.keep_answers(record, links)
                continue
            if isinstance(record, PaymentRecord):
                payment = current(record)
                if payment is not None and not moved(payment):
                    for moment, wants in self.judge.judge_none(record, payment, links):
                        self.timers.set(moment, wants)
            dues, payments = component(*links.about(record), links, self.matching)
            done.update(due_key(group, due.document) for due in dues)
            done.update(payment_key(paid.key) for paid in payments)
            for moment, wants in self.judge.judge(links, dues, payments):
                self.timers.set(moment, wants)
        self._judge_decisions()
        self._touched.clear()
        for links in self._links.values():
            links.forget()

    def _judge_decisions(self) -> None:
        """Whether people's matches have done what they say: of all that were touched or looked at, in order of keys."""
        looked_at = dict(self.judge.decided)
        for key in self._touched:
            if isinstance(record := self.ring.known(key), DecisionRecord):
                looked_at[key] = record
                shares = record.said.shares if record.said is not None else ()
                for share in shares:  # with what it takes the place of
                    others = self._of(_group(record)).decisions_on(payment_key(share.payment))
                    looked_at |= {one.key: one for one in others}
        for key, record in sorted(looked_at.items()):
            group, self.judge.cause = self._touched.get(key, (_group(record), self.judge.cause))
            for moment, wants in self.judge.judge_decision(record, self._of(group)):
                self.timers.set(moment, wants)
        self.judge.decided = {}

    def _touch_around(
        self, group: str, documents: Sequence[str], payments: Sequence[str], cause: str
    ) -> None:
        """What hung together with a fact before another took its place is looked at, too."""
        dues, paid = component(documents, payments, self._of(group), self.matching)
        for key in (*(due_key(group, due.document) for due in dues), *(payment_key(one.key) for one in paid)):
            self._touched.setdefault(key, (group, cause))

    # Records

    def _of(self, group: str) -> Links:
        links = self._links.get(group)
        if links is None:
            links = Links(group, self.ring.known, self.matching, self._channels.party_of)
            self._links[group] = links
        return links

    def _link_all(self) -> None:
        """The indexes by the rules in force, of all records."""
        self._links.clear()
        for record in self.ring.records.values():
            self._link(record)
            if isinstance(record, PaymentRecord):
                self._of(_group(record)).pool(record, record.pooled)
        for links in self._links.values():
            links.forget()

    def _link(self, record: Record) -> None:
        if not isinstance(record, Note):
            self._of(_group(record)).add(record)

    def _freed(self, record: Record) -> None:
        if not isinstance(record, Note):
            self._of(_group(record)).drop(record)

    def _left(self, record: Record) -> None:
        """A record is over, and so is whatever was accepted of it."""
        if isinstance(record, Subject):
            for number in record.exceptions(_group(record)):
                self.judge.asked.pop(number, None)
        self._freed(record)

    def _change(self, record: Record) -> None:
        """A record's words are about to change."""
        self.ring.mark(record)
        self._freed(record)
        record.at = self.ring.now

    def _wake(self, record: Record) -> None:
        """Set the timers of a record that came back."""
        if isinstance(record, Subject):
            for number in record.exceptions(_group(record)):
                self.judge.asked[number] = record.key
        for moment in self._moments(record):
            if moment > self.ring.now:
                self.timers.set(moment, record.key)

    def _begin(self, record: Record) -> Record:
        """A new record, in the place of one that may be over."""
        former = self.ring.records.get(record.key)
        if former is not None:
            self._left(former)
        self.ring.begin(record)
        return record

    def _register(self, due: str) -> None:
        """A due begins. Raises RefusedError when there was one of its number that has left: its entries stand."""
        number = xxh3_64_intdigest(due.encode())
        if number in self.registered:
            text = "all that was told of this document was settled, and has left: it can change no more"
            raise RefusedError("document_left", text)
        key = register_key(self.ring.place)
        known = self.ring.records.get(key)
        if known is None:
            known = self._begin(Register(key, self.ring.place, self.ring.epoch, self.ring.now))
        self.ring.mark(known)
        cast("Register", known).dues += number.to_bytes(8, "little")
        self.registered.add(number)

    def _note(self, key: str) -> Note:
        known = self.ring.known(key)
        if known is None:
            known = self._begin(Note(key, self.ring.place, self.ring.epoch, self.ring.now))
        else:
            self.ring.mark(known)
        known.at = self.ring.now
        return cast("Note", known)

    def _check_time(self, time: int) -> None:
        """Raises RefusedError for what could be a repeat of what has left, or comes from a wrong clock."""
        now = self.ring.now
        if not now - self.oldest <= time <= now + self.ahead:
            rule = "time_too_old" if time < now else "time_in_future"
            raise RefusedError(rule, f"{iso(time)} is out of the range around {iso(now)}")

    def _refuse(self, error: RefusedError, records: Records, offset: int, raw: bytes, received: int) -> None:
        """Keep a record that breaks a rule aside, sealed, once however often it comes."""
        letter = content_id("dl", records.topic, raw)
        known = self.ring.known(letter)
        first = not isinstance(known, Note) or known.replayed
        self._note(letter).replayed = False
        if first:
            kept = refusal(error, letter, records, offset, raw, received)
            scrub = self.channels.scrub if self.channels is not None else str
            sealed = self.channels.seal(letter, raw) if self.channels is not None else b""
            self.output.refusals.append(
                msgspec.structs.replace(
                    kept,
                    raw=sealed,
                    waybill="",
                    event_id=named(kept.event_id, scrub),
                    detail=scrub(kept.detail),
                )
            )
        else:
            self.output.refused_again += 1


def _group(record: Record) -> str:
    """The group of a record's links."""
    match record:
        case DueRecord() | PaymentRecord() | DayRecord():
            return record.group
        case DecisionRecord():
            return record.key.split("/", 2)[1]
    return ""
