"""Published changes of hands: which are accepted, what they are remembered by, and what a move comes to.

All of it depends on the control topic's events in their order alone, so that every lane comes to the same.
"""

from datetime import date

import msgspec

from flows.governance.network import Network
from flows.governance.operators import Change, Operators, RefusedChangeError
from flows.journal.moves import Move, Totals, broken_rule, differences, totals_of
from flows.journal.rules import TransferRules
from flows.lifecycle.intake import RefusedError
from flows.lifecycle.repeats import content_of, is_repeat
from schemas.events import BalanceMoved
from schemas.times import business_day, day_of

"""Where no account goes over."""


class Hands(msgspec.Struct):
    """What is remembered of changes of hands; part of a lane's documents."""

    changes: list[Change] = []
    open_day: int = 0
    """The newest business day on which one of these events was published: it does not go back."""
    seen: dict[str, str] = {}
    """By id of an accepted event: a hash of its content."""
    moved: dict[str, list[tuple[str, str, str, int]]] = {}
    """By outlet and first day: what was moved so far: book, account, counterparty, 0.0001 yuan."""

    def operators(self) -> Operators:
        """The history; for the time after a restart."""
        return Operators.of_changes(tuple(self.changes))

    def is_new(self, event: Change | BalanceMoved) -> bool:
        """Whether an event is not a repeat. Raises RefusedError when its id was used for something else."""
        return not is_repeat(event, self.seen.get(event.id))

    def change(self, event: Change, operators: Operators, network: Network | None) -> Operators:
        """The history after a change. Raises RefusedError."""
        if network is None:
            raise RefusedError(
                "transfer_refused", "no network directory was published before it: publish it again"
            )
        try:
            after = operators.after(event, network, self.open_day)
        except RefusedChangeError as error:
            raise RefusedError("transfer_refused", str(error)) from error
        self.changes.append(event)
        self._accept(event)
        return after

    def move(self, event: BalanceMoved, operators: Operators, rules: TransferRules) -> Move:
        """What is to be booked for a move of balances. Raises RefusedError."""
        _check_handover(event, operators)
        if (wrong := broken_rule(event, rules)) != "":
            raise RefusedError("move_refused", wrong)
        key, totals = key_of(event.outlet, event.from_day), totals_of(event.balances)
        before = self.moved_of(key)
        self.moved[key] = [(*account, units) for account, units in sorted(totals.items())]
        self._accept(event)
        return Move(event, totals, differences(before, totals))

    def moved_of(self, key: str) -> Totals:
        """What was moved so far at a handover."""
        return {(book, account, other): units for book, account, other, units in self.moved.get(key, [])}

    def _accept(self, event: Change | BalanceMoved) -> None:
        self.seen[event.id] = content_of(event)
        self.open_day = max(self.open_day, business_day(event.time))


def key_of(outlet: str, day: date) -> str:
    """A handover's key in `Hands.moved`."""
    return f"{outlet}|{day}"


def _check_handover(event: BalanceMoved, operators: Operators) -> None:
    """A move belongs to a change of hands. Raises RefusedError."""
    day = day_of(event.from_day)
    for one in operators.handovers():
        if (one.outlet, one.day, one.former, one.party) == (event.outlet, day, event.former, event.party):
            if not day <= day_of(event.day) <= business_day(event.time):
                message = f"{event.day} is not between {event.from_day} and the open day"
                raise RefusedError("move_refused", message)
            return
    message = f"{event.outlet} does not go from {event.former} to {event.party} on {event.from_day}"
    raise RefusedError("move_refused", message)
