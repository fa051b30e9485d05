"""What a file tells of one day: its lines as the parts of messages, and what they come to, in bounded memory."""

import re
from typing import BinaryIO

import msgspec

from schemas.money import whole_fen
from schemas.payments import BillLine
from sources.bills.model import PIECE_LINES, BillError

MOST_PART = 600_000
"""Bytes of a part's lines, below what brokers take as a message by default."""
_PLACE = re.compile(r"`\$\[(\d+)\]`$", re.ASCII)
"""Where in a line's list msgspec found something wrong."""
_encode = msgspec.json.Encoder().encode
_readable = msgspec.json.Decoder(BillLine).decode


class Gathered:
    """Lines of a day. `spool`: where parts that are full lie, those of all days."""

    def __init__(self, spool: BinaryIO) -> None:
        self._spool = spool
        self.lines = self.paid = self.refunded = self.fee = 0
        self._parts: list[tuple[int, int]] = []
        """Place and bytes of each part in the spool: a JSON array of lines."""
        self._texts: list[bytes] = []
        self._size = 0
        """Bytes of the lines of the part that is not full yet."""

    @property
    def parts(self) -> int:
        """How many messages the lines take, once `end` was called."""
        return len(self._parts)

    def add(self, line: BillLine, text: bytes) -> None:
        """A further line, and how it is sent."""
        self.lines += 1
        if line.state == "success":
            if line.kind == "refund":
                self.refunded += line.amount_e4
            elif line.direction == "in":
                self.paid += line.amount_e4
            self.fee += line.fee_e4
        self._keep(text)

    def add_all(self, others: "Gathered") -> None:
        """Lines that turn out to be of this day, too."""
        self.lines += others.lines
        self.paid += others.paid
        self.refunded += others.refunded
        self.fee += others.fee
        if others._parts:
            self.end()
            self._parts += others._parts
        for text in others._texts:
            self._keep(text)

    def _keep(self, text: bytes) -> None:
        if len(self._texts) >= PIECE_LINES or self._size + len(text) > MOST_PART:
            self.end()
        self._texts.append(text)
        self._size += len(text) + 1

    def end(self) -> None:
        """What has been gathered is a part, if there is anything."""
        if self._texts:
            raw = b"[" + b",".join(self._texts) + b"]"
            self._parts.append((self._spool.tell(), self._spool.write(raw)))
            self._texts, self._size = [], 0

    def part(self, number: int) -> bytes:
        """The lines of a part, of which the first is 0."""
        place, size = self._parts[number]
        self._spool.seek(place)
        return self._spool.read(size)


def text_of(line: BillLine, number: int) -> bytes:
    """A line as it is sent. `number`: which of the file it is. Raises BillError for one that no lane would take."""
    if line.currency == "CNY" and not whole_fen(line.amount_e4):
        raise BillError("bill_unreadable", f"movement {number}: its amount has a part of a fen")
    text = _encode(line)
    try:
        _readable(text)
    except msgspec.ValidationError as error:
        raise BillError("bill_unreadable", f"movement {number}: {_named(error)}") from error
    return text


def _named(error: msgspec.ValidationError) -> str:
    """What no lane would take of a line, with the field's name and without its content."""
    field = _PLACE.search(str(error))
    return f"its {BillLine.__struct_fields__[int(field[1])] if field else 'line'} is none that a lane takes"
