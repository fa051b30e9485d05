"""What people decided about payments: each decision, and each word about one, with what it says and what became of
it."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards import terms
from dashboards.currencies import amount_of, foreign
from dashboards.queries import Row
from dashboards.words import shanghai
from schemas.money import YUAN
from schemas.payments import Share

DECISIONS = """
SELECT p.event_id AS event_id, p.event_time AS event_time, toString(p.decision) AS decision, p.by AS by,
       p.reason AS reason, p.of AS of, p.exception_id AS exception_id, p.payment AS payment, p.document AS document,
       p.shares AS shares, p.amount AS amount, p.until AS until, if(n.state = '', 'noted', n.state) AS state,
       n.replaced_by AS replaced_by
FROM payment_decision AS p
LEFT JOIN decision_shown AS n ON n.of_group = toString(p.`group`) AND n.decision_id = p.event_id"""
EPOCH_YEAR = 1970
"""Of a time that was not told."""


def shares_of(row: Row) -> tuple[Share, ...]:
    """Which payments are for which documents."""
    return msgspec.json.decode(row["shares"], type=tuple[Share, ...])


def names_of(row: Row) -> list[str]:
    """The payments and documents that a decision names, each once."""
    shares = [name for share in shares_of(row) for name in (share.payment, share.document)]
    return [name for name in dict.fromkeys((row["payment"], row["document"], *shares)) if name]


def currencies_of(client: Client, found: Iterable[Row], *others: str) -> dict[str, str]:
    """Of what decisions name, and others, in another currency than the ledger: which."""
    return foreign(client, (*others, *(name for row in found for name in names_of(row))))


def content(row: Row, of: Mapping[str, str], subject: str = "") -> Iterator[str]:
    """Of what how much, and until when. `subject`: of the exception that is accepted."""
    yield from filter(None, (row["payment"], row["document"]))
    for one in shares_of(row):
        amount = amount_of(Decimal(one.amount_e4) / YUAN, one.payment, of)
        yield f"{one.payment} → {one.document} {amount}"
    if row["amount"]:
        yield amount_of(row["amount"], row["payment"] or row["document"] or subject, of)
    if row["until"].year > EPOCH_YEAR:
        yield f"暂缓至 until {shanghai(row['until'])}"


def line(row: Row, of: Mapping[str, str], subject: str = "") -> str:
    """All of one: what, its id, what became of it, who, why, and what it says."""
    parts = [
        f"{terms.DECISIONS.both(row['decision'])} {row['event_id']}",
        terms.DECISION_STATES.both(row["state"]),
    ]
    parts += [f"由 by {row['replaced_by']}"] if row["replaced_by"] else []
    parts += [row["by"], row["reason"], *content(row, of, subject)]
    parts += [f"关于 of {row['of']}"] if row["of"] else []
    return "  ".join(filter(None, parts))
