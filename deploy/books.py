"""`waybook books`: days are closed in all books, reopened, and listed."""

from collections.abc import Iterator
from datetime import date

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from dashboards.words import FEES, REASONS, shanghai, yuan
from deploy.publish import published
from deploy.transfers import data_time
from flows.lifecycle.intake import RefusedError
from flows.lifecycle.periods import Periods, Said
from schemas.counted import counted
from schemas.events import BooksClosed, BooksReopened
from schemas.identity import content_id
from schemas.reasons import EXCEPTION
from schemas.settings import Settings

WAITING = """
SELECT fee, reason, count() AS n FROM waiting_now WHERE toDate(since, 'Asia/Shanghai') <= {through:Date}
GROUP BY fee, reason ORDER BY n DESC, fee, reason"""
WHICH = (
    "SELECT waybill, fee, reason FROM waiting_now "
    "WHERE toDate(since, 'Asia/Shanghai') <= '{through}' ORDER BY since"
)
"""What whoever closes the books asks for the parcels of `WAITING`."""
UNDECIDED = """
SELECT count() AS n FROM weight_case_now WHERE undecided AND toDate(since, 'Asia/Shanghai') <= {through:Date}"""
DAYS_OPEN = """
SELECT g.of_group AS of_group, d.channel AS channel, d.merchant AS merchant, count() AS n, min(day) AS begins,
       max(day) AS ends
FROM (
    SELECT channel, merchant, business_date AS day FROM cash_day WHERE channel NOT IN ('', 'transit')
    UNION DISTINCT SELECT toString(channel), toString(merchant), day FROM bill WHERE status = 'complete'
) AS d
LEFT JOIN (
    SELECT channel, merchant, max(last) AS upto FROM close_now WHERE period = 'day' GROUP BY channel, merchant
) AS c ON c.channel = d.channel AND c.merchant = d.merchant
LEFT JOIN (
    SELECT toString(channel) AS channel, toString(merchant) AS merchant, argMax(toString(of), seq) AS of_group FROM (
        SELECT channel, merchant, `group` AS of, seq FROM payment
        UNION ALL SELECT channel, merchant, `group` AS of, seq FROM bill
    ) GROUP BY channel, merchant
) AS g ON g.channel = d.channel AND g.merchant = d.merchant
WHERE day <= {through:Date} AND day > c.upto
GROUP BY of_group, channel, merchant ORDER BY of_group, channel, merchant"""
"""Days with business or bills after the last that is closed; without any close `upto` is 1970-01-01."""
EXCEPTIONS = """
SELECT e.of_group AS of_group, e.kind AS why, count() AS n
FROM open_payment_exception AS e
LEFT JOIN (
    SELECT payment, toDate(argMax(event_time, (seq, line)), 'Asia/Shanghai') AS day FROM payment
    WHERE payment IN (SELECT subject FROM open_payment_exception) GROUP BY payment
) AS p ON p.payment = e.subject
WHERE multiIf(p.payment != '', p.day, why IN ('bill_missing', 'bill_refused'), toDate(right(e.subject, 10)),
              toDate(e.since, 'Asia/Shanghai')) <= {through:Date}
GROUP BY of_group, why ORDER BY of_group, n DESC, why"""
"""An exception is of its payment's or bill's day, as closes have it; a document's of the day when it was opened."""
UNMATCHED = """
SELECT of_group, direction, currency, count() AS n, sum(unmatched) AS money FROM payment_now
WHERE unmatched > 0 AND channel != 'account' AND kind != 'transfer'
    AND toDate(paid_at, 'Asia/Shanghai') <= {through:Date}
GROUP BY of_group, direction, currency ORDER BY of_group, currency, direction"""
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

    Raises LookupError with what speaks against it, ValueError when nobody says it or, of a reopening, why,
    msgspec.ValidationError for what no lane could read.
    """
    somebody(by)
    if kind is BooksReopened and not reason.strip():
        raise ValueError("nobody knows why they are reopened: say --reason WHY")
    now, tag = data_time(settings), str(kind.__struct_config__.tag)
    made = kind(id=content_id(tag, str(through), str(now)), time=now, through=through, by=by, reason=reason)
    msgspec.json.decode(msgspec.json.encode(made), type=kind)  # as a lane will read it
    if wrong := _known(settings).against(made):
        raise LookupError(wrong)
    return made


def somebody(by: str) -> None:
    """Raises ValueError when nobody is named who closes or reopens."""
    if not by.strip():
        raise ValueError("nobody closes or reopens: say --by NAME")


def open_items(client: Client, through: date) -> Iterator[str]:
    """What belongs to these days and is not charged yet, by fee and reason, and what is open in payments, in lines."""
    waiting = rows(client, WAITING, through=through)
    for row in waiting:
        yield f"{counted(row['n'], 'waits', 'wait')}: {FEES.both(row['fee'])}, {REASONS[row['reason']]} {row['reason']}"
    if waiting:
        yield f'    which: waybook sql "{WHICH.format(through=through)}"'
    for row in rows(client, UNDECIDED, through=through):
        if row["n"]:
            yield f"{counted(row['n'], 'case of differing weights is', 'cases of differing weights are')} undecided"
    for row in rows(client, DAYS_OPEN, through=through):
        place, days = (
            f"{row['of_group']} {row['channel']}/{row['merchant']}",
            _between(row["begins"], row["ends"]),
        )
        yield f"{counted(row['n'], 'day')} of {place} not closed: {days}"
    for row in rows(client, EXCEPTIONS, through=through):
        open_ = counted(row["n"], "exception is", "exceptions are")
        yield f"{open_} open: {row['of_group']}, {EXCEPTION[row['why']]} {row['why']}"
    for row in rows(client, UNMATCHED, through=through):
        money = f"{row['money']:,.2f} {row['currency']} {row['direction']}"
        yield f"{counted(row['n'], 'payment is', 'payments are')} not wholly matched: {row['of_group']}, {money}"


def _between(first: date, last: date) -> str:
    return str(first) if first == last else f"{first} to {last}"


def told(client: Client) -> Iterator[str]:
    """Closes and reopenings as the lanes took them, and what was booked on a later day because of them."""
    for row in rows(client, TOLD):
        yield (
            f"{shanghai(row['time'])}  {row['status']:<8}  through {row['through']}  {row['published_by']}"
            f"  {row['reason']}  ({counted(row['lanes'], 'lane')})"
        )
    for row in rows(client, LATE):
        of_day, debits = f"{counted(row['n'], 'row')} of {row['day']}", yuan(row["debits"])
        yield f"{of_day}, debits {debits} yuan, booked on {row['booked_on']}"
