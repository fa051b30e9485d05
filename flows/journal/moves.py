"""Open balances that go over with an outlet: from what was moved so far and what is to be moved → journal rows.

In the former party's book each balance is taken off against the account between the two parties, in the new
party's book it is put on against the same account, and in headquarters' book it goes from the one counterparty to
the other. So every entry balances, the parties' books mirror each other, and both mirror headquarters'.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from flows.journal.post import Legs, charge_ids, derived
from flows.journal.rules import TransferRules
from schemas.events import BalanceMoved, OpenBalance
from schemas.parties import HQ
from schemas.times import day_of
from sinks import columns
from sinks.columns import Vocabulary

MOVED = "balance_moved"
COST = "carriage_cost"
"""What stands in the place of a fee in the journal: of moved balances, of hubs' and lines' costs."""
FORMER_ENTRY, PARTY_ENTRY, HQ_ENTRY = 0x80, 0x81, 0x82
MOST_BALANCES = 30
"""Balances in one move: with up to four legs each, a row's number fits into seven bits."""

Account = tuple[str, str, str]
"""Book (party, headquarters), account, counterparty."""
Totals = dict[Account, int]
"""Debits less credits, in 0.0001 yuan."""


class Move(msgspec.Struct, frozen=True):
    """What one event moves: its totals, and the differences to what was moved before."""

    event: BalanceMoved
    totals: Totals
    differences: Totals


def totals_of(balances: Sequence[OpenBalance]) -> Totals:
    """Balances by account, zeros left out."""
    return {(one.book, one.account, one.counterparty): one.amount_e4 for one in balances if one.amount_e4}


def differences(before: Mapping[Account, int], totals: Mapping[Account, int]) -> Totals:
    """What has to be moved so that these totals have been moved, in order of accounts."""
    changed = {key: totals.get(key, 0) - before.get(key, 0) for key in sorted(before.keys() | totals.keys())}
    return {key: units for key, units in changed.items() if units}


def broken_rule(event: BalanceMoved, rules: TransferRules) -> str:
    """What is wrong with the balances of a move, for people; empty: nothing."""
    accounts = {"party": rules.party, "headquarters": rules.headquarters}
    seen = set[Account]()
    mirror = 0
    for one in event.balances:
        key = one.book, one.account, one.counterparty
        if one.account not in accounts[one.book] or key in seen:
            return f"account {one.account} of {one.book} stands twice or is none that goes over"
        seen.add(key)
        if one.book == "headquarters" and one.counterparty != event.former:
            return f"headquarters' balance on {one.account} is with {one.counterparty}, not {event.former}"
        if one.book == "headquarters" or one.counterparty == HQ:
            mirror += one.amount_e4
    if mirror:
        return f"the party's balances with headquarters and headquarters' with it differ by {mirror}"
    return f"more than {MOST_BALANCES} balances" if len(seen) > MOST_BALANCES else ""


def legs_of(
    moves: Sequence[Move],
    rules: TransferRules,
    parties: Vocabulary,
    accounts: Vocabulary,
    sides: Vocabulary,
    fee: int,
    cause: int,
) -> Legs | None:
    """The journal rows of these moves; None: there are none. They have no line and no product (code 0)."""
    rows = [(move.event, *leg) for move in moves for leg in _legs(move, rules)]
    if not rows:
        return None
    n = len(rows)
    ids = charge_ids(f"{MOVED}|{event.id}" for event, *_ in rows)
    signed = np.array([row[6] for row in rows], np.int64)
    return Legs(
        derived(ids, columns.ints([row[1] for row in rows])),
        derived(ids, columns.ints([row[2] for row in rows])),
        ids,
        parties.codes([row[3] for row in rows]),
        accounts.codes([row[4] for row in rows]),
        sides.codes(["D" if row[6] > 0 else "C" for row in rows]),
        np.abs(signed),
        parties.codes([row[5] for row in rows]),
        columns.strings([""] * n),
        np.full(n, fee, np.int32),
        np.array([event.time for event, *_ in rows], np.int64),
        np.array([day_of(event.day) for event, *_ in rows], np.int64),
        np.full(n, cause, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
    )


def _legs(move: Move, rules: TransferRules) -> list[tuple[int, int, str, str, str, int]]:
    """Row number, entry, book, account, counterparty and signed amount of each leg of a move."""
    former, party = move.event.former, move.event.party
    made: list[tuple[int, str, str, str, int]] = []
    for (book, account, counterparty), units in move.differences.items():
        if book == "headquarters":
            made += [
                (HQ_ENTRY, HQ, account, former, -units),
                (HQ_ENTRY, HQ, account, party, units),
            ]
        else:
            made += [
                (FORMER_ENTRY, former, account, counterparty, -units),
                (FORMER_ENTRY, former, rules.contra, party, units),
                (PARTY_ENTRY, party, account, counterparty, units),
                (PARTY_ENTRY, party, rules.contra, former, -units),
            ]
    return [(number, *leg) for number, leg in enumerate(made, 1)]
