"""What the page and the terminal tell of payments: money by channel, how much of it is matched, what is open, where
money stands, aging.

Sums over currencies make no sense: each is told by itself; the share that is matched is that of money in yuan. What is
deducted from virtual accounts came through a channel before: it is no further money.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import Row, rows
from dashboards.terms import BUCKETS, EXCEPTION_STATES, EXCEPTIONS, NEGATIVE, SEVERITIES, channel_name
from dashboards.words import shanghai
from schemas.counted import counted

CHANNELS = """
SELECT channel, currency, sum(payments) AS n, sumIf(c.amount, direction = 'in') AS money_in,
       sumIf(c.amount, direction = 'out') AS money_out, sum(c.fees) AS kept
FROM channel_day AS c WHERE channel != 'account' GROUP BY channel, currency ORDER BY currency, channel"""
MATCHED = """
SELECT sum(payments) AS n, sum(c.amount) AS money, sum(c.matched) AS found, sum(fully_matched) AS wholly
FROM channel_day AS c WHERE channel != 'account' AND kind = 'payment' AND direction = 'in' AND currency = 'CNY'"""
EXCEPTION_REASONS = """
SELECT if(state = 'ignored', state, kind) AS why, any(severity) AS gravity, count() AS n, min(since) AS oldest
FROM open_payment_exception GROUP BY why ORDER BY why = 'ignored', n DESC, why"""
"""Those that are ignored until a day, of whatever kind, are a reason of their own, the last."""
EXCEPTION_LIST = """
SELECT exception_id, if(state = 'ignored', state, kind) AS why, kind, subject, severity, owner, suggested, amount,
       evidence, candidates, since, until, state = 'ignored' AS asleep,
       dateDiff('minute', since, (SELECT now FROM payment_clock)) AS minutes
FROM open_payment_exception WHERE {reason:String} = '' OR why = {reason:String}
ORDER BY asleep, since, exception_id LIMIT {limit:UInt32} OFFSET {skip:UInt32}"""
OPEN_DECISIONS = """
SELECT * FROM open_decision WHERE {group:String} = '' OR of_group = {group:String}
ORDER BY needs, decided_at, decision_id"""
DECISION_REASONS = "SELECT needs AS why, count() AS n FROM open_decision GROUP BY why ORDER BY why"
DECISION_LIST = """
SELECT *, needs AS why FROM open_decision WHERE {reason:String} = '' OR why = {reason:String}
ORDER BY decided_at, decision_id LIMIT {limit:UInt32} OFFSET {skip:UInt32}"""
AGING = """
SELECT currency, bucket, sum(documents) AS n, sum(a.amount) AS owed FROM receivable_aging AS a
GROUP BY currency, bucket ORDER BY currency, indexOf(['current', '1-30', '31-60', '61-90', 'over 90'], bucket)"""
RECEIVABLE_BUCKETS = "SELECT bucket AS why, count() AS n FROM open_receivable GROUP BY why ORDER BY min(late)"
RECEIVABLE_LIST = """
SELECT document, bucket AS why, of_group, party, due_day, late, remains, currency FROM open_receivable
WHERE {reason:String} = '' OR why = {reason:String}
ORDER BY due_day, of_group, document LIMIT {limit:UInt32} OFFSET {skip:UInt32}"""
CLOSE_PERIODS = "SELECT period AS why, count() AS n FROM close_now GROUP BY why ORDER BY min(last - first)"
CLOSE_LIST = """
SELECT close_id, period AS why, first, last, of_group, channel, merchant, closed_by, closed_at, received, refunded,
       paid_out, fees, matched, matched_out, suspense, open_count
FROM close_now WHERE {reason:String} = '' OR why = {reason:String}
ORDER BY last DESC, first DESC, of_group, channel, merchant, close_id LIMIT {limit:UInt32} OFFSET {skip:UInt32}"""
PAYMENT_CHANNELS = """
SELECT channel AS why, uniqExact(payment) AS n FROM payment WHERE channel != 'account'
GROUP BY why ORDER BY n DESC, why"""
PAYMENT_LIST = """
SELECT payment, channel AS why, merchant, kind AS moved, direction AS way, state AS money_state, p.amount AS amount,
       p.fee AS kept, currency, unmatched, paid_at
FROM payment_now AS p WHERE payment IN (
    SELECT payment FROM payment WHERE channel != 'account' AND ({reason:String} = '' OR channel = {reason:String})
    GROUP BY payment ORDER BY argMax(event_time, (seq, line)) DESC, payment LIMIT {limit:UInt32} OFFSET {skip:UInt32})
ORDER BY paid_at DESC, payment"""
"""The newest; which these are is asked first, so that the view is asked about no others."""
CASH = """
SELECT account, channel, merchant, currency, c.balance AS stands, c.suspense AS unknown FROM cash_position AS c
ORDER BY currency, channel, merchant, account"""
OUTSTANDING = """
SELECT of_group, currency, outstanding, days FROM days_sales_outstanding ORDER BY of_group, currency"""

CLOCK = "SELECT now FROM payment_clock"

IGNORED = "ignored"
"""What stands in the place of the kind of exceptions that sleep."""
AGES = "ages are as of the books' time, which stands still while nothing comes"


class Figures(msgspec.Struct, frozen=True):
    """All of it, at one moment."""

    channels: list[Row]
    matched: Row
    exceptions: list[Row]
    cash: list[Row]
    aging: list[Row]
    outstanding: list[Row]
    clock: Row


def figures(client: Client) -> Figures:
    """Ask ClickHouse."""
    return Figures(
        rows(client, CHANNELS),
        rows(client, MATCHED)[0],
        rows(client, EXCEPTION_REASONS),
        rows(client, CASH),
        rows(client, AGING),
        rows(client, OUTSTANDING),
        rows(client, CLOCK)[0],
    )


def share(matched: Row) -> str:
    """How much of `MATCHED`'s money is matched, in percent; a dash without money."""
    return f"{Decimal(matched['found']) / Decimal(matched['money']):.1%}" if matched["money"] else "–"


def awake(exceptions: Sequence[Row]) -> int:
    """How many of `EXCEPTION_REASONS` somebody has to look at now."""
    return sum(row["n"] for row in exceptions if row["why"] != IGNORED)


def _asked(row: Row) -> str:
    if row["why"] == IGNORED:
        return EXCEPTION_STATES.both(IGNORED)
    return f"{EXCEPTIONS.both(row['why'])} ({SEVERITIES.both(row['gravity'])})"


def place_name(row: Row) -> tuple[str, str]:
    """Where money of `CASH` stands, for people: what it is called, and its ledger account and currency."""
    name = f"{channel_name(row['channel'])} {row['merchant']}" if row["channel"] else "银行存款"
    return name, f"{row['account'] or '未记账 not in the ledger'} {row['currency']}"


def remarks(suspense: Iterable[Decimal]) -> list[str]:
    """What is said of figures of suspense: nothing, unless one is negative."""
    return [" — ".join(NEGATIVE)] if any(amount < 0 for amount in suspense) else []


def ages_as_of(clock: Row) -> str:
    """Said wherever ages are: they go by the books' time, that of the newest payment, document or exception."""
    return f"账龄与时长截至账簿时间 {shanghai(clock['now'])}，没有新业务时不前进 — {AGES}"


def to_text(seen: Figures) -> str:
    """For a terminal."""
    matched = seen.matched
    return "\n".join(
        (
            "收付款 payments",
            *(
                f"  {row['channel']:<10}{row['n']:>10,} 笔  收 in {row['money_in']:>16,.2f}  "
                f"付 out {row['money_out']:>14,.2f}  手续费 fees {row['kept']:>10,.2f} {row['currency']}  "
                f"{channel_name(row['channel'])}"
                for row in seen.channels
            ),
            f"已核销 matched {share(matched)}: {matched['found']:,.2f} of {matched['money']:,.2f} yuan, "
            f"{matched['wholly']:,} of {counted(matched['n'], 'payment')} wholly",
            "待处理异常 open exceptions",
            *(
                f"  {row['n']:>10,}  {_asked(row)}  最早 oldest {shanghai(row['oldest'])}"
                for row in seen.exceptions
            ),
            "资金头寸 cash position, and of it what nobody knows what it is for",
            *(
                f"  {row['stands']:>16,.2f}  待核销 {row['unknown']:>14,.2f}  {'  '.join(place_name(row))}"
                for row in seen.cash
            ),
            *(f"  {remark}" for remark in remarks(row["unknown"] for row in seen.cash)),
            "应收账龄 aging of receivables",
            *(
                f"  {row['owed']:>16,.2f} {row['currency']}  {row['n']:>8,}  {BUCKETS[row['bucket']]} {row['bucket']}"
                for row in seen.aging
            ),
            f"  {ages_as_of(seen.clock)}",
            "应收周转天数 days sales outstanding",
            *(
                f"  {row['of_group']} {row['currency']}: {'–' if row['days'] is None else row['days']}"
                for row in seen.outstanding
            ),
        )
    )
