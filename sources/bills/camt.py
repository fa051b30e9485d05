"""camt.053 statements (ISO 20022), read as a stream: no document type, no entities, bounded depth and texts."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import BinaryIO, NamedTuple
from xml.parsers import expat

import msgspec

from schemas.counted import counted
from schemas.money import yuan
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
MOST_FIELDS = 20_000
"""Texts of one entry, and of their characters a hundred times as many."""
_NUMBERS = ("Refs/AcctSvcrRef", "Refs/TxId")
_ORDERS = ("Refs/EndToEndId", "Refs/InstrId")
_AMOUNTS = ("Amt", "AmtDtls/TxAmt/Amt")
_TEXTS = ("RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref")
_TRANSACTION = ["NtryDtls", "TxDtls"]
_NO_BALANCES = "has no opening and closing balance (OPBD, CLBD)"
_OTHERS = {"CRDT": "Dbtr", "DBIT": "Cdtr"}
Fields = dict[str, list[str]]
"""Texts of an element by their path below it, its own at the empty path; an attribute `Ccy` stands at the path with
`@Ccy`."""


class _Whole(NamedTuple):
    """An element that is looked at as a whole."""

    name: str
    fields: Fields
    transactions: list[Fields]
    """Of an entry: the fields of its transactions (TxDtls), which are not among the others."""


class _State(msgspec.Struct):
    """What the statement has said so far."""

    opening: tuple[int, str] | None = None
    closing: tuple[int, str] | None = None
    before: tuple[int, str] | None = None
    """What the statement before it in the file closed with; None: it is the first."""
    sum: int = 0
    """Of entries since the opening balance."""
    entries: int = 0
    """Of all statements of the file."""
    counted: int = 0
    """Of those before this one."""
    told: int = -1
    """Entries that its summary tells of; -1: it has none."""
    number: str = ""
    """Of the statement, and of its page if it has several."""
    account: bool = False
    whole: bool = False


def statement(stream: BinaryIO, asked: Asked) -> Iterator[BillLine]:
    """Booked entries of one account's statements, each of the days from its opening balance to its closing one, which
    must follow."""
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
    _is_whole(state)


def _lines(parser: "_Parser", state: _State, asked: Asked) -> Iterator[BillLine]:
    found, parser.found = parser.found, []
    for name, fields, transactions in found:
        if name == "Id":
            state.number = _first(fields, ("",))
        elif name == "StmtPgntn":
            state.number += f"/{_first(fields, ('PgNb',))}".rstrip("/")
        elif name == "Acct":
            asked.is_statement(state.number)
            account = _first(fields, ("Id/IBAN", "Id/Othr/Id"))
            asked.is_for(account, "Acct")
            state.account = True
        elif name == "Bal":
            _balance(fields, state, asked)
        elif name == "TxsSummry":
            state.told = int((_first(fields, ("TtlNtries/NbOfNtries",)) or "-1")[:9])
        elif name == "Ntry":
            state.entries += 1
            yield from _entry(fields, transactions, state, asked)
        elif name == "Stmt":
            _ends(state, asked)


def _balance(fields: Fields, state: _State, asked: Asked) -> None:
    units = yuan_of(_first(fields, ("Amt",)))
    sign = -1 if _first(fields, ("CdtDbtInd",)) == "DBIT" else 1
    said = sign * units, _first(fields, ("Amt@Ccy",))
    code, on = _first(fields, ("Tp/CdOrPrtry/Cd",)), _first(fields, ("Dt/Dt", "Dt/DtTm"))[:10]
    if code == "CLBD":
        state.closing = said
        asked.is_of(date.fromisoformat(on), code)
    elif code in ("OPBD", "PRCD"):
        if on:
            asked.is_from(date.fromisoformat(on))
        if state.before is None:
            state.opening = said
        elif said != state.before:
            text = "a statement does not begin with the balance of the one before it"
            raise BillError("bill_total_wrong", text)


def _ends(state: _State, asked: Asked) -> None:
    """A statement, or a page of one, is at its end: its entries must come to its closing balance, if it has that. The
    file may have another one of the account."""
    entries = state.entries - state.counted
    if state.told not in (-1, entries):
        raise BillError(
            "bill_count_wrong", f"tells of {counted(state.told, 'entry', 'entries')} and has {entries}"
        )
    state.whole, state.told, state.counted = state.closing is not None, -1, state.entries
    state.number = ""
    if state.closing is None:
        return
    if state.opening is None:
        raise BillError("bill_truncated", _NO_BALANCES)
    if (state.opening[0] + state.sum, state.opening[1]) != state.closing:
        came = state.opening[0] + state.sum
        text = f"closes with {yuan(state.closing[0])}, its entries come to {yuan(came)}"
        raise BillError("bill_total_wrong", text)
    state.before = state.opening = state.closing
    state.closing, state.sum = None, 0
    asked.begins()


def _entry(fields: Fields, transactions: list[Fields], state: _State, asked: Asked) -> Iterator[BillLine]:
    """An entry's transactions, where their amounts are told and come to the entry's; or else the entry as one."""
    way = _first(fields, ("CdtDbtInd",))
    if way not in _OTHERS:
        raise ValueError("CdtDbtInd is neither CRDT nor DBIT")
    if _first(fields, ("Sts", "Sts/Cd")) not in ("BOOK", ""):
        return
    units = yuan_of(_first(fields, ("Amt",)))
    state.sum += units if way == "CRDT" else -units
    amounts = [_amount(one, way, _first(fields, ("Amt@Ccy",))) for one in transactions]
    if len(amounts) < 2 or not all(amounts) or sum(amounts) != units:
        whole: Fields = {}
        for one in transactions:
            for path, texts in one.items():
                whole.setdefault(path, []).extend(texts)
        transactions, amounts = [whole], [units]
    for number, one, amount in zip(_numbers(fields, transactions), transactions, amounts, strict=True):
        yield _line(fields, one, number, amount, asked)


def _amount(transaction: Fields, way: str, currency: str) -> int:
    """Units of a transaction of an entry; 0: it does not tell them, or not as the entry's."""
    path = next((path for path in _AMOUNTS if path in transaction), "")
    same = _first(transaction, (f"{path}@Ccy",)) == currency and transaction.get("CdtDbtInd", [way]) == [way]
    return yuan_of(transaction[path][0]) if path and same else 0


def _numbers(fields: Fields, transactions: list[Fields]) -> list[str]:
    """The bank's numbers: the entry's, of several transactions their own, or else the entry's with their places."""
    own = [_first(one, _NUMBERS) for one in transactions]
    entry = (
        _first(fields, ("AcctSvcrRef",)) or (own[0] if len(own) == 1 else "") or _first(fields, ("NtryRef",))
    )
    if len(own) > 1 and all(own) and len({*own}) == len(own):
        return own
    if not entry:
        raise ValueError("AcctSvcrRef is missing: nothing tells one entry from another")
    return [entry] if len(own) == 1 else [f"{entry}/{place}" for place in range(1, len(own) + 1)]


def _line(fields: Fields, transaction: Fields, number: str, units: int, asked: Asked) -> BillLine:
    scrub, way = asked.hiding.scrub, _first(fields, ("CdtDbtInd",))
    order, other = _first(transaction, _ORDERS), f"RltdPties/{_OTHERS[way]}Acct/Id"
    payer = _first(transaction, (f"{other}/IBAN", f"{other}/Othr/Id"))
    texts = [text for path in _TEXTS for text in transaction.get(path, ())] + fields.get("AddtlNtryInf", [])
    return BillLine(
        "chargeback" if _first(fields, ("RvslInd",)) in ("true", "1") else "payment",
        scrub(number_of(number)),
        "" if order == "NOTPROVIDED" else scrub(number_of(order)),
        "",
        units,
        0,
        _moment(_first(fields, ("BookgDt/DtTm", "BookgDt/Dt", "ValDt/Dt"))),
        "in" if way == "CRDT" else "out",
        payer=asked.hiding.token(payer) if payer else "",
        text=scrub(text_of(" ".join(texts))),
        currency=_first(fields, ("Amt@Ccy",)),
    )


def _is_whole(state: _State) -> None:
    """The file is at its end. Raises BillError where something is missing."""
    if not state.whole:
        raise BillError("bill_truncated", _NO_BALANCES)
    if not state.account:
        raise BillError("bill_unreadable", "does not name its account")


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

    WHOLES = frozenset(("Id", "StmtPgntn", "Acct", "Bal", "TxsSummry", "Ntry"))

    def __init__(self) -> None:
        self.found: list[_Whole] = []
        self._path: list[str] = []
        self._begins = 0
        """Depth of the element that is being gathered; 0: none."""
        self._fields: Fields = {}
        self._transactions: list[Fields] = []
        self._text: list[str] = []
        self._length = self._count = self._size = self._fed = 0
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
            self._begins, self._fields, self._transactions = len(self._path), {}, []
            self._count = self._size = 0
        elif self._begins and self._path[self._begins :] == _TRANSACTION:
            self._transactions.append({})
        self._text, self._length = [], 0
        if self._begins and (currency := attributes.get("Ccy")):
            self._keep("@Ccy", currency)

    def _end(self, name: str) -> None:
        local = name.rpartition(" ")[2]
        if self._begins and (text := "".join(self._text).strip()):
            self._keep("", text)
        if len(self._path) == self._begins:
            self.found.append(_Whole(local, self._fields, self._transactions))
            self._begins = 0
        elif local == "Stmt":
            self.found.append(_Whole(local, {}, []))
        self._path.pop()
        self._text, self._length = [], 0

    def _keep(self, attribute: str, text: str) -> None:
        """A text of the element that the parser is in, or of one of its attributes."""
        self._count += 1
        self._size += len(text)
        if self._count > MOST_FIELDS or self._size > 100 * MOST_FIELDS:
            raise BillError("bill_too_large", f"has an entry of more than {MOST_FIELDS} texts")
        below = self._path[self._begins :]
        inside = below[: len(_TRANSACTION)] == _TRANSACTION
        fields = self._transactions[-1] if inside else self._fields
        path = "/".join(below[len(_TRANSACTION) :] if inside else below)
        fields.setdefault(path + attribute, []).append(text)

    def _characters(self, text: str) -> None:
        if self._begins:
            self._length += len(text)
            if self._length > MOST_TEXT:
                raise BillError("bill_too_large", f"has a text of more than {MOST_TEXT} characters")
            self._text.append(text)


def _doctype(*_: object) -> None:
    raise BillError("bill_unreadable", "has a document type, which no statement has")
