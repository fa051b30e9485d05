"""Open balances that went over with an outlet: what should have gone over, and what the journal says of it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
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


class Span(msgspec.Struct, frozen=True):
    """Days that an outlet had one party: since one of them until before another, days since 1970."""

    outlet: str
    former: str
    since: int
    day: int


def _outlet(role: str) -> str:
    """SQL for the outlet of a role; empty: none of the order's."""
    return f"multiIf({role} = 'origin', toString(origin), {role} = 'destination', toString(destination), '')"


_SPANS = """(
    SELECT s.1 AS span, s.2 AS outlet, s.3 AS former, toDate(s.4) AS since, toDate(s.5) AS day
    FROM (SELECT arrayJoin({spans:Array(Tuple(UInt32, String, String, Int32, Int32))}) AS s))"""
_BEFORE = "business_date < toDate({last:Int32}) AND $known"
_THEIRS = f"""
    fee IN {postings.fees_of(["claimed"])} AND {_BEFORE}
    AND (has({{formers:Array(String)}}, toString(payer)) OR has({{formers:Array(String)}}, toString(payee)))"""
_OPEN = f"""
    SELECT span, if(mine, 'party', 'headquarters') AS book, account,
           if(mine, other, former) AS counterparty, sum(if(side = 'D', units, -units)) AS net
    FROM (
        SELECT span, leg.of = which AS mine, account, side, units, former, other
        FROM (
            SELECT fee, business_date, reinterpretAsInt64(amount) AS units,
                   arrayJoin([('payer', toString(payer), toString(payee), {_outlet("pays")}),
                              ('payee', toString(payee), toString(payer), {_outlet("gets")})]) AS end,
                   end.1 AS which, end.2 AS former, end.3 AS other, end.4 AS outlet
            FROM $charge AS charged LEFT JOIN {postings.ROLES} AS roles USING (fee)
            WHERE {_BEFORE} AND (has({{outlets:Array(String)}}, toString(origin))
                                 OR has({{outlets:Array(String)}}, toString(destination)))
        ) AS charged
        INNER JOIN {_SPANS} AS span USING (outlet, former)
        LEFT JOIN (SELECT DISTINCT fee, leg, toString(book) AS of, account, toString(side) AS side
                   FROM $posting_rule WHERE {postings.NEWEST}) AS leg USING (fee)
        WHERE business_date >= since AND business_date < day
    )
    WHERE if(mine, account IN {postings.words(postings.MOVES_IN_PARTY)},
             other = '{HQ}' AND account IN {postings.words(postings.MOVES_IN_HQ)})
    GROUP BY ALL HAVING net != 0"""
_CLAIMED = f"""
    SELECT hex(charge_id) AS charge, if(reverses = toFixedString('', 16), '', hex(reverses)) AS back, seq,
           waybill, part, toString(fee) AS fee, toString(payer) AS payer, toString(payee) AS payee,
           toString(origin) AS origin, toString(destination) AS destination, reinterpretAsInt64(amount) AS units,
           business_date AS day
    FROM $charge WHERE {_THEIRS} ORDER BY back != '', seq, line"""
"""Charges of claims, in the end those that take others back."""
_SAID = f"""
    SELECT waybill, claim, seq, toString(responsible) AS responsible, toString(beneficiary) AS beneficiary
    FROM $claim
    WHERE status IN ('claimed', 'breached') AND (waybill, claim) IN (SELECT waybill, part FROM $charge WHERE {_THEIRS})
    ORDER BY seq, line"""
_NOBODY = {"responsible": "", "beneficiary": ""}


def check_totals(store: Store, hands: Hands, moves: list[Move], rules: Postings) -> Check:
    """Each move's totals are what the charges of the days before left open, and all that came with the outlet."""
    found = Findings("moves_recomputed", "转移的余额由转让日前的费用独立重算")
    spans = [_spans(hands, move) for move in moves]
    opened = _opened(store, rules, moves, spans)
    for move, before in zip(moves, spans, strict=True):
        found.seen += 1
        if move.torn:
            found.add(f"{move.move_id}: its rows differ in more than the balance")
        if not before:
            found.add(f"{move.move_id}: {move.outlet} does not go from {move.former} to {move.party} then")
            continue
        totals = Counter[Account]()
        for span in before:
            for (book, line, other), units in opened[_known(move), span].items():
                totals[book, line, move.former if book == "headquarters" else other] += units
        wanted = {key: units for key, units in totals.items() if units}
        if move.totals != wanted:
            found.add(f"{move.move_id}: moves {move.totals}, open was {wanted}")
    return found.check("moves")


def _spans(hands: Hands, move: Move) -> list[Span]:
    """The days before a move; none where the outlet does not change hands so."""
    spans = hands.spans(move.outlet)
    at = next((n for n, span in enumerate(spans) if span == (move.day, move.party)), 0)
    if not at or spans[at - 1][1] != move.former:
        return []
    return [
        Span(move.outlet, former, max(since, 0), day)
        for (since, former), (day, _) in pairwise(spans[: at + 1])
    ]


def _known(move: Move) -> str:
    """Condition for the rows that a move knows of."""
    return f"({up_to(move.blocks)})"


def _opened(
    store: Store, rules: Postings, moves: list[Move], spans: list[list[Span]]
) -> dict[tuple[str, Span], Counter[Account]]:
    """What days left open, in the blocks that a move knows of: one answer for all moves that know of the same."""
    wanted: dict[str, dict[Span, None]] = defaultdict(dict)
    for move, before in zip(moves, spans, strict=True):
        wanted[_known(move)] |= dict.fromkeys(before)
    return {
        (known, span): totals
        for known, some in wanted.items()
        for span, totals in _left_open(store, rules, known, list(some)).items()
    }


def _left_open(store: Store, rules: Postings, known: str, spans: list[Span]) -> dict[Span, Counter[Account]]:
    """By span, what it left open: of orders' ends as the store adds it up, of claims charge by charge."""
    opened = {span: Counter[Account]() for span in spans}
    asked: dict[str, Any] = {
        "last": max((span.day for span in spans), default=0),
        "outlets": [span.outlet for span in spans],
        "formers": [span.former for span in spans],
        "spans": [(n, span.outlet, span.former, span.since, span.day) for n, span in enumerate(spans)],
    }
    for row in store.rows(_OPEN.replace("$known", known), **asked) if spans else ():
        n, book, account, other, units = row.values()
        opened[spans[n]][book, account, other] += units
    for charge, end, party, moving in _claims(store, rules, known, asked) if spans else ():
        for span, totals in opened.items():
            if (span.outlet, span.former) == (end, party) and span.since <= charge["day"] < span.day:
                for account, units in moving:
                    totals[account] += units
    return opened


def _claims(
    store: Store, rules: Postings, known: str, asked: Mapping[str, Any]
) -> Iterator[tuple[Mapping[str, Any], str, str, list[tuple[Account, int]]]]:
    """Charges of claims, each side of them with its outlet, its party, and what of it goes over."""
    said: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in store.rows(_SAID.replace("$known", known), **asked):
        said[row["waybill"], row["claim"]].append(row)
    ends: dict[str, dict[str, str]] = {}
    for row in store.rows(_CLAIMED.replace("$known", known), **asked):
        due, fee = rules.fee(row["fee"])
        ends[row["charge"]] = ends.get(row["back"]) or _named(due, row, said[row["waybill"], row["part"]])
        for role, party in ((fee.payer, row["payer"]), (fee.payee, row["payee"])):
            if end := ends[row["charge"]].get(role):
                yield row, end, party, list(_moving(fee, party, row))


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
