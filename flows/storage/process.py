"""A block of records → what it leads to: stays event by event, and day by day as time passes."""

from collections.abc import Mapping, Sequence

import msgspec

from flows.engine.block import Block, Records
from flows.engine.ring import Ring
from flows.engine.timers import Timers
from flows.fees.model import Fees
from flows.governance.network import NO_NETWORK, Network, read_network
from flows.governance.operators import Operators
from flows.lifecycle import output as lifecycle
from flows.lifecycle.age import Ages, leaps
from flows.lifecycle.assess import NO_BOOK
from flows.lifecycle.charged import Charges
from flows.lifecycle.intake import RefusedError, check_partition, read, readable
from flows.lifecycle.kept import Words
from flows.lifecycle.output import Recall
from flows.lifecycle.published import begins, next_network, taken_out
from flows.lifecycle.refusals import refusal, replay
from flows.lifecycle.shelf import Shelf
from flows.rating.book import read_book
from flows.rating.model import Book
from flows.rating.tariffs import Tariffs
from flows.storage import recall
from flows.storage.assess import ABANDONED, Assessor
from flows.storage.life import last_moment
from flows.storage.output import Accepted, Output, StayWait
from flows.storage.record import (
    MOST_SAID,
    STAY_KEY,
    Stay,
    digest_of,
    key_of,
    last_day,
    over,
    place_of,
    said,
)
from schemas import topics
from schemas.events import (
    BooksClosed,
    BooksReopened,
    ControlEvent,
    DeadLetterReplayed,
    Haul,
    MonthShipped,
    MonthStored,
    NetworkPublished,
    StayOpened,
    StayRecalled,
    StoreEvent,
    TariffPublished,
    TariffWithdrawn,
    Tick,
)
from schemas.identity import content_id, version_of
from schemas.limits import AHEAD, LEAP, OLDEST
from schemas.parties import HQ
from schemas.problems import DocumentError
from schemas.times import DAY, business_day, date_of, day_of, iso

Waits = Mapping[str, tuple[str, int]]
NOBODY_CHANGES = Operators()
"""No stay's charge depends on who runs an outlet: they are between customers and headquarters."""


class Storage:
    """A lane's stays. `process` is deterministic given its state and the block."""

    def __init__(
        self,
        horizon: int,
        fees: Fees,
        ahead: int = AHEAD,
        *,
        oldest: int = OLDEST,
        leap: int = LEAP,
        partitions: int = 1,
    ) -> None:
        self.horizon, self.ahead, self.leap, self.fees = horizon, ahead, leap, fees
        self.partitions = partitions
        self.ages = Ages(horizon, ahead, oldest)
        self.over = over(horizon + ahead, oldest + ahead + DAY)
        self.ring: Ring[Stay] = Ring(Stay, self.over)
        self.timers = Timers()
        self.documents = Shelf()
        """What was published, in order: enough to rate as before after a restart."""
        self.books: list[Book] = []
        """Those of the documents, read."""
        self.network: Network | None = None
        self.rules = Assessor(Tariffs([NO_BOOK], NO_NETWORK), NO_NETWORK, fees)
        self.words = Words()
        self.output = Output()
        self._changed: dict[str, tuple[Stay, Waits]] = {}
        """Stays that were looked at in this block, with what they waited for before."""

    @property
    def directory(self) -> Network:
        """The directory in force; the engine begins no block without one."""
        if self.network is None:
            raise RuntimeError("a block was cut before a directory was published")
        return self.network

    # What the engine asks for

    def save_documents(self) -> bytes:
        """The published documents, for the recovery store."""
        return msgspec.msgpack.encode(self.documents)

    def load_documents(self, saved: bytes) -> None:
        """Put the published documents back in force."""
        self.documents = msgspec.msgpack.decode(saved, type=Shelf)
        if self.documents.network is not None:
            self.network = read_network(self.documents.network.files)
            self._in_force([self._read(one.files, self.network) for one in self.documents.whole()])

    def restored(self) -> None:
        """The ring is back: derive what is not stored."""
        self.rules.today = business_day(self.ring.now)
        for stay in self.ring.records.values():
            self._set_timer(stay)

    def ready(self, records: Sequence[bytes]) -> bool:
        """Whether there are rules and a time to begin with."""
        return begins(records)

    def process(self, block: Block) -> Output:
        """All that the block leads to."""
        self.output = Output(
            booked=lifecycle.Output(
                charges=Charges(self.words, self.fees.names), operators=[(0, NOBODY_CHANGES)]
            )
        )
        self.rules.output = self.output.booked
        before = self.ring.now
        for records in block.inputs:
            if records.topic == topics.STAYS.name:
                self._events(records, block.newest)
            else:
                self._others(records, block.newest)
        for key in self.timers.due(self.ring.now):
            self._pass(key)
        self._give_up(before)
        self._tell_waits()
        self.output.booked.closed = self.documents.periods.through
        self.output.booked.charges.keep()
        return self.output

    # Events

    def _events(self, records: Records, received: int) -> None:
        for raw, offset in zip(records.values, records.offsets, strict=True):
            try:
                event = read(raw or b"")
                if isinstance(event, StayRecalled):
                    self._recalled(event, records.partition, offset)
                elif isinstance(event, StoreEvent):
                    self._event(event, records.partition, offset)
                else:
                    raise RefusedError(
                        "unknown_type", f"{type(event).__name__} does not belong to {records.topic}"
                    )
            except RefusedError as error:
                self._refuse(error, records, offset, raw or b"", received)

    def _event(self, event: StoreEvent, partition: int, offset: int) -> None:
        """Take an event. Raises RefusedError."""
        key, name = place_of(event)
        check_partition(key_of(event), partition, self.partitions)
        stay = self.ring.known(key)
        now = self.ring.now
        if not now - self.horizon <= event.time <= now + self.ahead:
            self.ages.check(event.time, stay, now)
        content = digest_of(event)
        if stay is not None and event.id in stay.said:
            if stay.said[event.id].content != content:
                raise RefusedError(
                    "conflicting_duplicate", f"event {event.id} was accepted with other content"
                )
            self.output.repeats += 1
            return
        outlet = self._outlet(event)
        if stay is not None and len(stay.said) >= MOST_SAID:
            raise RefusedError("too_many_events", f"a stay has at most {MOST_SAID} events")
        stay = self._touch(key)
        stay.name = name
        stay.said[event.id] = said(event, outlet, content)
        self.output.events.append(Accepted(event, outlet, partition, offset))
        self._assess(stay, event.id)

    def _recalled(self, event: StayRecalled, partition: int, offset: int) -> None:
        """A stay that the books bring back: what the record lacks is put in, then all is assessed again."""
        key, now = STAY_KEY + event.stay, self.ring.now
        check_partition(key_of(event), partition, self.partitions)
        stay = self.ring.known(key)
        if not now - self.horizon <= event.time <= now + self.ahead:
            self.ages.check(event.time, None, now)
        recall.check(event, stay, self.fees, self.directory)
        status, new = "assessed", recall.lacking(stay, event)
        charges = self.output.booked.charges
        before = len(charges)
        if new:
            status = "joined" if stay is not None else "rebuilt"
            stay = self._touch(key)
            stay.name = event.stay
            self.rules.cause = event.cause
            for of, former in recall.charged_since(stay, event, self.fees):
                self.rules.take_back(stay, of, former)
            recall.join(stay, event, new, self.fees, self.directory)
            recall.number_on(stay, event, self.rules)
        else:
            stay = self._touch(key)
        self._assess(stay, event.cause)
        made = charges.since(before)
        back = sum(charge.reversal for charge in made)
        self.output.booked.recalls.append(
            Recall(
                event.stay,
                event.cause,
                status,
                event.time,
                back,
                len(made) - back,
                event.id,
                partition,
                offset,
            )
        )

    def _outlet(self, event: StoreEvent) -> str:
        """The store's outlet. Raises RefusedError for a place, a customer or a service that is unknown."""
        if isinstance(event, MonthStored | MonthShipped):
            self._check_due(event.due, "stay_month" if isinstance(event, MonthStored) else "parcel_month")
            self._check_day(last_day(event.month), self.ring.now - DAY)
            self._check_outlet(event.outlet)
            self._check_customer(event.customer)
            return event.outlet
        site = self.directory.sites.get(event.site)
        if site is None:
            raise RefusedError("unknown_site", f"{event.site!r} is no site of the network")
        if site.outlet == HQ:
            raise RefusedError("unknown_outlet", f"{event.site!r} is a hub: a store is the site of an outlet")
        if isinstance(event, StayOpened | Haul):
            self._check_customer(event.customer)
        if isinstance(event, Haul):
            self._check_due(event.service, "hauled")
            self._check_day(day_of(event.day), self.ring.now + self.ahead)
            if event.destination:
                self._check_outlet(event.destination)
        return site.outlet

    def _check_day(self, day: int, latest: int) -> None:
        """The business day that a word is about has begun by `latest` (UTC ms) and is remembered."""
        if day > business_day(latest):
            raise RefusedError("time_in_future", f"{date_of(day)} at data time {iso(self.ring.now)}")
        if last_moment(day) < self.ring.now - self.ages.oldest:
            raise RefusedError("time_too_old", f"{date_of(day)} at data time {iso(self.ring.now)}")

    def _check_outlet(self, outlet: str) -> None:
        if outlet not in self.directory.outlets:
            raise RefusedError("unknown_outlet", f"{outlet!r} is no outlet of the network")

    def _check_customer(self, customer: str) -> None:
        if not self.directory.may_store(customer):
            raise RefusedError("unknown_party", f"{customer!r} is no customer and no outlet")

    def _check_due(self, name: str, trigger: str) -> None:
        if not any(due.name == name and due.trigger == trigger for due in self.fees.dues):
            raise RefusedError("unknown_service", f"no due {name!r} is charged for this")

    # Time and documents; what is refused of these the parcel lanes keep aside

    def _others(self, records: Records, received: int) -> None:
        for raw in records.values:
            event = readable(raw)
            if isinstance(event, ControlEvent) and records.topic == topics.CONTROL.name:
                event = self.documents.gathering.document(event, self.documents.known())
            match event:
                case Tick(time=time):
                    self._tick(time, received)
                case DeadLetterReplayed() as note:
                    self._replayed(note, received)
                case NetworkPublished() | TariffPublished() | TariffWithdrawn() as document:
                    self._take(document)
                case BooksClosed() | BooksReopened() as change if records.topic == topics.CONTROL.name:
                    self.documents.periods.follow(change, self.output.booked.closes)

    def _tick(self, time: int, received: int) -> None:
        """Time passes, unless a wrong clock makes it leap: goods would pay for days that have not been."""
        if not leaps(time, self.ring.now, received, self.leap):
            self.ring.now = max(self.ring.now, time)
            self.rules.today = business_day(self.ring.now)

    def _replayed(self, note: DeadLetterReplayed, received: int) -> None:
        """One of this lane's dead letters is sent again; the notes about others are other lanes'."""
        letter = self.ring.known(note.dead_letter)
        if letter is not None and self.ring.known(note.id) is None:
            self._touch(note.id)
            self._touch(letter.key).replayed = True
            self.output.booked.refusals.append(replay(note, received))

    def _take(self, document: NetworkPublished | TariffPublished | TariffWithdrawn) -> None:
        """A document comes into force, or one goes out: everything in the store is looked at again."""
        documents = self.documents
        try:
            if isinstance(document, NetworkPublished):
                network, books = next_network(document, self.network, documents.whole(), self._read)
                self.network, documents.network = network, document
            elif isinstance(document, TariffWithdrawn):
                gone = taken_out(document, documents.tariffs)
                books = [
                    book for one, book in zip(documents.tariffs, self.books, strict=True) if one not in gone
                ]
                documents.keep([one for one in documents.tariffs if one not in gone])
            else:
                if self.network is None or document.version != version_of(document.files):
                    return
                book = self._read(document.files, self.network)
                documents.add(msgspec.structs.replace(document, name=book.name))
                books = [*self.books, book]
        except DocumentError:
            return
        self._in_force(books)
        for key in sorted(self.ring.records):
            stay = self.ring.records[key]
            if stay.said and not self.over(stay, self.ring.now):
                self.ring.mark(stay)
                self._assess(stay, document.id)

    def _read(self, files: Mapping[str, str], network: Network) -> Book:
        return read_book(files, network, self.fees.prices)

    def _in_force(self, books: Sequence[Book]) -> None:
        self.books = list(books)
        self.output.booked.replaced.append(self.rules.tariffs)
        tariffs = Tariffs([NO_BOOK, *books], self.directory)
        self.rules = Assessor(tariffs, self.directory, self.fees)
        self.rules.output, self.rules.today = self.output.booked, business_day(self.ring.now)

    # Stays

    def _assess(self, stay: Stay, cause: str) -> None:
        self._changed.setdefault(stay.key, (stay, stay.waits))
        self.rules.cause = cause
        self.rules.assess(stay)
        self._set_timer(stay)

    def _pass(self, key: str) -> None:
        """A business day has passed for goods that are in the store."""
        stay = self.ring.records.get(key)
        if stay is not None and _is_inside(stay) and stay.until < self.rules.today - 1:
            self._changed.setdefault(key, (stay, stay.waits))
            self.ring.mark(stay)
            self.rules.go_on(stay)
            self._set_timer(stay)

    def _set_timer(self, stay: Stay) -> None:
        if _is_inside(stay):
            self.timers.set(last_moment(self.rules.today) + 1, stay.key)

    def _give_up(self, before: int) -> None:
        """Stays of which nothing was heard for too long, though they are not in the store, visibly wait no more."""
        for stay in self.ages.unheard(self.ring.records.values(), before, self.ring.now):
            if stay.waits and not _is_inside(stay) and not self.over(stay, self.ring.now):
                self._changed.setdefault(stay.key, (stay, stay.waits))
                self.ring.mark(stay)
                stay.waits = {due: (ABANDONED, since) for due, (_, since) in stay.waits.items()}
                stay.given_up = True

    def _tell_waits(self) -> None:
        """Waits that began, changed or ended in this block."""
        for stay, before in self._changed.values():
            outlet = max(stay.said.values(), key=lambda one: (one.kind == "opened", one.when)).outlet
            for due in sorted(before.keys() | stay.waits.keys()):
                reason, since = stay.waits.get(due, ("", before.get(due, ("", 0))[1]))
                if reason != before.get(due, ("", 0))[0]:
                    self.output.waits.append(StayWait(stay.name, due, reason, since, outlet))
        self._changed.clear()

    # Records

    def _touch(self, key: str) -> Stay:
        """A record, new or marked as changed in this epoch; it was heard of."""
        ring = self.ring
        stay = ring.known(key)
        if stay is None:
            stay = Stay(key, ring.place, ring.epoch, ring.now, ring.now)
            ring.begin(stay)
        else:
            ring.mark(stay)
        stay.at = ring.now
        return stay

    def _refuse(self, error: RefusedError, records: Records, offset: int, raw: bytes, received: int) -> None:
        """Keep a record that breaks a rule aside, once however often it comes."""
        letter = content_id("dl", records.topic, raw)
        known = self.ring.known(letter)
        first = known is None or known.replayed
        self._touch(letter).replayed = False
        if first:
            self.output.booked.refusals.append(refusal(error, letter, records, offset, raw, received))
        else:
            self.output.booked.refused_again += 1


def _is_inside(stay: Stay) -> bool:
    """Whether goods are in the store, as far as is known."""
    return bool(stay.said) and not stay.closed and any(one.kind == "opened" for one in stay.said.values())
