"""What a block leads to in the payments flow, as rows in order of their making."""

from collections.abc import Sequence

import msgspec

from flows.journal.deductions import Ask
from flows.lifecycle.output import Refusal
from flows.lifecycle.periods import Said as Books
from flows.reconciliation.model import CURRENCY
from flows.reconciliation.record import DecisionState, Standing
from schemas.payments import (
    BillComplete,
    BillLines,
    BillRefused,
    CloseAsked,
    InvoiceRequested,
    Notification,
    OrderStatus,
    Payment,
    PaymentDecided,
    PaymentRulesPublished,
    Receivable,
    ReceivableCancelled,
    ReopenAsked,
    Sort,
)


class Heard(msgspec.Struct, frozen=True, gc=False):
    """A notification that is believed, and one of its `payments` as it tells it. `sealed`: its bytes, encrypted."""

    event: Notification
    payment: Payment
    payments: int
    sealed: bytes
    partition: int
    offset: int


class Said(msgspec.Struct, frozen=True, gc=False):
    """A word about a due."""

    event: Receivable | ReceivableCancelled
    partition: int
    offset: int


class Stated(msgspec.Struct, frozen=True, gc=False):
    """A payment as it is now."""

    payment: Payment
    party: str
    cause: str
    """The notification, bill or else that told."""


class BillSaid(msgspec.Struct, frozen=True, gc=False):
    """A bill is complete, or is not believed."""

    event: BillComplete | BillRefused
    partition: int
    offset: int


class Counted(msgspec.Struct, frozen=True, gc=False):
    """What a day's bill comes to is something else now: one is whole, or another one counts."""

    account: str
    """channel/merchant"""
    sort: Sort
    day: int
    said: tuple[int, int, int, int]
    """What it comes to: lines, paid, refunded, fees."""


class Listed(msgspec.Struct, frozen=True, gc=False):
    """Lines of a bill that are taken."""

    event: BillLines
    partition: int
    offset: int


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Something that is booked, or taken back. Amounts of what is taken back are negative."""

    what: str
    """due, receipt, fee, match, write_off."""
    group: str
    payment: str
    document: str
    rule: str
    """Of the posting rules; empty: it is in another currency than the books."""
    party: str
    amount: int
    currency: str
    time: int
    revision: int
    reversal: bool
    by: str
    evidence: str
    cause: str
    day: int
    """Business day on which it is booked: that of `time`, or the first that is not closed."""
    account: str = ""
    """channel/merchant of the payment; empty: it is of none."""

    @property
    def name(self) -> str:
        """What its id is the hash of."""
        sign = "-" if self.reversal else "+"
        return f"{self.what}|{self.group}|{self.payment}|{self.document}|{self.revision}{sign}"


class Exceptional(msgspec.Struct, frozen=True, gc=False):
    """An exception was opened, changed, put to sleep, accepted or closed."""

    id: str
    status: str
    group: str
    kind: str
    subject: str
    amount: int
    evidence: str
    candidates: tuple[str, ...]
    since: int
    until: int
    cause: str


class Asked(msgspec.Struct, frozen=True, gc=False):
    """Something is asked of a virtual account, or no more (`back`)."""

    ask: Ask
    cause: str


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A decision that was taken."""

    event: PaymentDecided
    partition: int
    offset: int


class Weighed(msgspec.Struct, frozen=True, gc=False):
    """A decision counts, or does so no more."""

    decision: str
    group: str
    state: DecisionState
    cause: str
    """The event that led to it."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """Something open at a close: an exception, or a bill that has not come. It becomes JSON."""

    item: str
    """As `schemas.payments.Named` has it."""
    kind: str
    subject: str
    amount_e4: int
    reason: str = ""
    close: str = ""
    """The close that named it first."""
    currency: str = CURRENCY
    """Of the amount."""


class Lack(msgspec.Struct, frozen=True, gc=False):
    """What a close, or its undoing, lacks. It becomes JSON."""

    what: str
    """A key of `schemas.reasons.CLOSE`."""
    item: str


class Closed(msgspec.Struct, frozen=True, gc=False):
    """What became of a close that was asked for, or of its undoing."""

    event: CloseAsked | ReopenAsked
    status: str
    """closed, ready (a preview: it could be closed), reopened, refused."""
    of: Standing | None
    """The close that was made or undone, or would be made; None: there is none."""
    lacks: Sequence[Lack]
    items: Sequence[Item]
    """What was open, and why it stays so."""
    sums: Sequence[int]
    """See `figures.total`; empty: a close is undone."""
    suspense: int
    partition: int
    offset: int


class Output(msgspec.Struct):
    """All that one block leads to."""

    heard: list[Heard] = []
    said: list[Said] = []
    stated: list[Stated] = []
    entries: list[Entry] = []
    exceptions: list[Exceptional] = []
    statuses: list[OrderStatus] = []
    invoices: list[InvoiceRequested] = []
    decided: list[Decided] = []
    weighed: list[Weighed] = []
    asked: list[Asked] = []
    published: list[PaymentRulesPublished] = []
    bills: list[BillSaid] = []
    counted: list[Counted] = []
    closes: list[Closed] = []
    books: list[Books] = []
    """Accepted closes and reopenings of the books."""
    lines: list[Listed] = []
    refusals: list[Refusal] = []
    refused_again: int = 0
    """How often dead letters that are known came again."""
    repeats: int = 0
    now: int = 0
    """Data time at the block's end, UTC ms."""
