"""Amounts of exceptions and decisions in the currency of what they are about; those in yuan bear none."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from dashboards.queries import Row, rows
from dashboards.words import yuan
from flows.reconciliation.model import CURRENCY

FOREIGN = """
SELECT payment AS subject, argMax(toString(p.currency), (seq, line)) AS currency FROM payment AS p
WHERE payment IN {names:Array(String)} GROUP BY subject HAVING currency != {ours:String}
UNION ALL
SELECT document AS subject, argMax(toString(r.currency), (seq, line)) AS currency FROM receivable AS r
WHERE document IN {names:Array(String)} AND status = 'told' GROUP BY subject HAVING currency != {ours:String}"""


def foreign(client: Client, subjects: Iterable[str]) -> dict[str, str]:
    """Of payments and documents that are in another currency than the ledger: which."""
    names = sorted(set(subjects))
    found = rows(client, FOREIGN, names=names, ours=CURRENCY) if names else []
    return {row["subject"]: row["currency"] for row in found}


def subject_of(row: Row) -> str:
    """The payment or document that an exception or decision is about, of a match the first payment; empty: none."""
    return str(row.get("subject") or row.get("about", "").partition(" → ")[0])


def amount_of(amount: Decimal, subject: str, of: Mapping[str, str]) -> str:
    """Such an amount for people: `54.12`, `64.92 USD`."""
    return f"{yuan(amount)} {of[subject]}" if subject in of else yuan(amount)
