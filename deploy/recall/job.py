"""The job: it finds parcels that have to come back, sends them to their lanes, and waits for what becomes of them.

It keeps nothing of its own. What has been done stands in table `recall`, so it can be stopped and started anywhere,
and run twice at a time.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.library import newest_network
from deploy import dead_letters
from deploy.recall import stays
from deploy.recall.books import TwiceChargedError, recall
from deploy.recall.complete import Complete, complete
from deploy.recall.finding import (
    PAGE,
    PUBLICATIONS,
    Publication,
    charged_by,
    has_read,
    late_facts,
    publications,
    too_old,
)
from deploy.recall.stays import late_stays, stays_charged_by
from schemas import topics
from schemas.counted import counted
from schemas.events import ParcelRecalled, StayRecalled
from schemas.identity import content_id
from schemas.settings import Settings
from sinks.kafka import Records

PATIENCE = 60.0
OUTCOMES = """
SELECT event_id, toUInt8(1) AS done, reversed + charged AS made, '' AS detail
FROM recall WHERE event_id IN {ids:Array(String)}
UNION ALL
SELECT event_id, toUInt8(0), toUInt64(0), detail FROM dead_letter WHERE event_id IN {ids:Array(String)}"""
Say = Callable[[str], None]
Read = Callable[
    [Client, Sequence[str], Mapping[str, str], Complete, Callable[[TwiceChargedError], None]],
    Iterable[ParcelRecalled | StayRecalled],
]
"""Reads parcels or stays out of the books."""


class RecallError(RuntimeError):
    """The lanes do not answer."""


class Tally(msgspec.Struct):
    """What became of parcels that were brought back."""

    recalled: int = 0
    corrected: int = 0
    refused: int = 0
    details: list[str] = []
    """Why some were refused, the first few."""

    def __str__(self) -> str:
        back = counted(self.recalled, "parcel or stay", "parcels or stays")
        right = self.recalled - self.corrected
        said = f"{back} brought back: {self.corrected:,} corrected, {right:,} right already"
        return said + (f", {self.refused:,} refused" if self.refused else "")


class Job:
    """Brings parcels back. `say`: told how far it is. `patience`: seconds in which a lane must have answered."""

    def __init__(self, settings: Settings, client: Client, say: Say, patience: float = PATIENCE) -> None:
        self._settings, self._client, self._say, self._patience = settings, client, say, patience
        self._records = Records(settings)
        self._seen: dict[int, int] = {}
        """By lane, the last block that was searched for late facts."""
        self._said: Sequence[Any] = []
        self._published: list[Publication] = []
        """All publications, and the rows that they were read from: books are read again only when there are others."""
        self._finished: set[str] = set()
        """Publications after which nothing was left to do."""

    def asked(self, waybills: Iterable[str], of_stores: Iterable[str] = ()) -> Tally:
        """Parcels and stays that someone names."""
        books = complete(self._client, self._settings)
        now = str(max(books.times.values(), default=0))
        tally = Tally()
        for names, read in ((waybills, recall), (of_stores, stays.recall)):
            self._bring({name: content_id("asked", name, now) for name in names}, books, tally, read)
        return tally

    def late(self) -> Tally:
        """Parcels and stays of which something came after their lane had forgotten them."""
        books = complete(self._client, self._settings)
        tally = Tally()
        for page in late_facts(self._client, books, self._settings.horizon, self._seen):
            self._bring(page, books, tally)
        for page in late_stays(self._client, books, self._settings.horizon):
            self._bring(page, books, tally, stays.recall)
        if not tally.refused:
            self._seen = dict(books.before)
        return tally

    def backdated(self, version: str = "") -> dict[str, Tally]:
        """Parcels and stays charged by prices that a publication or withdrawal touched. `version`: only of this book.

        Returns what became of them, by publication, as far as there were any.
        """
        found: dict[str, Tally] = {}
        books = complete(self._client, self._settings)
        for one in self._publications():
            if one.event_id in self._finished or version not in ("", *one.versions):
                continue
            tally = Tally()
            self._correct(one, books, tally)
            if tally.recalled or tally.refused:
                found[one.event_id] = tally
            else:
                self._finished.add(one.event_id)
        return found

    def of(self, event_id: str) -> Tally:
        """All that a publication or withdrawal that was just sent touches, when every lane has read it."""
        until = time.monotonic() + self._patience
        while not has_read(self._client, event_id, complete(self._client, self._settings)):
            if time.monotonic() > until:
                raise RecallError(
                    "not every lane has read it yet, or no time has passed since: do the flows run, and the ticker?"
                )
            time.sleep(0.2)
        books, tally = complete(self._client, self._settings), Tally()
        for one in self._publications():
            if one.event_id == event_id:
                self._correct(one, books, tally)
        return tally

    def _correct(self, publication: Publication, books: Complete, tally: Tally) -> None:
        """All that a publication touches."""
        for page in charged_by(self._client, books, publication):
            self._bring(page, books, tally)
        for page in stays_charged_by(self._client, books, publication, self._settings.horizon):
            self._bring(page, books, tally, stays.recall)

    def too_old(self, by: str) -> Tally:
        """Parcels of which facts were refused because their lane had forgotten them: these are sent again, then."""
        books = complete(self._client, self._settings)
        tally, waybills = Tally(), set[str]()
        for page in too_old(self._client, books):
            waybills |= self._bring(page, books, tally)
        letters = dead_letters.read(dead_letters.export(self._client, "time_too_old")) if waybills else []
        mine = [letter for letter in letters if letter.waybill in waybills]
        if mine:
            dead_letters.replay(self._settings, self._client, mine, by)
        return tally

    def _publications(self) -> list[Publication]:
        said = list(self._client.query(PUBLICATIONS).result_rows)
        if said != self._said:
            self._published = list(publications(self._client, newest_network(self._client)))
            self._said = said
        return self._published

    def _bring(
        self, causes: Mapping[str, str], books: Complete, tally: Tally, read: Read = recall
    ) -> set[str]:
        """Send some parcels or stays to their lanes, and wait for what becomes of them: those that were taken."""
        sent: dict[str, str] = {}
        waybills = list(causes)
        for start in range(0, len(waybills), PAGE):
            some = waybills[start : start + PAGE]
            for one in read(self._client, some, causes, books, self._twice(tally)):
                topic, name = _place_of(one)
                self._records.produce(topic, name, msgspec.json.encode(one))
                sent[one.id] = name
        self._records.flush()
        done = self._wait(sent, tally)
        self._say(str(tally))
        return done

    def _twice(self, tally: Tally) -> Callable[[TwiceChargedError], None]:
        def note(error: TwiceChargedError) -> None:
            tally.refused += 1
            tally.details.append(str(error))

        return note

    def _wait(self, sent: Mapping[str, str], tally: Tally) -> set[str]:
        left, done = set(sent), set[str]()
        until = time.monotonic() + self._patience
        while left:
            rows = self._client.query(OUTCOMES, parameters={"ids": sorted(left)}).result_rows
            for event_id, taken, made, detail in rows:
                if event_id not in left:
                    continue
                left.discard(event_id)
                if taken:
                    done.add(sent[event_id])
                    tally.recalled += 1
                    tally.corrected += made > 0
                else:
                    tally.refused += 1
                    tally.details.append(f"{sent[event_id]}: {detail}")
            if rows:
                until = time.monotonic() + self._patience
            elif time.monotonic() > until:
                of_all = counted(len(sent), "parcel has", "parcels have")
                raise RecallError(f"{len(left):,} of {of_all} no answer: does the parcel flow run?")
            else:
                time.sleep(0.1)
        return done


def _place_of(event: ParcelRecalled | StayRecalled) -> tuple[str, str]:
    """Topic and key."""
    if isinstance(event, StayRecalled):
        return topics.STAYS.name, event.stay
    return topics.ORDERS.name, event.waybill
