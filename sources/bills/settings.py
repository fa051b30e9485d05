"""`bills.toml`: which bills there are, what they look like and where they come from. Refused as a whole."""

import tomllib
from urllib.parse import urlsplit

import msgspec

from schemas.limits import MOST_IDENTIFIER
from schemas.problems import NOT_TOML, DocumentError, Problem, not_toml
from sources.bills.formats import FORMATS
from sources.bills.model import Place, Source

FILE = "bills.toml"
TABLES = ("csv", "excel")
DOWNLOADS = {"wechat": ("wechat-trade", "wechat-fund"), "alipay": ("alipay",)}
"""Which formats a channel's download call gives."""
STATES = ("pending", "success", "failed", "closed")
KINDS = ("payment", "refund", "chargeback", "transfer", "fee", "skip")


class _File(msgspec.Struct, forbid_unknown_fields=True):
    bill: list[object] = []
    store: list[Place] = []


def _read(text: str) -> _File:
    try:
        return msgspec.convert(tomllib.loads(text), _File)
    except NOT_TOML as error:
        raise DocumentError([not_toml(FILE, error)]) from error
    except msgspec.ValidationError as error:
        raise DocumentError([Problem(FILE, 0, "", "wrong_settings", str(error))]) from error


def read_places(text: str) -> list[Place]:
    """The object stores in which files are dropped. Raises DocumentError; `row` counts the `[[store]]`."""
    places = _read(text).store
    problems = [
        Problem(FILE, number, column, "wrong_value", f"{column} {message}")
        for number, place in enumerate(places, 1)
        for column, message in _wrong_place(place).items()
    ]
    if problems:
        raise DocumentError(problems)
    return places


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


def read_sources(text: str) -> list[Source]:
    """The bills that a file names. Raises DocumentError with every problem; `row` counts the `[[bill]]`."""
    whole = _read(text)
    problems: list[Problem] = []
    sources: list[Source] = []
    for number, said in enumerate(whole.bill, 1):
        try:
            source = msgspec.convert(said, Source)
        except msgspec.ValidationError as error:
            problems.append(Problem(FILE, number, "", "wrong_settings", str(error)))
            continue
        problems += [
            Problem(FILE, number, column, "wrong_value", f"{column} {message}")
            for column, message in _wrong(source).items()
        ]
        sources.append(source)
    names = [(one.channel, one.merchant, one.sort) for one in sources]
    problems += [
        Problem(FILE, number, "", "stands_twice", f"the {one[2]} bill of {one[0]} {one[1]} stands twice")
        for number, one in enumerate(names, 1)
        if one in names[: number - 1]
    ]
    if problems:
        raise DocumentError(problems)
    return sources


def _wrong(source: Source) -> dict[str, str]:
    """What is wrong by setting."""
    found: dict[str, str] = {}
    for name in ("channel", "merchant", "group"):
        if not 0 < len(getattr(source, name)) <= MOST_IDENTIFIER:
            found[name] = f"must be a name of at most {MOST_IDENTIFIER} characters"
    if source.format not in FORMATS:
        found["format"] = f"must be one of {', '.join(FORMATS)}"
    for column, said, known in (
        ("kinds", [*source.kinds.values()], KINDS),
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
    columns = source.columns
    if (columns is None) == (source.format in TABLES):
        return {"columns": "must be there for csv and excel, and only for them"}
    if columns is not None and bool(columns.amount) == bool(columns.money_in or columns.money_out):
        return {"columns": "must name amount, or money_in and money_out"}
    return {}


def _wrong_origin(source: Source) -> dict[str, str]:
    if not source.download:
        return (
            {}
            if source.files
            else {"files": "must be a pattern of file names, unless the bill is downloaded"}
        )
    if source.format not in DOWNLOADS.get(source.download, ()):
        return {"download": "must be wechat or alipay, with that channel's own format"}
    return {} if source.address and source.key else {"address": "and key must be there for a download"}
