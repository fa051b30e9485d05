"""UnionPay's ZM settlement file: fixed width, GBK, one space between fields, CRLF; alone, or in the archive (ZIP) that
UnionPay gives for a day.

There it is called `INN25111188ZM_898000000000001`, by its day and the merchant's number. What lies beside it (ZME, what
is in dispute) is not read.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import BinaryIO

from schemas.payments import BillLine, Kind
from schemas.times import SECOND, SHANGHAI_OFFSET
from sources.bills.cells import fen_of, number_of, text_of
from sources.bills.model import MOST_LINES, Asked, BillError
from sources.bills.unpacking import entry, is_zip, unpacked

FIELDS = (
    ("交易代码", 3),
    ("代理机构标识码", 11),
    ("发送机构标识码", 11),
    ("系统跟踪号", 6),
    ("交易传输时间", 10),
    ("账号", 19),
    ("交易金额", 12),
    ("商户类别", 4),
    ("终端类型", 2),
    ("查询流水号", 21),
    ("支付方式(旧)", 2),
    ("商户订单号", 32),
    ("支付卡类型", 2),
    ("原始跟踪号", 6),
    ("原始交易日期时间", 10),
    ("商户手续费", 13),
    ("结算金额", 13),
    ("支付方式", 4),
    ("集团商户代码", 15),
    ("交易类型", 2),
    ("交易子类", 2),
    ("业务类型", 6),
    ("账号类型", 2),
    ("账单类型", 4),
    ("账单号码", 32),
    ("交互方式", 1),
    ("原交易查询流水号", 21),
    ("商户代码", 15),
    ("分账入账方式", 1),
    ("二级商户代码", 15),
    ("二级商户简称", 32),
    ("二级商户分账入账金额", 13),
    ("清算净额", 13),
    ("终端号", 8),
    ("商户自定义域", 32),
    ("优惠金额", 13),
    ("发票金额", 13),
    ("分期附加手续费", 12),
    ("分期期数", 2),
    ("交易介质", 1),
    ("保留", 131),
)
WIDTH = sum(width + 1 for _, width in FIELDS) - 1
KINDS: dict[str, Kind] = {"S22": "payment", "S30": "refund"}
_DAY = re.compile(r"INN(\d{6})..ZM_", re.ASCII)
_SIGNS = {"C": 1, "D": -1, " ": 1, "": 1}


def places() -> dict[str, slice]:
    """Where each field is in a line's bytes."""
    at, found = 0, {}
    for name, width in FIELDS:
        found[name] = slice(at, at + width)
        at += width + 1
    return found


_AT = places()


def trade(stream: BinaryIO, asked: Asked) -> Iterator[BillLine]:
    """Lines of a settlement file. It has no totals: that it is whole shows only in its last line's end."""
    opened, number = _out_of_archive(stream, asked) if is_zip(stream) else unpacked(stream), 0
    day = asked.needs_day()
    while raw := opened.readline(WIDTH + 3):
        number += 1
        if len(raw) != WIDTH + 2 or not raw.endswith(b"\r\n"):
            reason = "bill_truncated" if len(raw) < WIDTH + 2 and not opened.read(1) else "bill_unreadable"
            raise BillError(reason, f"row {number} has not {WIDTH} bytes and CRLF")
        if number > MOST_LINES:
            raise BillError("bill_too_large", f"has more than {MOST_LINES} rows")
        try:
            line = _line(raw, asked, day)
        except UnicodeDecodeError:
            raise BillError("bill_unreadable", f"row {number} is not written in GBK") from None
        except BillError as error:
            raise BillError(error.reason, f"row {number}: {error.detail}") from error
        except ValueError as error:
            raise BillError("bill_unreadable", f"row {number}: a field {error}") from error
        if line is not None:
            yield line


def _out_of_archive(stream: BinaryIO, asked: Asked) -> BinaryIO:
    """The merchant's settlement file, whose name says its day."""
    name, opened = entry(stream, f"ZM_{asked.source.account}")
    if found := _DAY.search(name):
        try:
            day = datetime.strptime(found[1], "%y%m%d").date()
        except ValueError:
            raise BillError("bill_unreadable", "its archive's entry is called by no day") from None
        asked.is_of(day, "its archive's entry")
    return opened


def _line(raw: bytes, asked: Asked, day: date) -> BillLine | None:
    def field(name: str) -> str:
        return raw[_AT[name]].decode("gbk").strip(" ")

    asked.is_for(field("商户代码"), "the line")
    kind = asked.source.kinds.get(field("交易代码")) or KINDS.get(field("交易代码"))
    if kind is None:
        raise ValueError("交易代码 is not known; `kinds` of bills.toml can say what it is")
    if kind == "skip":
        return None
    scrub = asked.hiding.scrub
    return BillLine(
        kind,  # type: ignore[arg-type]
        scrub(number_of(field("查询流水号"))),
        scrub(number_of(field("商户订单号"))),
        scrub(number_of(field("原交易查询流水号"))) if kind != "payment" else "",
        fen_of(field("交易金额")),
        -_signed(raw[_AT["商户手续费"]]),
        _moment(field("交易传输时间"), day),
        "in" if kind == "payment" else "out",
        text=scrub(text_of(field("商户自定义域"))),
    )


def _signed(raw: bytes) -> int:
    """Units of a sign and twelve digits of fen: C comes to us, D is taken from us."""
    text = raw.decode("gbk")
    sign = _SIGNS.get(text[:1])
    if sign is None:
        raise ValueError("with a sign has neither C, D nor a space")
    return sign * fen_of(text[1:].strip(" ") or "0")


def _moment(text: str, day: date) -> int:
    """UTC ms of MMDDhhmmss in the year that is nearest to the settlement day."""
    best: datetime | None = None
    middle = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for year in (day.year - 1, day.year, day.year + 1):
        try:
            moment = datetime.strptime(f"{year}{text}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            continue
        if best is None or abs(moment - middle) < abs(best - middle):
            best = moment
    if best is None or len(text) != 10 or abs(best - middle) > timedelta(days=180):
        raise ValueError("交易传输时间 is no MMDDhhmmss")
    return int(best.timestamp()) * SECOND - SHANGHAI_OFFSET
