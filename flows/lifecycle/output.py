"""What a block of events leads to, as rows in order of their making. Columns are made of them later."""

import msgspec

from flows.governance.operators import Change, Operators
from flows.journal.moves import Move
from flows.lifecycle.accepted import Accepted
from flows.lifecycle.charged import Charges
from flows.lifecycle.costs import Booking
from flows.lifecycle.kept import Words
from flows.lifecycle.parcel import Weighed
from flows.lifecycle.periods import OPEN, Said
from flows.rating.tariffs import Tariffs
from schemas.events import (
    CostIncurred,
    CostWithdrawn,
    HandoverWithdrawn,
    NetworkPublished,
    TariffPublished,
    TariffWithdrawn,
    VolumesCounted,
    WeightDecided,
)


class Adoption(msgspec.Struct, frozen=True, gc=False):
    """A weight came into force."""

    waybill: str
    event_id: str
    weight_class: str
    weight_g: int
    volume_cm3: int
    time: int
    site: str
    replaces: str
    why: str


class Anomaly(msgspec.Struct, frozen=True, gc=False):
    """Something to look at."""

    kind: str
    waybill: str
    event_id: str
    time: int
    site: str
    expected: str
    found: str


class Wait(msgspec.Struct, frozen=True, gc=False):
    """A due's wait began, changed or (reason 0) ended."""

    waybill: str
    due: str
    """Its name; a withdrawal whose claim has not come waits under a name of its own."""
    reason: int
    since: int
    outlet: str
    before: int
    """The reason until now; 0: it did not wait."""
    part: str
    """The hub or the claim; empty: the parcel."""


class ChainRow(msgspec.Struct, frozen=True, gc=False):
    """A breach of a scan-chain rule opened, changed while open, closed or became final. Times are UTC ms."""

    waybill: str
    rule: str
    status: str
    outlet: str
    site: str
    operation: str
    since: int
    due: int
    age: int
    """Data time less `since`, ms."""
    cause: str
    """The event that closed it; empty: time passed."""
    new: bool
    """It was not open before."""


class Penalty(msgspec.Struct, frozen=True, gc=False):
    """A breach that is final claims a penalty (`status` breached), or does no more (mended)."""

    waybill: str
    claim: str
    status: str
    kind: str
    time: int
    """When the rule was broken, UTC ms."""
    responsible: str
    amount: int
    evidence: str
    """The rule and the scan after which its clock ran."""


class CaseRow(msgspec.Struct, frozen=True, gc=False):
    """A case of differing weights was opened, changed, decided or closed."""

    waybill: str
    status: str
    kept: Weighed
    """The weight that counts."""
    other: Weighed
    """The measured one that is farthest from it."""
    difference_g: int
    difference_percent: int
    treatment: str
    decision: str
    """The decision's event; empty: none."""
    cause: str
    """The event that led to this."""


class Recall(msgspec.Struct, frozen=True, gc=False):
    """A parcel was assessed again by today's rules, not because of a new fact: the reason and what came of it."""

    waybill: str
    cause: str
    """The publication, the late fact or whatever else it was asked for."""
    status: str
    """assessed: the lane had its record; rebuilt: brought back from the books; joined: to a record begun since."""
    time: int
    """Data time; of a parcel that was brought back that of the books (UTC ms)."""
    reversed: int
    charged: int
    """How many charges were taken back, and how many made."""
    event_id: str = ""
    """The event that brought it back; empty: the lane looked by itself."""
    partition: int = 0
    offset: int = 0


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A dead letter, or (`status` replayed) the note that one was sent again."""

    id: str
    status: str
    reason: str
    detail: str
    transport: str
    topic: str
    partition: int
    offset: int
    event_id: str
    waybill: str
    received: int
    raw: bytes


class Output(msgspec.Struct):
    """All that one block leads to."""

    accepted: Accepted = msgspec.field(default_factory=lambda: Accepted(Words()))
    charges: Charges = msgspec.field(default_factory=lambda: Charges(Words(), ()))
    adoptions: list[Adoption] = []
    anomalies: list[Anomaly] = []
    waits: list[Wait] = []
    breaches: list[ChainRow] = []
    penalties: list[Penalty] = []
    cases: list[CaseRow] = []
    decisions: list[tuple[WeightDecided, int, int]] = []
    """With partition and offset of their records."""
    recalls: list[Recall] = []
    refusals: list[Refusal] = []
    refused_again: int = 0
    """How often dead letters that are known came again."""
    tariffs: list[tuple[TariffPublished | TariffWithdrawn, int]] = []
    """In order, as all that is published with the offset of its record; a withdrawal once for each version that it
    takes out of force."""
    networks: list[tuple[NetworkPublished, int]] = []
    replaced: list[Tariffs] = []
    """Tariffs that went out of force, in order: charges of this block may have been made by them."""
    operators: list[tuple[int, Operators]] = []
    """From which charge on which history of the outlets' parties was in force; the first from 0."""
    changes: list[tuple[Change | HandoverWithdrawn, Change, int]] = []
    """Accepted changes of hands, each beside itself, and withdrawals beside what they take back."""
    moves: list[Move] = []
    costs: list[CostIncurred | CostWithdrawn] = []
    """Accepted costs and withdrawals; `bookings`: what they book."""
    bookings: list[Booking] = []
    closes: list[Said] = []
    """Accepted closes and reopenings of the books."""
    closed: int = OPEN
    """The last closed business day (days since 1970-01-01) after this block's closes."""
    volumes: list[tuple[VolumesCounted, int]] = []
    """Counts that were taken, or parts of them."""
    pending_cases: int = 0
    """Cases on whose decision charges depend, after this block."""
    repeats: int = 0
