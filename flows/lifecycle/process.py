"""A block of records → what it leads to: the loop over a lane's events.

It is written for speed where every event passes (`_events`) and for clarity elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import astuple
from xxhash import xxh3_64_digest

from flows.engine.block import Block, Records
from flows.engine.ring import Ring
from flows.engine.timers import Timers
from flows.fees.current import FEES
from flows.fees.model import MOST_PLAIN, Fees
from flows.governance.chains import MOST_SITES, TIME_BITS
from flows.governance.network import NO_NETWORK, Network, read_network
from flows.governance.operators import Change, Operators
from flows.lifecycle import checks, facts, named, recall
from flows.lifecycle.accepted import Accepted, runs
from flows.lifecycle.age import Ages, leaps
from flows.lifecycle.assess import BAGS, COURIERS, HUBS, NO_BOOK, Assessor
from flows.lifecycle.charged import RUN, Charges
from flows.lifecycle.costs import Costs
from flows.lifecycle.gathering import REFUSED, Unfinished, whole
from flows.lifecycle.handover import Hands
from flows.lifecycle.intake import (
    DECODERS,
    RefusedError,
    check_names,
    check_partition,
    glimpse,
    read,
    waybill_in_pattern,
)
from flows.lifecycle.kept import Words
from flows.lifecycle.output import Anomaly, Output, Recall, Refusal
from flows.lifecycle.parcel import MARK, NEVER, Parcel, over, pending
from flows.lifecycle.periods import Said
from flows.lifecycle.published import begins, next_network, taken_out
from flows.lifecycle.reasons import ABANDONED, REASONS
from flows.lifecycle.refusals import refusal, replay
from flows.lifecycle.shelf import Shelf
from flows.lifecycle.volumes import Volumes
from flows.lifecycle.watch import Watch
from flows.rating.book import read_book
from flows.rating.model import Book
from flows.rating.tariffs import Tariffs
from flows.rating.touched import Spans, touched
from schemas import topics
from schemas.events import (
    BAGGED,
    ENDS,
    OPERATIONS,
    PICKED_UP,
    BalanceMoved,
    BooksClosed,
    BooksReopened,
    Claim,
    ClaimWithdrawn,
    CostIncurred,
    CostWithdrawn,
    DeadLetter,
    DeadLetterReplayed,
    DocumentPart,
    Event,
    HandoverWithdrawn,
    NetworkPart,
    NetworkPublished,
    Order,
    ParcelEvent,
    ParcelRecalled,
    PartiesMerged,
    PartyTransferred,
    Scan,
    TariffPart,
    TariffPublished,
    TariffWithdrawn,
    Tick,
    VolumesCounted,
    Weight,
    WeightDecided,
)
from schemas.identity import content_id, version_of
from schemas.limits import AHEAD, LEAP, MOST_IDENTIFIER, OLDEST
from schemas.problems import UNREADABLE, DocumentError
from schemas.times import business_day, iso

HEAD = ("id", "time", "waybill")
"""The fields with which every event of a parcel begins."""
OPERATION, SITE = (Scan.__struct_fields__.index(field) for field in ("operation", "site"))
_MILESTONES = frozenset((PICKED_UP, *ENDS))
MOST_AGAIN = 2_000
"""Parcels of a block that are assessed again because of other books."""
_LETTER = "dead letter ".ljust(MOST_IDENTIFIER)
"""How the keys of dead letters' records begin: such a key is longer than any waybill that an event can name."""
_REPLAYED = 1 << MOST_PLAIN
"""In a dead letter's `done`: it was sent again, so that the same bytes open it again."""
_OTHERWISE = (KeyError, TypeError, *UNREADABLE)
"""What the decoders of our own spelling raise for another one."""
_json = msgspec.json.Encoder()


class Came(NamedTuple):
    """Where a document or note is from: Kafka's newest time in its block (UTC ms), its offset and its bytes."""

    received: int
    offset: int
    raw: bytes


class Documents(Shelf):
    """What was published, in order: enough to rate as before after a restart."""

    turns: int = 0
    """How often a tariff book came into force or was withdrawn."""
    hands: Hands = msgspec.field(default_factory=Hands)
    volumes: Volumes = msgspec.field(default_factory=Volumes)
    costs: Costs = msgspec.field(default_factory=Costs)
    sites: list[str] = msgspec.field(default_factory=list)
    """Sites by their number in trails; grows by every directory that has rules of scan chains."""
    dues: list[str] = msgspec.field(default_factory=list)
    """Plain dues in the places that parcels' records have for them; grows by what is added to fees.toml."""
    asked: list[str] = msgspec.field(default_factory=list)
    """What of scans has ever been paid for (`Assessor.asks`): it is remembered, also while no book pays for it."""


class Lifecycle:
    """A lane's parcels and the rules in force. `process` is deterministic given its state and the block."""

    def __init__(
        self,
        horizon: int,
        ahead: int = AHEAD,
        fees: Fees = FEES,
        *,
        oldest: int = OLDEST,
        leap: int = LEAP,
        partitions: int = 1,
    ) -> None:
        self.horizon, self.ahead, self.leap, self.fees = horizon, ahead, leap, fees
        self.partitions = partitions
        self.ages = Ages(horizon, ahead, oldest)
        self._finished = fees.finished
        self.over = over(horizon + ahead, self._finished, fees.undelivered)
        self.books: list[Book] = []
        """All books that were published and taken, in order."""
        self.ring: Ring[Parcel] = Ring(Parcel, self.over)
        self.timers = Timers()
        self.watch = Watch(horizon)
        self.waiting: set[str] = set()
        self.waits = [0] * len(REASONS)
        """How many dues wait, by reason; the first counts nothing."""
        self.pending: set[str] = set()
        """Parcels whose charges depend on a decision about their weight."""
        self.again: list[str] = []
        """Parcels to be assessed again because of other books, a few in each block; the next one last."""
        self.documents = Documents(dues=[due.name for due in fees.plain])
        self.network: Network | None = None
        self.operators = Operators()
        self.words = Words()
        self.rules = Assessor(Tariffs([NO_BOOK], NO_NETWORK), NO_NETWORK, fees)
        self.output = Output()

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
        dues, self.documents = self.documents.dues, msgspec.msgpack.decode(saved, type=Documents)
        if self.documents.dues != dues[: len(self.documents.dues)]:
            raise RuntimeError(
                f"the recovery store knows dues by their places, {', '.join(self.documents.dues)}, and fees.toml "
                f"has {', '.join(dues)}: add dues at its end, or delete the recovery store to replay"
            )
        self.documents.dues = dues
        self.operators = self.documents.hands.operators()
        if self.documents.network is not None:
            self.network = read_network(self.documents.network.files)
            self.watch.rules(self.network, self.documents.sites)
            self._rules_in_force([self._read(one.files, self.network) for one in self.documents.whole()])

    def restored(self) -> None:
        """The ring is back: derive what is not stored."""
        self.rules.now = self.watch.now = self.ring.now
        self.watch.restored(self.ring.records.values())
        for key, parcel in self.ring.records.items():
            if parcel.waiting:
                self.waiting.add(key)
                for reason in self.rules.waits_of(parcel):
                    self.waits[reason] += 1
            if _is_pending(parcel):
                self.pending.add(key)
            self._set_timer(parcel)
        self._queue()

    def ready(self, records: Sequence[bytes]) -> bool:
        """Whether there are rules and a time to begin with."""
        return begins(records)

    def process(self, block: Block) -> Output:
        """All that the block leads to."""
        self.output = self.rules.output = self.watch.output = Output(
            Accepted(self.words), Charges(self.words, self.fees.names)
        )
        self.output.operators.append((0, self.operators))
        before = self.ring.now
        for records in block.inputs:
            if records.topic in (topics.ORDERS.name, topics.DEVICES.name):
                for run in runs(records):
                    self._events(run, block.newest)
            else:
                self._others(records, block.newest)
        if self.output.volumes and self.rules.by_month:
            self._look_at(sorted(self.waiting | self.pending))  # it may have a price now
        self._look_at(self.timers.passed(before, self.ring.now, self._deadline))
        self._give_up(before)
        self._look_at_chains()
        self._look_again()
        for key, (parcel, _) in self.rules.changed.items():
            (self.waiting.add if parcel.waiting else self.waiting.discard)(key)
        for key, (parcel, _, _) in self.rules.cases.items():
            (self.pending.add if _is_pending(parcel) else self.pending.discard)(key)
        self.rules.waited()
        for wait in self.output.waits:
            self.waits[wait.before] -= 1
            self.waits[wait.reason] += 1
        self.waits[ABANDONED] = 0
        self.rules.judged()
        self.output.pending_cases = len(self.pending)
        self.output.closed = self.documents.periods.through
        self.output.charges.keep()
        return self.output

    # Parcels' events

    def _events(self, records: Records, received: int) -> None:  # noqa: C901, PLR0912, PLR0915
        """The hot loop over a run of events: whatever can be said of one without a call is said here."""
        ring, output, rules, sites = self.ring, self.output, self.rules, self.directory.sites
        accepted = output.accepted
        now, epoch, known = ring.now, ring.epoch, ring.records.get
        latest, earliest = now + self.ahead, now - self.horizon
        gone = earliest - self.ahead  # parcels touched last before this may be over
        decoders, digest = DECODERS, xxh3_64_digest
        watch = self.watch
        marks, numbers = watch.marks, watch.numbers
        wakes = watch.chains.wakes if watch.chains is not None else {}
        asked = self.documents.asked
        milestones = _MILESTONES | {BAGGED} if BAGS in asked else _MILESTONES
        hubs = self.directory.hubs if HUBS in asked else ()
        for raw, offset in zip(records.values, records.offsets, strict=True):
            try:
                try:
                    event = decoders[raw[9:10]](raw)
                except _OTHERWISE:
                    event = self._parcel_event(raw)
                told = astuple(event)
                name, time, waybill = told[0], told[1], told[2]  # HEAD
                if not earliest <= time <= latest:
                    self.ages.check(time, ring.known(waybill), now)
                kind = type(event)
                content = raw if kind is Scan or kind is Weight else _json.encode(event)
                mark = digest(name.encode())
                parcel = known(waybill)
                if (
                    parcel is not None
                    and mark in parcel.seen
                    and self._repeated(parcel, event, mark, content)
                ):
                    output.repeats += 1
                    continue
                if kind is not Scan and kind is not Weight:
                    if content != raw and raw[9:10] in decoders:  # others were looked at when they were read
                        check_names(raw)
                    self._check(event)
                elif event.site not in sites:
                    raise RefusedError("unknown_site", f"{event.site!r} is no site of the network")
                if parcel is None or parcel.epoch != epoch or parcel.at < gone:
                    if parcel is None:
                        self._check_key(waybill, records.partition)
                    parcel = self._touch(waybill, parcel)
                else:
                    parcel.at = now
                parcel.seen += mark + digest(content)[:4]
                rules.cause = name
                if kind is Scan:
                    accepted.scans.append(told)
                    accepted.scan_offsets.append(offset)
                    operation, site = told[OPERATION], told[SITE]
                    if wakes and parcel.trail is not None:
                        scan = time << TIME_BITS | marks[operation] | numbers[site]
                        parcel.trail += scan.to_bytes(8, "little")
                        if time + wakes[operation] < parcel.look:
                            watch.at(parcel, time + wakes[operation])
                    if site in hubs:
                        self._pass(parcel, event)
                    if operation in milestones:
                        self._milestone(parcel, event)
                    if parcel.breaches:
                        self._heard(parcel, name)
                elif kind is Weight:
                    accepted.weights.append(told)
                    accepted.weight_offsets.append(offset)
                    self._weight(parcel, event)
                else:
                    self._not_of_a_device(parcel, event, records.partition, offset)
            except RefusedError as error:
                self._refuse(error, records, offset, raw or b"", received)
        accepted.keep(records.topic, records.partition)
        if len(output.charges.newest) >= RUN:
            output.charges.keep()

    @staticmethod
    def _parcel_event(raw: bytes) -> Any:
        """An event that is not spelled as our own producers spell it."""
        event = read(raw or b"")
        if not isinstance(event, ParcelEvent):
            raise RefusedError("unknown_type", f"{type(event).__name__} does not belong to this topic")
        return event

    def _repeated(self, parcel: Parcel, event: Event, mark: bytes, content: bytes) -> bool:
        """Whether this event was accepted before. Raises RefusedError when it was, with other content."""
        found = _find(parcel.seen, mark)
        if found < 0 or self._is_over(parcel):
            return False
        if parcel.seen[found + 8 : found + MARK] not in (recall.UNKNOWN, xxh3_64_digest(content)[:4]):
            raise RefusedError("conflicting_duplicate", f"event {event.id} was accepted with other content")
        return True

    def _is_over(self, parcel: Parcel) -> bool:
        return self.over(parcel, self.ring.now)

    def _check_key(self, waybill: str, partition: int) -> None:
        """Whether a parcel may begin in this lane. Raises RefusedError."""
        if not waybill_in_pattern(waybill):
            raise RefusedError("waybill_out_of_pattern", f"{waybill!r} is no waybill number")
        check_partition(waybill, partition, self.partitions)

    def _touch(self, key: str, parcel: Parcel | None) -> Parcel:
        """The parcel's record, new or marked as changed in this epoch."""
        ring = self.ring
        if parcel is None or (parcel.at != ring.now and self.over(parcel, ring.now)):
            parcel = Parcel(key, ring.place, ring.epoch, ring.now, born=ring.now)
            if self.watch.chains is not None:
                parcel.trail = b""
            ring.begin(parcel)
        else:
            ring.mark(parcel)
        parcel.at = ring.now
        return parcel

    def _not_of_a_device(
        self,
        parcel: Parcel,
        event: Order | Claim | ClaimWithdrawn | WeightDecided | ParcelRecalled,
        partition: int,
        offset: int,
    ) -> None:
        if isinstance(event, Order):
            self.output.accepted.orders.append(event)
            self.output.accepted.order_offsets.append(offset)
            self._order(parcel, event)
        elif isinstance(event, WeightDecided):
            self.output.decisions.append((event, partition, offset))
            self._decide(parcel, event)
        elif isinstance(event, ParcelRecalled):
            self._recall(parcel, event, partition, offset)
        else:
            self.output.accepted.claims.append(event)
            self.output.accepted.claim_offsets.append(offset)
            self._claim(parcel, event)

    def _check(self, event: Order | Claim | ClaimWithdrawn | WeightDecided | ParcelRecalled) -> None:
        if isinstance(event, Order):
            checks.order(event, self.directory)
        elif isinstance(event, Claim):
            checks.claim(event, self.rules.dues.claimable, self.directory)
        elif isinstance(event, WeightDecided):
            checks.decision(event)
        elif isinstance(event, ParcelRecalled):
            recall.check(event, self.ring.known(event.waybill), self.rules, self.operators)

    def _order(self, parcel: Parcel, order: Order) -> None:
        self.output.anomalies += checks.anomalies(order, self.directory)
        if order.services and self.books:
            self.output.anomalies += checks.unknown_services(order, self.rules.tariffs.services)
        line = parcel.origin, parcel.destination, parcel.product
        if not facts.ordered(parcel, order):
            return
        self.rules.choose(parcel)
        self.rules.all(parcel, line)
        self._set_timer(parcel)
        if parcel.breaches:
            self._heard(parcel, order.id)

    def _milestone(self, parcel: Parcel, scan: Scan) -> None:
        """A scan that makes fees fall due; the first of its kind counts, whenever it comes."""
        if parcel.turn != self.rules.turn:
            self._weigh(parcel)
        if scan.operation == BAGGED:
            if facts.bagged(parcel, scan):
                self.rules.bag(parcel, scan.site)
            return
        changed = facts.scanned(parcel, scan, couriers=COURIERS in self.documents.asked)
        if parcel.extra is not None and parcel.extra.ends:
            self._look_at_ends(parcel)
        if not changed:
            return
        if scan.operation == PICKED_UP:
            self.rules.pick_up(parcel)
        else:
            self.rules.sign(parcel)
            if self.rules.waits_for_signature(parcel):
                self.rules.weigh(parcel)
                self._set_timer(parcel)

    def _look_at_ends(self, parcel: Parcel) -> None:
        """A parcel that goes back or on: its scan chain, and whether it was also signed for.

        Who contradicts whom is told whenever it is otherwise than before; the newest word is a function of the scans.
        """
        self.watch.again(parcel)
        found, extra = facts.contradiction(parcel), parcel.more()
        if found is None:
            return
        ((since, counts), operation), ((time, other), another) = found
        if extra.contradicted != (counts, other):
            extra.contradicted = counts, other
            expected = f"{operation} {OPERATIONS[operation]} {iso(since)}"
            said = f"{another} {OPERATIONS[another]} {iso(time)}"
            self.output.anomalies.append(Anomaly("ended_twice", parcel.key, other, time, "", expected, said))

    def _pass(self, parcel: Parcel, scan: Scan) -> None:
        """A scan at a hub; the first at each counts, whenever it comes."""
        if parcel.turn != self.rules.turn:
            self._weigh(parcel)
        hubs = parcel.more().hubs
        before = len(hubs)
        if facts.passed(parcel, scan):
            if self.rules.by_hub and len(hubs) != before:
                self.rules.all(parcel, parcel.line)
            else:
                self.rules.hub(parcel, scan.site)

    def _claim(self, parcel: Parcel, event: Claim | ClaimWithdrawn) -> None:
        """A claim or its withdrawal, whichever comes first."""
        facts.claimed(parcel, event)
        named.claims(self.rules, parcel)

    def _weight(self, parcel: Parcel, weight: Weight) -> None:
        facts.weighed(parcel, weight)
        self._weigh(parcel)

    def _weigh(self, parcel: Parcel) -> None:
        """Choose the weight again, and assess what that changes."""
        before, case = parcel.weight_id, parcel.case
        self.rules.choose(parcel)
        if parcel.case != case or parcel.decision is not None:
            self.rules.by_weight(parcel)
        elif parcel.weight_id != before:
            self.rules.weigh(parcel)
        self._set_timer(parcel)

    def _decide(self, parcel: Parcel, event: WeightDecided) -> None:
        """A person's decision; the newest one counts, whenever it comes."""
        if not facts.decided(parcel, event):
            return
        self.rules.choose(parcel)
        self.rules.by_weight(parcel)
        self._set_timer(parcel)

    def _recall(self, parcel: Parcel, event: ParcelRecalled, partition: int, offset: int) -> None:
        """A parcel that the books bring back: what the record lacks is put in, then all is assessed again."""
        status = "assessed"
        lacking = recall.lacking(parcel, event)
        before = len(self.output.charges)
        if lacking:
            status = "rebuilt" if len(parcel.seen) == MARK else "joined"
            self.rules.cause = event.cause
            for reason in recall.join(parcel, event, lacking, self.rules):
                self.waits[reason] += 1
            scans = [fact for fact in event.facts if isinstance(fact, Scan)]
            self.watch.brought_back(parcel, event.broken, scans, event.cause)
        self._assess_again(parcel, event.cause)
        if status == "joined":
            if parcel.extra is not None and parcel.extra.ends:
                self._look_at_ends(parcel)
            if parcel.breaches:
                self._heard(parcel, event.cause)
        (self.waiting.add if parcel.waiting else self.waiting.discard)(parcel.key)
        if _is_pending(parcel):
            self.pending.add(parcel.key)
        self._recalled(parcel, event.cause, status, before, event, partition, offset)

    # Time, documents and dead letters

    def _others(self, records: Records, received: int) -> None:
        for raw, offset in zip(records.values, records.offsets, strict=True):
            try:
                event = read(raw or b"")
                handle = _HANDLE.get((records.topic, type(event)))
                if handle is None:
                    raise RefusedError(
                        "unknown_type", f"{type(event).__name__} does not belong to {records.topic}"
                    )
                if records.topic == topics.CONTROL.name:
                    self._give_up_parts(self.documents.gathering.late(event.time), received)
                handle(self, event, Came(received, offset, raw or b""))
            except RefusedError as error:
                self._refuse(error, records, offset, raw or b"", received)

    def _tick(self, tick: Tick, came: Came) -> None:
        """Time passes, unless a wrong clock makes it leap."""
        if leaps(tick.time, self.ring.now, came.received, self.leap):
            known = f"data time {iso(self.ring.now)} and Kafka's {iso(came.received)}"
            raise RefusedError("time_in_future", f"{iso(tick.time)} leaps too far ahead of {known}")
        if tick.time > self.ring.now:
            self.ring.now = self.rules.now = self.watch.now = tick.time

    def _publish_network(self, published: NetworkPublished, came: Came) -> None:
        _check_version(published, "network_refused")
        try:
            network, books = next_network(published, self.network, self.documents.whole(), self._read)
        except DocumentError as error:
            raise RefusedError("network_refused", str(error)) from error
        if network.chains and len({*self.documents.sites, *network.sites}) > MOST_SITES:
            raise RefusedError(
                "network_refused", f"more than {MOST_SITES} sites have been watched over the years"
            )
        before = self.network
        self.network, self.documents.network = network, published
        self.output.networks.append((published, came.offset))
        self.watch.rules(network, self.documents.sites)
        if before is not None and before.chains != network.chains:
            for _, parcel in sorted(self.ring.records.items()):
                if self.watch.renewed(parcel, published.id):
                    self.ring.mark(parcel)
        self._put_in_force(books, published.id)

    def _publish_tariff(self, published: TariffPublished, came: Came) -> None:
        _check_version(published, "book_refused")
        if self.network is None:
            raise RefusedError(
                "book_refused", "no network directory was published before it: publish it again"
            )
        try:
            book = self._read(published.files, self.directory)
        except DocumentError as error:
            raise RefusedError("book_refused", str(error)) from error
        published = msgspec.structs.replace(published, name=book.name)
        before = self.books
        self.documents.add(published)
        self.documents.turns += 1
        self.output.tariffs.append((published, came.offset))
        self._put_in_force([*self.books, book], published.id, before)

    def _gather(self, part: DocumentPart, came: Came) -> None:
        """A part of a large document, which comes into force with its last one."""
        if part.publication in self.documents.known():
            return  # it is whole, and its parts come again
        gathering = self.documents.gathering
        self._give_up_parts(gathering.crowded(part), came.received)
        complete = gathering.take(part, came.offset, came.raw)
        if complete is None:
            return
        try:
            document = whole(complete)
            if isinstance(document, NetworkPublished):
                self._publish_network(document, came)
            else:
                self._publish_tariff(document, came)
        except RefusedError as error:
            self._refuse_parts(complete, error, came.received)

    def _give_up_parts(self, gone: Sequence[Unfinished], received: int) -> None:
        for one in gone:
            self._refuse_parts(one, RefusedError(REFUSED[one.kind], one.missing), received)

    def _refuse_parts(self, one: Unfinished, error: RefusedError, received: int) -> None:
        """Keep all parts that came aside: sent again together, they are the document."""
        control = Records(topics.CONTROL.name, 0, [], [])
        for _, kept in sorted(one.found.items()):
            self._refuse(error, control, kept.offset, kept.raw, received)

    def _change_hands(self, change: Change, came: Came) -> None:
        """An outlet goes to another party: what is charged for its days is taken back and charged anew."""
        hands = self.documents.hands
        if hands.is_new(change):
            after = hands.change(change, self.operators, self.network)
            self.output.changes.append((change, change, came.offset))
            self._hand_over(change.id, after)

    def _withdraw_handover(self, event: HandoverWithdrawn, came: Came) -> None:
        """It does not take place: what is charged for its days already goes back likewise."""
        hands = self.documents.hands
        if hands.is_new(event):
            change, after = hands.withdraw(event, self.operators)
            self.output.changes.append((event, change, came.offset))
            self._hand_over(event.id, after)

    def _hand_over(self, cause: str, after: Operators) -> None:
        keys = sorted(self._affected(after))
        for key in keys:
            self._take_back(self._touch(key, self.ring.records[key]), cause, after)
        self.operators = after
        self.output.operators.append((len(self.output.charges), after))
        self._look_at(keys)

    def _affected(self, after: Operators) -> list[str]:
        """Parcels with charges of days on which another party runs an outlet of theirs."""
        before = self.operators
        outlets = {
            outlet
            for outlet in before.histories.keys() | after.histories.keys()
            if before.histories.get(outlet) != after.histories.get(outlet)
        }
        return [
            key
            for key, parcel in self.ring.records.items()
            if parcel.may_concern(outlets)
            and not self._is_over(parcel)
            and self.rules.stand_otherwise(parcel, before, after)
        ]

    def _take_back(self, parcel: Parcel, cause: str, after: Operators) -> None:
        self.rules.cause = cause
        self.rules.hand_over(parcel, self.operators, after)

    def _move_balances(self, event: BalanceMoved, came: Came) -> None:  # noqa: ARG002
        """Open balances go over with an outlet: as far as they have not yet."""
        hands = self.documents.hands
        if hands.is_new(event):
            move = hands.move(event, self.operators, self.fees.rules.transfer)
            if move.differences:
                self.output.moves.append(move)

    def _cost(self, event: CostIncurred | CostWithdrawn, came: Came) -> None:  # noqa: ARG002
        """A hub or a line cost something, or did not."""
        bookings = self.documents.costs.take(event, self.network)
        if bookings is not None:
            self.output.costs.append(event)
            self.output.bookings += bookings

    def _close(self, event: Said, came: Came) -> None:  # noqa: ARG002
        """Days are closed, or open again."""
        if self.documents.periods.take(event):
            self.output.closes.append(event)

    def _count_volumes(self, counted: VolumesCounted, came: Came) -> None:
        """Customers' parcels in the month. All of a block's counts are there before anything is rated by them."""
        if self.documents.volumes.take(counted):
            self.output.volumes.append((counted, came.offset))

    def _withdraw_tariff(self, withdrawn: TariffWithdrawn, came: Came) -> None:
        if (withdrawn.version == "") == (withdrawn.name == ""):
            raise RefusedError("book_refused", "a withdrawal names either a version or a name")
        gone = taken_out(withdrawn, self.documents.tariffs)
        if not gone:
            what = f"version {withdrawn.version}" if withdrawn.version else f"called {withdrawn.name!r}"
            raise RefusedError("book_refused", f"there is no book {what} to withdraw")
        standing = [
            (tariff, book)
            for tariff, book in zip(self.documents.tariffs, self.books, strict=True)
            if tariff not in gone
        ]
        before = self.books
        self.documents.keep([tariff for tariff, _ in standing])
        self.documents.turns += 1
        for version, name in dict.fromkeys((book.version, book.name) for book in gone):
            one = msgspec.structs.replace(withdrawn, version=version, name=name)
            self.output.tariffs.append((one, came.offset))
        self._put_in_force([book for _, book in standing], withdrawn.id, before)

    def _read(self, files: Mapping[str, str], network: Network) -> Book:
        return read_book(files, network, self.fees.prices)

    def _put_in_force(self, books: Sequence[Book], cause: str, before: Sequence[Book] | None = None) -> None:
        """Other books, for the publication `cause`: look again at what waits for a price, or for someone's decision
        about its weight; and at what is charged by prices that they touch (None `before`: they touch none)."""
        self._rules_in_force(books)
        if before is not None:
            today = business_day(self.ring.now + self.ahead)
            spans = {fee: days for fee, days in touched(before, books).items() if days[0][0] <= today}
            self._ask_again(spans, cause)
        self._look_at(sorted((self.waiting | self.pending).difference(self.again)))

    def _ask_again(self, spans: Mapping[str, Spans], cause: str) -> None:
        """Mark the parcels that prices of these days concern."""
        concerned = self.rules.touched_by(spans)
        for parcel in self.ring.records.values() if spans else ():
            if parcel.order_id and concerned(parcel) and not self._is_over(parcel):
                self.ring.mark(parcel)
                parcel.again = cause
        self._queue()

    def _queue(self) -> None:
        """Line up what is marked."""
        self.again = sorted((key for key, parcel in self.ring.records.items() if parcel.again), reverse=True)

    def _look_again(self) -> None:
        """Assess some of the parcels again that other books touch: so many that a block stays a block."""
        left = MOST_AGAIN
        while self.again and left:
            parcel = self.ring.known(self.again.pop())
            if parcel is None or not parcel.again:
                continue  # it was given up
            left -= 1
            cause, parcel.again = parcel.again, ""
            before = len(self.output.charges)
            self._assess_again(parcel, cause)
            self._recalled(parcel, cause, "assessed", before)

    def _recalled(
        self,
        parcel: Parcel,
        cause: str,
        status: str,
        before: int,
        event: ParcelRecalled | None = None,
        partition: int = 0,
        offset: int = 0,
    ) -> None:
        """Note that a parcel was assessed again. `before`: how many charges there were. `event`: that asked for it."""
        made = self.output.charges.since(before)
        back = sum(charge.reversal for charge in made)
        time, name = (self.ring.now, "") if event is None else (event.time, event.id)
        self.output.recalls.append(
            Recall(parcel.key, cause, status, time, back, len(made) - back, name, partition, offset)
        )

    def _rules_in_force(self, books: Sequence[Book]) -> None:
        """Make the assessor anew with all books that were taken and not withdrawn, in order of publication."""
        self.books = list(books)
        before = self.rules
        tariffs = Tariffs([NO_BOOK, *books], self.directory)
        documents = self.documents
        self.rules = Assessor(tariffs, self.directory, self.fees, documents.turns, documents.volumes)
        documents.asked += [what for what in self.rules.asks if what not in documents.asked]
        self.rules.now, self.rules.output = self.ring.now, self.output
        self.rules.changed, self.rules.changed_items = before.changed, before.changed_items
        self.rules.cases = before.cases
        self.output.replaced.append(before.tariffs)

    def _deadline(self, key: str) -> Sequence[int]:
        """A parcel's deadline, if it is there."""
        parcel = self.ring.known(key)
        return () if parcel is None else (self.rules.deadline(parcel),)

    def _look_at(self, keys: Sequence[str]) -> None:
        """Assess parcels again: their time has come, or prices are new.

        A look alone makes no parcel younger: else those that wait for ever would never be given up.
        """
        for key in keys:
            parcel = self.ring.known(key)
            if parcel is not None:
                self._assess_again(parcel, parcel.weight_id)

    def _assess_again(self, parcel: Parcel, cause: str) -> None:
        """Assess a parcel by the rules as they are.

        What is charged now makes it younger: it stays as long as words of before could still come.
        """
        self.ring.mark(parcel)
        self.rules.cause = cause
        before = len(self.output.charges)
        self.rules.choose(parcel)
        self.rules.all(parcel, parcel.line)
        if self.rules.deadline(parcel) > self.ring.now:  # by a new policy the weight has another one
            self._set_timer(parcel)
        if len(self.output.charges) != before:
            parcel.at = self.ring.now

    def _give_up(self, before: int) -> None:
        """Parcels of which nothing was heard for too long leave, visibly. `before`: data time before the block."""
        ring = self.ring
        for parcel in self.ages.unheard(ring.records.values(), before, ring.now):
            if not self._is_over(parcel):
                self.ring.mark(parcel)
                self.watch.passed(parcel)
                self.watch.left(parcel)
                named.claims(self.rules, parcel)
                self.rules.give_up(parcel)
                parcel.given_up, parcel.again = True, ""
                self.waiting.discard(parcel.key)
                self.pending.discard(parcel.key)

    def _look_at_chains(self) -> None:
        """Scan chains whose time has come. A record that is looked at lives no longer for it.

        Only a penalty keeps it as long as an event would, so that it can be withdrawn.
        """
        self.rules.cause = ""
        for key in self.watch.timers.due(self.ring.now):
            parcel = self.ring.records.get(key)
            if parcel is not None and not parcel.given_up:
                before, said = parcel.breaches, len(self.output.penalties)
                self.watch.passed(parcel)
                if parcel.breaches != before:
                    self.ring.mark(parcel)
                if len(self.output.penalties) > said:
                    named.claims(self.rules, parcel)
                    parcel.at = self.ring.now

    def _heard(self, parcel: Parcel, cause: str) -> None:
        """Something came for a parcel with breaches: what it closes, and the penalties that it takes back."""
        said = len(self.output.penalties)
        self.watch.heard(parcel, cause)
        if len(self.output.penalties) > said:
            named.claims(self.rules, parcel)

    def _set_timer(self, parcel: Parcel) -> None:
        moment = self.rules.deadline(parcel)
        if moment != NEVER:
            self.timers.set(moment, parcel.key)

    def _dead_letter(self, letter: DeadLetter, came: Came) -> None:
        if self._first(letter.id):
            event_id, waybill = glimpse(letter.raw)
            self.output.refusals.append(
                Refusal(
                    letter.id,
                    "open",
                    letter.reason,
                    letter.detail,
                    letter.transport,
                    letter.topic,
                    letter.partition,
                    letter.offset,
                    event_id,
                    waybill,
                    letter.time or came.received,
                    letter.raw,
                )
            )
        else:
            self.output.refused_again += 1

    def _dead_letter_replayed(self, replayed: DeadLetterReplayed, came: Came) -> None:
        if self._first(replayed.id):
            letter = self.ring.known(_LETTER + replayed.dead_letter)
            if letter is not None:
                self._touch(letter.key, letter).done |= _REPLAYED
            self.output.refusals.append(replay(replayed, came.received))

    def _refuse(self, error: RefusedError, records: Records, offset: int, raw: bytes, received: int) -> None:
        """Keep a record that breaks a rule aside, once however often it comes."""
        letter = content_id("dl", records.topic, raw)
        if self._first(letter):
            self.output.refusals.append(refusal(error, letter, records, offset, raw, received))
        else:
            self.output.refused_again += 1

    def _first(self, key: str) -> bool:
        """Whether this dead letter or note comes for the first time, or again after it was replayed.

        It is remembered like a finished parcel.
        """
        key = _LETTER + key
        found = self.ring.records.get(key)
        first = found is None or found.done & _REPLAYED != 0 or self._is_over(found)
        self._touch(key, found).done = self._finished
        return first


def _check_version(published: TariffPublished | NetworkPublished, rule: str) -> None:
    """A version is the address of its content: charges refer to it."""
    if published.version != (version := version_of(published.files)):
        raise RefusedError(rule, f"version {published.version} is not that of its files, {version}")


def _is_pending(parcel: Parcel) -> bool:
    """Whether charges of it depend on a decision that may still come."""
    return parcel.case is not None and pending(parcel.case) and not parcel.given_up


def _find(seen: bytes, mark: bytes) -> int:
    """Where an event's mark lies in `seen`, -1 if it does not."""
    found = seen.find(mark)
    while found > 0 and found % MARK:
        found = seen.find(mark, found + 1)
    return found


_Handle = Callable[[Lifecycle, Any, Came], None]
_HANDLE: dict[tuple[str, type[Event]], _Handle] = {
    (topics.TICKS.name, Tick): Lifecycle._tick,
    (topics.CONTROL.name, NetworkPublished): Lifecycle._publish_network,
    (topics.CONTROL.name, TariffPublished): Lifecycle._publish_tariff,
    (topics.CONTROL.name, TariffPart): Lifecycle._gather,
    (topics.CONTROL.name, NetworkPart): Lifecycle._gather,
    (topics.CONTROL.name, PartyTransferred): Lifecycle._change_hands,
    (topics.CONTROL.name, PartiesMerged): Lifecycle._change_hands,
    (topics.CONTROL.name, HandoverWithdrawn): Lifecycle._withdraw_handover,
    (topics.CONTROL.name, BalanceMoved): Lifecycle._move_balances,
    (topics.CONTROL.name, TariffWithdrawn): Lifecycle._withdraw_tariff,
    (topics.CONTROL.name, VolumesCounted): Lifecycle._count_volumes,
    (topics.CONTROL.name, CostIncurred): Lifecycle._cost,
    (topics.CONTROL.name, CostWithdrawn): Lifecycle._cost,
    (topics.CONTROL.name, BooksClosed): Lifecycle._close,
    (topics.CONTROL.name, BooksReopened): Lifecycle._close,
    (topics.DEAD_LETTERS.name, DeadLetter): Lifecycle._dead_letter,
    (topics.DEAD_LETTERS.name, DeadLetterReplayed): Lifecycle._dead_letter_replayed,
}
