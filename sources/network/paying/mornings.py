"""The next morning each channel gives a bill of the day before: files in the office of bills, for `waybook bills`.

Bills tell what really happened, told or not. Some are wrong about a movement (`case.Billed`); what happens shortly
before midnight stands in some channels' next bill.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import msgspec

from schemas.money import FEN, YUAN, yuan
from schemas.payments import BillLine, Payment
from schemas.times import DAY, HOUR, SHANGHAI_OFFSET, business_day, date_of, iso
from sources.network.bills import WRITERS, packed
from sources.network.paying.case import Billed
from sources.network.paying.merchants import ALIPAY, BANK, MERCHANTS, UNIONPAY, WECHAT, Merchant

MORNING = 10 * HOUR
"""After midnight: when the day before's bills are there."""
BEFORE_MIDNIGHT = HOUR // 2
"""What happens so shortly before midnight stands in the next bill of these channels."""
SHIFTED = (ALIPAY, UNIONPAY)
FORMATS = {WECHAT: "wechat-trade", ALIPAY: "alipay", UNIONPAY: "unionpay-zm"}
"""The others' bills are tables."""
ENDINGS = {WECHAT: "csv.gz", ALIPAY: "csv.zip", UNIONPAY: "txt.zm"}
PPM = {WECHAT: 6_000, ALIPAY: 6_000, UNIONPAY: 5_000}
"""What a channel keeps of a payment, in millionths, as `channels.toml` says."""
COLUMNS = {
    "number": "流水号",
    "time": "交易时间",
    "amount": "金额",
    "order": "业务参考号",
    "original": "原流水号",
    "payer": "对方账号",
    "text": "摘要",
    "currency": "币种",
    "kind": "类型",
}
WORDS = {"payment": "收付", "refund": "退款"}


class Mornings:
    """Collects movements, and writes the bills of each day when its next morning has come."""

    def __init__(self, office: Path) -> None:
        self._drop = office / "drop"
        self._drop.mkdir(parents=True, exist_ok=True)
        (office / "bills.toml").write_text("\n".join(_sources()), "utf-8")
        self._days: defaultdict[int, dict[str, list[BillLine]]] = defaultdict(
            lambda: {_name(one.channel, one.called): [] for one in MERCHANTS}
        )
        self.written = 0

    @property
    def next(self) -> int | None:
        """When the next bills are written (UTC ms); None: nothing has happened since the last ones."""
        return _morning(min(self._days)) if self._days else None

    def happened(self, movements: Iterable[tuple[Payment, Billed]]) -> None:
        """These movements happened, or will."""
        for movement, billed in movements:
            lines = self._days[_day(movement)][_name(movement.channel, movement.merchant)]
            lines += _lines(movement, billed)

    def until(self, now: int) -> None:
        """Write the bills of all days whose next morning has come by `now`."""
        while self._days and _morning(first := min(self._days)) <= now:
            for merchant in MERCHANTS:
                lines = self._days[first][_name(merchant.channel, merchant.called)]
                self._write(
                    merchant, date_of(first), sorted(lines, key=lambda line: (line.time, line.number))
                )
            del self._days[first]

    def _write(self, merchant: Merchant, day: date, lines: list[BillLine]) -> None:
        name = (
            f"{_name(merchant.channel, merchant.called)}_{day:%Y%m%d}.{ENDINGS.get(merchant.channel, 'csv')}"
        )
        fresh = self._drop / f"{name}.part"
        fresh.write_bytes(file_of(merchant, day, lines))
        fresh.rename(self._drop / name)
        self.written += 1


def file_of(merchant: Merchant, day: date, lines: list[BillLine]) -> bytes:
    """A bill as the channel writes it."""
    if (form := FORMATS.get(merchant.channel)) is None:
        return _table(lines)
    pieces = WRITERS[form](lines, merchant.number, day)
    return packed(pieces) if merchant.channel == WECHAT else b"".join(pieces)


def _table(lines: Iterable[BillLine]) -> bytes:
    """A bank's own format: amounts with their sign."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS.values())
    for line in lines:
        sign = "-" if line.direction == "out" else ""
        writer.writerow(
            (
                *(line.number, iso(line.time + SHANGHAI_OFFSET)[:19].replace("T", " ")),
                *(f"{sign}{yuan(line.amount_e4)}", line.order, line.original, line.payer, line.text),
                *(line.currency, WORDS[line.kind]),
            )
        )
    return text.getvalue().encode("gb18030")


def _lines(movement: Payment, billed: Billed) -> Iterator[BillLine]:
    """A movement as its bill has it: once, twice, otherwise, or not at all."""
    if billed == "short":
        return
    kept = movement.kind == "payment" and movement.direction == "in"
    fee = (
        (movement.amount_e4 * PPM.get(movement.channel, 0) // 1_000_000 + FEN // 2) // FEN * FEN
        if kept
        else 0
    )
    line = BillLine(
        kind=movement.kind,
        number=movement.number,
        order=movement.order,
        original=movement.original,
        amount_e4=movement.amount_e4 + (YUAN if billed == "bill_amount" else 0),
        fee_e4=fee + (YUAN if billed == "bill_fee" else 0),
        time=movement.time,
        direction=movement.direction,
        payer=movement.payer,
        text=movement.text,
        currency=movement.currency,
    )
    yield line
    if billed == "bill_duplicate":
        yield msgspec.structs.replace(line, fee_e4=0)


def _day(movement: Payment) -> int:
    """The day in whose bill it stands."""
    return business_day(movement.time + (BEFORE_MIDNIGHT if movement.channel in SHIFTED else 0))


def _morning(day: int) -> int:
    return (day + 1) * DAY - SHANGHAI_OFFSET + MORNING


def _name(channel: str, merchant: str) -> str:
    return f"{channel}_{merchant}"


def _sources() -> Iterator[str]:
    """`bills.toml`."""
    for merchant in MERCHANTS:
        table = merchant.channel not in FORMATS
        said = {
            "channel": merchant.channel,
            "merchant": merchant.called,
            "number": merchant.number,
            "group": merchant.group,
            "format": FORMATS.get(merchant.channel, "csv"),
            "sort": "fund" if merchant.channel == BANK else "trade",
            "files": f"{_name(merchant.channel, merchant.called)}_*",
            **({"charset": "gb18030"} if table else {}),
        }
        yield "[[bill]]"
        yield from (f"{name} = {_quoted(value)}" for name, value in said.items())
        if table:
            words = ", ".join(f"{_quoted(word)} = {_quoted(kind)}" for kind, word in WORDS.items())
            columns = ", ".join(f"{name} = {_quoted(column)}" for name, column in COLUMNS.items())
            yield f"kinds = {{ {words} }}"
            yield f"columns = {{ {columns} }}"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
