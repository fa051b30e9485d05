"""What a block leads to in the accounts flow, as rows in order of their making.

`step` counts what was done in the block, so that rows of all tables can be put back into their order: all
movements of one step are one change of one party's wallet.
"""

import msgspec

from flows.governance.agreements import Terms
from flows.governance.network import Network
from flows.journal.deductions import Row
from flows.lifecycle.output import Refusal
from flows.lifecycle.periods import Said as Closed
from flows.wallet.spend import HoldChange
from schemas.events import Answer, Command
from schemas.payments import DeductionAnswered

POSTING = "posting"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What is booked for a command or a deduction. `number`: its id."""

    party: str
    number: str
    fee: str
    amount: int
    time: int
    day: int
    """Business day on which it is booked: that of `time`, or the first that is not closed."""


class Said(msgspec.Struct, frozen=True, gc=False):
    """A command and its answer."""

    step: int
    command: Command
    body: bytes
    answer: Answer
    unit_price: int


class Output(msgspec.Struct):
    """All that one block leads to."""

    movements: list[tuple[int, str, str, str, int, int, int, str, int, str]] = []
    """Step, party, account, kind, amount, balance afterwards, business day, fee, sender's block, command or deduction's
    number."""
    holds: list[tuple[int, str, HoldChange, str]] = []
    """Step, party, what changed, command."""
    notices: list[tuple[str, str, bool, int, int]] = []
    """Party, kind, whether it begins, what is available, the threshold."""
    terms: list[tuple[int, str, Terms, str]] = []
    """Step, party, its terms from now on, the command or the directory's version."""
    said: list[Said] = []
    again: list[Answer] = []
    """Answers to commands that came again."""
    entries: list[Entry] = []
    deductions: list[Row] = []
    answered: list[DeductionAnswered] = []
    refusals: list[Refusal] = []
    refused_again: int = 0
    """How often dead letters that are known came again."""
    networks: list[Network] = []
    closes: list[Closed] = []
    """Accepted closes and reopenings of the books."""
    now: int = 0
    """Data time at the block's end, UTC ms."""
