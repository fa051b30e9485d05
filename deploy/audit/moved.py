"""Open balances that went over with an outlet: what should have gone over, and what the journal says of it."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec

from deploy.audit import postings
from deploy.audit.hands import Hands
from deploy.audit.names import name_of
from deploy.audit.periods import Closes
from deploy.audit.report import Check, Findings
from deploy.audit.store import Store, read_blocks, up_to
from schemas.parties import HQ

Account = tuple[str, str, str]
"""Book (party or headquarters), account, counterparty."""
Row = tuple[str, str, str, str, str, int, int]
"""Move (hexadecimal), book, account, side, counterparty, units, business day."""


class Move(msgspec.Struct, frozen=True):
    """A move: its totals in 0.0001 yuan, debits less credits. `blocks`: by lane, up to which books were asked."""

    move_id: str
    outlet: str
    day: int
    former: str
    party: str
    business_day: int
    blocks: dict[int, int]
    totals: dict[Account, int]
    torn: bool
    """Whether its rows do not tell the same story."""

    @property
    def name(self) -> str:
        """What its rows are named by, in hexadecimal."""
        return name_of(f"{postings.MOVED}|{self.move_id}")


def read_moves(store: Store, closes: Closes) -> list[Move]:
    """Table `balance_moved`, in order of publication."""
    rows = store.rows(
        "SELECT seq, move_id, outlet, first_day, former, party, business_date, blocks, book, account, counterparty, "
        "reinterpretAsInt64(amount) AS units FROM $balance_moved ORDER BY seq, line"
    )
    moves = []
    for _, group in groupby(rows, lambda row: (row["seq"], row["move_id"])):
        lines = list(group)
        one = lines[0]
        moves.append(
            Move(
                one["move_id"],
                one["outlet"],
                one["first_day"],
                one["former"],
                one["party"],
                closes.booked_on(one["seq"], one["business_date"]),
                read_blocks(one["blocks"]),
                {(r["book"], r["account"], r["counterparty"]): r["units"] for r in lines if r["units"]},
                len({tuple(row.values())[1:8] for row in lines}) > 1,
            )
        )
    return moves


def rows_of(moves: list[Move]) -> Counter[Row]:
    """The journal rows that moves should have: what each total has grown or shrunk by."""
    made = Counter[Row]()
    before: dict[tuple[str, int], dict[Account, int]] = {}
    for move in moves:
        known = before.get((move.outlet, move.day), {})
        for book, account, counterparty in known.keys() | move.totals.keys():
            key = book, account, counterparty
            grown = move.totals.get(key, 0) - known.get(key, 0)
            for line in _lines(move, key, grown) if grown else ():
                made[line] += 1
        before[move.outlet, move.day] = move.totals
    return made


def _lines(move: Move, key: Account, units: int) -> Iterator[Row]:
    book, account, counterparty = key
    former, party = move.former, move.party
    if book == "headquarters":
        steps = [(HQ, account, former, -units), (HQ, account, party, units)]
    else:
        steps = [
            (former, account, counterparty, -units),
            (former, postings.BETWEEN_PARTIES, party, units),
            (party, account, counterparty, units),
            (party, postings.BETWEEN_PARTIES, former, -units),
        ]
    for owner, number, other, signed in steps:
        yield move.name, owner, number, "D" if signed > 0 else "C", other, abs(signed), move.business_day


_JOURNAL = f"""
    SELECT hex(charge_id) AS move, book, account, side, counterparty, reinterpretAsInt64(amount) AS units,
           business_date AS day
    FROM $journal WHERE fee = '{postings.MOVED}'"""


def check_entries(store: Store, moves: list[Move]) -> Check:
    """The journal has the rows of each move, in both parties' and headquarters' books, and no others."""
    found = Findings("moves_posted", "余额转移逐行入账：原方、承接方与总部三本账")
    wanted, there = rows_of(moves), Counter(tuple(row.values()) for row in store.rows(_JOURNAL))
    found.seen = there.total()
    for one in (there - wanted).elements():
        found.add(f"{one} is not called for")
    for one in (wanted - there).elements():
        found.add(f"{one} is missing")
    return found.check("journal rows")


_OPEN = f"""
    SELECT if(mine, 'party', 'headquarters') AS book, account,
           toString(if(mine, other, party)) AS counterparty, sum(if(side = 'D', units, -units)) AS net
    FROM (
        SELECT leg.of = end.1 AS mine, account, side, units, end.3 AS party, end.4 AS other
        FROM (
            SELECT fee, origin, destination, reinterpretAsInt64(amount) AS units,
                   arrayJoin([('payer', pays, toString(payer), toString(payee)),
                              ('payee', gets, toString(payee), toString(payer))]) AS end
            FROM $charge AS charged LEFT JOIN {postings.ROLES} AS roles USING (fee)
            WHERE ({{only:UInt8}} OR origin = {{outlet:String}} OR destination = {{outlet:String}})
                AND business_date >= toDate({{since:Int32}}) AND business_date < toDate({{day:Int32}}) AND $known
        ) AS charged
        LEFT JOIN (SELECT DISTINCT fee, leg, toString(book) AS of, account, toString(side) AS side
                   FROM $posting_rule WHERE {postings.NEWEST}) AS leg USING (fee)
        WHERE {{only:UInt8}} OR end.2 = 'origin' AND origin = {{outlet:String}}
            OR end.2 = 'destination' AND destination = {{outlet:String}}
    )
    WHERE party = {{former:String}}
        AND if(mine, account IN {postings.words(postings.MOVES_IN_PARTY)},
               other = '{HQ}' AND account IN {postings.words(postings.MOVES_IN_HQ)})
    GROUP BY ALL HAVING net != 0"""
_PAID = f"""
    SELECT if(book = '{HQ}', 'headquarters', 'party') AS where, account, toString(counterparty) AS other,
           sum(if(side = 'D', 1, -1) * reinterpretAsInt64(amount)) AS net
    FROM (SELECT *, toDate(addHours(event_time, 8), 'UTC') AS own FROM $journal)
    WHERE fee != '{postings.MOVED}' AND fee NOT IN (SELECT fee FROM $fee)
        AND own >= toDate({{since:Int32}}) AND own < toDate({{day:Int32}}) AND $known
        AND (book = {{former:String}} AND account IN {postings.words(postings.MOVES_IN_PARTY)}
             OR book = '{HQ}' AND counterparty = {{former:String}}
                AND account IN {postings.words(postings.MOVES_IN_HQ)})
    GROUP BY ALL HAVING net != 0"""


def check_totals(store: Store, hands: Hands, moves: list[Move], places: set[str]) -> Check:
    """Each move's totals are what the charges of the days before left open, and all that came with the outlet."""
    found = Findings("moves_recomputed", "转移的余额由转让日前的费用独立重算")
    for move in moves:
        found.seen += 1
        if move.torn:
            found.add(f"{move.move_id}: its rows differ in more than the balance")
        spans = hands.spans(move.outlet)
        at = next((n for n, span in enumerate(spans) if span == (move.day, move.party)), 0)
        if not at or spans[at - 1][1] != move.former:
            found.add(f"{move.move_id}: {move.outlet} does not go from {move.former} to {move.party} then")
            continue
        totals = Counter[Account]()
        for number in range(at):
            since, former = spans[number]
            for account, units in _opened(store, hands, move, since, spans[number + 1][0], former, places):
                book, line, other = account
                totals[book, line, move.former if book == "headquarters" else other] += units
        wanted = {key: units for key, units in totals.items() if units}
        if move.totals != wanted:
            found.add(f"{move.move_id}: moves {move.totals}, open was {wanted}")
    return found.check("moves")


def _opened(
    store: Store, hands: Hands, move: Move, since: int, day: int, former: str, places: set[str]
) -> Iterator[tuple[Account, int]]:
    """What an outlet's days with one party left open, in the blocks that the move knows of."""
    known = f"({up_to(move.blocks)})"
    only = not hands.others(former, move.outlet, places)  # all that the party has is the outlet's
    asked: dict[str, Any] = {"since": max(since, 0), "day": day, "former": former}
    asked |= {"outlet": move.outlet, "only": int(only)}
    for sql in (_OPEN, _PAID) if only else (_OPEN,):
        for row in store.rows(sql.replace("$known", known), **asked):
            book, account, other, units = row.values()
            yield (book, account, other), units
