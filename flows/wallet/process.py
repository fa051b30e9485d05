"""A block of records → what it leads to: postings and commands, party by party."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from xxhash import xxh3_128_digest

from flows.engine.block import Block, Records
from flows.engine.messages import Heard, Message, unpack
from flows.engine.ring import Ring
from flows.governance.agreements import Terms
from flows.governance.network import Network, read_network
from flows.journal.deductions import Ask, Asks
from flows.journal.positions import Sums
from flows.lifecycle.age import leaps
from flows.lifecycle.intake import RefusedError, read, read_as, readable
from flows.lifecycle.published import begins, directory_after
from flows.lifecycle.refusals import refusal, replay
from flows.lifecycle.shelf import Closable
from flows.wallet.output import POSTING, Entry, Output, Said
from flows.wallet.record import LOW_BALANCE, NOTICES, Record, Wallet, over
from flows.wallet.spend import (
    DEDUCT,
    GIVE_BACK,
    Effect,
    NotAllowedError,
    apply_holds,
    deducted,
    effect,
    given_back,
)
from schemas import topics
from schemas.commands import BODIES, Admit, Body
from schemas.events import (
    Answer,
    BooksClosed,
    BooksReopened,
    Command,
    ControlEvent,
    DeadLetterReplayed,
    Event,
    NetworkPart,
    NetworkPublished,
    Tick,
)
from schemas.identity import content_id
from schemas.limits import AHEAD, LEAP
from schemas.payments import DeductionAnswered
from schemas.problems import DocumentError
from schemas.times import business_day, iso

HEARD, WALLET = "heard", "p/"
"""Key of the record of what was heard; wallets' keys begin with p/, answers' with c/, dead letters' with dl-."""
NO_TERMS = Terms()
_NOBODY = Wallet()
E = TypeVar("E", bound=Event)
_json = msgspec.json.Encoder(order="deterministic")
_body: msgspec.msgpack.Decoder[Sums | Asks] = msgspec.msgpack.Decoder(Sums | Asks)


class Wallets:
    """A lane's parties. `process` is deterministic given its state and the block.

    `partition`: the one that a party's postings and commands lie on; `mine`: whether this lane owns it.
    """

    def __init__(
        self,
        horizon: int,
        partition: Callable[[str], int],
        mine: Callable[[int], bool],
        ahead: int = AHEAD,
        *,
        leap: int = LEAP,
    ) -> None:
        self.horizon, self.ahead, self.leap, self.partition, self.mine = horizon, ahead, leap, partition, mine
        self.over = over(horizon + ahead)
        self.ring: Ring[Record] = Ring(Record, self.over)
        self.documents = Closable()
        self.network: Network | None = None
        self.heard = Heard()
        self.output = Output()
        self.step = 0
        self._changed: dict[str, Wallet] = {}
        self._fresh = set[str]()
        """Deductions that are asked for in this block, and so are answered at its end."""

    @property
    def directory(self) -> Network:
        """The directory in force; the engine begins no block without one."""
        if self.network is None:
            raise RuntimeError("a block was cut before a directory was published")
        return self.network

    # What the engine asks for

    def save_documents(self) -> bytes:
        """The published directory, and until when the books are closed, for the recovery store."""
        return msgspec.msgpack.encode(self.documents)

    def load_documents(self, saved: bytes) -> None:
        """Put them back in force."""
        self.documents = msgspec.msgpack.decode(saved, type=Closable)
        if self.documents.network is not None:
            self.network = read_network(self.documents.network.files)

    def restored(self) -> None:
        """The ring is back: what was heard is what it says."""
        record = self.ring.records.get(HEARD)
        if record is not None and record.heard is not None:
            self.heard = record.heard

    def ready(self, records: Sequence[bytes]) -> bool:
        """Whether there are rules and a time to begin with."""
        return begins(records)

    def process(self, block: Block) -> Output:
        """All that the block leads to."""
        self.output, self.step = Output(), 0
        for records in block.inputs:
            if records.topic == topics.POSTINGS.name:
                self._postings(records, block.newest)
            elif records.topic == topics.COMMANDS.name:
                self._commands(records, block.newest)
            else:
                self._others(records, block.newest)
        self._deduct()
        self._give_notice()
        self.output.now = self.ring.now
        return self.output

    # Postings

    def _postings(self, records: Records, received: int) -> None:
        for raw, offset in zip(records.values, records.offsets, strict=True):
            try:
                message = unpack(raw or b"")
                body = _body.decode(message.body)
                rows = list(body.rows()) if isinstance(body, Sums) else []
            except (msgspec.DecodeError, ValueError, LookupError) as error:
                self._refuse(RefusedError("wrong_type", str(error)), records, offset, raw or b"", received)
                continue
            if self.heard.is_new(message, records.partition):
                self._touch(HEARD).heard = self.heard
                if isinstance(body, Sums):
                    self._post(message, rows)
                else:
                    self._asked(body.get("asks", ()))

    def _post(self, message: Message, rows: Sequence[tuple[str, str, int, int]]) -> None:
        sender = message.lane << 32 | message.block
        append, step, before, wallet = self.output.movements.append, self.step, "", _NOBODY
        for party, fee, day, amount in rows:
            if party != before:  # a message's rows are in order of parties
                before, wallet = party, self._wallet(party)
            step += 1
            for account, gained, balance in wallet.post(amount):
                append((step, party, account, POSTING, gained, balance, day, fee, sender, ""))
        self.step = step

    # Deductions

    def _asked(self, asks: Sequence[Ask]) -> None:
        """What is to be deducted waits for the block's end; what was deducted and is asked for no more goes back."""
        for ask in asks:
            wallet = self._wallet(ask.party)
            if not ask.back:
                wallet.waiting[ask.deduction] = ask
                self._fresh.add(ask.deduction)
                continue
            self.step += 1
            waited = wallet.waiting.pop(ask.deduction, None) is not None
            if not waited:
                self._move(ask.party, GIVE_BACK, ask.deduction, self.ring.now, wallet, given_back(ask.amount))
            self._did(ask, "withdrawn" if waited else "returned", wallet)

    def _deduct(self) -> None:
        """What waits is deducted, the oldest first, as far as each can be paid as a whole."""
        for party in sorted(party for party, wallet in self._changed.items() if wallet.waiting):
            wallet = self._changed[party]
            keeps, fresh = self.directory.keeps_account(party), self._fresh
            some = [
                ask
                for ask in wallet.waiting.values()
                if ask.amount <= wallet.available or ask.deduction in fresh
            ]
            for ask in sorted(some, key=lambda one: (one.time, one.group, one.document)):
                try:
                    if not keeps:
                        raise NotAllowedError("unknown_party")
                    made = deducted(wallet, ask.amount)
                except NotAllowedError as refused:
                    if ask.deduction in fresh:
                        self.step += 1
                        self._did(ask, "refused", wallet, refused.reason)
                    continue
                del wallet.waiting[ask.deduction]
                self.step += 1
                self._move(party, DEDUCT, ask.deduction, self.ring.now, wallet, made)
                self._did(ask, "taken", wallet)
        self._fresh.clear()

    def _did(self, ask: Ask, status: str, wallet: Wallet, reason: str = "") -> None:
        """Something was done about a deduction; whoever asked is answered."""
        available = 0 if reason == "unknown_party" else wallet.available
        self.output.deductions.append((self.step, ask, status, reason, available, ""))
        if status in ("taken", "refused"):
            self.output.answered.append(
                DeductionAnswered(
                    id=content_id("da", ask.deduction, status),
                    time=self.ring.now,
                    group=ask.group,
                    document=ask.document,
                    deduction=ask.deduction,
                    party=ask.party,
                    amount_e4=ask.amount,
                    accepted=status == "taken",
                    reason=reason,
                    available_e4=available,
                )
            )

    # Commands

    def _commands(self, records: Records, received: int) -> None:
        for raw, offset in zip(records.values, records.offsets, strict=True):
            try:
                command = _as(read(raw or b""), Command, records.topic)
                if command.name not in BODIES:
                    raise RefusedError("unknown_command", f"{command.name!r} is no command of any flow")
                if self.partition(command.subject) != records.partition:
                    raise RefusedError("wrong_partition", f"{command.subject!r} belongs to another partition")
                earliest, latest = self.ring.now - self.horizon, self.ring.now + self.ahead
                if not earliest <= command.time <= latest:
                    rule = "time_too_old" if command.time < earliest else "time_in_future"
                    raise RefusedError(
                        rule, f"{iso(command.time)} is out of the range around {iso(self.ring.now)}"
                    )
                self._command(command, read_as(bytes(command.body), BODIES[command.name]))
            except RefusedError as error:
                self._refuse(error, records, offset, raw or b"", received)

    def _command(self, command: Command, body: Body) -> None:
        """Answer a command: carry it out or refuse it, once. Raises RefusedError for a conflict."""
        spelled = _json.encode(body)
        content = xxh3_128_digest(_json.encode([command.name, command.actor, command.time]) + spelled)
        key = f"c/{command.subject}/{command.id}"
        known = self.ring.known(key)
        if known is not None:
            if known.content != content:
                raise RefusedError(
                    "conflicting_duplicate", f"command {command.id} was answered with other content"
                )
            self._touch(key).at = self.ring.now
            self.output.again.append(msgspec.json.decode(known.answer, type=Answer))
            return
        self.step += 1
        reason, made = "", Effect()
        if not self.directory.keeps_account(command.subject):
            reason = "unknown_party"
        else:
            wallet = self._wallet(command.subject)
            try:
                made = effect(wallet, command.id, body, self.directory.agreements.materials)
            except NotAllowedError as refused:
                reason, made = refused.reason, Effect(unit_price=refused.unit_price)
            else:
                self._move(command.subject, command.name, command.id, command.time, wallet, made)
        answer = Answer(
            id=command.id,
            time=self.ring.now,
            name=command.name,
            subject=command.subject,
            accepted=not reason,
            reason=reason,
            amount_e4=made.booked or abs(made.held),
            available_e4=0 if reason == "unknown_party" else self._wallet(command.subject).available,
            reply_to=body.reply_to if isinstance(body, Admit) else "",
        )
        record = self._touch(key)
        record.at, record.content, record.answer = self.ring.now, content, msgspec.json.encode(answer)
        self.output.said.append(Said(self.step, command, spelled, answer, made.unit_price))

    def _move(self, party: str, kind: str, number: str, time: int, wallet: Wallet, made: Effect) -> None:
        """Carry out a command, or a deduction, of this number."""
        output, day = self.output, self.documents.periods.booked_on(business_day(time))
        for account, gained, balance in wallet.move(made.free, made.held, made.deposit):
            output.movements.append(
                (self.step, party, account, kind, gained, balance, day, made.fee, 0, number)
            )
        apply_holds(wallet, made.holds)
        output.holds += [(self.step, party, change, number) for change in made.holds]
        if made.terms is not None:
            wallet.terms = made.terms
            output.terms.append((self.step, party, made.terms, number))
        if made.booked:
            output.entries.append(Entry(party, number, made.fee, made.booked, time, day))

    def _give_notice(self) -> None:
        """Notices that begin or are over, as wallets are at the block's end."""
        for party in sorted(self._changed):
            wallet = self._changed[party]
            due = wallet.due()
            for bit, kind in NOTICES.items():
                if (due ^ wallet.notices) & bit:
                    threshold = wallet.terms.low_balance if bit == LOW_BALANCE else 0
                    self.output.notices.append((party, kind, bool(due & bit), wallet.available, threshold))
            wallet.notices = due
        self._changed.clear()

    # Time and documents; what is refused of these the parcel lanes keep aside

    def _others(self, records: Records, received: int) -> None:
        for raw in records.values:
            event = readable(raw)
            if isinstance(event, ControlEvent):
                event = self.documents.gathering.document(event, self.documents.known(), NetworkPart)
            match event:
                case Tick(time=time):
                    if not leaps(time, self.ring.now, received, self.leap):
                        self.ring.now = max(self.ring.now, time)
                case DeadLetterReplayed() as note:
                    self._replayed(note, received)
                case NetworkPublished() as published:
                    self._publish(published)
                case BooksClosed() | BooksReopened() as change if records.topic == topics.CONTROL.name:
                    self.documents.periods.follow(change, self.output.closes)

    def _replayed(self, note: DeadLetterReplayed, received: int) -> None:
        """One of this lane's dead letters is sent again; the notes about others are other lanes'."""
        if self.ring.known(note.dead_letter) is not None and self.ring.known(note.id) is None:
            for key in (note.id, note.dead_letter):
                self._touch(key).at = self.ring.now
            self._touch(note.dead_letter).replayed = True
            self.output.refusals.append(replay(note, received))

    def _publish(self, published: NetworkPublished) -> None:
        """A directory comes into force: terms that it changes replace those that the parties have."""
        try:
            network = directory_after(published, self.network)
        except DocumentError:
            return
        before = self.network.agreements.terms if self.network else {}
        now = network.agreements.terms
        self.network, self.documents.network = network, published
        self.output.networks.append(network)
        for party in sorted(before.keys() | now.keys()):
            terms = now.get(party, NO_TERMS)
            if terms != before.get(party, NO_TERMS) and self.mine(self.partition(party)):
                self.step += 1
                self._wallet(party).terms = terms
                self.output.terms.append((self.step, party, terms, published.version))
        for record in list(self.ring.records.values()):
            if record.wallet is not None and record.wallet.waiting:  # for parties that were not known before
                self._wallet(record.key.removeprefix(WALLET))

    # Records

    def _wallet(self, party: str) -> Wallet:
        """A party's wallet, about to be changed."""
        record = self._touch(WALLET + party)
        if record.wallet is None:
            record.wallet = Wallet()
        self._changed[party] = record.wallet
        return record.wallet

    def _touch(self, key: str) -> Record:
        """A record, new or marked as changed in this epoch."""
        ring = self.ring
        record = ring.known(key)
        if record is None:
            record = Record(key, ring.place, ring.epoch, ring.now)
            ring.begin(record)
        else:
            ring.mark(record)
        return record

    def _refuse(self, error: RefusedError, records: Records, offset: int, raw: bytes, received: int) -> None:
        """Keep a record that breaks a rule aside, once however often it comes."""
        letter = content_id("dl", records.topic, raw)
        known = self.ring.known(letter)
        first = known is None or known.replayed
        record = self._touch(letter)
        record.at, record.replayed = self.ring.now, False
        if first:
            self.output.refusals.append(refusal(error, letter, records, offset, raw, received))
        else:
            self.output.refused_again += 1


def _as(event: Event, kind: type[E], topic: str) -> E:
    if not isinstance(event, kind):
        raise RefusedError("unknown_type", f"{type(event).__name__} does not belong to {topic}")
    return event
