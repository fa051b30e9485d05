"""Closing days, weeks and months as people ask for it: `waybook close`."""

import csv
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.closes import (
    ONE,
    PERIODS,
    STATUS,
    WHAT,
    against,
    days_of,
    figures,
    found,
    heading,
    is_close,
    items,
    kind_of,
    open_items,
    remarks,
    status_of,
    told,
    undone,
)
from dashboards.queries import Row, rows
from dashboards.stored import now_of
from dashboards.words import shanghai
from deploy.books import somebody
from deploy.files import text_of
from deploy.reconciliation.known import require_group
from deploy.terminal import table
from schemas import topics
from schemas.limits import MOST_IDENTIFIER
from schemas.money import yuan
from schemas.payments import MOST_REASON, CloseAsked, Named, Period, PreviewAsked, ReopenAsked
from schemas.problems import DocumentError, Problem
from schemas.rows import rows_of, wrong
from schemas.times import calendar_date, next_month
from sinks.kafka import Records

ACCOUNTS = """
SELECT DISTINCT toString(channel) AS of_channel, toString(merchant) AS of_merchant FROM (
    SELECT channel, merchant FROM payment WHERE `group` = {group:String} AND channel != 'account'
    UNION DISTINCT SELECT channel, merchant FROM bill WHERE `group` = {group:String}
) WHERE ({channel:String} = '' OR of_channel = {channel:String})
    AND ({merchant:String} = '' OR of_merchant = {merchant:String})
ORDER BY of_channel, of_merchant"""
"""What is deducted from virtual accounts came through no channel that could be closed."""
STANDING = """
SELECT * FROM close_now
WHERE ({group:String} = '' OR of_group = {group:String}) AND ({period:String} = '' OR period = {period:String})
    AND ({first:String} = '' OR toString(first) = {first:String})
ORDER BY of_group, channel, merchant, last, period, first"""
ALL = """
SELECT toString(`group`) AS of_group, toString(what) AS what, toString(status) AS status, toString(channel) AS channel,
       toString(merchant) AS merchant, toString(period) AS period, first, last, close_id, by, event_time, lacking
FROM close WHERE ({group:String} = '' OR of_group = {group:String})
    AND ({period:String} = '' OR period = {period:String}) AND ({first:String} = '' OR toString(first) = {first:String})
ORDER BY event_time, seq, line"""
DEAD = """
SELECT concat(toString(reason), ': ', detail) AS why FROM dead_letter
WHERE event_id = {id:String} AND topic = {topic:String} AND status = 'open' LIMIT 1"""

NAMES = ("item", "reason")
"""Columns of a file of names."""
WIDTHS = (MOST_IDENTIFIER, MOST_REASON)
"""Characters that each of them may have."""
UNNAMED = ("item", "种类", "对象", "金额", "币种", "reason")
"""Columns of the file that tells what has to be named: with its reasons it is a file of names."""


class Account(NamedTuple):
    """A channel's merchant."""

    channel: str
    merchant: str


def span(period: Period, text: str) -> tuple[date, date]:
    """First and last day of the period that a day lies in; a month also as 2025-11. Raises ValueError."""
    try:
        day = calendar_date(f"{text}-01" if period == "month" and len(text) == 7 else text)
    except ValueError:
        raise ValueError(f"{text!r} is no day such as 2025-11-11") from None
    if period == "week":
        first = day - timedelta(days=day.weekday())
        return first, first + timedelta(days=6)
    if period == "month":
        first = day.replace(day=1)
        return first, next_month(first) - timedelta(days=1)
    return day, day


def accounts(client: Client, group: str, channel: str = "", merchant: str = "") -> list[Account]:
    """The channels' merchants of a group that have any business; of one that is named in full the lane knows best.
    Raises LookupError where there is none."""
    found = rows(client, ACCOUNTS, group=group, channel=channel, merchant=merchant)
    if not found and not (channel and merchant):
        require_group(client, group)
        there = rows(client, ACCOUNTS, group=group, channel="", merchant="")
        named = ", ".join(f"{row['of_channel']}/{row['of_merchant']}" for row in there) or "none yet"
        asked = channel or merchant or "any channel"
        raise LookupError(f"group {group} has no business through {asked}; there are: {named}")
    return [Account(row["of_channel"], row["of_merchant"]) for row in found] or [Account(channel, merchant)]


def names_of(words: Sequence[str], file: Path | None = None) -> tuple[Named, ...]:
    """Open items with reasons: ITEM=REASON, and rows of a CSV file with columns item and reason.

    Raises OSError and ValueError, of the file with each row that is wrong.
    """
    pairs = [word.partition("=")[::2] for word in words]
    for item, reason in pairs:
        if not item.strip() or not reason.strip():
            raise ValueError(f"{item!r}={reason!r} is no ITEM=REASON")
    named = [Named(item.strip(), reason.strip()) for item, reason in pairs]
    return (*named, *(_names_in(file) if file is not None else ()))


def _names_in(file: Path) -> list[Named]:
    problems: list[Problem] = []
    named: list[Named] = []
    for row, cells in rows_of({file.name: text_of(file)}, file.name, NAMES, problems, others=True):
        said = {name: cells[name] for name in NAMES}
        try:
            named.append(msgspec.convert(said, Named))
        except msgspec.ValidationError:
            problems += [
                wrong(file.name, row, name, f"has 1 to {most} characters, and not {len(said[name])}")
                for name, most in zip(NAMES, WIDTHS, strict=True)
                if not 0 < len(said[name]) <= most
            ]
    if problems:
        raise DocumentError(problems)
    return named


def closing(
    client: Client,
    group: str,
    account: Account,
    period: Period,
    days: tuple[date, date],
    names: tuple[Named, ...],
    by: str,
    reason: str = "",
    *,
    asks: type[CloseAsked] = CloseAsked,
) -> CloseAsked:
    """A command to close, or to tell what that would do. Raises ValueError or msgspec.ValidationError."""
    somebody(by)
    said = {
        **account._asdict(),
        "id": f"close-{uuid.uuid4().hex}",
        "time": now_of(client),
        "group": group,
        "period": period,
        "first": days[0],
        "last": days[1],
        "by": by,
        "named": names,
        "reason": reason,
    }
    return msgspec.convert(msgspec.to_builtins(said), asks)


def reopening(client: Client, number: str, by: str, reason: str) -> ReopenAsked:
    """A command to undo a close. Raises LookupError, ValueError or msgspec.ValidationError."""
    row = found(client, number)
    somebody(by)
    if not reason.strip():
        raise ValueError("a close is not undone without a reason: say --reason TEXT")
    said = {
        "id": f"reopen-{uuid.uuid4().hex}",
        "time": now_of(client),
        "group": row["of_group"],
        "channel": row["channel"],
        "merchant": row["merchant"],
        "of": number,
        "by": by,
        "reason": reason,
    }
    return msgspec.convert(said, ReopenAsked)


def became(client: Client, event: CloseAsked | ReopenAsked, seconds: float = 20) -> tuple[bool, list[str]]:
    """Whether a lane has done it, and what it says, of a preview all; waits so long for it."""
    until = time.monotonic() + seconds
    name = f"{event.channel}/{event.merchant}"
    while not (known := rows(client, ONE, id=event.id)):
        dead = rows(client, DEAD, id=event.id, topic=topics.DECISIONS.name)
        if dead:
            return False, [f"{name}  {STATUS['refused']}: {dead[0]['why']}"]
        if time.monotonic() > until:
            return False, [f"{name}  no lane has taken it yet: waybook close show {event.id} tells later"]
        time.sleep(0.2)
    row = known[0]
    if isinstance(event, PreviewAsked):
        return row["status"] != "refused", list(showing(client, event.id))
    lines = [f"{name}  {STATUS[row['status']]}  {event.id}"]
    return row["status"] != "refused", [*lines, *(f"  {line}" for line in against(row))]


def write_unnamed(client: Client, numbers: Sequence[str], file: Path) -> int:
    """What stays open of these commands without a reason, as a table in which people write reasons; how many lines."""
    open_ = [item for number in numbers for row in rows(client, ONE, id=number) for item in items(row)]
    lines = [
        (item.item, kind_of(item), item.subject, yuan(item.amount_e4), item.currency, "")
        for item in open_
        if not item.reason
    ]
    with file.open("w", encoding="utf-8-sig", newline="") as written:
        csv.writer(written).writerows([UNNAMED, *lines])
    return len(lines)


def standing(client: Client, group: str = "", period: str = "", first: str = "") -> list[Row]:
    """Closes that stand, by group, channel, merchant and day."""
    return rows(client, STANDING, group=group, period=period, first=first)


def listing(client: Client, group: str = "", period: str = "", first: str = "") -> Iterator[str]:
    """A line for each close that stands, below a head; nothing where none does."""
    if not (found := standing(client, group, period, first)):
        return iter(())
    head = ["期间", "起 first", "止 last", "渠道 channel", "商户 merchant", "收款 received", "退款 refunded"]
    head += ["手续费 fees", "核销 matched", "待核销 suspense", "未了 open", "结账人 by", "组 group", "close"]
    lines = [
        [
            *(PERIODS[row["period"]], str(row["first"]), str(row["last"]), row["channel"], row["merchant"]),
            *(told(row[name]) for name in ("received", "refunded", "fees", "matched", "suspense")),
            *(str(row["open_count"]), row["closed_by"], row["of_group"], row["close_id"]),
        ]
        for row in found
    ]
    return chain(table([head, *lines], right=(5, 6, 7, 8, 9, 10), indent=0), remarks(*found))


def history(client: Client, group: str = "", period: str = "", first: str = "") -> Iterator[str]:
    """A line for each command, refused ones and those to undo closes, too."""
    for row in rows(client, ALL, group=group, period=period, first=first):
        parts = [shanghai(row["event_time"]), WHAT[row["what"]], status_of(row), days_of(row)]
        parts += [f"{row['channel']}/{row['merchant']}", row["by"], row["close_id"]]
        parts += [f"{row['lacking']} 项 against it"] if row["lacking"] else []
        yield "  ".join(filter(None, parts))


def showing(client: Client, number: str) -> Iterator[str]:
    """All about a close: its figures, what was open and why, what stood against it. Raises LookupError."""
    row = found(client, number)
    yield from heading(row)
    if is_close(row):
        yield from table([list(line) for line in figures(row)], right=(2, 3))
        yield from (f"  {line}" for line in (*remarks(row), *open_items(row)))
    yield from undone(client, number)


def send(records: Records, event: CloseAsked | ReopenAsked) -> None:
    """Hand a command to Kafka; `records` is flushed by the caller."""
    records.produce(topics.DECISIONS.name, event.group, msgspec.json.encode(event))
