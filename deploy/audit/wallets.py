"""A party's virtual accounts, kept by the auditor: each posting and command carried out again, by hand.

Written apart from the flow: money is paid from the cash that is not held, the rest is drawn from the credit
line; money that comes in pays back what was drawn, the rest is cash.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

Body = dict[str, Any]


class Moved(NamedTuple):
    """A movement as it should be: account, what it gained, its balance. Units of 0.0001 yuan."""

    account: str
    units: int
    balance: int


class Kept(NamedTuple):
    """A change of a hold as it should be."""

    hold: str
    status: str
    purpose: str
    units: int
    remains: int


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """The command should be refused, for one of these reasons."""


class Wallet:
    """What the auditor keeps of a party."""

    def __init__(self) -> None:
        self.cash = self.drawn = self.deposit = 0
        self.holds: dict[str, tuple[str, int]] = {}
        self.limit = self.threshold = 0
        """How far the party may owe; below what notice is given."""
        self.given: set[str] = set()
        self.kept: list[Kept] = []
        self.amount = 0

    @property
    def held(self) -> int:
        """All that is held."""
        return sum(units for _, units in self.holds.values())

    @property
    def available(self) -> int:
        """What can be spent, the credit line included."""
        return self.cash - self.held - self.drawn + self.limit

    def pay(self, units: int) -> None:
        """Money leaves: from cash as far as it is not held, then on credit."""
        own = min(units, self.cash - self.held)
        self.cash -= own
        self.drawn += units - own

    def receive(self, units: int) -> None:
        """Money comes: credit is paid back first."""
        back = min(units, self.drawn)
        self.drawn -= back
        self.cash += units - back

    def post(self, units: int) -> list[Moved]:
        """What was booked for the party or against it."""
        return self._watched(lambda: self.receive(units) if units > 0 else self.pay(-units))

    def carry_out(self, name: str, number: str, body: str, price: int) -> list[Moved]:
        """A command. Raises Refusal; then nothing has changed. `kept` and `amount` say what else it led to."""
        self.kept, self.amount = [], 0
        asked: Body = json.loads(body)
        return self._watched(lambda: _DO[name](self, number, asked, price))

    def notices(self) -> list[tuple[str, str]]:
        """Notices that begin or are over now."""
        due = set()
        if self.threshold > 0 and self.available < self.threshold:
            due.add("low_balance")
        if self.drawn and self.available <= 0:
            due.add("limit_reached")
        changed = [(kind, "begun") for kind in due - self.given]
        changed += [(kind, "over") for kind in self.given - due]
        self.given = due
        return sorted(changed)

    def _watched(self, act: Callable[[], None]) -> list[Moved]:
        before = self.cash, -self.drawn, self.deposit
        act()
        after = self.cash, -self.drawn, self.deposit
        names = ("cash", "business", "deposit")
        return [
            Moved(n, now - was, now) for n, was, now in zip(names, before, after, strict=True) if now != was
        ]

    # Commands

    def top_up(self, _number: str, asked: Body, _price: int) -> None:
        """Money from outside."""
        self.amount = asked["amount_e4"]
        if self.cash - self.drawn + self.amount > 10**14:
            raise Refusal("amount_out_of_range")
        self.receive(self.amount)

    def withdraw(self, _number: str, asked: Body, _price: int) -> None:
        """Own money goes out."""
        self._need(asked["amount_e4"], credit=False)
        self.pay(asked["amount_e4"])

    def purchase(self, _number: str, asked: Body, price: int) -> None:
        """Quantity times price, halves of a fen up."""
        fen, rest = divmod(asked["quantity"] * price, 100)
        amount = (fen + (rest >= 50)) * 100
        if amount > 10**14:
            raise Refusal("amount_out_of_range")
        self._need(amount, credit=True)
        self.pay(amount)

    def hold(self, number: str, asked: Body, _price: int) -> None:
        """Own money, or for a purchase credit as well, is laid aside: what is drawn for it lies in cash."""
        if len(self.holds) >= 1000:
            raise Refusal("too_many_holds")
        amount, purpose = asked["amount_e4"], asked["purpose"]
        self._need(amount, credit=purpose == "purchase")
        drawn = max(0, amount - (self.cash - self.held))
        self.drawn += drawn
        self.cash += drawn
        self.holds[number] = purpose, amount
        self.kept.append(Kept(number, "opened", purpose, amount, amount))

    def release(self, _number: str, asked: Body, _price: int) -> None:
        """What was laid aside is free, and pays back credit."""
        purpose, amount = self._hold(asked)
        self._free(amount)
        self.amount = amount
        self.kept.append(Kept(asked["hold"], "released", purpose, amount, 0))

    def capture(self, _number: str, asked: Body, _price: int) -> None:
        """What was laid aside is used, the rest is free."""
        purpose, held = self._hold(asked)
        used = asked["amount_e4"] or held
        if used > held:
            self.holds[asked["hold"]] = purpose, held
            raise Refusal("hold_exceeded")
        self.cash -= used
        self._free(held - used)
        self.amount = used
        self.kept.append(Kept(asked["hold"], "captured", purpose, used, held - used))
        if held > used:
            self.kept.append(Kept(asked["hold"], "released", purpose, held - used, 0))

    def deposit_in(self, _number: str, asked: Body, _price: int) -> None:
        """From cash to the deposit."""
        self._need(asked["amount_e4"], credit=False)
        self.pay(asked["amount_e4"])
        self.deposit += asked["amount_e4"]

    def deposit_out(self, _number: str, asked: Body, _price: int) -> None:
        """From the deposit to cash."""
        if asked["amount_e4"] > self.deposit:
            raise Refusal("insufficient_deposit")
        self.amount = asked["amount_e4"]
        self.deposit -= self.amount
        self.receive(self.amount)

    def set_terms(self, _number: str, asked: Body, _price: int) -> None:
        """Other terms."""
        self.limit = asked["credit_limit_e4"] if asked["kind"] == "credit" else 0
        self.threshold = asked["low_balance_e4"]

    def admit(self, _number: str, asked: Body, _price: int) -> None:
        """Nothing moves; but what is asked for, or the least amount there is, could be paid."""
        self._need(max(1, asked["amount_e4"]), credit=True)
        self.amount = 0

    def _need(self, amount: int, *, credit: bool) -> None:
        self.amount = amount
        limit = self.limit if credit else 0
        if self.cash - self.held - self.drawn + limit < amount:
            raise Refusal("over_limit" if limit else "insufficient_balance")

    def _hold(self, asked: Body) -> tuple[str, int]:
        """Take a hold away."""
        if asked["hold"] not in self.holds:
            raise Refusal("no_such_hold")
        return self.holds.pop(asked["hold"])

    def _free(self, units: int) -> None:
        back = min(units, self.drawn)
        self.drawn -= back
        self.cash -= back


_DO: dict[str, Callable[[Wallet, str, Body, int], None]] = {
    "top_up": Wallet.top_up,
    "withdraw": Wallet.withdraw,
    "purchase": Wallet.purchase,
    "hold": Wallet.hold,
    "release": Wallet.release,
    "capture": Wallet.capture,
    "deposit_in": Wallet.deposit_in,
    "deposit_out": Wallet.deposit_out,
    "set_terms": Wallet.set_terms,
    "admit": Wallet.admit,
}
