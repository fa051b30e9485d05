"""Lists behind the live page's tables: what waits, was refused, is odd, breaks a scan chain or differs in weight, by
reason, payments by channel, receivables by how late they are, closes by period, lines by whether they earn, page by
page."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards import terms
from dashboards.closes import PERIODS
from dashboards.currencies import foreign, subject_of
from dashboards.drafts import PROVINCES
from dashboards.payments import (
    CLOCK,
    CLOSE_LIST,
    CLOSE_PERIODS,
    DECISION_LIST,
    DECISION_REASONS,
    EXCEPTION_LIST,
    EXCEPTION_REASONS,
    PAYMENT_CHANNELS,
    PAYMENT_LIST,
    RECEIVABLE_BUCKETS,
    RECEIVABLE_LIST,
    ages_as_of,
)
from dashboards.queries import (
    ANOMALY_LIST,
    ANOMALY_REASONS,
    BREACH_LIST,
    BREACH_REASONS,
    CASE_LIST,
    CASE_REASONS,
    DEAD_LETTER_LIST,
    DEAD_LETTER_REASONS,
    LINE_LIST,
    LINE_STATES,
    STAY_CUSTOMERS,
    STAY_LIST,
    WAITING_LIST,
    WAITING_REASONS,
    Row,
    rows,
)
from dashboards.stored import phrases_of
from dashboards.trail import known_of
from dashboards.words import FEES, LINES, REASONS, TREATMENTS, line_between, readable
from flows.rating.explain import WEIGHT_CLASSES

PAGE = 50
"""Rows on a page."""
MOST = 100_000
"""Pages that can be asked for: keeps what we skip within a UInt32."""


def label_of(why: str) -> str:
    """A reason for people, by its name."""
    named = REASONS.get(why) or terms.NEEDS.get(why)
    return named or TREATMENTS.get(why, terms.EXCEPTION_STATES[why])[0]


class Listing(msgspec.Struct, frozen=True):
    """A list: its template, its questions, and what its reasons are called whose rows have no label."""

    template: str
    rows: str
    reasons: str
    named: Callable[[str], str] = label_of
    ages: bool = False
    """Whether it tells how old its rows are."""


LISTINGS = {
    "waiting": Listing("waiting.html", WAITING_LIST, WAITING_REASONS),
    "anomalies": Listing("anomalies.html", ANOMALY_LIST, ANOMALY_REASONS),
    "breaches": Listing("breaches.html", BREACH_LIST, BREACH_REASONS),
    "weight-cases": Listing("weight_cases.html", CASE_LIST, CASE_REASONS),
    "stays": Listing("stays.html", STAY_LIST, STAY_CUSTOMERS),
    "lines": Listing("lines.html", LINE_LIST, LINE_STATES, LINES.__getitem__),
    "exceptions": Listing("exceptions.html", EXCEPTION_LIST, EXCEPTION_REASONS, ages=True),
    "decisions": Listing("decisions.html", DECISION_LIST, DECISION_REASONS),
    "payments": Listing("payments.html", PAYMENT_LIST, PAYMENT_CHANNELS, terms.channel_name),
    "receivables": Listing(
        "receivables.html", RECEIVABLE_LIST, RECEIVABLE_BUCKETS, terms.BUCKETS.__getitem__, ages=True
    ),
    "closes": Listing("closes.html", CLOSE_LIST, CLOSE_PERIODS, PERIODS.__getitem__),
    "dead-letters": Listing("dead_letters.html", DEAD_LETTER_LIST, DEAD_LETTER_REASONS),
}

_WEIGHTS = (("counts_class", "counts_g", "counts_site"), ("class_of_other", "g_of_other", "site_of_other"))


def number_of(text: str) -> int:
    """A page's number, from 1; the first page for what is none."""
    return min(max(int(text), 1), MOST) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def list_page(client: Client, listing: Listing, reason: str, number: int) -> dict[str, Any]:
    """What a list's template needs: one page of rows, and how many there are for each reason."""
    said = {
        "kind": terms.EXCEPTIONS.__getitem__,
        "severity": terms.SEVERITIES.__getitem__,
        "owner": terms.OWNERS.__getitem__,
        "suggested": terms.ACTIONS.__getitem__,
        "decision": terms.DECISIONS.__getitem__,
        "channel": terms.channel_name,
        "moved": terms.MOVED.__getitem__,
        "way": terms.WAYS.__getitem__,
        "money_state": terms.MONEY_STATES.__getitem__,
        "evidence": phrases_of(client).told,
    }
    found = rows(client, listing.rows, reason=reason, limit=PAGE + 1, skip=PAGE * (number - 1))
    there = known_of(
        client, [name for row in found if "candidates" in row for name in (row["subject"], *_looked_at(row))]
    )
    of = foreign(client, filter(None, map(subject_of, found)))
    named = any("route" in row for row in found)
    provinces = {row["province"]: row["name"] for row in rows(client, PROVINCES)} if named else {}
    return {
        "reason": reason,
        "number": number,
        "more": len(found) > PAGE,
        "ages_as_of": ages_as_of(rows(client, CLOCK)[0]) if listing.ages else "",
        "reasons": [(row["why"], _label(listing, row), row["n"]) for row in rows(client, listing.reasons)],
        "rows": [
            {
                **row,
                "label": _label(listing, row),
                "said": {name: told(row[name]) for name, told in said.items() if name in row},
                "fee": FEES.get(row.get("fee", ""), ("", "")),
                "weights": [
                    (WEIGHT_CLASSES.get(row[kind], ("", ""))[0], row[grams], row[site])
                    for kind, grams, site in _WEIGHTS
                    if kind in row
                ],
                "between": line_between(row.get("route", ""), provinces),
                "looked_at": _looked_at(row),
                "there": there,
                "foreign": of.get(subject_of(row), ""),
                "excerpt": readable(row.get("excerpt", "")),
            }
            for row in found[:PAGE]
        ],
    }


def _looked_at(row: Row) -> list[str]:
    """The payments and documents that an exception's matching looked at."""
    return [unquote(name) for name in row.get("candidates", "").split()]


def _label(listing: Listing, row: Row) -> str:
    """A row's reason for people."""
    return str(row.get("label") or listing.named(row["why"]))
