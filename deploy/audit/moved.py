"""Open balances that went over with an outlet: what should have gone over, and what the journal says of it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec

from deploy.audit import postings
from deploy.audit.hands import Hands
from deploy.audit.names import name_of
from deploy.audit.periods import Closes
from deploy.audit.postings import Due, Fee, Postings
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


_OF_DAYS = "business_date >= toDate({since:Int32}) AND business_date < toDate({day:Int32}) AND $known"
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
            WHERE (origin = {{outlet:String}} OR destination = {{outlet:String}}) AND {_OF_DAYS}
        ) AS charged
        LEFT JOIN (SELECT DISTINCT fee, leg, toString(book) AS of, account, toString(side) AS side
                   FROM $posting_rule WHERE {postings.NEWEST}) AS leg USING (fee)
        WHERE end.2 = 'origin' AND origin = {{outlet:String}}
            OR end.2 = 'destination' AND destination = {{outlet:String}}
    )
    WHERE party = {{former:String}}
        AND if(mine, account IN {postings.words(postings.MOVES_IN_PARTY)},
               other = '{HQ}' AND account IN {postings.words(postings.MOVES_IN_HQ)})
    GROUP BY ALL HAVING net != 0"""
_CLAIMED = f"""
    SELECT hex(charge_id) AS charge, if(reverses = toFixedString('', 16), '', hex(reverses)) AS back, seq,
           waybill, part, toString(fee) AS fee, toString(payer) AS payer, toString(payee) AS payee,
           toString(origin) AS origin, toString(destination) AS destination, reinterpretAsInt64(amount) AS units
    FROM $charge
    WHERE fee IN {postings.fees_of(["claimed"])} AND {{former:String}} IN (payer, payee) AND {_OF_DAYS}
    ORDER BY back != '', seq, line"""
"""Charges of claims, in the end those that take others back."""
_SAID = f"""
    SELECT waybill, claim, seq, toString(responsible) AS responsible, toString(beneficiary) AS beneficiary
    FROM $claim
    WHERE status IN ('claimed', 'breached') AND (waybill, claim) IN (
        SELECT waybill, part FROM $charge
        WHERE fee IN {postings.fees_of(["claimed"])} AND {{former:String}} IN (payer, payee) AND {_OF_DAYS})
    ORDER BY seq, line"""
_NOBODY = {"responsible": "", "beneficiary": ""}


def check_totals(store: Store, hands: Hands, moves: list[Move], rules: Postings) -> Check:
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
            for account, units in _opened(store, rules, move, since, spans[number + 1][0], former):
                book, line, other = account
                totals[book, line, move.former if book == "headquarters" else other] += units
        wanted = {key: units for key, units in totals.items() if units}
        if move.totals != wanted:
            found.add(f"{move.move_id}: moves {move.totals}, open was {wanted}")
    return found.check("moves")


def _opened(
    store: Store, rules: Postings, move: Move, since: int, day: int, former: str
) -> Iterator[tuple[Account, int]]:
    """What an outlet's days with one party left open, in the blocks that the move knows of."""
    known = f"({up_to(move.blocks)})"
    days: dict[str, Any] = {"since": max(since, 0), "day": day, "former": former}
    for row in store.rows(_OPEN.replace("$known", known), outlet=move.outlet, **days):
        book, account, other, units = row.values()
        yield (book, account, other), units
    said: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in store.rows(_SAID.replace("$known", known), **days):
        said[row["waybill"], row["claim"]].append(row)
    ends: dict[str, dict[str, str]] = {}
    for row in store.rows(_CLAIMED.replace("$known", known), **days):
        due, fee = rules.fee(row["fee"])
        ends[row["charge"]] = ends.get(row["back"]) or _named(due, row, said[row["waybill"], row["part"]])
        for role, party in ((fee.payer, row["payer"]), (fee.payee, row["payee"])):
            if party == former and ends[row["charge"]].get(role) == move.outlet:
                yield from _moving(fee, former, row)


def _named(due: Due, charge: Mapping[str, Any], said: list[Mapping[str, Any]]) -> dict[str, str]:
    """By role, the outlet that a claim named when the charge was made, or that its due names."""
    newest = next((row for row in reversed(said) if row["seq"] <= charge["seq"]), _NOBODY)
    defaults = {"responsible": due.blames, "beneficiary": due.rewards}
    return {role: newest[role] or charge.get(default, "") for role, default in defaults.items()}


def _moving(fee: Fee, former: str, charge: Mapping[str, Any]) -> Iterator[tuple[Account, int]]:
    """The legs of a charge that go over: in the party's book, and with it in headquarters'."""
    for (book, account, _, _, other), units in fee.posted(
        charge["payer"], charge["payee"], 0, charge["units"]
    ):
        if book == former and account in postings.MOVES_IN_PARTY:
            yield ("party", account, other), units
        elif book == HQ and account in postings.MOVES_IN_HQ:
            yield ("headquarters", account, other), units
