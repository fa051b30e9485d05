"""camt.053 statements (ISO 20022), read as a stream: no document type, no entities, bounded depth and texts."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import BinaryIO
from xml.parsers import expat

import msgspec

from schemas.payments import BillLine
from schemas.times import DAY, SECOND, SHANGHAI_OFFSET, day_of
from sources.bills.cells import number_of, text_of, yuan_of
from sources.bills.model import Asked, BillError
from sources.bills.unpacking import unpacked

PIECE = 1 << 16
MOST_DEPTH = 40
MOST_TEXT = 4_096
MOST_TOKEN = 1 << 20
"""Bytes of a tag, a comment or whatever else the parser has to see as a whole."""
MOST_FIELDS = 2_000
"""Texts of one entry."""
_NUMBERS = ("AcctSvcrRef", "NtryDtls/TxDtls/Refs/AcctSvcrRef", "NtryDtls/TxDtls/Refs/TxId", "NtryRef")
_ORDERS = ("NtryDtls/TxDtls/Refs/EndToEndId", "NtryDtls/TxDtls/Refs/InstrId")
_TEXTS = ("NtryDtls/TxDtls/RmtInf/Ustrd", "NtryDtls/TxDtls/RmtInf/Strd/CdtrRefInf/Ref", "AddtlNtryInf")
_OTHERS = {"CRDT": "Dbtr", "DBIT": "Cdtr"}
Fields = dict[str, list[str]]
"""Texts of an element by their path below it; an attribute `Ccy` stands at the path with `@Ccy`."""


class _State(msgspec.Struct):
    """What the statement has said so far."""

    opening: tuple[int, str] | None = None
    closing: tuple[int, str] | None = None
    sum: int = 0
    entries: int = 0
    told: int = -1
    """Entries that its summary tells of; -1: it has none."""
    account: bool = False
    whole: bool = False


def statement(stream: BinaryIO, asked: Asked) -> Iterator[BillLine]:
    """Booked entries of one account's statement of one day; the balances must follow from them."""
    state, parser = _State(), _Parser()
    opened = unpacked(stream)
    try:
        while piece := opened.read(PIECE):
            parser.feed(piece)
            yield from _lines(parser, state, asked)
        parser.end()
    except expat.ExpatError as error:
        ended = error.code in (expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],)
        reason = "bill_truncated" if ended or not piece else "bill_unreadable"
        raise BillError(reason, f"is no XML that is whole: row {error.lineno}") from error
    except BillError:
        raise
    except (ValueError, LookupError, OverflowError) as error:
        raise BillError("bill_unreadable", f"entry {state.entries}: a text {error}") from error
    yield from _lines(parser, state, asked)
    _agrees(state)


def _lines(parser: "_Parser", state: _State, asked: Asked) -> Iterator[BillLine]:
    found, parser.found = parser.found, []
    for name, fields in found:
        if name == "Acct":
            account = _first(fields, ("Id/IBAN", "Id/Othr/Id"))
            asked.is_for(account, "Acct")
            state.account = True
        elif name == "Bal":
            _balance(fields, state, asked)
        elif name == "TxsSummry":
            state.told = int((_first(fields, ("TtlNtries/NbOfNtries",)) or "-1")[:9])
        elif name == "Ntry":
            state.entries += 1
            line = _entry(fields, state, asked)
            if line is not None:
                yield line
        elif name == "Stmt":
            state.whole = True


def _balance(fields: Fields, state: _State, asked: Asked) -> None:
    units = yuan_of(_first(fields, ("Amt",)))
    sign = -1 if _first(fields, ("CdtDbtInd",)) == "DBIT" else 1
    said = sign * units, _first(fields, ("Amt@Ccy",))
    match _first(fields, ("Tp/CdOrPrtry/Cd",)):
        case "OPBD" | "PRCD":
            state.opening = said
        case "CLBD":
            state.closing = said
            asked.is_of(date.fromisoformat(_first(fields, ("Dt/Dt", "Dt/DtTm"))[:10]), "CLBD")


def _entry(fields: Fields, state: _State, asked: Asked) -> BillLine | None:
    way = _first(fields, ("CdtDbtInd",))
    if way not in _OTHERS:
        raise ValueError("CdtDbtInd is neither CRDT nor DBIT")
    if _first(fields, ("Sts", "Sts/Cd")) not in ("BOOK", ""):
        return None
    units = yuan_of(_first(fields, ("Amt",)))
    state.sum += units if way == "CRDT" else -units
    reverses = _first(fields, ("RvslInd",)) in ("true", "1")
    scrub, parties = asked.hiding.scrub, "NtryDtls/TxDtls/RltdPties"
    number = _first(fields, _NUMBERS)
    if not number:
        raise ValueError("AcctSvcrRef is missing: nothing tells one entry from another")
    order = _first(fields, _ORDERS)
    other = _OTHERS[way]
    payer = _first(fields, (f"{parties}/{other}Acct/Id/IBAN", f"{parties}/{other}Acct/Id/Othr/Id"))
    return BillLine(
        "chargeback" if reverses else "payment",
        scrub(number_of(number)),
        "" if order == "NOTPROVIDED" else scrub(number_of(order)),
        "",
        units,
        0,
        _moment(_first(fields, ("BookgDt/DtTm", "BookgDt/Dt", "ValDt/Dt"))),
        "in" if way == "CRDT" else "out",
        payer=asked.hiding.token(payer) if payer else "",
        text=scrub(text_of(" ".join(text for path in _TEXTS for text in fields.get(path, ())))),
        currency=_first(fields, ("Amt@Ccy",)),
    )


def _agrees(state: _State) -> None:
    """Compare the balances and the count with the entries. Raises BillError."""
    if not state.whole or state.closing is None or state.opening is None:
        raise BillError("bill_truncated", "has no opening and closing balance (OPBD, CLBD)")
    if not state.account:
        raise BillError("bill_unreadable", "does not name its account")
    if state.told not in (-1, state.entries):
        raise BillError("bill_count_wrong", f"tells of {state.told} entries and has {state.entries}")
    if (state.opening[0] + state.sum, state.opening[1]) != state.closing:
        text = f"closes with {state.closing[0]} in 0.0001, its entries come to {state.opening[0] + state.sum}"
        raise BillError("bill_total_wrong", text)


def _moment(text: str) -> int:
    """UTC ms of a date (its beginning in Shanghai) or of a time, of Shanghai where it names no zone."""
    if len(text) <= 10:
        return day_of(date.fromisoformat(text)) * DAY - SHANGHAI_OFFSET
    moment = datetime.fromisoformat(text)
    zone = moment.utcoffset()
    ms = day_of(moment.date()) * DAY + (moment.hour * 3600 + moment.minute * 60 + moment.second) * SECOND
    return ms - (SHANGHAI_OFFSET if zone is None else int(zone.total_seconds()) * SECOND)


def _first(fields: Fields, paths: tuple[str, ...]) -> str:
    for path in paths:
        if path in fields:
            return fields[path][0]
    return ""


class _Parser:
    """Gathers the texts of the elements of a statement that are looked at as wholes."""

    WHOLES = frozenset(("Acct", "Bal", "TxsSummry", "Ntry"))

    def __init__(self) -> None:
        self.found: list[tuple[str, Fields]] = []
        self._path: list[str] = []
        self._begins = 0
        """Depth of the element that is being gathered; 0: none."""
        self._fields: Fields = {}
        self._text: list[str] = []
        self._length = self._count = self._fed = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = _doctype

    def feed(self, piece: bytes) -> None:
        """Some more of the file."""
        self._fed += len(piece)
        self._parser.Parse(piece, False)
        if self._fed - self._parser.CurrentByteIndex > MOST_TOKEN:
            raise BillError("bill_too_large", f"has a mark of more than {MOST_TOKEN} bytes")

    def end(self) -> None:
        """The file is at its end."""
        self._parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self._path.append(local)
        if len(self._path) > MOST_DEPTH:
            raise BillError("bill_unreadable", f"is nested more than {MOST_DEPTH} deep")
        if not self._begins and local in self.WHOLES and self._path[-2:-1] == ["Stmt"]:
            self._begins, self._fields, self._count = len(self._path), {}, 0
        self._text, self._length = [], 0
        if self._begins and (currency := attributes.get("Ccy")):
            self._keep("/".join(self._path[self._begins :]) + "@Ccy", currency)

    def _end(self, name: str) -> None:
        local = name.rpartition(" ")[2]
        if self._begins and len(self._path) > self._begins and (text := "".join(self._text).strip()):
            self._keep("/".join(self._path[self._begins :]), text)
        if len(self._path) == self._begins:
            self.found.append((local, self._fields))
            self._begins = 0
        elif local == "Stmt":
            self.found.append((local, {}))
        self._path.pop()
        self._text, self._length = [], 0

    def _keep(self, path: str, text: str) -> None:
        self._count += 1
        if self._count > MOST_FIELDS:
            raise BillError("bill_too_large", f"has an entry of more than {MOST_FIELDS} texts")
        self._fields.setdefault(path, []).append(text)

    def _characters(self, text: str) -> None:
        if self._begins:
            self._length += len(text)
            if self._length > MOST_TEXT:
                raise BillError("bill_too_large", f"has a text of more than {MOST_TEXT} characters")
            self._text.append(text)


def _doctype(*_: object) -> None:
    raise BillError("bill_unreadable", "has a document type, which no statement has")
