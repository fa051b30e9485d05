"""The dues that can come to something under the published prices, by what makes them fall due.

Worked out once when rules come into force, so that a due that nothing is published for costs no parcel anything.
"""

from collections.abc import Callable, Container

import msgspec

from flows.fees.model import OF_STORES, Due, Fees
from flows.lifecycle.parcel import Parcel
from flows.lifecycle.roles import ROLES, Role
from flows.rating.facts import ORDINARY
from flows.rating.tariffs import Tariffs

Condition = Callable[[Parcel], bool]


class Live(msgspec.Struct, frozen=True, gc=False):
    """A due, ready to be assessed."""

    due: Due
    place: int
    """Of a plain due, in a parcel's record."""
    codes: tuple[int, ...]
    """Fees that are charged for it."""
    named: bool
    price: str
    """Fee of the tariff that prices it; empty: it has an amount without any."""
    amount: Callable[[Parcel], int] | None
    """What the order says; None: it says nothing about this due."""
    applies: Condition | None
    """Whether a parcel has this due; None: every parcel has."""
    shares: tuple["Live", ...] = ()
    """Dues that are a share of this one, priced or not."""
    paid: tuple["Live", ...] = ()
    """Those of them that have prices."""
    awaited: bool = False
    """Whether every parcel owes it, to parties that its order tells: where it cannot be charged, it waits."""
    ends: tuple[str, ...] = ()
    """Which of the order's outlets its charges are between: origin, destination."""
    roles: tuple[tuple[Role, Role], ...] = ()
    """Who pays and who is paid, of each of its fees."""
    claimed: bool = False
    """Whether claims make it due, so that its parties may be theirs."""


class Dues:
    """Live dues by trigger."""

    def __init__(self, fees: Fees, tariffs: Tariffs) -> None:
        self.fees = fees
        priced = {table.fee for book in tariffs.books for table in book.tables}
        parcels = [_live(fees, due, priced) for due in fees.dues if due.trigger not in OF_STORES]
        live = [
            one
            for one in parcels
            if one.due.required or one.due.amount not in ("tariff", "share") or one.due.price in priced
        ]
        self.idle = {one.due.name: one for one in parcels if one not in live}
        """Dues that nothing is published for, by name: what was charged for them under other books is taken back."""
        self.idle_plain = tuple(one for one in self.idle.values() if not one.named)

        def at(trigger: str) -> tuple[Live, ...]:
            return tuple(one for one in live if one.due.trigger == trigger)

        self.at_order, self.at_pick_up, self.at_signature = at("ordered"), at("picked_up"), at("signed")
        self.at_weighing, self.at_hub, self.at_bag = at("weighed"), at("hub_passed"), at("bagged")
        self.claimable = {one.due.name: one for one in at("claimed")}
        self.plain = tuple(one for one in live if not one.named)
        self.recorded = tuple(one for one in parcels if not one.named)
        """Plain dues, idle ones, too: what a parcel's record may say is charged."""
        self.of_name = {one.due.name: one for one in parcels}
        """All of them, idle ones, too: what was charged for them may stand."""
        self.needed = sum(1 << one.place for one in self.at_weighing if one.due.required and not one.named)
        """Places of the dues that wait for a weight, as a bit set."""
        roles = {
            role
            for one in live
            for fee in one.due.fees
            for role in (fees.rules.rules[fee].payer, fees.rules.rules[fee].payee)
        }
        self.by_the_piece = not roles.isdisjoint(("picked_by", "signed_by"))
        """Whether anybody is paid by the piece, so that couriers are to be remembered."""


def _live(fees: Fees, due: Due, priced: Container[str]) -> Live:
    amount = _AMOUNTS.get(due.amount)
    shares = tuple(_live(fees, one, priced) for one in fees.dues if one.share_of == due.name)
    between = [(fees.rules.rules[fee].payer, fees.rules.rules[fee].payee) for fee in due.fees]
    return Live(
        due,
        fees.dues.index(due),
        fees.codes(due),
        fees.named(due),
        due.price,
        amount,
        _condition(due),
        shares,
        tuple(one for one in shares if one.price in priced),
        due.required and not fees.named(due) and _condition(due) is None,
        tuple(end for end in ("origin", "destination") if any(end in pair for pair in between)),
        tuple((ROLES[payer], ROLES[payee]) for payer, payee in between),
        due.trigger == "claimed",
    )


def _payment(parcel: Parcel) -> int:
    return parcel.payment


def _insured(parcel: Parcel) -> int:
    return parcel.terms.insured if parcel.terms is not None else 0


def _cod(parcel: Parcel) -> int:
    return parcel.terms.cod if parcel.terms is not None else 0


_AMOUNTS: dict[str, Callable[[Parcel], int]] = {"payment": _payment, "insured": _insured, "cod": _cod}


def _direction(parcel: Parcel) -> str:
    """Whether a parcel goes forward, is sent back, or is sent on under another waybill."""
    return (parcel.terms or ORDINARY).direction


def _condition(due: Due) -> Condition | None:
    """Whether a due applies to a parcel, from the amount that it needs and the parcels that it is for.

    An amount that the order says itself needs no condition: there is nothing due where it says none.
    """
    needed = _AMOUNTS.get(due.needs)
    wanted = due.parcels
    if needed is None and not wanted:
        return None
    if needed is not None and not wanted:
        return lambda parcel: needed(parcel) > 0
    if needed is None:
        return lambda parcel: _direction(parcel) == wanted
    return lambda parcel: needed(parcel) > 0 and _direction(parcel) == wanted
