"""Plays the script: publishes every cue at its simulated time through MQTT and Kafka, no faster than the books.

Simulated time runs `speed` times as fast as the clock and stands still while the books are behind, or while a
message of long ago is still with someone who was killed. Told to stop,
the network creates no more parcels and hurries until those on the way have arrived, waits until all is booked,
and lets a day pass so that every deadline has come.
"""

import heapq
import itertools
import time
from collections import deque
from datetime import date, timedelta
from typing import Protocol

import msgspec

from schemas import topics
from schemas.events import (
    ControlEvent,
    HandoverWithdrawn,
    NetworkPublished,
    PartiesMerged,
    PartyTransferred,
    TariffPublished,
)
from schemas.identity import version_of
from schemas.parts import messages_of
from schemas.settings import Settings
from schemas.times import HOUR, business_day, date_of
from sources.network.directory import World
from sources.network.haulage import Haulage
from sources.network.lag import Books
from sources.network.life import lives, next_order
from sources.network.listener import Listener
from sources.network.money import Teller, agreements
from sources.network.pace import Sent, Underway
from sources.network.parties import SUCCESSOR
from sources.network.paying.customers import Customers
from sources.network.publisher import Publisher
from sources.network.script import Cue, Script
from sources.network.store import GATE, SITE, ColdStore, book, directory
from sources.network.truth import Truth
from sources.ticker import Kafka, send_tick

START = 1_762_819_200_000
"""2025-11-11 08:00 in Shanghai: the morning of the year's busiest day."""
STEP = 0.05
"""Seconds between ticks, at least."""
LONGEST_STEP = 0.25
"""Seconds that count when the machine was busy for longer."""
BATCH = 250
"""Messages between two looks at the books."""
AFTERWARDS = 26 * HOUR
"""Time that passes when all is over: longer than a declared weight waits."""


class Stop(Protocol):
    """What the network is told."""

    @property
    def asked(self) -> bool:
        """Create no more parcels, and finish."""

    @property
    def at_once(self) -> bool:
        """Leave everything as it is."""


class Stage:
    """The whole network, live."""

    def __init__(
        self,
        world: World,
        script: Script,
        settings: Settings,
        truth: Truth,
        books: Books,
        seed: int,
        rate: float,
        speed: float,
        teller: Teller | None = None,
        store: ColdStore | None = None,
        customers: Customers | None = None,
        haulage: Haulage | None = None,
    ) -> None:
        self.world, self.script, self.truth, self.books, self.seed = world, script, truth, books, seed
        self.speed = speed
        self.teller, self.store, self.customers, self.haulage = teller, store, customers, haulage
        self._gate = Listener(settings, SITE, GATE) if store is not None else None
        self.per_hour = rate * 3600 / speed
        """Parcels in an hour of simulated time."""
        self.publisher = Publisher(settings.mqtt, settings.mqtt_user, settings.mqtt_password)
        self.kafka = Kafka(settings)
        self.now = START
        self.parcels = 0
        """Ordered by customers; what goes back or on is not counted."""
        self.sent = Sent()
        self._leash = settings.ahead * 3 // 4
        """Milliseconds that time may be ahead of the ticks that lanes have read."""
        self._slack = settings.horizon // 4
        """Milliseconds that time may pass beyond a message that is not booked."""
        self.underway = Underway()
        self._ticks: deque[int] = deque()
        """Ticks that lanes may not have read."""
        self._read, self._known = 0, START
        """How many they have read, and the time of the newest of those."""
        self._cues: list[Cue] = []
        self._heard = False

    def open(self, tariff: dict[str, str], stop: Stop) -> bool:
        """Wait for the brokers and the books, then publish the directory and the tariff book. False: told to
        stop before that."""
        files = self.world.files
        if self.teller is not None:
            files = files | agreements(self.world.outlets, self.seed)
        books = [tariff]
        if self.store is not None:
            files, books = directory(files), [tariff, book()]
        network = version_of(files)
        documents: tuple[ControlEvent, ...] = (
            NetworkPublished(id=f"network-{network}", time=START, version=network, files=files),
            *map(published, books),
            *changes_of_hands(self.world),
        )
        while self.books.behind(self.sent):
            time.sleep(STEP)
            if stop.asked:
                return False
        for document in documents:
            for message in messages_of(document):
                self.kafka.send(topics.CONTROL.name, message, partition=0)
        if self.customers is not None:
            rules = msgspec.json.encode(self.customers.rules)
            self.kafka.send(topics.PAYMENT_CONTROL.name, rules, partition=0)
        self._tick(stop)
        return True

    def play(self, most: int | None, stop: Stop) -> None:
        """Create parcels and publish cues until told to stop or `most` parcels have been created."""
        created, before = self.now, time.monotonic()
        while not stop.asked and (most is None or self.parcels < most):
            time.sleep(STEP)
            now = time.monotonic()
            step, before = int(min(now - before, LONGEST_STEP) * 1000 * self.speed), now
            if not self.books.behind(self.sent):
                self._pass(step, stop)
            while created <= self.now and (most is None or self.parcels < most):
                self._create(created)
                created = next_order(created, self.per_hour)
            if self.customers is not None:
                self.customers.begin(self.now)
            self._at_the_gate(stop)
            self._publish(stop)
            self._ask()

    def finish(self, stop: Stop) -> None:
        """Let what is on the way arrive, and wait until it is booked."""
        while (due := self._due()) is not None and not stop.at_once:
            if self.books.behind(self.sent):
                time.sleep(STEP)
            else:
                self._hurry(due + HOUR, stop)
            self._publish(stop)
        self.publisher.settle(lambda: stop.at_once)
        self._drain(stop)

    def end(self, stop: Stop) -> None:
        """Everything is booked: now pass the time in which deadlines come."""
        until = self.now + AFTERWARDS
        while self.now < until and not stop.at_once:
            self._hurry(until, stop)
        self._drain(stop)

    def close(self) -> None:
        """Leave the brokers."""
        if self._gate is not None:
            self._gate.close()
        self.publisher.close()
        self.kafka.flush(5)
        self.truth.close()
        if self.customers is not None:
            self.customers.close()
        if self.haulage is not None:
            self.haulage.close()

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be published or confirmed."""
        return self._due() is None and not self.publisher.unconfirmed

    def _due(self) -> int | None:
        """When something is said next; None: all is."""
        parcels = self._cues[0].at if self._cues else None
        paying = self.customers.due if self.customers is not None else None
        return min((at for at in (parcels, paying) if at is not None), default=None)

    def _create(self, at: int) -> None:
        self.parcels += 1
        for parcel, r in lives(self.world, self.parcels, at, self.seed):
            cues, outcome = self.script.perform(parcel, r)
            self.truth.expect(outcome)
            if self.haulage is not None:
                self.haulage.carry(parcel)
            for cue in cues:
                heapq.heappush(self._cues, cue)

    def _publish(self, stop: Stop) -> None:
        """All cues whose time has come, unless the books fall behind."""
        while not stop.at_once and not self.books.behind(self.sent):
            batch: list[Cue] = []
            while self._cues and self._cues[0].at <= self.now and len(batch) < BATCH:
                batch.append(heapq.heappop(self._cues))
            if not batch:
                break
            self.truth.add(batch)
            for cue in batch:
                self._send(cue, stop)
        self._pay(stop)
        self.kafka.poll(0)

    def _pay(self, stop: Stop) -> None:
        """What business systems and channels say by now, unless the books fall behind."""
        while self.customers is not None and not stop.at_once and not self.books.behind(self.sent):
            batch = list(itertools.islice(self.customers.until(self.now), BATCH))
            for record in batch:
                self.kafka.send(record.topic, record.value, record.key)
            if len(batch) < BATCH:
                break

    def _ask(self) -> None:
        """What outlets want of their money by now."""
        if self.teller is not None:
            for command in self.teller.until(self.now):
                self.kafka.send(topics.COMMANDS.name, msgspec.json.encode(command), command.subject)

    def _at_the_gate(self, stop: Stop) -> None:
        """Vehicles ask, and what may enter does."""
        if self.store is None or self._gate is None:
            return
        for answer in self._gate.take():
            for cue in self.store.answered(answer, self.now):
                heapq.heappush(self._cues, cue)
        for asked in self.store.money:
            self.kafka.send(topics.COMMANDS.name, msgspec.json.encode(asked), asked.subject)
        self.store.money.clear()
        for topic, payload in self.store.asks(self.now):
            self.publisher.publish(topic, payload, lambda: stop.at_once)

    def _send(self, cue: Cue, stop: Stop) -> None:
        if cue.fate != "repeated":
            self.underway.sent(cue.dead_letter or cue.event_id, cue.at)
        is_order = not cue.topic and not cue.store
        self.sent.orders += is_order
        self.sent.devices += not is_order
        if not cue.topic:
            topic = topics.ORDERS if is_order else topics.STAYS
            self.kafka.send(topic.name, cue.payload, cue.waybill)
            return
        self.publisher.publish(cue.topic, cue.payload, lambda: stop.at_once)
        if not self._heard:
            self._knock(cue, stop)

    def _knock(self, cue: Cue, stop: Stop) -> None:
        """Until the device flow has subscribed a broker throws away what devices say: say the first thing
        again until something has come of it. Its repeats are recognised like all others."""
        asked = time.monotonic()
        while not self.books.heard() and not stop.at_once:
            if time.monotonic() > asked + 1:
                asked = time.monotonic()
                self.publisher.publish(cue.topic, cue.payload, lambda: stop.at_once)
            time.sleep(STEP)
        self._heard = True

    def _hurry(self, until: int, stop: Stop) -> None:
        """Pass as much time as lanes can follow, at most to `until`."""
        if until > self.now and not self._pass(min(until - self.now, self._leash), stop):
            time.sleep(STEP)

    def _pass(self, milliseconds: int, stop: Stop) -> int:
        """Let time pass, as far as the leash allows; returns how much did."""
        read = self.books.ticks()
        while self._ticks and (read is None or self._read < read):
            self._known = self._ticks.popleft()
            self._read += 1
        limit = self._known + self._leash
        self._look()
        if (latest := self.underway.latest(self._slack)) is not None:
            limit = min(limit, latest)
        step = max(0, min(milliseconds, limit - self.now))
        if step:
            self.now += step
            self._tick(stop)
            if self.haulage is not None:
                self.haulage.until(self.now)
        return step

    def _tick(self, stop: Stop) -> None:
        """Tell the lanes the time, before they are told what happened then."""
        self._ticks.append(self.now)
        send_tick(self.kafka, self.now)
        while not self.kafka.flush(0.5) and not stop.at_once:
            pass

    def _drain(self, stop: Stop) -> None:
        while not (self.books.drained(self.sent) and self._all_booked()) and not stop.at_once:
            time.sleep(STEP)

    def _look(self) -> None:
        """Take what is booked off what is underway; where nobody books, nothing is waited for."""
        if (booked := self.books.booked()) is None:
            self.underway = Underway()
        else:
            self.underway.booked(booked)

    def _all_booked(self) -> bool:
        """Whether every message that was sent is in the books, as far as anybody books."""
        self._look()
        return not self.underway


def published(files: dict[str, str]) -> TariffPublished:
    """A tariff book comes into force."""
    version = version_of(files)
    return TariffPublished(id=f"tariff-{version}", time=START, version=version, name="simulated", files=files)


def changes_of_hands(world: World) -> tuple[ControlEvent, ...]:
    """What becomes of the two busiest outlets: one is sold on the next day, the other joins a third a day later.

    First the wrong one was said to be sold.
    """
    busiest = sorted(world.outlets, key=lambda site: (-world.volume[site.code], site.code))[:4]
    sold, absorbed, into, wrong = (site.code for site in busiest)
    day = date_of(business_day(START))
    return (
        _sold(wrong, day + timedelta(days=1)),
        HandoverWithdrawn(
            id=f"not-sold-{wrong}", time=START, handover=f"sold-{wrong}", by="总部", reason="网点写错"
        ),
        _sold(sold, day + timedelta(days=1)),
        PartiesMerged(
            id=f"merged-{absorbed}",
            time=START,
            absorbed=absorbed,
            into=into,
            from_day=day + timedelta(days=2),
            by="总部",
            reason="合并",
        ),
    )


def _sold(outlet: str, day: date) -> PartyTransferred:
    return PartyTransferred(
        id=f"sold-{outlet}",
        time=START,
        outlet=outlet,
        party=SUCCESSOR,
        from_day=day,
        by="总部",
        reason="转让",
    )
