"""Published changes of hands and withdrawals: which are accepted, what they are remembered by, what a move comes to.

All of it depends on the control topic's events in their order alone, so that every lane comes to the same.
"""

from datetime import date

import msgspec

from flows.governance.network import Network
from flows.governance.operators import Change, Operators, RefusedChangeError, outlet_of, told
from flows.journal.moves import Move, Totals, broken_rule, differences, totals_of
from flows.journal.rules import TransferRules
from flows.lifecycle.intake import RefusedError
from flows.lifecycle.repeats import content_of, is_repeat
from schemas.events import BalanceMoved, HandoverWithdrawn, PartiesMerged
from schemas.times import business_day, date_of, day_of

Event = Change | HandoverWithdrawn | BalanceMoved


class Hands(msgspec.Struct):
    """What is remembered of changes of hands; part of a lane's documents."""

    changes: list[Change] = []
    """Those that stand, in order of publication."""
    withdrawn: dict[str, Change] = {}
    """Those that do not, by their ids."""
    open_day: int = 0
    """The newest business day on which one of these events was published: it does not go back."""
    seen: dict[str, str] = {}
    """By id of an accepted event: a hash of its content."""
    moved: dict[str, list[tuple[str, str, str, int]]] = {}
    """By outlet and first day: what was moved so far: book, account, counterparty, 0.0001 yuan."""

    def operators(self) -> Operators:
        """The history; for the time after a restart."""
        return Operators.of_changes(tuple(self.changes))

    def is_new(self, event: Event) -> bool:
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
        self._check_moved(event, operators, after)
        self.changes.append(event)
        self._accept(event)
        return after

    def _check_moved(self, event: Change, operators: Operators, after: Operators) -> None:
        """What went over with an outlet has gone to its party: no later word says that this is another.

        The outlet that took it over may change hands from the same day: then both do, unless balances are there.
        """
        stand = set(after.handovers())
        for one in operators.handovers():
            day = date_of(one.day)
            if key_of(one.outlet, day) in self.moved and one not in stand:
                raise RefusedError(
                    "transfer_refused",
                    f"{one.outlet} went to {one.party} on {day}, and its balances with it: {outlet_of(event)} can "
                    "change hands from the next day on",
                )

    def withdraw(self, event: HandoverWithdrawn, operators: Operators) -> tuple[Change, Operators]:
        """What is taken back, and the history without it. Raises RefusedError."""
        change = next((one for one in self.changes if one.id == event.handover), None)
        if change is None:
            self._check_gone(event.handover)
            raise RefusedError("handover_unknown", f"no handover {event.handover!r} was announced")
        _check_ahead(change, max(self.open_day, business_day(event.time)))
        self.changes.remove(change)
        self.withdrawn[change.id] = change
        self._accept(event)
        return change, operators.without(change)

    def _check_gone(self, handover: str) -> None:
        gone = self.withdrawn.get(handover)
        if gone is not None:
            raise RefusedError("handover_withdrawn", f"{told(gone)}: this was withdrawn already")

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

    def _accept(self, event: Event) -> None:
        self.seen[event.id] = content_of(event)
        self.open_day = max(self.open_day, business_day(event.time))


def key_of(outlet: str, day: date) -> str:
    """A handover's key in `Hands.moved`."""
    return f"{outlet}|{day}"


def _check_ahead(change: Change, open_day: int) -> None:
    """A handover is withdrawn before its day. Raises RefusedError."""
    if day_of(change.from_day) > open_day:
        return
    instead = (
        "a merger is for good once its day has come"
        if isinstance(change, PartiesMerged)
        else f"announce one back to {change.outlet}, or to whom it should go"
    )
    raise RefusedError("handover_begun", f"{told(change)}, and it is {date_of(open_day)}: {instead}")


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
