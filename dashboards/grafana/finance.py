"""The finance dashboard: money by channel, what it was for, what is open and how old, and each figure's vouchers.

Series go by when a block was planned (`block.at`), so that what has just been booked is seen; tables tell of all that
there is.
"""

from dashboards.grafana.panels import Json, Panel, dashboard, variable

_SEQ = "bitShiftLeft(toUInt64(lane), 32) + n"
_NEW = f"seq IN (SELECT {_SEQ} FROM block WHERE $__timeFilter(at))"
_BLOCKS = f"(SELECT {_SEQ} AS seq, at FROM block WHERE $__timeFilter(at)) AS b"
_WRITTEN = f"""(SELECT {_SEQ} AS seq, leadInFrame(at, 1, at) OVER (PARTITION BY lane ORDER BY n
ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS written FROM block WHERE $__timeFilter(at)) AS b"""
"""When it was known that a block's rows are in the store: with the plan of the next block."""
_MONEY = "channel != 'account'"
"""What is deducted from virtual accounts came through a channel before: it is no further money."""
_GROUP = "$__conditionalAll(`group` IN (${group:singlequote}), $group)"
_OF_GROUP = "$__conditionalAll(of_group IN (${group:singlequote}), $group)"

PANELS = [
    Panel(
        title="收款按渠道 Money in by channel",
        kind="timeseries",
        width=16,
        unit="currencyCNY",
        sql=f"""SELECT $__timeInterval(b.at) AS time, channel, sum(amount) AS money_in FROM payment
        INNER JOIN {_BLOCKS} USING seq
        WHERE state = 'success' AND direction = 'in' AND currency = 'CNY' AND {_MONEY}
        AND {_NEW} AND {_GROUP} GROUP BY time, channel ORDER BY time""",
    ),
    Panel(
        title="核销率 Matched share of money in",
        kind="stat",
        unit="percentunit",
        sql=f"""SELECT toFloat64(sum(c.matched)) / toFloat64(sum(c.amount)) AS share FROM channel_day AS c
        WHERE {_MONEY} AND kind = 'payment' AND direction = 'in' AND currency = 'CNY' AND {_OF_GROUP}""",
    ),
    Panel(
        title="核销时延 From a notification's receipt to its rows",
        kind="timeseries",
        width=12,
        unit="ms",
        description="At most so long, until the lane's next block shows that the rows are there. Where receipts are "
        "simulated, in a demo, it means nothing",
        sql=f"""SELECT $__timeInterval(written) AS time, quantile(0.5)(took) AS p50, quantile(0.99)(took) AS p99
        FROM (SELECT b.written AS written, dateDiff('millisecond', received, b.written) AS took FROM notification
        INNER JOIN {_WRITTEN} USING seq WHERE {_NEW} AND {_GROUP}) GROUP BY time ORDER BY time""",
    ),
    Panel(
        title="待办裁决 Decisions that wait for another person, or for money to go back",
        kind="table",
        width=12,
        sql=f"""SELECT needs, decision_id, decision, about, amount, decided_by, decided_at, reason FROM open_decision
        WHERE {_OF_GROUP} ORDER BY decided_at LIMIT 200""",
    ),
    Panel(
        title="三方核对 Notified, billed and booked, the newest days",
        kind="table",
        width=24,
        description="What differs has moved to another day, waits for its bill, or is asked about as an exception",
        sql=f"""SELECT day, of_group, channel, merchant, kind, direction, currency, notified_amount, billed_amount,
        moved_amount, booked_amount, booked_amount - notified_amount AS not_notified,
        booked_amount - greatest(billed_amount, moved_amount) AS not_billed
        FROM three_way_day WHERE {_MONEY} AND {_OF_GROUP}
        ORDER BY day DESC, of_group, channel, merchant, kind LIMIT 200""",
    ),
    Panel(
        title="渠道占比 Channels' shares of money in, the newest days",
        kind="table",
        width=12,
        description="Of a group's payments of a day in a currency; a day's shares come to 10000 basis points",
        sql=f"""SELECT business_date, of_group, channel, merchant, currency, payments, amount, basis_points
        FROM channel_share WHERE {_OF_GROUP}
        ORDER BY business_date DESC, of_group, currency, basis_points DESC, channel, merchant LIMIT 200""",
    ),
    Panel(
        title="渠道手续费 Fees by channel, the newest days",
        kind="table",
        width=12,
        description="As far as channels have told them; per_million: of money in",
        sql=f"""SELECT business_date, of_group, channel, merchant, currency, money_in, money_out, kept, per_million
        FROM channel_fee WHERE {_OF_GROUP}
        ORDER BY business_date DESC, of_group, currency, kept DESC, channel, merchant LIMIT 200""",
    ),
    Panel(
        title="资金头寸 Cash position: where money stands",
        kind="table",
        width=12,
        description="By ledger account, channel, merchant and currency, in headquarters' book; suspense: of it what "
        "nobody knows what it is for, money in less money out, so below zero where refunds have come before their "
        "payment or money out is without a document. Other currencies than CNY are in no ledger account",
        sql="""SELECT account, name, english, channel, merchant, currency, balance, suspense, moved_on
        FROM cash_position ORDER BY currency, account, channel, merchant""",
    ),
    Panel(
        title="每日资金 Money of each account by business date, the newest",
        kind="table",
        width=12,
        description="What came, went and was kept on the day, and what stood there at its end",
        sql="""SELECT business_date, account, channel, merchant, currency, money_in, money_out, fees, balance, suspense
        FROM cash_day ORDER BY business_date DESC, currency, account, channel, merchant LIMIT 200""",
    ),
    Panel(
        title="待处理异常 Open exceptions",
        kind="table",
        width=12,
        description="Those that sleep until a day stand apart, below those that somebody has to look at now",
        sql=f"""SELECT kind, severity, owner, if(state = 'ignored', '暂缓 ignored', '待处理 open') AS stands,
        count() AS exceptions, min(since) AS oldest, any(suggested) AS action
        FROM open_payment_exception WHERE {_OF_GROUP} GROUP BY kind, severity, owner, stands
        ORDER BY stands = '暂缓 ignored', exceptions DESC, kind""",
    ),
    Panel(
        title="应收账龄 Aging of receivables",
        kind="table",
        width=12,
        sql=f"""SELECT of_group, currency, bucket, sum(documents) AS dues, sum(a.amount) AS owed
        FROM receivable_aging AS a WHERE {_OF_GROUP} GROUP BY of_group, currency, bucket
        ORDER BY of_group, currency, indexOf(['current', '1-30', '31-60', '61-90', 'over 90'], bucket)""",
    ),
    Panel(
        title="欠款最多 Who owes most",
        kind="table",
        width=12,
        sql=f"""SELECT party, currency, sum(a.amount) AS owes, sumIf(a.amount, bucket = 'over 90') AS over_90,
        sum(documents) AS dues FROM receivable_aging AS a WHERE {_OF_GROUP}
        GROUP BY party, currency ORDER BY owes DESC LIMIT 30""",
    ),
    Panel(
        title="应收周转天数 Days sales outstanding",
        kind="table",
        width=12,
        sql=f"""SELECT of_group, currency, outstanding, issued_in_90_days, period, days FROM days_sales_outstanding
        WHERE {_OF_GROUP} ORDER BY of_group, currency""",
    ),
    Panel(
        title="结账 Closes that stand, the newest",
        kind="table",
        width=24,
        description="What was in when it was closed, and what stays open, named, in yuan: "
        "waybook close show tells all of one, also what is in other currencies",
        sql=f"""SELECT of_group, channel, merchant, period, first, last, billed, received, refunded, fees, matched,
        suspense, open_count, open, closed_by, closed_at, close_id FROM close_now WHERE {_OF_GROUP}
        ORDER BY last DESC, period, of_group, channel, merchant LIMIT 200""",
    ),
    Panel(
        title="核销规则 Matches by rule",
        kind="table",
        width=12,
        sql=f"""SELECT rule, count() AS matches, sum(m.amount) AS sum FROM payment_match AS m
        WHERE what = 'match' AND {_NEW} AND {_GROUP} GROUP BY rule ORDER BY matches DESC""",
    ),
    Panel(
        title="单据状态 Statuses said",
        kind="timeseries",
        width=12,
        sql=f"""SELECT $__timeInterval(b.at) AS time, status, count() AS documents FROM order_status
        INNER JOIN {_BLOCKS} USING seq WHERE {_NEW} AND {_GROUP} GROUP BY time, status ORDER BY time""",
    ),
    Panel(
        title="凭证 Vouchers, the newest",
        kind="table",
        width=24,
        description="From a match to its payment, the notification or bill that told of it, and its journal rows",
        sql=f"""SELECT m.event_time AS time, m.document AS document, m.party AS party, m.amount AS amount,
        m.rule AS rule, m.evidence AS evidence, m.payment AS payment, p.told_by AS told_by,
        lower(hex(m.match_id)) AS journal_charge
        FROM (SELECT * FROM payment_match WHERE {_NEW} AND {_GROUP} ORDER BY seq DESC, line DESC LIMIT 200) AS m
        LEFT JOIN (SELECT payment, any(cause) AS told_by FROM payment GROUP BY payment) AS p ON p.payment = m.payment
        ORDER BY m.seq DESC, m.line DESC""",
    ),
]


def finance() -> Json:
    """The dashboard."""
    groups = variable("group", "商户组 group", "SELECT DISTINCT `group` FROM receivable ORDER BY `group`")
    return dashboard("waybook-finance", "Waybook 收付款 Payments", PANELS, [groups])
