"""The next morning each channel gives a bill of the day before: files in the office of bills, for `waybook bills`.

Bills tell what really happened, told or not. Some are wrong about a movement (`case.Billed`); what happens shortly
before midnight stands in some channels' next bill. Some bills are wrong as a whole (`Fate`), and a right one is given
a day later, or never.
"""

import csv
import hashlib
import heapq
import io
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from schemas.money import FEN, YUAN, yuan
from schemas.payments import BillLine, Kind, Payment, State
from schemas.times import DAY, HOUR, SHANGHAI_OFFSET, date_of, iso
from sources.network.bills import WRITERS, packed
from sources.network.paying.case import BACK, IN_TABLES, Billed, billed_on
from sources.network.paying.ledger import BillTruth, Ledger
from sources.network.paying.merchants import (
    ALIPAY,
    BANK,
    HEADQUARTERS,
    MERCHANTS,
    OTHER,
    UNIONPAY,
    WECHAT,
    Merchant,
)

MORNING = 10 * HOUR
"""After midnight: when the day before's bills are there."""
Fate = Literal["", "corrected", "wrong_total", "wrong_hash", "refused", "missing"]
"""What becomes of a day's bill: right at once; lines that are lacking, wrong or too much, corrected on the next day;
totals or a digest that it does not agree with, given again on the next day, or (refused) never; or it never comes."""
FATES: dict[tuple[str, str], Sequence[Fate]] = {
    (WECHAT, HEADQUARTERS): ("wrong_total",),
    (ALIPAY, HEADQUARTERS): ("corrected",),
    (UNIONPAY, HEADQUARTERS): ("missing",),
    (BANK, HEADQUARTERS): ("wrong_hash",),
    (OTHER, HEADQUARTERS): ("refused",),
}
"""Of a merchant's first bills: each happens in every simulation. Of later ones it is drawn."""
SHARES: dict[Fate, float] = {
    "": 90,
    "corrected": 4,
    "wrong_total": 2,
    "wrong_hash": 2,
    "refused": 1,
    "missing": 1,
}
FORMATS = {WECHAT: "wechat-trade", ALIPAY: "alipay", UNIONPAY: "unionpay-zm"}
"""The others' bills are tables."""
ENDINGS = {WECHAT: "csv.gz", ALIPAY: "csv.zip", UNIONPAY: "txt.zm"}
PPM = {WECHAT: 6_000, ALIPAY: 6_000, UNIONPAY: 5_000}
"""What a channel keeps of a payment, in millionths, as `channels.toml` says."""
YUANS_A_DOLLAR = 7
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
    "state": "状态",
}
WORDS: dict[Kind, str] = {"payment": "收付", "transfer": "提现", **BACK}
WON = "拒付追回"
"""Of a chargeback that the channel gives back."""
STATES: dict[State, str] = {"success": "成功", "failed": "失败"}
CHARGE = "手续费"
"""Of a row that is a fee and nothing else."""


class Mornings:
    """Collects movements, and writes the bills of each day when its next morning has come, and the truth of them."""

    def __init__(self, office: Path, ledger: Ledger, seed: int) -> None:
        self._drop = office / "drop"
        self._drop.mkdir(parents=True, exist_ok=True)
        (office / "bills.toml").write_text("\n".join(_sources()), "utf-8")
        self._days: defaultdict[int, dict[str, list[BillLine]]] = defaultdict(
            lambda: {_name(one.channel, one.called): [] for one in MERCHANTS}
        )
        self._ledger, self._seed = ledger, seed
        self._first = 0
        """The first day of which there are bills."""
        self._again: list[tuple[int, str, BillTruth, bytes]] = []
        """Bills that are given again: when, under which name, and what they are."""

    @property
    def next(self) -> int | None:
        """When the next bills are written (UTC ms); None: nothing has happened since the last ones."""
        mornings = [_morning(min(self._days))] if self._days else []
        return min((*mornings, *(at for at, *_ in self._again[:1])), default=None)

    def happened(self, movements: Iterable[tuple[Payment, Billed]]) -> None:
        """These movements happened, or will."""
        for movement, billed in movements:
            lines = self._days[billed_on(movement)][_name(movement.channel, movement.merchant)]
            lines += _lines(movement, billed)

    def until(self, now: int) -> None:
        """Write the bills of all days whose next morning has come by `now`."""
        while self._days and _morning(first := min(self._days)) <= now:
            self._first = self._first or first
            for merchant in MERCHANTS:
                lines = self._days[first][_name(merchant.channel, merchant.called)]
                self._give(merchant, first, sorted(lines, key=lambda line: (line.time, line.number)))
            del self._days[first]
        while self._again and self._again[0][0] <= now:
            _, name, truth, content = heapq.heappop(self._again)
            self._write(name, truth, content)

    def _give(self, merchant: Merchant, number: int, lines: list[BillLine]) -> None:
        """A day's bill, as its fate is."""
        day = date_of(number)
        called = _name(merchant.channel, merchant.called)
        r = random.Random(f"{self._seed}/bills/{called}/{number}")
        fate = self._fate(merchant, number, r)
        name, ending = f"{called}_{day:%Y%m%d}", ENDINGS.get(merchant.channel, "csv")
        right = file_of(merchant, day, lines)
        first = right
        if fate == "corrected":
            first = file_of(merchant, day, _otherwise(lines, r))
        elif fate == "wrong_total":
            first = _with_other_totals(merchant, day, lines)
        account = f"{merchant.channel}/{merchant.called}"
        believed = fate in ("", "corrected")
        if fate != "missing":
            digest = hashlib.sha256(right[:-1]).hexdigest() if fate in ("wrong_hash", "refused") else ""
            self._write(f"{name}.{ending}", BillTruth(account, number, believed), first, digest)
        if fate in ("corrected", "wrong_total", "wrong_hash"):
            again = (_morning(number + 1), f"{name}_2.{ending}", BillTruth(account, number, True), right)
            heapq.heappush(self._again, again)

    def _fate(self, merchant: Merchant, number: int, r: random.Random) -> Fate:
        fates = FATES.get((merchant.channel, merchant.group), ("",))
        if number - self._first < len(fates):
            return fates[number - self._first]
        (fate,) = r.choices(list(SHARES), list(SHARES.values()))
        return "wrong_hash" if fate == "wrong_total" and merchant.channel != WECHAT else fate

    def _write(self, name: str, truth: BillTruth, content: bytes, digest: str = "") -> None:
        """`digest`: one that lies beside the file."""
        self._ledger.given(truth)
        if digest:
            (self._drop / f"{name}.sha256").write_text(f"{digest}  {name}\n", "ascii")
        fresh = self._drop / f"{name}.part"
        fresh.write_bytes(content)
        fresh.rename(self._drop / name)


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
        amount = line.amount_e4 if line.direction == "in" else -line.amount_e4
        writer.writerow(
            (
                *(line.number, iso(line.time + SHANGHAI_OFFSET)[:19].replace("T", " ")),
                *(yuan(amount or -line.fee_e4), line.order, line.original, line.payer, line.text),
                *(line.currency, _word(line), STATES[line.state]),
            )
        )
    return text.getvalue().encode("gb18030")


def _word(line: BillLine) -> str:
    if not line.amount_e4:
        return CHARGE
    return WON if (line.kind, line.direction) == ("chargeback", "in") else WORDS[line.kind]


def _lines(movement: Payment, billed: Billed) -> Iterator[BillLine]:
    """A movement as its bill has it: once, twice, otherwise, or not at all."""
    if billed == "short":
        return
    kept = movement.kind == "payment" and movement.direction == "in"
    by_rate = (movement.amount_e4 * PPM.get(movement.channel, 0) // 1_000_000 + FEN // 2) // FEN * FEN
    fee = movement.fee_e4 or (by_rate if kept else 0)
    line = BillLine(
        kind=movement.kind,
        number=movement.number,
        order=movement.order,
        original=movement.original,
        amount_e4=_billed(movement.amount_e4, billed),
        fee_e4=fee + (YUAN if billed == "bill_fee" else 0),
        time=movement.time,
        direction=movement.direction,
        payer=movement.payer,
        text=movement.text,
        currency="USD" if billed == "bill_currency" else movement.currency,
        state="failed" if billed == "bill_status" and movement.channel in IN_TABLES else "success",
    )
    yield line
    if billed == "bill_duplicate":
        yield msgspec.structs.replace(line, fee_e4=0)


def _billed(amount: int, billed: Billed) -> int:
    """What a bill has in the place of an amount; of another currency fewer units are as much."""
    if billed == "bill_currency":
        return max(amount // YUANS_A_DOLLAR // FEN, 1) * FEN
    return amount + (YUAN if billed == "bill_amount" else 0)


def _otherwise(lines: Sequence[BillLine], r: random.Random) -> list[BillLine]:
    """Lines of which some lack, some are wrong, and one is none of ours."""
    found: list[BillLine] = []
    for line in lines:
        match r.randrange(6):
            case 0:
                continue
            case 1:
                found.append(msgspec.structs.replace(line, amount_e4=line.amount_e4 + YUAN))
            case 2:
                found.append(msgspec.structs.replace(line, fee_e4=line.fee_e4 + FEN))
            case _:
                found.append(line)
    payments = [line for line in lines if line.kind == "payment"]
    if payments:
        number = payments[0].number
        found.append(msgspec.structs.replace(payments[0], number=f"{number[:-3]}999", order=""))
    return found


def _with_other_totals(merchant: Merchant, day: date, lines: list[BillLine]) -> bytes:
    """WeChat's trade bill, with the totals of another one."""
    *rows, _ = WRITERS[FORMATS[WECHAT]](lines, merchant.number, day)
    wrong = [msgspec.structs.replace(line, amount_e4=line.amount_e4 + YUAN) for line in lines]
    *_, totals = WRITERS[FORMATS[WECHAT]](wrong or [_A_LINE], merchant.number, day)
    return packed([*rows, totals])


_A_LINE = BillLine("payment", "1", "", "", YUAN, 0, 0)


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
            kinds = (*WORDS.items(), ("fee", CHARGE), ("chargeback_won", WON))
            yield f"kinds = {_inline((word, kind) for kind, word in kinds)}"
            yield f"states = {_inline((word, state) for state, word in STATES.items())}"
            yield f"columns = {_inline(COLUMNS.items())}"


def _inline(pairs: Iterable[tuple[str, str]]) -> str:
    return f"{{ {', '.join(f'{_quoted(name)} = {_quoted(value)}' for name, value in pairs)} }}"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
