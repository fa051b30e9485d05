"""Alipay's bill: a ZIP with a CSV of trades in GBK between lines that begin with `#`, the last of them with totals."""

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import BinaryIO

from schemas.counted import counted
from schemas.money import yuan
from schemas.payments import BillLine
from sources.bills.cells import local, number_of, text_of, yuan_of
from sources.bills.model import Asked, BillError
from sources.bills.unpacking import entry, is_zip, lines, unpacked

ENDING = "_业务明细.csv"
COLUMNS = (
    *(
        "支付宝交易号",
        "商户订单号",
        "业务类型",
        "商品名称",
        "创建时间",
        "完成时间",
        "门店编号",
        "门店名称",
        "操作员",
        "终端号",
    ),
    *(
        "对方账户",
        "订单金额（元）",
        "商家实收（元）",
        "支付宝红包（元）",
        "集分宝（元）",
        "支付宝优惠（元）",
        "商家优惠（元）",
    ),
    *(
        "券核销金额（元）",
        "券名称",
        "商家红包消费金额（元）",
        "卡消费金额（元）",
        "退款批次号/请求号",
        "服务费（元）",
        "分润（元）",
        "备注",
    ),
)
KINDS = {"交易": "payment", "退款": "refund"}
_ACCOUNT = re.compile(r"#账号：\[(\d+)\]", re.ASCII)
_BEGINS = re.compile(r"#起始日期：\[(\d{4})年(\d{2})月(\d{2})日", re.ASCII)
_TOTALS = re.compile(r"#(交易|退款)合计：\s*(\d{1,9})笔，商家实收\D{0,8}?(-?[0-9.]{1,20})元", re.ASCII)
Row = Sequence[str]


def trade(stream: BinaryIO, asked: Asked) -> Iterator[BillLine]:
    """Lines of a bill: a payment for each trade, a refund (keyed by its request's number, too) for each refund."""
    opened = entry(stream, ENDING)[1] if is_zip(stream) else unpacked(stream)
    texts = _Texts(lines(opened, "gb18030"))
    _head(texts, asked)
    counts, sums = {"交易": 0, "退款": 0}, {"交易": 0, "退款": 0}
    kinds = KINDS | asked.source.kinds
    for row in csv.reader(texts.rows(), strict=True):
        if len(row) != len(COLUMNS):
            raise BillError(
                "bill_unreadable", f"row {texts.number} has {counted(len(row), 'cell')}, not {len(COLUMNS)}"
            )
        cells = [cell.strip(" \t") for cell in row]
        try:
            kind = kinds.get(cells[2])
            if kind is None:
                raise ValueError("has a 业务类型 that is not known; `kinds` of bills.toml can say what it is")
            total = "退款" if kind == "refund" else "交易"
            counts[total] += 1
            sums[total] += yuan_of(cells[12])
            if kind == "skip":
                continue
            line = _traded(cells, kind, asked)
        except ValueError as error:
            raise BillError("bill_unreadable", f"row {texts.number}: a cell {error}") from error
        yield line
    _totals(texts, counts, sums)


def _head(texts: "_Texts", asked: Asked) -> None:
    for text in texts.comments():
        if account := _ACCOUNT.match(text):
            asked.is_for(account[1], f"row {texts.number}")
        elif begin := _BEGINS.match(text):
            try:
                asked.is_of(date(*map(int, begin.groups())), f"row {texts.number}")
            except BillError:
                raise
            except ValueError as error:
                raise BillError("bill_unreadable", f"row {texts.number} has no date") from error
            texts.knows_day = True
    if not texts.knows_day:
        raise BillError("bill_unreadable", "does not say the day that it begins with")
    if tuple(name.strip() for name in texts.first.split(",")) != COLUMNS:
        raise BillError("bill_unreadable", f"has not the header {','.join(COLUMNS[:3])}…")


def _traded(cells: Row, kind: str, asked: Asked) -> BillLine:
    scrub = asked.hiding.scrub
    number, order, amount, fee = cells[0], cells[1], yuan_of(cells[11]), yuan_of(cells[22])
    back = kind == "refund"
    if back and (amount > 0 or not cells[21]):
        raise ValueError("of a refund is not negative, or it has no 退款批次号/请求号")
    if not back and amount < 0:
        raise ValueError("of a trade is negative")
    return BillLine(
        kind,  # type: ignore[arg-type]
        "/".join(map(scrub, map(number_of, (number, cells[21]) if back else (number,)))),
        scrub(number_of(order)),
        scrub(number) if back else "",
        abs(amount),
        -fee if asked.source.fee_is_negative else fee,
        local(cells[5] or cells[4]),
        "out" if back else "in",
        text=scrub(text_of(cells[3])),
    )


def _totals(texts: "_Texts", counts: dict[str, int], sums: dict[str, int]) -> None:
    """Compare the totals at the end with the rows. Raises BillError."""
    said: dict[str, tuple[int, int]] = {}
    for text in texts.comments():
        if found := _TOTALS.match(text):
            try:
                said[found[1]] = int(found[2]), yuan_of(found[3])
            except ValueError as error:
                raise BillError("bill_unreadable", f"row {texts.number} has no amount") from error
    if texts.first:
        raise BillError("bill_unreadable", "goes on after its totals")
    for name, count in counts.items():
        if name not in said:
            raise BillError("bill_truncated", f"ends without its {name}合计")
        if said[name][0] != count:
            raise BillError(
                "bill_count_wrong", f"{name}合计 has {said[name][0]} trades, its rows are {count}"
            )
        if said[name][1] != sums[name]:
            text = f"{name}合计 is {yuan(said[name][1])}, its rows come to {yuan(sums[name])}"
            raise BillError("bill_total_wrong", text)


class _Texts:
    """Lines of the file: comments, rows up to the next comment, comments again."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self.number = 0
        self.first = ""
        """The line after the comments; empty: there is none."""
        self.knows_day = False
        self._comment = ""

    def _next(self) -> str | None:
        self.number += 1
        return next(self._texts, None)

    def comments(self) -> Iterator[str]:
        """Lines that begin with `#`, up to the first that does not."""
        text: str | None = self._comment or self._next()
        while text is not None and (text.startswith("#") or not text.strip()):
            yield text
            text = self._next()
        self.first = text or ""

    def rows(self) -> Iterator[str]:
        """Lines up to the next comment."""
        while (text := self._next()) is not None:
            if text.startswith("#"):
                self._comment = text
                return
            yield text
        raise BillError("bill_truncated", f"ends after row {self.number} without its totals")
