"""What the simulated network wrote down before it published anything: see `deploy.audit.truth`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Line(msgspec.Struct, frozen=True):
    """A message and what must come of it."""

    fate: str
    event_id: str = ""
    reason: str = ""
    waybill: str = ""
    dead_letter: str = ""


class StayLine(msgspec.Struct, frozen=True):
    """An event of goods in a store, or a word about a haul."""

    event_id: str
    stay: str
    """The stay, or the haul."""


class PaymentLine(msgspec.Struct, frozen=True):
    """A movement of money that happened, and what must come of it; amounts in 0.0001 of the currency's unit."""

    payment: str
    amount_e4: int
    told: bool
    """A notification that can be believed was sent; otherwise at most a bill knows of it."""
    shares: dict[str, int]
    """By document."""
    decidable: bool = True
    exception: str = ""
    """What people are asked about it, whatever bills say."""
    day: int = 0
    """In whose bill it has to be, days since 1970-01-01."""
    billed_on: int = -1
    """In whose bill it is; -1: in none."""
    billed: str = ""
    """What is wrong with it there."""
    original: str = ""
    """Of money that goes back: the payment that it takes back; of what came of a payout: the payout."""
    direction: str = "in"
    """in: to us; out: from us."""
    currency: str = "CNY"

    @property
    def account(self) -> str:
        """Its channel and merchant."""
        return "/".join(self.payment.split("/", 2)[:2])

    @property
    def is_used_up(self) -> bool:
        """Whether it can be known what all of it is for."""
        return self.decidable and sum(self.shares.values()) == self.amount_e4


class BillLine(msgspec.Struct, frozen=True):
    """A day's bill was given to a channel's merchant."""

    account: str
    day: int
    believed: bool
    """It agrees with itself."""


class DecisionLine(msgspec.Struct, frozen=True):
    """A person decided about payments."""

    event_id: str
    exception: str = ""
    """What people are asked because of it."""


class Weighing(msgspec.Struct, frozen=True):
    """A weight that was sent."""

    weight_class: str
    time: int
    event_id: str
    weight_g: int
    volume_cm3: int


class Terms(msgspec.Struct, frozen=True):
    """What an order says besides; the defaults of an ordinary one."""

    pieces: int = 1
    channel: str = ""
    insured_e4: int = 0
    cod_e4: int = 0
    promised_hours: int = 0
    direction: str = "forward"
    billing: str = ""
    related: str = ""
    services: tuple[str, ...] = ()
    """In order of their names."""


class Claimed(msgspec.Struct, frozen=True):
    """A claim, and how many withdrawals of it were sent."""

    event_id: str
    kind: str
    responsible: str
    beneficiary: str
    amount_e4: int
    withdrawn: int


class Decided(msgspec.Struct, frozen=True):
    """A decision about the weight."""

    event_id: str
    decision: str
    weight_event: str
    weight_g: int
    volume_cm3: int


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a parcel. Times are UTC ms, 0: did not happen."""

    waybill: str
    order_id: str
    origin: str
    destination: str
    product: str
    payment_e4: int
    declared_g: int
    picked_up: int
    signed: int
    events: int
    weights: tuple[Weighing, ...]
    unscanned: tuple[str, ...] = ()
    """Operations of which no scan was accepted."""
    customer: str = ""
    terms: Terms = Terms()
    picked_by: str = ""
    """Courier of the first pick-up, `signed_by`: of the first signature; empty: nobody told."""
    signed_by: str = ""
    claims: tuple[Claimed, ...] = ()
    decided: Decided | None = None
    gone: int = 0
    """When it went back or on."""


class Status(msgspec.Struct, frozen=True):
    """How far the network has come."""

    state: str = ""
    time: int = 0


def status_of(directory: Path) -> Status:
    """How far it came; nothing where there is no such file."""
    file = directory / "status.json"
    return msgspec.json.decode(file.read_bytes(), type=Status) if file.exists() else Status()


def lines(file: Path, kind: type[T]) -> Iterator[T]:
    """The values of a file of JSON lines. Raises OSError, msgspec.DecodeError when one is torn."""
    decode = msgspec.json.Decoder(kind).decode
    with file.open("rb") as written:
        for line in written:
            yield decode(line)
