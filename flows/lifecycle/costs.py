"""Costs of hubs and lines: what was billed and what was withdrawn, and its entries in headquarters' book.

A cost is booked when it is first heard of and taken back in red when its withdrawal comes; a withdrawal that comes
first waits for it. Costs are published on the control topic, so every lane knows them; lane 0 writes.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from flows.governance.network import Network
from flows.journal.moves import COST
from flows.journal.post import PAYER_ENTRY, Legs, charge_ids, derived
from flows.lifecycle.intake import RefusedError
from flows.lifecycle.repeats import content_of, is_repeat
from schemas.events import CostIncurred, CostWithdrawn
from schemas.parties import HQ
from schemas.times import business_day, day_of
from sinks import columns
from sinks.columns import Made, Vocabulary

EXPENSE, PAYABLE = "6201", "2301"
MOST_DAYS = 400
"""Business days for which a cost may be late, and for which its id is remembered."""


class Booking(msgspec.Struct, frozen=True):
    """A cost as it is booked (`sign` 1) or taken back (-1), because of an event."""

    cost: CostIncurred
    event: CostIncurred | CostWithdrawn
    sign: int


class Costs(msgspec.Struct):
    """What is remembered of costs; part of a lane's documents."""

    seen: dict[str, tuple[int, str]] = {}
    """By id of an event: its cost's business day (of a withdrawal: its own day), and a hash of its content."""
    standing: dict[str, CostIncurred] = {}
    withdrawn: dict[str, int] = {}
    """Costs of which a withdrawal came: the day on which."""

    def take(self, event: CostIncurred | CostWithdrawn, network: Network | None) -> list[Booking] | None:
        """What an event books; None: it is a repeat. Raises RefusedError."""
        _, known = self.seen.get(event.id, (0, None))
        if is_repeat(event, known):
            return None
        if isinstance(event, CostIncurred):
            _check(event, network)
            day, bookings = day_of(event.day), [Booking(event, event, 1)]
            if event.id in self.withdrawn:
                bookings.append(Booking(event, event, -1))
            else:
                self.standing[event.id] = event
        else:
            day, bookings = business_day(event.time), []
            cost = self.standing.pop(event.cost, None)
            if cost is not None:
                bookings.append(Booking(cost, event, -1))
            self.withdrawn.setdefault(event.cost, day)
        self.seen[event.id] = day, content_of(event)
        self._forget(business_day(event.time) - 2 * MOST_DAYS)
        return bookings

    def _forget(self, before: int) -> None:
        """What no repeat could be accepted of any more."""
        for event in [event for event, (day, _) in self.seen.items() if day < before]:
            del self.seen[event]
            self.standing.pop(event, None)
        for cost in [cost for cost, day in self.withdrawn.items() if day < before]:
            del self.withdrawn[cost]


def _check(cost: CostIncurred, network: Network | None) -> None:
    """A cost is of a hub or between two, of a day that is not too old. Raises RefusedError."""
    sites = network.sites if network is not None else {}
    for place in (cost.place, cost.to) if cost.to else (cost.place,):
        if place not in sites or sites[place].kind != "hub":
            raise RefusedError("cost_refused", f"{place!r} is no hub of the network")
    if cost.to == cost.place:
        raise RefusedError(
            "cost_refused", f"a line leads from one hub to another, not from {cost.to} to itself"
        )
    day, now = day_of(cost.day), business_day(cost.time)
    if not now - MOST_DAYS <= day <= now:
        raise RefusedError(
            "cost_refused", f"{cost.day} is not within the {MOST_DAYS} days before it was billed"
        )


def rows(events: Sequence[CostIncurred | CostWithdrawn]) -> dict[str, Made] | None:
    """Table `cost`: the accepted events."""
    if not events:
        return None
    costs = [event if isinstance(event, CostIncurred) else None for event in events]
    of = [
        (
            one.id,
            "incurred",
            one.place,
            one.to,
            day_of(one.day),
            one.carrier,
            one.basis,
            one.amount_e4,
            one.bill,
        )
        if one is not None
        else (getattr(event, "cost", ""), "withdrawn", "", "", 0, "", "", 0, "")
        for one, event in zip(costs, events, strict=True)
    ]
    cost, status, place, to, day, carrier, basis, amount, bill = zip(*of, strict=True)
    return {
        "event_id": columns.texts([event.id for event in events]),
        "cost_id": columns.texts(cost),
        "status": columns.spelled(status),
        "event_time": columns.times(columns.ints([event.time for event in events])),
        "place": columns.spelled(place),
        "to_place": columns.spelled(to),
        "business_date": columns.dates(columns.ints(day)),
        "carrier": columns.spelled(carrier),
        "basis": columns.spelled(basis),
        "amount": columns.money(columns.ints(amount)),
        "bill": columns.texts(bill),
        "by": columns.texts([event.by for event in events]),
        "reason": columns.texts(
            [event.reason if isinstance(event, CostWithdrawn) else "" for event in events]
        ),
    }


def legs_of(
    bookings: Sequence[Booking],
    parties: Vocabulary,
    accounts: Vocabulary,
    sides: Vocabulary,
    fee: int,
    causes: tuple[int, int],
) -> Legs | None:
    """The journal rows: expense against what is owed to the carrier. `causes`: of a booking, of taking it back."""
    if not bookings:
        return None
    two = [(one, leg) for one in bookings for leg in (1, 2)]
    n = len(two)
    ids = charge_ids(f"{COST}|{one.cost.id}" + ("|r" if one.sign < 0 else "") for one, _ in two)
    legs = columns.ints([leg for _, leg in two])
    return Legs(
        derived(ids, legs),
        derived(ids, np.full(n, PAYER_ENTRY, np.int64)),
        ids,
        np.full(n, parties[HQ], np.int32),
        accounts.codes([EXPENSE if leg == 1 else PAYABLE for _, leg in two]),
        sides.codes(["D" if leg == 1 else "C" for _, leg in two]),
        columns.ints([one.sign * one.cost.amount_e4 for one, _ in two]),
        parties.codes([one.cost.carrier for one, _ in two]),
        columns.strings([""] * n),
        np.full(n, fee, np.int32),
        columns.ints([one.event.time for one, _ in two]),
        columns.ints([day_of(one.cost.day) for one, _ in two]),
        np.array([causes[one.sign < 0] for one, _ in two], np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
    )
