"""The storage flow's own books, in a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from clickhouse_connect.driver.client import Client

from deploy.audit.report import Report
from schemas.events import Event, NetworkPublished, TariffPublished, TariffWithdrawn, Tick
from schemas.topics import CONTROL
from sinks.encode import Encoded
from tests.audit.lane import Lane, record
from tests.audit.remembered import audited
from tests.audit.writer import Writer
from tests.storage.world import Store, tariff


class Books(Store):
    """A lane of stays that writes into a store, beside a parcel lane that writes what is published."""

    def __init__(self, client: Client, book: TariffPublished | None = None, *, patient: bool = False) -> None:
        self.client, self.documents, self.writer = client, Lane(client), Writer(client, 2000)
        self.upto = {f"{CONTROL.name}:0": 0, "waybook.stays:0": 0}
        super().__init__(book or tariff(), patient=patient)

    def take(self, *events: Event | bytes) -> Self:
        """A block, after which the parcel lane has read what was published, too."""
        published = [e for e in events if isinstance(e, NetworkPublished | TariffPublished | TariffWithdrawn)]
        told = [*published, *(e for e in events if isinstance(e, Tick))]
        if told:
            self.documents.block([record(event) for event in told])
        self.upto[f"{CONTROL.name}:0"] += len(published)
        self.upto["waybook.stays:0"] += len(events) - len(told)
        super().take(*events)
        return self

    def until_moment(self, last: int) -> Self:
        """Time passes, a tick a day, of which nobody asks the store meanwhile."""
        with self.held():
            return super().until_moment(last)

    def wrote(self, made: list[Encoded]) -> None:
        """A block more."""
        self.writer.block(made, self.upto)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is written meanwhile comes into the store at the end."""
        with self.writer.held(), self.documents.writer.held():
            yield

    def audited(self, data_time: int | None = None) -> Report:
        """The auditor's report."""
        return audited(self.client, data_time=data_time)
