"""The operations dashboard: what moves, what waits, what is refused, what differs, and whether it is live.

The dashboard's time is that of the books: when a row's block was planned (`block.at`), also where events are older
or, in a simulation, of another year. So what has just been written is seen, whenever it happened.
"""

from dashboards.grafana.panels import Json, Panel, dashboard, variable

_WRITTEN = "arraySum(arrayMap((t, r) -> if(t = '{table}', r, 0), b.tables, b.rows))"

_SEQ = "bitShiftLeft(toUInt64(lane), 32) + n"
_NEW = f"seq IN (SELECT {_SEQ} FROM block WHERE $__timeFilter(at))"
"""Rows of the blocks in the dashboard's range; the primary key finds them."""
_BLOCKS = f"(SELECT {_SEQ} AS seq, at FROM block WHERE $__timeFilter(at)) AS b"

PANELS = [
    Panel(
        title="每秒事件 Events per second",
        kind="timeseries",
        width=12,
        sql=f"""SELECT $__timeInterval(b.at) AS time, sum({_WRITTEN.format(table="event")}) / $__interval_s AS events
        FROM block AS b WHERE $__timeFilter(b.at) GROUP BY time ORDER BY time""",
    ),
    Panel(
        title="每秒费用与分录 Charges and journal rows per second",
        kind="timeseries",
        width=12,
        sql=f"""SELECT $__timeInterval(b.at) AS time, sum({_WRITTEN.format(table="charge")}) / $__interval_s AS charges,
        sum({_WRITTEN.format(table="journal")}) / $__interval_s AS journal_rows
        FROM block AS b WHERE $__timeFilter(b.at) GROUP BY time ORDER BY time""",
    ),
    Panel(
        title="按费用记账 Booked by fee",
        kind="timeseries",
        width=12,
        unit="currencyCNY",
        description="When it was booked; corrections count when they were made",
        sql=f"""SELECT $__timeInterval(b.at) AS time, fee, sum(amount) AS amount FROM charge
        INNER JOIN {_BLOCKS} USING seq
        WHERE {_NEW} AND $__conditionalAll(fee IN (${{fee:singlequote}}), $fee)
        GROUP BY time, fee ORDER BY time""",
    ),
    Panel(
        title="扫描按操作 Scans by operation",
        kind="timeseries",
        width=12,
        sql=f"""SELECT $__timeInterval(b.at) AS time, operation_name, count() AS scans FROM event
        INNER JOIN {_BLOCKS} USING seq
        WHERE kind = 'scan' AND {_NEW} GROUP BY time, operation_name ORDER BY time""",
    ),
    Panel(
        title="等待计费 Waiting by reason",
        kind="table",
        sql="""SELECT fee, reason, count() AS parcels, min(since) AS oldest FROM waiting_now
        GROUP BY fee, reason ORDER BY parcels DESC""",
    ),
    Panel(
        title="等待最久 Waiting longest",
        kind="table",
        sql="SELECT waybill, fee, reason, since, outlet FROM waiting_now ORDER BY since LIMIT 50",
    ),
    Panel(
        title="拒收 Dead letters by reason",
        kind="table",
        sql="""SELECT reason, count() AS letters, max(received) AS newest FROM open_dead_letter
        GROUP BY reason ORDER BY letters DESC""",
    ),
    Panel(
        title="拒收按来源 Dead letters by topic",
        kind="timeseries",
        sql="""SELECT $__timeInterval(received) AS time, transport, count() AS letters FROM dead_letter
        WHERE status = 'open' AND $__timeFilter(received) GROUP BY time, transport ORDER BY time""",
    ),
    Panel(
        title="称重案件 Cases of differing weights by outlet",
        kind="table",
        description="The outlet is that of the weighing which differs from the one that counts",
        sql=f"""SELECT outlet, site_of_other AS site, countIf(undecided) AS undecided,
        countIf(provisional) AS provisional, count() AS cases, max(since) AS newest
        FROM weight_case_now WHERE waybill IN (SELECT waybill FROM weight_case WHERE {_NEW})
        GROUP BY outlet, site ORDER BY undecided DESC, cases DESC LIMIT 30""",
    ),
    Panel(
        title="采信来源 Adopted weights by source",
        kind="table",
        sql=f"""SELECT weight_class, why, count() AS parcels FROM adopted_weight WHERE {_NEW}
        GROUP BY weight_class, why ORDER BY parcels DESC""",
    ),
    Panel(
        title="异常 Anomalies by kind",
        kind="table",
        sql=f"""SELECT kind, count() AS anomalies, uniqExact(waybill) AS parcels, max(event_time) AS newest FROM anomaly
        WHERE {_NEW} GROUP BY kind ORDER BY anomalies DESC""",
    ),
    Panel(
        title="未关闭的扫描链违规 Open breaches of scan chains",
        kind="table",
        sql="""SELECT rule, count() AS parcels, uniqExact(responsible) AS outlets, min(began) AS oldest
        FROM open_breach GROUP BY rule ORDER BY parcels DESC""",
    ),
    Panel(
        title="扫描链违规按网点 Breaches of scan chains by outlet",
        kind="table",
        width=16,
        sql=f"""SELECT outlet, rule, countIf(status = 'open') AS opened, countIf(status = 'closed') AS closed,
        countIf(status = 'final') AS never_came FROM chain_breach WHERE {_NEW}
        GROUP BY outlet, rule ORDER BY opened DESC LIMIT 50""",
    ),
    Panel(
        title="扫描链违规 Breaches of scan chains over time",
        kind="timeseries",
        sql=f"""SELECT $__timeInterval(b.at) AS time, rule, count() AS breaches FROM chain_breach
        INNER JOIN {_BLOCKS} USING seq WHERE status = 'open' AND {_NEW} GROUP BY time, rule ORDER BY time""",
    ),
    Panel(
        title="网点排名 Outlets by what they owe headquarters",
        kind="table",
        width=12,
        unit="currencyCNY",
        sql=f"""SELECT book AS outlet, sum(if(side = 'C', amount, -amount)) AS owes FROM journal
        WHERE account = '2101' AND {_NEW}
        GROUP BY book ORDER BY owes DESC LIMIT 30""",
    ),
    Panel(
        title="区块间隔 Longest time between blocks",
        kind="timeseries",
        width=12,
        unit="s",
        description="A lane cuts several blocks a second under load; a gap is a lane or a store that stood still",
        sql="""SELECT $__timeInterval(at) AS time, lane, max(gap) AS seconds FROM (
            SELECT at, toString(lane) AS lane, dateDiff('millisecond', lagInFrame(at, 1, at) OVER
            (PARTITION BY lane ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), at) / 1000 AS gap
            FROM block WHERE $__timeFilter(at))
        GROUP BY time, lane ORDER BY time""",
    ),
    Panel(
        title="通道 Lanes",
        kind="table",
        width=24,
        height=6,
        sql="""SELECT lane, max(n) AS block, max(at) AS newest, dateDiff('second', max(at), now()) AS seconds_ago,
        sumIf(arraySum(rows), $__timeFilter(at)) AS rows_written, argMax(version, n) AS version
        FROM block GROUP BY lane ORDER BY lane""",
    ),
]


def operations() -> Json:
    """The dashboard."""
    fees = variable("fee", "费用 fee", "SELECT DISTINCT fee FROM charge ORDER BY fee")
    return dashboard("waybook-operations", "Waybook 运营 Operations", PANELS, [fees])
