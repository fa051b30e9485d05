"""Lists behind the live page's tables: what waits, was refused or is odd, by reason, page by page."""

from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import (
    ANOMALY_LIST,
    ANOMALY_REASONS,
    DEAD_LETTER_LIST,
    DEAD_LETTER_REASONS,
    WAITING_LIST,
    WAITING_REASONS,
    rows,
)
from dashboards.words import FEES, REASONS, readable

PAGE = 50
"""Rows on a page."""
MOST = 100_000
"""Pages that can be asked for: keeps what we skip within a UInt32."""


class Listing(msgspec.Struct, frozen=True):
    """A list: its template and its questions."""

    template: str
    rows: str
    reasons: str


LISTINGS = {
    "waiting": Listing("waiting.html", WAITING_LIST, WAITING_REASONS),
    "anomalies": Listing("anomalies.html", ANOMALY_LIST, ANOMALY_REASONS),
    "dead-letters": Listing("dead_letters.html", DEAD_LETTER_LIST, DEAD_LETTER_REASONS),
}


def number_of(text: str) -> int:
    """A page's number, from 1; the first page for what is none."""
    return min(max(int(text), 1), MOST) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def list_page(client: Client, listing: Listing, reason: str, number: int) -> dict[str, Any]:
    """What a list's template needs: one page of rows, and how many there are for each reason."""
    found = rows(client, listing.rows, reason=reason, limit=PAGE + 1, skip=PAGE * (number - 1))
    return {
        "reason": reason,
        "number": number,
        "more": len(found) > PAGE,
        "reasons": [
            (row["why"], REASONS.get(row["why"], row["why"]), row["n"])
            for row in rows(client, listing.reasons)
        ],
        "rows": [
            {
                **row,
                "label": REASONS.get(row["why"], row["why"]),
                "fee": FEES.get(row.get("fee", ""), ("", "")),
                "excerpt": readable(row.get("excerpt", "")),
            }
            for row in found[:PAGE]
        ],
    }
