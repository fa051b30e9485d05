"""WeChat Pay's trade bill (交易账单, ALL) and fund-flow bill (资金账单): UTF-8, every field behind a backtick."""

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from schemas.counted import counted
from schemas.money import yuan
from schemas.payments import BillLine, State
from schemas.times import DAY
from sources.bills.cells import local, midnight, number_of, text_of, yuan_of
from sources.bills.model import Asked, BillError
from sources.bills.unpacking import lines, unpacked

TRADE = (
    *(
        "交易时间",
        "公众账号ID",
        "商户号",
        "特约商户号",
        "设备号",
        "微信订单号",
        "商户订单号",
        "用户标识",
        "交易类型",
    ),
    *(
        "交易状态",
        "付款银行",
        "货币种类",
        "应结订单金额",
        "代金券金额",
        "微信退款单号",
        "商户退款单号",
        "退款金额",
    ),
    *(
        "充值券退款金额",
        "退款类型",
        "退款状态",
        "商品名称",
        "商户数据包",
        "手续费",
        "费率",
        "订单金额",
        "申请退款金额",
        "费率备注",
    ),
)
TRADE_TOTALS = {
    "应结订单总金额": "应结订单金额",
    "退款总金额": "退款金额",
    "充值券退款总金额": "充值券退款金额",
    "手续费总金额": "手续费",
    "订单总金额": "订单金额",
    "申请退款总金额": "申请退款金额",
}
REFUND_STATES: dict[str, State] = {
    "SUCCESS": "success",
    "FAIL": "failed",
    "PROCESSING": "pending",
    "CHANGE": "pending",
}
FUND = (
    *(
        "记账时间",
        "微信支付业务单号",
        "资金流水单号",
        "业务名称",
        "业务类型",
        "收支类型",
        "收支金额(元)",
        "账户结余(元)",
    ),
    *("资金变更提交申请人", "备注", "业务凭证号"),
)
FUND_KINDS = {
    "交易": "payment",
    "退款": "refund",
    "提现": "transfer",
    "充值": "transfer",
    "扣除交易手续费": "fee",
    "交易手续费退款": "fee",
}
_OLD_REFUNDS = 7 * DAY
"""A refund stands with the time when it was asked for, which may be days before it was carried out."""

Row = Sequence[str]


def trade(stream: BinaryIO, asked: Asked) -> Iterator[BillLine]:
    """Lines of a trade bill: a payment for each order, a refund for each refund."""
    rows = _Rows(lines(unpacked(stream), "utf-8"), TRADE, "总交易单数")
    at = {name: index for index, name in enumerate(TRADE)}
    summed = [at[name] for name in TRADE_TOTALS.values()]
    sums = [0] * len(summed)
    merchant, partner, when = at["商户号"], at["特约商户号"], at["交易时间"]
    for row in rows:
        try:
            account = row[partner] if row[partner] not in ("", "0") else row[merchant]
            asked.is_for(account, f"row {rows.number}")
            for index, column in enumerate(summed):
                sums[index] += yuan_of(row[column])
            line = _traded(row, asked)
            _is_of(asked, row[when], line, rows.number)
        except BillError:
            raise
        except ValueError as error:
            raise BillError("bill_unreadable", f"row {rows.number}: a cell {error}") from error
        yield line
    rows.has_totals(dict(zip(TRADE_TOTALS, sums, strict=True)))


def _traded(row: Row, asked: Asked) -> BillLine:
    (time, _, _, _, _, number, order, payer, _, state, _, currency, _, _, refund, _, _, _, _, refunded) = row[
        :20
    ]
    goods, attached, fee, _, amount, asked_back, _ = row[20:]
    back = refund not in ("", "0")
    if state not in ("SUCCESS", "REFUND", "REVOKED") or (back and refunded not in REFUND_STATES):
        raise ValueError("has a state that is not known")
    return BillLine(
        "refund" if back else "payment",
        asked.hiding.scrub(number_of(refund if back else number)),
        asked.hiding.scrub(number_of(order)),
        asked.hiding.scrub(number_of(number)) if back else "",
        yuan_of(asked_back if back else amount),
        yuan_of(fee),
        local(time),
        "out" if back else "in",
        REFUND_STATES[refunded] if back else "success" if state == "SUCCESS" else "closed",
        asked.hiding.token(payer) if payer else "",
        asked.hiding.scrub(text_of(attached or goods)),
        currency,
    )


def _is_of(asked: Asked, time: str, line: BillLine, number: int) -> None:
    day = asked.needs_day()
    begin = midnight(day.isoformat())
    early = _OLD_REFUNDS if line.kind == "refund" else 0
    if not begin - early <= line.time < begin + DAY:
        raise BillError("bill_of_another", f"row {number} is of {time[:10]}, the bill should be of {day}")


def fund(stream: BinaryIO, asked: Asked) -> Iterator[BillLine]:
    """Lines of a fund-flow bill. A fee's row becomes a line that moves nothing and has only the fee."""
    rows = _Rows(lines(unpacked(stream), "utf-8"), FUND, "资金流水总笔数")
    counts, sums = {"收入": 0, "支出": 0}, {"收入": 0, "支出": 0}
    kinds = FUND_KINDS | asked.source.kinds
    for row in rows:
        try:
            way, amount = row[5], yuan_of(row[6])
            if way not in sums or amount < 0:
                raise ValueError("says neither 收入 nor 支出, or has a negative amount")
            counts[way] += 1
            sums[way] += amount
            line = _moved(row, kinds, amount, asked)
            if line is not None:
                _is_of(asked, row[0], line, rows.number)
        except BillError:
            raise
        except ValueError as error:
            raise BillError("bill_unreadable", f"row {rows.number}: a cell {error}") from error
        if line is not None:
            yield line
    rows.has_totals({"收入金额": sums["收入"], "支出金额": sums["支出"]})
    rows.has_counts({"收入笔数": counts["收入"], "支出笔数": counts["支出"]})


def _moved(row: Row, kinds: Mapping[str, str], amount: int, asked: Asked) -> BillLine | None:
    time, number, _, _, word, way, _, _, _, remark, voucher = row
    kind = kinds.get(word)
    if kind is None:
        raise ValueError("has a 业务类型 that is not known; `kinds` of bills.toml can say what it is")
    if kind == "skip":
        return None
    out = way == "支出"
    fee = kind == "fee"
    return BillLine(
        "payment" if fee else kind,  # type: ignore[arg-type]
        asked.hiding.scrub(number_of(number)),
        asked.hiding.scrub(number_of(voucher)),
        "",
        0 if fee else amount,
        (amount if out else -amount) if fee else 0,
        local(time),
        "out" if out else "in",
        text=asked.hiding.scrub(text_of(remark)),
    )


class _Rows:
    """The rows between a header and a trailer of two lines."""

    def __init__(self, texts: Iterator[str], header: tuple[str, ...], trailer: str) -> None:
        self._texts, self._width, self._trailer = texts, len(header), trailer
        self.number = 1
        self._count = 0
        self._totals: dict[str, str] = {}
        self._head = trailer
        if tuple(name.strip() for name in next(texts, "").split(",")) != header:
            raise BillError("bill_unreadable", f"does not begin with the header {','.join(header[:3])}…")

    def __iter__(self) -> Iterator[Row]:
        for text in self._texts:
            self.number += 1
            if text.startswith(self._trailer):
                self._end(text)
                return
            if not text.startswith("`"):
                raise BillError("bill_unreadable", f"row {self.number} does not begin with a backtick")
            cells = text[1:].split(",`")
            if len(cells) != self._width:
                raise BillError(
                    "bill_unreadable",
                    f"row {self.number} has {counted(len(cells), 'cell')}, not {self._width}",
                )
            self._count += 1
            yield cells
        raise BillError("bill_truncated", f"ends after row {self.number} without its totals")

    def _end(self, text: str) -> None:
        names = [name.strip() for name in text.split(",")]
        values = next(self._texts, "")
        cells = values[1:].split(",`") if values.startswith("`") else []
        if len(cells) != len(names):
            raise BillError("bill_truncated", "ends within its totals")
        if any(rest.strip() for rest in self._texts):
            raise BillError("bill_unreadable", "goes on after its totals")
        self._totals = dict(zip(names, cells, strict=True))

    def has_totals(self, sums: Mapping[str, int]) -> None:
        """Compare the trailer with what the rows come to. Raises BillError."""
        for name, value in sums.items():
            try:
                said = yuan_of(self._totals[name])
            except (ValueError, LookupError) as error:
                raise BillError("bill_unreadable", f"its totals have no {name}") from error
            if said != value:
                raise BillError("bill_total_wrong", f"{name} is {yuan(said)}, its rows come to {yuan(value)}")
        self.has_counts({self._head: self._count})

    def has_counts(self, counts: Mapping[str, int]) -> None:
        """Compare the trailer's counts with the rows. Raises BillError."""
        for name, value in counts.items():
            if self._totals.get(name) != str(value):
                raise BillError("bill_count_wrong", f"{name} does not agree with its {value} rows")
