"""`waybook books`: days are closed in all books, reopened, and listed."""

from collections.abc import Iterator
from datetime import date

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from dashboards.words import shanghai
from deploy.publish import published
from deploy.transfers import data_time
from flows.lifecycle.intake import RefusedError
from flows.lifecycle.periods import Periods, Said
from schemas.events import BooksClosed, BooksReopened
from schemas.identity import content_id
from schemas.settings import Settings

WAITING = """
SELECT fee, why, count() AS n FROM waiting_now WHERE toDate(since, 'Asia/Shanghai') <= {through:Date}
GROUP BY fee, why ORDER BY n DESC, fee, why"""
UNDECIDED = """
SELECT count() AS n FROM weight_case_now WHERE undecided AND toDate(since, 'Asia/Shanghai') <= {through:Date}"""
TOLD = """
SELECT event_id, any(status) AS status, any(through) AS through, any(event_time) AS time,
       any(published_by) AS published_by, any(reason) AS reason, uniqExact(bitShiftRight(seq, 32)) AS lanes
FROM books_close GROUP BY event_id ORDER BY time, event_id"""
LATE = """
SELECT day, booked_on, count() AS n, sumIf(amount, side = 'D') AS debits FROM (
    SELECT bitShiftRight(seq, 32) AS lane, seq, posted_for AS day, business_date AS booked_on, side, amount
    FROM journal WHERE day < booked_on
) AS j ASOF JOIN (
    SELECT bitShiftRight(seq, 32) AS lane, seq, argMax(through, line) AS closed FROM books_close GROUP BY lane, seq
) AS c ON j.lane = c.lane AND j.seq >= c.seq
WHERE day <= closed
GROUP BY day, booked_on ORDER BY booked_on, day"""


def _known(settings: Settings) -> Periods:
    """What the lanes know when they have read all that is published."""
    periods = Periods()
    for event in published(settings):
        if isinstance(event, Said):
            try:
                periods.take(event)
            except RefusedError:
                continue  # a dead letter of the lanes
    return periods


def word(
    settings: Settings,
    kind: type[BooksClosed] | type[BooksReopened],
    through: date,
    by: str,
    reason: str,
) -> Said:
    """That the books are closed through a day, or only through it, to be published.

    Raises LookupError with what speaks against it, msgspec.ValidationError for what no lane could read.
    """
    now, tag = data_time(settings), str(kind.__struct_config__.tag)
    made = kind(id=content_id(tag, str(through), str(now)), time=now, through=through, by=by, reason=reason)
    msgspec.json.decode(msgspec.json.encode(made), type=kind)  # as a lane will read it
    if wrong := _known(settings).against(made):
        raise LookupError(wrong)
    return made


def open_items(client: Client, through: date) -> Iterator[str]:
    """What belongs to these days and is not charged yet: a line for each fee and reason."""
    for row in rows(client, WAITING, through=through):
        yield f"{row['n']} wait: {row['fee']}, {row['why']}"
    for row in rows(client, UNDECIDED, through=through):
        if row["n"]:
            yield f"{row['n']} cases of differing weights are undecided"


def told(client: Client) -> Iterator[str]:
    """Closes and reopenings as the lanes took them, and what was booked on a later day because of them."""
    for row in rows(client, TOLD):
        yield (
            f"{shanghai(row['time'])}  {row['status']:<8}  through {row['through']}  {row['published_by']}"
            f"  {row['reason']}  ({row['lanes']} lanes)"
        )
    for row in rows(client, LATE):
        yield f"{row['n']} rows of {row['day']}, debits {row['debits']}, are booked on {row['booked_on']}"
