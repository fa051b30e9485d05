"""Outlets change hands: the change is checked and published or taken back, and what stands open goes over.

No lane knows a party's whole balance. So it is asked of ClickHouse here, as of the blocks that are complete, and
comes back to the lanes as an event. What is said is always the total that should have gone over, so that saying it
twice, or again after late charges, moves only what has not gone over yet.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.blocks import sealed, within
from dashboards.library import NO_DIRECTORY
from deploy.outlets import CHARGES_OF
from deploy.publish import published, send_control
from flows.fees.current import FEES
from flows.governance.network import Network
from flows.governance.operators import Change, Handover, Operators, outlet_of, told
from flows.journal.moves import MOVED, Totals, differences
from flows.journal.rules import TransferRules
from flows.lifecycle.handover import Hands, key_of
from flows.lifecycle.intake import RefusedError
from flows.lifecycle.published import directory_after
from flows.lifecycle.shelf import Directories
from schemas import topics
from schemas.events import (
    BalanceMoved,
    HandoverWithdrawn,
    NetworkPart,
    NetworkPublished,
    OpenBalance,
    PartiesMerged,
    PartyTransferred,
    Tick,
)
from schemas.identity import content_id
from schemas.money import yuan
from schemas.parties import HQ
from schemas.problems import DocumentError
from schemas.settings import Settings
from schemas.times import business_day, date_of
from sinks.kafka import require
from sources.kafka import newest

OPEN = """
SELECT span, if(book = {hq:String}, 'headquarters', 'party') AS where, account, toString(counterparty) AS other,
       sum(if(side = 'D', 1, -1) * reinterpretAsInt64(amount)) AS units
FROM journal INNER JOIN ($charges) AS charges USING (charge_id)
WHERE fee != {moved:String} AND posted_for >= since AND posted_for < day
    AND posted_for >= {first:Date} AND posted_for < {last:Date}
    AND (book IN {formers:Array(String)} AND book = former AND has({party:Array(String)}, toString(account))
         OR book = {hq:String} AND counterparty = former AND has({headquarters:Array(String)}, toString(account)))
    AND $sealed
GROUP BY span, where, account, other HAVING units != 0 ORDER BY span, where, account, other"""
"""What outlets' days with one party left open in that party's book, and in headquarters' with it.

It goes by the days that rows belong to: on which one they are booked, because their own was closed, changes nothing.
Nothing that is announced later has a say: what went over once stays, but for late charges of those days.
"""


class Known(msgspec.Struct):
    """What the lanes know when they have read all that is published."""

    network: Network
    hands: Hands
    operators: Operators

    def accept(self, event: Change | HandoverWithdrawn) -> None:
        """Take a change, or that one is withdrawn, as the lanes will. Raises LookupError with the broken rule."""
        try:
            self.operators = _after(event, self.hands, self.operators, self.network)
        except RefusedError as error:
            raise LookupError(error.detail) from error

    def name(self, kind: str, *about: str) -> str:
        """An announcement's id: another one for the same that was announced before and withdrawn."""
        made = content_id(kind, *about)
        while made in self.hands.withdrawn:
            made = content_id(kind, made)
        return made


def _after(
    event: Change | HandoverWithdrawn, hands: Hands, operators: Operators, network: Network | None
) -> Operators:
    if isinstance(event, HandoverWithdrawn):
        return hands.withdraw(event, operators)[1]
    return hands.change(event, operators, network)


def known(settings: Settings) -> Known:
    """Read what is published. Raises LookupError when there is no directory yet."""
    found, hands, operators = None, Hands(), Operators()
    documents = Directories()
    for said in published(settings):
        event = documents.gathering.document(said, documents.known(), NetworkPart)
        try:
            if isinstance(event, NetworkPublished):
                found = directory_after(event, found)
                documents.network = event
            elif isinstance(event, Change | HandoverWithdrawn) and hands.is_new(event):
                operators = _after(event, hands, operators, found)
            elif isinstance(event, BalanceMoved) and hands.is_new(event):
                hands.move(event, operators, FEES.rules.transfer)
        except (RefusedError, DocumentError):
            continue  # a dead letter of the lanes
    if found is None:
        raise LookupError(NO_DIRECTORY)
    return Known(found, hands, operators)


def data_time(settings: Settings) -> int:
    """The newest tick's time, UTC ms; the clock's where there are no ticks."""
    require(settings)
    raw = newest(settings.kafka, topics.TICKS.name, settings.kafka_options)
    return msgspec.json.decode(raw, type=Tick).time if raw else int(time.time() * 1000)


def transfer(settings: Settings, outlet: str, party: str, first: date | None, by: str, reason: str) -> str:
    """Publish that an outlet goes to a party; what was done, for people. Raises LookupError."""
    at, now = data_time(settings), known(settings)
    day = first or date_of(business_day(at))
    event = PartyTransferred(
        id=now.name("transferred", outlet, party, str(day)),
        time=at,
        outlet=outlet,
        party=party,
        from_day=day,
        by=by,
        reason=reason,
    )
    return _publish(settings, now, event)


def merge(settings: Settings, outlet: str, into: str, first: date | None, by: str, reason: str) -> str:
    """Publish that an outlet becomes part of another; what was done, for people. Raises LookupError."""
    at, now = data_time(settings), known(settings)
    day = first or date_of(business_day(at))
    event = PartiesMerged(
        id=now.name("merged", outlet, into, str(day)),
        time=at,
        absorbed=outlet,
        into=into,
        from_day=day,
        by=by,
        reason=reason,
    )
    return _publish(settings, now, event)


def _publish(settings: Settings, now: Known, event: Change) -> str:
    if event.id in now.hands.seen:
        return f"{told(event)}: this is published already"
    now.accept(event)
    send_control(settings, event)
    return f"{told(event)}: published"


def withdraw(settings: Settings, outlet: str, first: date | None, by: str, reason: str) -> str:
    """Publish that what was announced of an outlet does not take place; what was done, for people.

    `first`: its first business day; None: the only one that is still to come. Raises LookupError.
    """
    at, now = data_time(settings), known(settings)
    change = _announced(now, outlet, first, date_of(business_day(at)))
    now.accept(
        event := HandoverWithdrawn(
            id=content_id("withdrawn", change.id, str(at)), time=at, handover=change.id, by=by, reason=reason
        )
    )
    send_control(settings, event)
    return f"{told(change)}: withdrawn"


def _announced(now: Known, outlet: str, first: date | None, today: date) -> Change:
    """What was announced of an outlet for a day, be it withdrawn. Raises LookupError."""
    standing = [one for one in now.operators.changes if outlet_of(one) == outlet]
    if first is None:
        found = [one for one in standing if one.from_day > today]
    else:
        found = [one for one in standing if one.from_day == first] or [
            one for one in now.hands.withdrawn.values() if (outlet_of(one), one.from_day) == (outlet, first)
        ][-1:]
    if not found:
        raise LookupError(f"no handover of {outlet} is announced for {first or 'a day to come'}")
    if len(found) > 1:
        days = " or ".join(f"--from {one.from_day}" for one in found)
        raise LookupError(f"{outlet} changes hands more than once: say which is withdrawn, {days}")
    return found[0]


def move(settings: Settings, client: Client, outlet: str = "", by: str = "") -> list[str]:
    """Publish what has to go over by now: of one outlet's handovers, or (empty) of all. Lines for people."""
    now = known(settings)
    events, lines = due(now, client, data_time(settings), outlet, by)
    send_control(settings, *events)
    gone = [one for one in now.hands.withdrawn.values() if outlet in ("", outlet_of(one))]
    lines += [f"{told(one)}: withdrawn, nothing goes over" for one in gone]
    return lines or [f"there are no handovers of {outlet}" if outlet else "there are no handovers"]


def due(
    now: Known, client: Client, at: int, outlet: str = "", by: str = ""
) -> tuple[list[BalanceMoved], list[str]]:
    """What has to go over at a time (UTC ms) and has not: events, and lines for people."""
    rules = FEES.rules.transfer
    blocks = sealed(client)
    events: list[BalanceMoved] = []
    lines: list[str] = []
    handovers = [one for one in now.operators.handovers() if outlet in ("", one.outlet)]
    opened = _opened(client, [one for one in handovers if one.day <= business_day(at)], rules, blocks)
    for one in handovers:
        about = f"{one.outlet} from {one.former} to {one.party} on {date_of(one.day)}"
        if one.day > business_day(at):
            lines.append(f"{about}: balances go over then: waybook move-balances")
            continue
        totals = _totals(opened, one)
        before = now.hands.moved_of(key_of(one.outlet, date_of(one.day)))
        changed = differences(before, totals)
        if not changed:
            lines.append(f"{about}: nothing is left to move")
            continue
        events.append(_event(one, totals, blocks, at, by, later=bool(before)))
        lines += [f"{about}:", *_told(changed)]
    return events, lines


def _event(
    one: Handover, totals: Totals, blocks: Mapping[int, int], at: int, by: str, *, later: bool
) -> BalanceMoved:
    day = date_of(business_day(at) if later else one.day)
    balances = tuple(
        OpenBalance(book=book, account=account, counterparty=other, amount_e4=units)  # type: ignore[arg-type]
        for (book, account, other), units in sorted(totals.items())
    )
    upto = {str(lane): n for lane, n in blocks.items()}
    content = msgspec.json.encode((balances, sorted(upto.items())))
    return BalanceMoved(
        id=content_id("moved", one.outlet, str(one.day), content),
        time=at,
        outlet=one.outlet,
        from_day=date_of(one.day),
        former=one.former,
        party=one.party,
        day=day,
        balances=balances,
        blocks=upto,
        by=by,
    )


def _told(changed: Totals) -> Iterator[str]:
    for (book, account, other), units in changed.items():
        where = f"headquarters' book, {other}" if book == "headquarters" else f"the party's book, {other}"
        yield f"    {account} {FEES.rules.accounts[account].name} {yuan(units)} ({where})"


def _opened(
    client: Client, handovers: Sequence[Handover], rules: TransferRules, blocks: Mapping[int, int]
) -> list[tuple[Handover, Totals]]:
    """What the days before each handover, since the one before, have left open: one question for all of them."""
    if not handovers:
        return []
    spans = [
        (n, one.outlet, one.former, date_of(max(one.since, 0)), date_of(one.day))
        for n, one in enumerate(handovers)
    ]
    asked = {
        "hq": HQ,
        "moved": MOVED,
        "party": list(rules.party),
        "headquarters": list(rules.headquarters),
        "spans": spans,
        "formers": sorted({one.former for one in handovers}),
        "first": min(since for *_, since, _ in spans),
        "last": max(day for *_, day in spans),
    }
    sql = OPEN.replace("$charges", CHARGES_OF).replace("$sealed", within(blocks))
    found: list[tuple[Handover, Totals]] = [(one, {}) for one in handovers]
    for n, book, account, other, units in client.query(sql, parameters=asked).result_rows:
        found[n][1][book, account, other] = int(units)
    return found


def _totals(opened: Sequence[tuple[Handover, Totals]], handover: Handover) -> Totals:
    """What has to have gone over at a handover: all that the outlet's days until then have left open."""
    totals: Totals = {}
    for one, left in opened:
        if one.outlet != handover.outlet or one.day > handover.day:
            continue
        for (book, account, other), units in left.items():
            key = book, account, handover.former if book == "headquarters" else other
            totals[key] = totals.get(key, 0) + units
    return {key: units for key, units in totals.items() if units}
