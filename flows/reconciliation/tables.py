"""A block's output → the columns of its tables, and their bytes."""

from collections.abc import Sequence

import msgspec
import numpy as np

from flows.journal.chart import chart
from flows.journal.deductions import deductions
from flows.journal.post import Booked, charge_ids
from flows.lifecycle import periods
from flows.lifecycle.refusals import refusals
from flows.lifecycle.tables import encoded
from flows.reconciliation import figures
from flows.reconciliation.facts import original_of
from flows.reconciliation.judge import ADVICE
from flows.reconciliation.model import CURRENCY
from flows.reconciliation.output import (
    Asked,
    BillSaid,
    Closed,
    Decided,
    Entry,
    Exceptional,
    Heard,
    Listed,
    Output,
    Said,
    Stated,
    Weighed,
)
from flows.reconciliation.posting import Posting
from schemas import topics
from schemas.events import Event
from schemas.payments import (
    BillComplete,
    BillRefused,
    CloseAsked,
    OrderStatus,
    Payment,
    PaymentRulesPublished,
    PreviewAsked,
    Receivable,
    ReceivableCancelled,
    ReopenAsked,
)
from schemas.times import day_of
from sinks import columns
from sinks.columns import Ints, Made, Vocabulary, ints
from sinks.encode import Encoded

MATCHES = ("match", "difference", "write_off")
"""Entries that have rows in the table of matches."""
MOST_LACKS = 200
"""Of what a close lacks, so many are told one by one."""
WHAT: dict[type[Event], str] = {CloseAsked: "close", PreviewAsked: "preview", ReopenAsked: "reopen"}


class Tables:
    """Makes a lane's blocks into rows. `writes_documents`: the first lane writes what every lane reads."""

    def __init__(self, writes_documents: bool = True) -> None:
        self.posting = Posting()
        self.writes_documents = writes_documents
        self.booked: Booked | None = None
        """What the newest block booked."""

    def make(self, output: Output, seq: int) -> list[Encoded]:
        """All tables of a block that have rows, in order of their names."""
        self.booked = self.posting.booked(output.entries)
        made: dict[str, dict[str, Made] | None] = {
            "bill": _bills(output.bills),
            "books_close": periods.rows(output.books),
            "close": _closes(output.closes, output.now),
            "bill_line": _lines(output.lines),
            "decision_state": _states(output.weighed, output.now),
            "deduction": _deductions(output.asked, output.now),
            "dead_letter": refusals(output.refusals),
            "journal": self.posting.journal(self.booked),
            "notification": _notifications(output.heard),
            "order_status": _statuses(output.statuses, output.now),
            "payment": _payments(output.stated),
            "payment_decision": _decisions(output.decided),
            "payment_exception": _exceptions(output.exceptions, output.now),
            "payment_match": _matches([e for e in output.entries if e.what in MATCHES], output.now),
            "receivable": _receivables(output.said),
        }
        if self.writes_documents and output.published:
            made |= {"payment_rules": _published(output.published), "account": chart(self.posting.rules)}
        return encoded(made, seq)


def _notifications(rows: Sequence[Heard]) -> dict[str, Made] | None:
    if not rows:
        return None
    events = [row.event for row in rows]
    channels = [event.channel for event in events]
    return {
        "notification_id": columns.texts([event.id for event in events]),
        "channel": columns.spelled(channels),
        "group": columns.spelled([event.group for event in events]),
        "received": columns.times(ints([event.time for event in events])),
        **_told([row.payment for row in rows]),
        "payments": columns.numbers(ints([row.payments for row in rows]), "uint16"),
        "sealed": columns.texts([row.sealed for row in rows]),
        "topic": columns.spelled([topics.notifications(channel).name for channel in channels]),
        "partition": columns.numbers(ints([row.partition for row in rows]), "uint16"),
        "offset": columns.numbers(ints([row.offset for row in rows]), "uint64"),
    }


def _payments(rows: Sequence[Stated]) -> dict[str, Made] | None:
    if not rows:
        return None
    found = [row.payment for row in rows]
    return {
        **_told(found),
        "channel": columns.spelled([one.channel for one in found]),
        "merchant": columns.spelled([one.merchant for one in found]),
        "group": columns.spelled([one.group for one in found]),
        "number": columns.texts([one.number for one in found]),
        "kind": columns.spelled([one.kind for one in found]),
        "order": columns.texts([one.order for one in found]),
        "original": columns.texts([original_of(one) for one in found]),
        "payer": columns.texts([one.payer for one in found]),
        "party": columns.texts([row.party for row in rows]),
        "text": columns.texts([one.text for one in found]),
        "cause": columns.texts([row.cause for row in rows]),
    }


def _told(rows: Sequence[Payment]) -> dict[str, Made]:
    """What a payment is told as, by a notification or by all that is known of it."""
    return {
        "payment": columns.texts([one.key for one in rows]),
        "direction": columns.spelled([one.direction for one in rows]),
        "state": columns.spelled([one.state for one in rows]),
        "amount": columns.money(ints([one.amount_e4 for one in rows])),
        "currency": columns.spelled([one.currency for one in rows]),
        "fee": columns.money(ints([one.fee_e4 or 0 for one in rows])),
        "fee_told": columns.numbers(ints([one.fee_e4 is not None for one in rows]), "uint8"),
        "event_time": columns.times(ints([one.time for one in rows])),
        "settled": columns.dates(
            ints([day_of(one.settled) if one.settled is not None else 0 for one in rows])
        ),
    }


def _receivables(rows: Sequence[Said]) -> dict[str, Made] | None:
    if not rows:
        return None
    said = [_word(row.event) for row in rows]
    return {
        "event_id": columns.texts([row.event.id for row in rows]),
        "status": columns.spelled(
            ["told" if isinstance(row.event, Receivable) else "cancelled" for row in rows]
        ),
        "group": columns.spelled([row.event.group for row in rows]),
        "document": columns.texts([row.event.document for row in rows]),
        "kind": columns.spelled([one.kind if one else "" for one, _ in said]),
        "direction": columns.spelled([one.direction if one else "" for one, _ in said]),
        "party": columns.texts([one.party if one else "" for one, _ in said]),
        "amount": columns.money(ints([one.amount_e4 if one else 0 for one, _ in said])),
        "currency": columns.spelled([one.currency if one else "" for one, _ in said]),
        "event_time": columns.times(ints([row.event.time for row in rows])),
        "due_day": columns.dates(ints([_due_day(one) for one, _ in said])),
        "references": columns.texts([" ".join(one.references) if one else "" for one, _ in said]),
        "payer": columns.texts([one.payer if one else "" for one, _ in said]),
        "partial": columns.numbers(ints([one is not None and one.partial for one, _ in said]), "uint8"),
        "text": columns.texts([one.text if one else no.reason if no else "" for one, no in said]),
        "by": columns.texts([no.by if no else "" for _, no in said]),
        "settle": columns.spelled([one.settle if one else "" for one, _ in said]),
        "partition": columns.numbers(ints([row.partition for row in rows]), "uint16"),
        "offset": columns.numbers(ints([row.offset for row in rows]), "uint64"),
    }


def _word(event: Receivable | ReceivableCancelled) -> tuple[Receivable | None, ReceivableCancelled | None]:
    return (event, None) if isinstance(event, Receivable) else (None, event)


def _due_day(event: Receivable | None) -> int:
    return day_of(event.due_day) if event is not None and event.due_day is not None else 0


def _bills(rows: Sequence[BillSaid]) -> dict[str, Made] | None:
    if not rows:
        return None
    ends = [row.event if isinstance(row.event, BillComplete) else None for row in rows]
    nots = [row.event if isinstance(row.event, BillRefused) else None for row in rows]
    return {
        "bill": columns.texts([row.event.bill for row in rows]),
        "status": columns.spelled(["complete" if end else "refused" for end in ends]),
        "group": columns.spelled([row.event.group for row in rows]),
        "channel": columns.spelled([row.event.channel for row in rows]),
        "merchant": columns.spelled([row.event.merchant for row in rows]),
        "sort": columns.spelled([row.event.sort for row in rows]),
        "day": columns.dates(ints([day_of(row.event.day) for row in rows])),
        "statement": columns.texts([row.event.statement for row in rows]),
        "parts": columns.numbers(ints([end.parts if end else 0 for end in ends]), "uint32"),
        "lines": columns.numbers(ints([end.lines if end else 0 for end in ends]), "uint32"),
        "paid": columns.money(ints([end.paid_e4 if end else 0 for end in ends])),
        "refunded": columns.money(ints([end.refunded_e4 if end else 0 for end in ends])),
        "fee": columns.money(ints([end.fee_e4 if end else 0 for end in ends])),
        "file": columns.texts([row.event.file for row in rows]),
        "event_time": columns.times(ints([row.event.time for row in rows])),
        "reason": columns.spelled([one.reason if one else "" for one in nots]),
        "detail": columns.texts([one.detail if one else "" for one in nots]),
        "partition": columns.numbers(ints([row.partition for row in rows]), "uint16"),
        "offset": columns.numbers(ints([row.offset for row in rows]), "uint64"),
    }


def _lines(rows: Sequence[Listed]) -> dict[str, Made] | None:
    if not rows:
        return None
    events = [row.event for row in rows]
    lines = [line for event in events for line in event.lines]
    counts = np.array([len(event.lines) for event in events])

    def each(values: Sequence[int]) -> Ints:
        return np.repeat(ints(values), counts)

    def words(values: Sequence[str]) -> Made:
        found = Vocabulary()
        return columns.words(np.repeat(found.codes(values), counts), found)

    keys = [f"{event.channel}/{event.merchant}" for event in events for _ in event.lines]
    return {
        "bill": words([event.bill for event in events]),
        "group": words([event.group for event in events]),
        "channel": words([event.channel for event in events]),
        "merchant": words([event.merchant for event in events]),
        "sort": words([event.sort for event in events]),
        "day": columns.dates(each([day_of(event.day) for event in events])),
        "statement": words([event.statement for event in events]),
        "part": columns.numbers(each([event.part for event in events]), "uint32"),
        "place": columns.numbers(
            ints([place for event in events for place in range(len(event.lines))]), "uint32"
        ),
        "payment": columns.texts(
            [f"{of}/{line.kind}/{line.number}" for of, line in zip(keys, lines, strict=True)]
        ),
        "kind": columns.spelled([line.kind for line in lines]),
        "direction": columns.spelled([line.direction for line in lines]),
        "state": columns.spelled([line.state for line in lines]),
        "amount": columns.money(ints([line.amount_e4 for line in lines])),
        "currency": columns.spelled([line.currency for line in lines]),
        "fee": columns.money(ints([line.fee_e4 for line in lines])),
        "event_time": columns.times(ints([line.time for line in lines])),
        "partition": columns.numbers(each([row.partition for row in rows]), "uint16"),
        "offset": columns.numbers(each([row.offset for row in rows]), "uint64"),
    }


def _matches(rows: Sequence[Entry], now: int) -> dict[str, Made] | None:
    if not rows:
        return None
    times = ints([row.time for row in rows])
    return {
        "match_id": columns.ids(charge_ids(row.name for row in rows)),
        "what": columns.spelled([row.what for row in rows]),
        "group": columns.spelled([row.group for row in rows]),
        "payment": columns.texts([row.payment for row in rows]),
        "document": columns.texts([row.document for row in rows]),
        "party": columns.texts([row.party for row in rows]),
        "amount": columns.money(ints([row.amount for row in rows])),
        "currency": columns.spelled([row.currency for row in rows]),
        "posting": columns.spelled([row.rule for row in rows]),
        "rule": columns.spelled([row.by for row in rows]),
        "evidence": columns.texts([row.evidence for row in rows]),
        "revision": columns.numbers(ints([row.revision for row in rows]), "uint16"),
        "reversal": columns.numbers(ints([row.reversal for row in rows]), "uint8"),
        "event_time": columns.times(times),
        "business_date": columns.dates(ints([row.day for row in rows])),
        "cause": columns.texts([row.cause for row in rows]),
        "time": _now(now, len(rows)),
    }


def _exceptions(rows: Sequence[Exceptional], now: int) -> dict[str, Made] | None:
    if not rows:
        return None
    advice = [ADVICE[row.kind] for row in rows]
    return {
        "exception_id": columns.texts([row.id for row in rows]),
        "status": columns.spelled([row.status for row in rows]),
        "group": columns.spelled([row.group for row in rows]),
        "kind": columns.spelled([row.kind for row in rows]),
        "subject": columns.texts([row.subject for row in rows]),
        "severity": columns.spelled([one.severity for one in advice]),
        "owner": columns.spelled([one.owner for one in advice]),
        "action": columns.texts([one.action for one in advice]),
        "amount": columns.money(ints([row.amount for row in rows])),
        "evidence": columns.texts([row.evidence for row in rows]),
        "candidates": columns.texts([_listed(row.candidates) for row in rows]),
        "since": columns.times(ints([row.since for row in rows])),
        "until": columns.times(ints([row.until for row in rows])),
        "cause": columns.texts([row.cause for row in rows]),
        "time": _now(now, len(rows)),
    }


def _statuses(rows: Sequence[OrderStatus], now: int) -> dict[str, Made] | None:
    if not rows:
        return None
    return {
        "status_id": columns.texts([row.id for row in rows]),
        "group": columns.spelled([row.group for row in rows]),
        "document": columns.texts([row.document for row in rows]),
        "serial": columns.numbers(ints([row.serial for row in rows]), "uint32"),
        "status": columns.spelled([row.status for row in rows]),
        "due": columns.money(ints([row.due_e4 for row in rows])),
        "paid": columns.money(ints([row.paid_e4 for row in rows])),
        "refunded": columns.money(ints([row.refunded_e4 for row in rows])),
        "overpaid": columns.money(ints([row.over_e4 for row in rows])),
        "payments": columns.texts([_listed(row.payments) for row in rows]),
        "event_time": columns.times(ints([row.time for row in rows])),
        "time": _now(now, len(rows)),
    }


def _decisions(rows: Sequence[Decided]) -> dict[str, Made] | None:
    if not rows:
        return None
    events = [row.event for row in rows]
    return {
        "event_id": columns.texts([event.id for event in events]),
        "group": columns.spelled([event.group for event in events]),
        "event_time": columns.times(ints([event.time for event in events])),
        "decision": columns.spelled([event.decision for event in events]),
        "by": columns.texts([event.by for event in events]),
        "exception_id": columns.texts([event.exception for event in events]),
        "shares": columns.texts([_json(event.shares) for event in events]),
        "payment": columns.texts([event.payment for event in events]),
        "document": columns.texts([event.document for event in events]),
        "amount": columns.money(ints([event.amount_e4 for event in events])),
        "until": columns.times(ints([event.until for event in events])),
        "of": columns.texts([event.of for event in events]),
        "reason": columns.texts([event.reason for event in events]),
        "partition": columns.numbers(ints([row.partition for row in rows]), "uint16"),
        "offset": columns.numbers(ints([row.offset for row in rows]), "uint64"),
    }


def _states(rows: Sequence[Weighed], now: int) -> dict[str, Made] | None:
    if not rows:
        return None
    return {
        "event_id": columns.texts([row.decision for row in rows]),
        "group": columns.spelled([row.group for row in rows]),
        "state": columns.spelled([row.state for row in rows]),
        "cause": columns.texts([row.cause for row in rows]),
        "time": _now(now, len(rows)),
    }


def _closes(rows: Sequence[Closed], now: int) -> dict[str, Made] | None:
    if not rows:
        return None
    events = [row.event for row in rows]
    spans = [_period(row) for row in rows]
    sums = [figures.named(row.sums) if row.sums else {} for row in rows]
    return {
        "close_id": columns.texts([event.id for event in events]),
        "what": columns.spelled([WHAT[type(event)] for event in events]),
        "status": columns.spelled([row.status for row in rows]),
        "group": columns.spelled([event.group for event in events]),
        "channel": columns.spelled([event.channel for event in events]),
        "merchant": columns.spelled([event.merchant for event in events]),
        "period": columns.spelled([period for period, _, _ in spans]),
        "first": columns.dates(ints([first for _, first, _ in spans])),
        "last": columns.dates(ints([last for _, _, last in spans])),
        "by": columns.texts([event.by for event in events]),
        "reason": columns.texts([event.reason for event in events]),
        "of": columns.texts([event.of if isinstance(event, ReopenAsked) else "" for event in events]),
        "lacking": columns.numbers(ints([len(row.lacks) for row in rows]), "uint32"),
        "lacks": columns.texts([_json(row.lacks[:MOST_LACKS]) for row in rows]),
        "open_count": columns.numbers(ints([len(row.items) for row in rows]), "uint32"),
        "open": columns.money(ints([_open(row) for row in rows])),
        "items": columns.texts([_json(row.items) for row in rows]),
        **{
            column: (columns.numbers(found, "int64") if _is_count(column) else columns.money(found))
            for column in figures.NAMES
            for found in [ints([one.get(column, 0) for one in sums])]
        },
        "suspense": columns.money(ints([row.suspense for row in rows])),
        "event_time": columns.times(ints([event.time for event in events])),
        "time": _now(now, len(rows)),
        "partition": columns.numbers(ints([row.partition for row in rows]), "uint16"),
        "offset": columns.numbers(ints([row.offset for row in rows]), "uint64"),
    }


def _period(row: Closed) -> tuple[str, int, int]:
    """What is closed, or was: period, first and last day."""
    if isinstance(row.event, CloseAsked):
        return row.event.period, day_of(row.event.first), day_of(row.event.last)
    return (row.of.period, row.of.first, row.of.last) if row.of is not None else ("", 0, 0)


def _is_count(column: str) -> bool:
    return column.endswith(("_count", "_lines"))


def _open(row: Closed) -> int:
    """What open items come to, as far as it is money of the ledger."""
    return sum(item.amount_e4 for item in row.items if item.currency == CURRENCY)


def _json(said: object) -> str:
    return msgspec.json.encode(said).decode()


def _deductions(rows: Sequence[Asked], now: int) -> dict[str, Made] | None:
    if not rows:
        return None
    return deductions(
        [(0, row.ask, "dropped" if row.ask.back else "asked", "", 0, row.cause) for row in rows], now
    )


def _published(rows: Sequence[PaymentRulesPublished]) -> dict[str, Made]:
    files = [(row, name, row.files[name]) for row in rows for name in sorted(row.files)]
    return {
        "version": columns.texts([row.version for row, _, _ in files]),
        "published_at": columns.times(ints([row.time for row, _, _ in files])),
        "published_by": columns.texts([row.published_by for row, _, _ in files]),
        "file": columns.texts([name for _, name, _ in files]),
        "content": columns.texts([text for _, _, text in files]),
    }


def _listed(names: Sequence[str]) -> str:
    """Names in one text: blanks are between them, and one in a name is `%20`."""
    return " ".join([name.replace("%", "%25").replace(" ", "%20") for name in names])


def _now(now: int, rows: int) -> Made:
    return columns.times(ints([now] * rows))
