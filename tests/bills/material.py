"""What the tests of bills share: lines as they happened, sources, and payers' hiding with a fixed key."""

import io
from collections.abc import Iterable
from datetime import date

import msgspec

from schemas.money import FEN
from schemas.payments import BillLine
from schemas.times import DAY, HOUR, SHANGHAI_OFFSET, day_of
from sources.bills.formats import FORMATS
from sources.bills.model import Asked, Columns, Source
from sources.channels.tokens import Tokens
from sources.network.bills import WRITERS, packed

DAY_OF_BILL = date(2025, 11, 11)
MIDNIGHT = day_of(DAY_OF_BILL) * DAY - SHANGHAI_OFFSET
HIDING = Tokens(bytes(range(32)))
CARD = "6217001234567890122"
"""Could be a card's number: a known prefix, nineteen digits, the right last one."""
ACCOUNTS = {"alipay": "2088000000000001", "unionpay-zm": "898000000000001"}


def source(form: str, **more: object) -> Source:
    """A source of bills in a format."""
    known = Source(
        channel="wechat",
        merchant="1900000001",
        group="north",
        format=form,
        number=ACCOUNTS.get(form, "1900000001"),
        files="*",
        columns=Columns(number="流水号", time="时间", amount="金额") if form in ("csv", "excel") else None,
    )
    return msgspec.structs.replace(known, **more)


def lines(count: int, *, card: bool = False) -> list[BillLine]:
    """Payments with a fee, and every fourth of them refunded; `card`: a card's number wherever there is room."""
    found = []
    for index in range(count):
        number, order = f"42000000{index:020d}", f"ORD{index:08d}"
        text = f"运费 {CARD} {index}" if card else f"运费 {index}"
        payer = CARD if card else f"oUpF8uMuAJO_M2pxb1Q9zNjWeS{index:02d}"
        time = MIDNIGHT + 10 * HOUR + index % 3_600 * 1_000
        amount, fee = (100 + index) * FEN, FEN
        found.append(BillLine("payment", number, order, "", amount, fee, time, payer=payer, text=text))
        if index % 4 == 0:
            back = f"50000000{index:020d}"
            found.append(
                BillLine("refund", back, order, number, amount // 2, 0, time, "out", payer=payer, text=text)
            )
    return found


def shaped(form: str, given: Iterable[BillLine]) -> list[BillLine]:
    """Lines as far as a format can tell of them."""
    return [_shaped(form, line) for line in given]


def _shaped(form: str, line: BillLine) -> BillLine:
    replace = msgspec.structs.replace
    payer = HIDING.token(line.payer) if form in ("wechat-trade", "camt053") else ""
    shared = replace(line, payer=payer, text=HIDING.scrub(line.text))
    if form == "alipay":
        return replace(
            shared, number=f"{line.original}/{line.number}" if line.kind == "refund" else line.number
        )
    if form == "unionpay-zm":
        return replace(shared, number=line.number[-21:], original=line.original[-21:])
    if form in ("mt940", "camt053"):
        moment = MIDNIGHT if form == "mt940" else line.time
        return replace(shared, kind="payment", original="", fee_e4=0, time=moment)
    return shared


def file_of(form: str, given: Iterable[BillLine]) -> bytes:
    """A bill as the channel sends it."""
    raw = list(given)
    if form == "alipay":
        raw = [
            msgspec.structs.replace(line, number=f"{line.original}/{line.number}")
            if line.kind == "refund"
            else line
            for line in raw
        ]
    elif form == "unionpay-zm":
        raw = [
            msgspec.structs.replace(line, number=line.number[-21:], original=line.original[-21:])
            for line in raw
        ]
    pieces = WRITERS[form](raw, source(form).account, DAY_OF_BILL)
    return packed(pieces) if form.startswith("wechat") else b"".join(pieces)


def read(raw: bytes, asked: Source, day: date | None = DAY_OF_BILL) -> list[BillLine]:
    """All lines of a bill. Raises BillError."""
    return list(FORMATS[asked.format](io.BytesIO(raw), Asked(asked, HIDING, day)))
