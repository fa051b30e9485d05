"""A report of closes, by channel: figures, each day's, what stays open and why, what came late; as PDF and Excel.

The same closes give the same bytes: nothing in a report says when it was made.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.closes import FIGURES, OPEN, PERIODS, figures, foreign, found, items, kind_of, remarks, told
from dashboards.queries import Row, rows
from dashboards.terms import channel_name
from dashboards.words import shanghai
from deploy.reconciliation.closing import standing
from flows.rating.workbook import write_sheets
from flows.reconciliation.posting import payment_rules
from schemas.money import yuan

DAYS = """
SELECT * FROM close_now
WHERE of_group = {group:String} AND channel = {channel:String} AND merchant = {merchant:String} AND period = 'day'
    AND last BETWEEN {first:Date} AND {last:Date} ORDER BY last"""
LATE = """
SELECT posted_for, business_date, toString(fee) AS posting, count() AS n, sum(amount) AS units FROM journal
WHERE startsWith(waybill, {account:String}) AND book = 'HQ' AND side = 'D' AND fee IN {fees:Array(String)}
    AND business_date BETWEEN {first:Date} AND {last:Date} AND business_date != posted_for AND seq <= {seq:UInt64}
GROUP BY posted_for, business_date, posting ORDER BY business_date, posted_for, posting"""
SEQ = "SELECT min(seq) AS seq FROM close WHERE close_id = {id:String}"

SUMMED = ("billed", "received", "refunded", "paid_out", "fees", "matched", "matched_out", "suspense", "open")
"""Figures of the table of all closes, in its order."""
_LABELS = {name: chinese for name, chinese, _ in FIGURES} | {"open": OPEN[0]}
SUMMED_HEAD = tuple(_LABELS[name] for name in SUMMED)
FOREIGN = "未了外币"
"""Of what is open in other currencies, which is no part of the sums in yuan."""
CLOSED = (
    "商户组",
    "渠道",
    "商户",
    "期间",
    "起",
    "止",
    *SUMMED_HEAD,
    FOREIGN,
    "结账人",
    "结账时间",
    "结账号",
)
OPEN_HEAD = ("渠道", "商户", "差异号", "种类", "对象", "金额", "币种", "原因", "列明于")
LATE_HEAD = ("渠道", "商户", "入账日", "所属日", "分录", "笔数", "金额")
REMARK_HEAD = ("渠道", "商户", "止", "说明")
DAY_HEAD = ("渠道", "商户", "日", *SUMMED_HEAD, FOREIGN, "结账人", "结账号")
NUMBERED = frozenset((*SUMMED_HEAD, "起", "止", "日", "入账日", "所属日", "笔数", "金额"))
"""Columns of numbers and dates."""
STAMP = (1980, 1, 1, 0, 0, 0)
"""When a workbook's parts were packed, as far as ZIP can say it."""


class Section(msgspec.Struct):
    """One close: its row, its days, and what belongs to other days."""

    row: Row
    days: list[Row]
    late: list[Row]

    @property
    def channel(self) -> str:
        """For people."""
        return channel_name(self.row["channel"])

    @property
    def title(self) -> str:
        """What is closed."""
        row = self.row
        return f"{self.channel} {row['merchant']}  {PERIODS[row['period']]} {row['first']} – {row['last']}"


class Report(msgspec.Struct):
    """Some closes, by channel and merchant."""

    sections: list[Section]

    @property
    def title(self) -> str:
        """Its heading."""
        row = self.sections[0].row
        groups = "、".join(dict.fromkeys(one.row["of_group"] for one in self.sections))
        span = f"{PERIODS[row['period']]} {row['first']} – {row['last']}"
        return f"结账报告 Close report  {groups}  {span}  单位：元 in yuan"

    @property
    def at(self) -> datetime:
        """When the newest of them was asked for."""
        moment: datetime = max(one.row["closed_at"] for one in self.sections)
        return moment

    def said(self) -> list[str]:
        """What is said below the heading."""
        titles = [
            f"{one.title}  {one.row['closed_by']}  {shanghai(one.row['closed_at'])}" for one in self.sections
        ]
        return [*titles, *remarks(*(one.row for one in self.sections))]

    def closed(self) -> list[tuple[str, ...]]:
        """A line for each, and what they come to together."""
        lines = [
            (
                *(one.row["of_group"], one.channel, one.row["merchant"], PERIODS[one.row["period"]]),
                *(str(one.row["first"]), str(one.row["last"])),
                *(told(one.row[name]) for name in SUMMED),
                foreign(one.row),
                *(one.row["closed_by"], shanghai(one.row["closed_at"]), one.row["close_id"]),
            )
            for one in self.sections
        ]
        if len(lines) > 1:
            sums = (told(sum(one.row[name] for one in self.sections)) for name in SUMMED)
            abroad = foreign(*(one.row for one in self.sections))
            lines.append(("合计", *[""] * 5, *sums, abroad, *[""] * 3))
        return lines

    def figures(self) -> Iterator[tuple[str, ...]]:
        """All figures of each, with their counts."""
        for one in self.sections:
            for chinese, english, count, amount in figures(one.row):
                yield one.channel, one.row["merchant"], chinese, english, count, amount

    def days(self) -> Iterator[tuple[str, ...]]:
        """Each day of a week or month."""
        for one in self.sections:
            for row in one.days:
                yield (
                    *(one.channel, one.row["merchant"], str(row["last"])),
                    *(told(row[name]) for name in SUMMED),
                    foreign(row),
                    *(row["closed_by"], row["close_id"]),
                )

    def open(self) -> Iterator[tuple[str, ...]]:
        """What stays open, down to the exceptions' ids, and why."""
        for one in self.sections:
            for item in items(one.row):
                yield (
                    *(one.channel, one.row["merchant"], item.item, kind_of(item), item.subject),
                    *(yuan(item.amount_e4), item.currency, item.reason, item.close),
                )

    def late(self) -> Iterator[tuple[str, ...]]:
        """What is booked in the period and belongs to days that were closed before."""
        labels = {name: rule.zh for name, rule in payment_rules()[0].rules.items()}
        for one in self.sections:
            for row in one.late:
                yield (
                    *(one.channel, one.row["merchant"], str(row["business_date"]), str(row["posted_for"])),
                    *(labels[row["posting"]], str(row["n"]), told(row["units"])),
                )

    def remarked(self) -> Iterator[tuple[str, ...]]:
        """What `said` says of figures, by the close that it is about: a workbook has nothing above its tables."""
        for one in self.sections:
            for remark in remarks(one.row):
                yield one.channel, one.row["merchant"], str(one.row["last"]), remark

    def tables(self) -> dict[str, list[Sequence[str]]]:
        """All of it, by title, with heads."""
        return {
            "结账 Closes": [CLOSED, *self.closed()],
            "数字 Figures": [("渠道", "商户", "项目", "item", "笔数", "金额"), *self.figures()],
            "按日 By day": [DAY_HEAD, *self.days()],
            "未了 Open": [OPEN_HEAD, *self.open()],
            "补记 Late": [LATE_HEAD, *self.late()],
        }


def report_of(client: Client, numbers: Sequence[str], group: str, period: str, first: str) -> Report:
    """Closes by their ids, or those of a group and period that stand. Raises LookupError."""
    if numbers:
        by_id = {row["close_id"]: row for row in standing(client)}
        for number in numbers:
            if number not in by_id:
                status = found(client, number)["status"]
                raise LookupError(f"{number} does not stand: it is {status}, or was undone")
        known = [by_id[number] for number in dict.fromkeys(numbers)]
    elif not (known := standing(client, group, period, first)):
        raise LookupError("no such close stands: waybook close list")
    order = sorted(
        known, key=lambda row: (row["of_group"], row["channel"], row["merchant"], row["last"], row["period"])
    )
    return Report([_section(client, row) for row in order])


def _section(client: Client, row: Row) -> Section:
    span = {"first": row["first"], "last": row["last"]}
    of = {"group": row["of_group"], "channel": row["channel"], "merchant": row["merchant"]}
    days = rows(client, DAYS, **of, **span) if row["period"] != "day" else []
    seq = rows(client, SEQ, id=row["close_id"])[0]["seq"]
    fees = [*payment_rules()[0].rules]
    account = f"{row['channel']}/{row['merchant']}/"
    return Section(row, days, rows(client, LATE, account=account, fees=fees, seq=seq, **span))


def to_excel(report: Report) -> bytes:
    """A workbook, a sheet for each table and for what is said of figures."""
    made = io.BytesIO()
    said: dict[str, Sequence[Sequence[str]]] = {"说明 Remarks": [REMARK_HEAD, *report.remarked()]}
    write_sheets(report.tables() | said, made, NUMBERED)
    return _undated(made.getvalue(), report.at)


def _undated(raw: bytes, at: datetime) -> bytes:
    """A workbook that says of itself only what its content gives."""
    moment = f"{at:%Y-%m-%dT%H:%M:%SZ}".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as read, zipfile.ZipFile(packed, "w") as written:
        for name in read.namelist():
            part = read.read(name)
            if name == "docProps/core.xml":
                part = re.sub(rb"(<dcterms:(created|modified)[^>]*>)[^<]*", rb"\g<1>" + moment, part)
            written.writestr(zipfile.ZipInfo(name, STAMP), part, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
