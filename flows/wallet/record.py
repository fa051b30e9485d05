"""What a lane of the accounts flow keeps: parties' wallets, commands that were answered, messages that were heard.

A party's money with headquarters is one number, `free`, beside what is held: as far as it is positive it lies on
the cash account (现金账户), as far as it is negative on the business account (业务账户), drawn from the credit
line. So postings lower cash first and credit then, money that comes in pays back credit first, and the split
depends on the sums alone, never on the order in which they came. Only what a hold keeps is out of reach of
postings.
"""

from collections.abc import Callable

import msgspec

from flows.engine.messages import Heard
from flows.governance.agreements import Terms
from flows.journal.deductions import Ask

CASH, BUSINESS, DEPOSIT = "cash", "business", "deposit"

LOW_BALANCE, LIMIT_REACHED = 1, 2
NOTICES = {LOW_BALANCE: "low_balance", LIMIT_REACHED: "limit_reached"}
"""Bits of `Wallet.notices`, and their names."""

Change = tuple[str, int, int]
"""Account, what it gained, its balance afterwards."""


class Wallet(msgspec.Struct, array_like=True, gc=False):
    """A party's money with headquarters, in units of 0.0001 yuan."""

    free: int = 0
    """Cash and business account together, less what is held."""
    held: int = 0
    deposit: int = 0
    holds: dict[str, tuple[str, int]] = {}
    """Open holds: number → purpose and amount."""
    terms: Terms = Terms()
    notices: int = 0
    """Notices that were given and are not over, a bit set."""
    waiting: dict[str, Ask] = {}
    """Deductions that the balance did not suffice for, by number."""

    @property
    def cash(self) -> int:
        """Balance of the cash account; never negative."""
        return self.held + max(0, self.free)

    @property
    def business(self) -> int:
        """Balance of the business account; never positive."""
        return min(0, self.free)

    @property
    def available(self) -> int:
        """What may be spent, the credit line included; negative when postings went beyond it."""
        return self.free + self.terms.limit

    def move(self, free: int = 0, held: int = 0, deposit: int = 0) -> list[Change]:
        """Change the sums; what that changes on each account."""
        cash, business = self.cash, self.business
        self.free += free
        self.held += held
        self.deposit += deposit
        changes = (
            (CASH, self.cash - cash, self.cash),
            (BUSINESS, self.business - business, self.business),
            (DEPOSIT, deposit, self.deposit),
        )
        return [change for change in changes if change[1]]

    def post(self, amount: int) -> list[Change]:
        """What `move(amount)` does, at the speed that postings need."""
        before = self.free
        after = self.free = before + amount
        if before >= 0 <= after:
            return [(CASH, amount, self.held + after)]
        if before <= 0 >= after:
            return [(BUSINESS, amount, after)]
        cash, business = max(0, after), min(0, after)
        return [
            (CASH, cash - max(0, before), self.held + cash),
            (BUSINESS, business - min(0, before), business),
        ]

    def due(self) -> int:
        """The notices that are due now, a bit set."""
        low = 0 < self.terms.low_balance > self.available
        limit = self.free < 0 and self.available <= 0
        return LOW_BALANCE * low | LIMIT_REACHED * limit


class Record(msgspec.Struct, array_like=True, gc=False):
    """A record of the lane's ring: a wallet, the answer to a command, a dead letter, or what was heard."""

    key: str
    place: int
    epoch: int
    at: int = 0
    """Data time when an answer or dead letter was last asked for, UTC ms."""
    wallet: Wallet | None = None
    content: bytes = b""
    """Hash of an answered command."""
    answer: bytes = b""
    """The event that answered it."""
    heard: Heard | None = None
    replayed: bool = False
    """A dead letter was sent again, so that the same bytes open it again."""


def over(kept: int) -> Callable[[Record, int], bool]:
    """Forget an answer `kept` ms of data time after it was last asked for: no repeat could be accepted then.

    Wallets and what was heard are never forgotten.
    """

    def is_over(record: Record, now: int) -> bool:
        return record.wallet is None and record.heard is None and record.at < now - kept

    return is_over
