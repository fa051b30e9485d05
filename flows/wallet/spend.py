"""What a command does to a wallet, or the rule for which it is refused.

Whoever spends must have the money before: withdrawals, deposits and holds for them take what is free on the cash
account; purchases and holds for them take the credit line as well, where the party's terms grant one, and so do
dues that are deducted. Who asks whether goods may enter a store (admit) spends nothing, but must be able to, on credit
as well.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from flows.governance.agreements import Material, Terms
from flows.wallet.record import Wallet
from schemas import commands as c
from schemas.money import MOST, half_up

MOST_HOLDS = 1_000
"""Open holds of a party."""
DEDUCT, GIVE_BACK = "deduct", "give_back"
"""What is done with a due that is paid from the account, and the posting rule by which it is booked."""
ON_CREDIT = frozenset({"purchase", "admit", DEDUCT})
"""What may be paid from the credit line."""


class NotAllowedError(ValueError):
    """A command is refused: `reason` is its name in `schemas.reasons.ANSWER`. `unit_price`: a purchase's."""

    def __init__(self, reason: str, unit_price: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.unit_price = reason, unit_price


class HoldChange(msgspec.Struct, frozen=True, gc=False):
    """A hold was opened, captured or released. `amount`: how much of it; `remains`: what is still held."""

    hold: str
    status: str
    purpose: str
    amount: int
    remains: int


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What a command does: to the wallet's sums, to its holds and terms, and what is booked for it."""

    free: int = 0
    held: int = 0
    deposit: int = 0
    holds: tuple[HoldChange, ...] = ()
    terms: Terms | None = None
    fee: str = ""
    """The posting rule by which it is booked; empty: nothing is."""
    booked: int = 0
    unit_price: int = 0


Prices = Mapping[str, Material]


def effect(wallet: Wallet, number: str, body: c.Body, prices: Prices) -> Effect:
    """The effect of command `number`, which is not yet applied. Raises NotAllowedError."""
    made: Effect = _EFFECTS[type(body)](wallet, number, body, prices)
    return made


def apply_holds(wallet: Wallet, changes: tuple[HoldChange, ...]) -> None:
    """Open and close holds."""
    for change in changes:
        if change.remains:
            wallet.holds[change.hold] = change.purpose, change.remains
        else:
            wallet.holds.pop(change.hold, None)


def deducted(wallet: Wallet, amount: int) -> Effect:
    """A due is paid from the account, all of it. Raises NotAllowedError."""
    _spend(wallet, amount, DEDUCT)
    return Effect(free=-amount, fee=DEDUCT, booked=amount)


def given_back(amount: int) -> Effect:
    """A due that was paid from the account is no more, or is paid otherwise."""
    return Effect(free=amount, fee=GIVE_BACK, booked=amount)


def _spend(wallet: Wallet, amount: int, purpose: str, unit_price: int = 0) -> None:
    """Raises NotAllowedError unless there is enough for this purpose."""
    limit = wallet.terms.limit if purpose in ON_CREDIT else 0
    if wallet.free + limit < amount:
        raise NotAllowedError("over_limit" if limit else "insufficient_balance", unit_price)


def _top_up(wallet: Wallet, _n: str, body: c.TopUp, _p: Prices) -> Effect:
    if wallet.free + wallet.held + body.amount_e4 > MOST:
        raise NotAllowedError("amount_out_of_range")
    return Effect(free=body.amount_e4, fee="top_up", booked=body.amount_e4)


def _withdraw(wallet: Wallet, _n: str, body: c.Withdraw, _p: Prices) -> Effect:
    _spend(wallet, body.amount_e4, "withdraw")
    return Effect(free=-body.amount_e4, fee="withdraw", booked=body.amount_e4)


def _hold(wallet: Wallet, number: str, body: c.Hold, _p: Prices) -> Effect:
    if len(wallet.holds) >= MOST_HOLDS:
        raise NotAllowedError("too_many_holds")
    _spend(wallet, body.amount_e4, body.purpose)
    opened = HoldChange(number, "opened", body.purpose, body.amount_e4, body.amount_e4)
    return Effect(free=-body.amount_e4, held=body.amount_e4, holds=(opened,))


def _release(wallet: Wallet, _n: str, body: c.Release, _p: Prices) -> Effect:
    purpose, amount = _open(wallet, body.hold)
    released = HoldChange(body.hold, "released", purpose, amount, 0)
    return Effect(free=amount, held=-amount, holds=(released,))


def _capture(wallet: Wallet, _n: str, body: c.Capture, _p: Prices) -> Effect:
    purpose, amount = _open(wallet, body.hold)
    used = body.amount_e4 or amount
    if used > amount:
        raise NotAllowedError("hold_exceeded")
    rest = amount - used
    changes = [HoldChange(body.hold, "captured", purpose, used, rest)]
    if rest:
        changes.append(HoldChange(body.hold, "released", purpose, rest, 0))
    return Effect(free=rest, held=-amount, holds=tuple(changes), fee=purpose, booked=used)


def _open(wallet: Wallet, hold: str) -> tuple[str, int]:
    if hold not in wallet.holds:
        raise NotAllowedError("no_such_hold")
    return wallet.holds[hold]


def _purchase(wallet: Wallet, _n: str, body: c.Purchase, prices: Prices) -> Effect:
    if body.item not in prices:
        raise NotAllowedError("unknown_item")
    price = prices[body.item].price if body.unit_price_e4 is None else body.unit_price_e4
    amount = half_up(body.quantity * price)
    if amount > MOST:
        raise NotAllowedError("amount_out_of_range", price)
    _spend(wallet, amount, "purchase", price)
    return Effect(free=-amount, fee="purchase", booked=amount, unit_price=price)


def _deposit_in(wallet: Wallet, _n: str, body: c.DepositIn, _p: Prices) -> Effect:
    _spend(wallet, body.amount_e4, "deposit_in")
    return Effect(free=-body.amount_e4, deposit=body.amount_e4, fee="deposit_in", booked=body.amount_e4)


def _deposit_out(wallet: Wallet, _n: str, body: c.DepositOut, _p: Prices) -> Effect:
    if wallet.deposit < body.amount_e4:
        raise NotAllowedError("insufficient_deposit")
    return Effect(free=body.amount_e4, deposit=-body.amount_e4, fee="deposit_out", booked=body.amount_e4)


def _set_terms(_w: Wallet, _n: str, body: c.SetTerms, _p: Prices) -> Effect:
    return Effect(terms=Terms(body.kind, body.credit_limit_e4, body.low_balance_e4))


def _admit(wallet: Wallet, _n: str, body: c.Admit, _p: Prices) -> Effect:
    """Nothing moves: goods come in while whoever stores them can still pay."""
    _spend(wallet, max(body.amount_e4, 1), "admit")
    return Effect()


_EFFECTS: dict[type[c.Body], Callable[[Wallet, str, Any, Prices], Effect]] = {
    c.TopUp: _top_up,
    c.Withdraw: _withdraw,
    c.Hold: _hold,
    c.Release: _release,
    c.Capture: _capture,
    c.Purchase: _purchase,
    c.DepositIn: _deposit_in,
    c.DepositOut: _deposit_out,
    c.SetTerms: _set_terms,
    c.Admit: _admit,
}
