"""The columns of table `claim`: claims and withdrawals that came as events, and claims that breaches make."""

from collections.abc import Sequence
from typing import NamedTuple

from flows.lifecycle.output import Penalty
from schemas.events import Claim, ClaimWithdrawn
from sinks import columns
from sinks.columns import Made


class _Row(NamedTuple):
    """A row, in the order of the table."""

    event_id: str
    waybill: str
    event_time: int
    claim: str
    status: str
    kind: str
    responsible: str
    beneficiary: str
    amount: int
    evidence: str
    by: str
    why: str


def claims(events: Sequence[Claim | ClaimWithdrawn], penalties: Sequence[Penalty]) -> dict[str, Made] | None:
    """Table `claim`: the events first."""
    rows = [*map(_of_event, events), *map(_of_breach, penalties)]
    if not rows:
        return None
    made = dict(zip(_Row._fields, zip(*rows, strict=True), strict=True))
    texts = {
        name: columns.texts(made[name]) for name in ("event_id", "waybill", "claim", "evidence", "by", "why")
    }
    words = {name: columns.spelled(made[name]) for name in ("status", "kind", "responsible", "beneficiary")}
    times = columns.times(columns.ints(made["event_time"]))
    return {**texts, **words, "event_time": times, "amount": columns.money(columns.ints(made["amount"]))}


def _of_event(event: Claim | ClaimWithdrawn) -> _Row:
    if isinstance(event, ClaimWithdrawn):
        back = event.id, event.waybill, event.time, event.claim, "withdrawn"
        return _Row(*back, "", "", "", 0, "", event.by, event.reason)
    said = event.kind, event.responsible, event.beneficiary, event.amount_e4, event.evidence
    return _Row(event.id, event.waybill, event.time, event.id, "claimed", *said, event.by, "")


def _of_breach(row: Penalty) -> _Row:
    about = row.claim, row.waybill, row.time, row.claim, row.status
    return _Row(*about, row.kind, row.responsible, "", row.amount, row.evidence, "", "")
