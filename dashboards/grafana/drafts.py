"""The dashboard of drafts: what tariff books that are not published would make of live traffic.

Charges that do not differ are known by their fee alone, so sums by line, payer and customer are of those that differ.
The dashboard's time is when a block was planned.
"""

from dashboards.grafana.panels import Json, Panel, dashboard, variable

_SEQ = "bitShiftLeft(toUInt64(lane), 32) + n"
_BLOCKS = f"(SELECT {_SEQ} AS seq, at FROM block WHERE $__timeFilter(at)) AS b"
_RUN = "$__conditionalAll(run IN (${run:singlequote}), $run)"
_SUMS = """sum(charges) AS charges, sum(changed) AS changed, sum(unpriced) AS unpriced, sum(before) AS was,
        sum(after) AS would_be, would_be - was AS difference"""
_DIFFERS = "(route != '' OR payer != '' OR customer != '')"


def _largest(title: str, column: str, only: str = _DIFFERS) -> Panel:
    """The largest differences by a column."""
    return Panel(
        title=title,
        kind="table",
        width=12,
        unit="currencyCNY",
        sql=f"""SELECT run, {column}, {_SUMS} FROM draft_difference INNER JOIN {_BLOCKS} USING seq
        WHERE {only} AND {_RUN} GROUP BY run, {column} ORDER BY abs(difference) DESC, run, {column} LIMIT 50""",
    )


PANELS = [
    Panel(
        title="草案 Drafts",
        kind="table",
        width=24,
        height=6,
        sql=f"""SELECT run, any(r.name) AS name, any(r.state) AS state, {_SUMS},
        uniqExact(seq) AS blocks, bitAnd(max(seq), 4294967295) AS newest_block
        FROM draft_difference INNER JOIN (SELECT run, argMax(name, n) AS name, argMax(status, n) AS state
        FROM draft_run GROUP BY run) AS r USING run WHERE {_RUN} GROUP BY run ORDER BY run""",
    ),
    Panel(
        title="差额 Difference over time",
        kind="timeseries",
        width=12,
        unit="currencyCNY",
        description="What the draft makes of the charges, less what they are; corrections count when they were made",
        sql=f"""SELECT $__timeInterval(b.at) AS time, run, sum(after - before) AS difference FROM draft_difference
        INNER JOIN {_BLOCKS} USING seq WHERE {_RUN} GROUP BY time, run ORDER BY time""",
    ),
    Panel(
        title="变化与无价 Changed and without a price",
        kind="timeseries",
        width=12,
        sql=f"""SELECT $__timeInterval(b.at) AS time, run, sum(changed) AS changed, sum(unpriced) AS without_price
        FROM draft_difference INNER JOIN {_BLOCKS} USING seq WHERE {_RUN} GROUP BY time, run ORDER BY time""",
    ),
    _largest("按费用 By fee", "fee", "true"),
    _largest("按线路 By line", "route"),
    _largest("按付款方 By payer", "payer"),
    _largest("按客户 By customer", "customer"),
    Panel(
        title="无价 Without a price",
        kind="table",
        width=24,
        sql=f"""SELECT run, fee, route, sum(unpriced) AS without_price, sum(before) AS charged FROM draft_difference
        INNER JOIN {_BLOCKS} USING seq WHERE unpriced != 0 AND {_RUN}
        GROUP BY run, fee, route ORDER BY without_price DESC, run, fee, route LIMIT 50""",
    ),
]


def drafts() -> Json:
    """The dashboard."""
    runs = variable("run", "草案 draft", "SELECT DISTINCT run FROM draft_run ORDER BY run")
    return dashboard("waybook-drafts", "Waybook 草案试运行 Drafts beside live traffic", PANELS, [runs])
