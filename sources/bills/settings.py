"""`bills.toml`: which bills there are, what they look like and where they come from. Refused as a whole."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from schemas.documents import Document
from schemas.limits import MOST_IDENTIFIER
from sources.bills.formats import FORMATS
from sources.bills.model import Place, Source
from sources.bills.table import CAME_BACK

FILE = "bills.toml"
TABLES = ("csv", "excel")
DOWNLOADS = {
    "wechat": ("wechat-trade", "wechat-fund"),
    "alipay": ("alipay",),
    "unionpay": ("unionpay-zm",),
}
"""Which formats a channel's download call gives."""
NEEDED = {
    "wechat": ("address", "key", "serial"),
    "alipay": ("address", "key", "app"),
    "unionpay": ("address", "key", "serial", "certificates"),
}
"""What a channel's download call wants to know."""
STATES = ("pending", "success", "failed", "closed")
OF_TABLES = {
    "cut_off": ("24:00", "is for csv and excel: the other formats' days are known"),
    "several_days": (
        False,
        "is for csv and excel: statements (MT940, camt.053) of several days say so themselves",
    ),
    "totals": (None, "is for csv and excel: the other formats' totals are known"),
}
"""Settings that only tables have: what they are where nothing is said, and why others have none."""
One = TypeVar("One")
KINDS_WITHOUT_FEES = ("payment", "refund", "chargeback", "transfer", "skip")
KINDS = (*KINDS_WITHOUT_FEES, "fee")
WITH_FEE_ROWS = ("wechat-fund", *TABLES)
"""Formats that have what a channel keeps in rows of their own."""


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file; its sections are read one by one, so that each can be told what it contradicts."""

    bill: tuple[dict[str, Any], ...] = ()
    store: tuple[dict[str, Any], ...] = ()


def read_places(text: str) -> list[Place]:
    """The object stores in which files are dropped. Raises DocumentError with every problem."""
    return _read(Document(FILE, text), Place, "store", _wrong_place)


def read_sources(text: str) -> list[Source]:
    """The bills that a file names. Raises DocumentError with every problem."""
    return _read(Document(FILE, text), Source, "bill", _wrong, _twice)


def _read(
    document: Document,
    kind: type[One],
    name: str,
    wrong: Callable[[One], Mapping[str, str]],
    together: Callable[[Sequence[One]], str] = lambda _: "",
) -> list[One]:
    """The sections of a name. `wrong`: what is wrong in one by setting; `together`: with the last of several."""
    document.read(_File)
    found: list[One] = []
    for n in range(document.count(name)):
        one = document.read(kind, name, n)
        if one is None:
            continue
        for column, message in wrong(one).items():
            document.wrong("wrong_value", f"{column} {message}", name, n, column)
        found.append(one)
        if message := together(found):
            document.wrong("stands_twice", message, name, n)
    document.refuse()
    return found


def _twice(sources: Sequence[Source]) -> str:
    *before, of = ((one.channel, one.merchant, one.sort) for one in sources)
    return f"the {of[2]} bill of {of[0]} {of[1]} stands twice" if of in before else ""


def _wrong_place(place: Place) -> dict[str, str]:
    address = urlsplit(place.address)
    found: dict[str, str] = {}
    if address.scheme not in ("https", "http") or not address.netloc or address.path.strip("/"):
        found["address"] = "must be like https://oss-cn-hangzhou.aliyuncs.com"
    if not place.path.strip("/") or place.path != place.path.strip("/"):
        found["path"] = "must be a bucket, or a bucket and a place in it, without slashes around"
    for name in ("region", "key"):
        if not getattr(place, name):
            found[name] = "must be there"
    return found


def _wrong(source: Source) -> dict[str, str]:
    """What is wrong by setting."""
    found: dict[str, str] = {}
    for name in ("channel", "merchant", "group"):
        if not 0 < len(getattr(source, name)) <= MOST_IDENTIFIER:
            found[name] = f"must be a name of at most {MOST_IDENTIFIER} characters"
    if source.format not in FORMATS:
        found["format"] = f"must be one of {', '.join(FORMATS)}"
    kinds = KINDS if source.format in WITH_FEE_ROWS else KINDS_WITHOUT_FEES
    kinds = (*kinds, *CAME_BACK) if source.format in TABLES else kinds
    for column, said, known in (
        ("kinds", [*source.kinds.values()], kinds),
        ("states", [*source.states.values()], STATES),
    ):
        if words := sorted(set(said) - set(known)):
            found[column] = f"has {', '.join(words)}; known are {', '.join(known)}"
    try:
        "".encode(source.charset)
    except LookupError:
        found["charset"] = "must be a charset like utf-8 or gb18030"
    return found | _wrong_columns(source) | _wrong_origin(source)


def _wrong_columns(source: Source) -> dict[str, str]:
    columns, totals = source.columns, source.totals
    if (columns is None) == (source.format in TABLES):
        return {"columns": "must be there for csv and excel, and only for them"}
    if columns is None:
        return {name: why for name, (usual, why) in OF_TABLES.items() if getattr(source, name) != usual}
    if totals is not None and not (totals.column and totals.value.strip("*? ")):
        return {"totals": "must name the column, and what stands in it"}
    if bool(columns.amount) == bool(columns.money_in or columns.money_out):
        return {"columns": "must name amount, or money_in and money_out"}
    return {}


def _wrong_origin(source: Source) -> dict[str, str]:
    if source.provider and (source.download, source.format) != ("wechat", "wechat-trade"):
        return {
            "provider": "is for the download of WeChat's trade bills: others a sub-merchant has to ask for itself"
        }
    if not source.download:
        return (
            {}
            if source.files
            else {"files": "must be a pattern of file names, unless the bill is downloaded"}
        )
    if source.format not in DOWNLOADS.get(source.download, ()):
        return {"download": f"must be one of {', '.join(DOWNLOADS)}, with that channel's own format"}
    needed = NEEDED[source.download]
    return {
        name: f"must be there for {source.download}'s download"
        for name in needed
        if not getattr(source, name)
    }
