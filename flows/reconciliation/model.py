"""What matching knows and says: dues, payments, decisions in force; matches and exceptions.

An outcome is a function of the set of facts alone: whatever order they came in, the same facts give the same matches.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from schemas.payments import Flow, Kind, Settle, Share

VIRTUAL = ("topup", "statement")
"""Kinds of dues that are paid into, or out of, a party's virtual accounts; they are no receivables of their own."""
CURRENCY = "CNY"
"""The currency of the books; what is in another one is matched and not posted."""


class Due(msgspec.Struct, frozen=True, gc=False):
    """A receivable or payable as its newest word has it. `event` is that word's id, `time` that of its first word."""

    document: str
    kind: str
    party: str
    amount: int
    time: int
    direction: Flow = "in"
    currency: str = "CNY"
    due_day: int = 0
    """Days since 1970-01-01; 0: not told."""
    references: tuple[str, ...] = ()
    payer: str = ""
    partial: bool = True
    cancelled: bool = False
    event: str = ""
    settle: Settle = ""
    """What its word says about the party's account."""
    account: bool = False
    """It is deducted from the party's account: only a number or a person leads a payment to it."""


class Paid(msgspec.Struct, frozen=True, gc=False):
    """A successful movement of money as matching sees it."""

    key: str
    kind: Kind
    amount: int
    time: int
    direction: Flow = "in"
    order: str = ""
    original: str = ""
    """Key of the payment that a refund takes back; empty: not known."""
    currency: str = "CNY"
    payer: str = ""
    party: str = ""
    """Whose the payer's token is, by `payers.csv`; empty: not known."""
    text: str = ""


class Match(msgspec.Struct, frozen=True, order=True, gc=False):
    """So much of a payment is for a document. Of a refund: so much is taken back from it."""

    payment: str
    document: str
    amount: int
    rule: str
    """Name of the rule in `matching.toml`; `decided` for a person's decision."""
    evidence: str
    """What the rule saw, for people: `order number`, `reference FR-1007 in the text`, `payer and amount`…"""


class Open(msgspec.Struct, frozen=True, order=True, gc=False):
    """Something that the rules leave to a person. Its identity is kind and subject."""

    kind: str
    """A key of `schemas.reasons.EXCEPTION`."""
    subject: str
    """Key of the payment, or the document."""
    amount: int
    """What it is about: of `amount_over` what is too much, of `amount_under` what is missing, of other payments what is
    not matched."""
    evidence: str
    candidates: tuple[str, ...] = ()
    """Documents or payments that were looked at."""


class Decisions(msgspec.Struct, frozen=True):
    """What people decided, as far as it is in force."""

    shares: tuple[Share, ...] = ()
    written_off: Mapping[str, int] = {}
    """By document: how much is given up."""
    to_refund: Mapping[str, int] = {}
    """By payment: how much of it has to go back. One that goes back as a whole no rule may use; of another nobody is
    asked about what goes back."""

    def goes_back(self, payment: str, amount: int) -> bool:
        """Whether so much of a payment has to go back."""
        return payment in self.to_refund and amount <= self.to_refund[payment]


NOBODY = Decisions()
"""Nobody has decided anything."""


class Difference(msgspec.Struct, frozen=True, order=True, gc=False):
    """What a rule's tolerance lets pass. Positive: so much more was paid and is kept; negative: so much of the due is
    given up, and it is settled all the same."""

    payment: str
    document: str
    amount: int
    rule: str


class Outcome(msgspec.Struct, frozen=True):
    """What a set of facts comes to, each list in order.

    A refund's money that no match takes from a document was the original's unmatched rest: both lie in suspense.
    """

    matches: Sequence[Match] = ()
    exceptions: Sequence[Open] = ()
    differences: Sequence[Difference] = ()
    left: frozenset[str] = frozenset()
    """Payments and refunds of which something is neither matched, kept as a difference nor gone back."""
    again: int = 0
    """Data time (UTC ms) from which on the same facts may come to something else; 0: never."""
    pooled: frozenset[str] = frozenset()
    """Payments that no number leads to a due; see `components`."""
    settled: frozenset[str] = frozenset()
    """Documents of which numbers and decisions alone leave nothing open; see `components`."""
    transit: Sequence[Match] = ()
    """Money that left and has to come back to us, each for itself, and what came of it, each for that; see `payouts`
    and `refunds`."""

    @property
    def on_the_way(self) -> frozenset[str]:
        """Money that has to come back of which something has not."""
        rest: Counter[str] = Counter()
        for match in self.transit:
            rest[match.document] += match.amount if match.payment == match.document else -match.amount
        return frozenset(key for key, units in rest.items() if units)
