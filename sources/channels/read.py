"""Reading `channels.toml` and `payers.csv`: refused as a whole, with every problem's file, row and column."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from schemas.limits import MOST_IDENTIFIER
from schemas.payments import ACCOUNT_CHANNEL
from schemas.problems import NOT_TOML, DocumentError, Problem, not_toml
from schemas.rows import rows_of, wrong
from sources.channels.cards import replaced
from sources.channels.model import (
    GENERIC,
    Bills,
    Channel,
    Channels,
    Key,
    Merchant,
    Own,
    Section,
    Shape,
    Signature,
)
from sources.channels.tokens import TOKEN

FILE = "channels.toml"
PAYERS = "payers.csv"
MOST_CHANNELS, MOST_MERCHANTS, MOST_KEYS, MOST_SHAPES = 64, 10_000, 256, 32
_HEADER = re.compile(r"\s*\[\[?\s*(channel(?:\s*\.\s*(?:key|merchant|shape|signature|bills))?|own)\s*\]")
_COLUMN = re.compile(r"at `\$\.?(\w+)|`(\w+)`$")
_PARTS: dict[str, tuple[type[Section], int]] = {
    "key": (Key, MOST_KEYS),
    "merchant": (Merchant, MOST_MERCHANTS),
    "shape": (Shape, MOST_SHAPES),
}
_SINGLE: dict[str, type[Section]] = {"signature": Signature, "bills": Bills}
One = TypeVar("One")


def read_channels(files: Mapping[str, str]) -> Channels:
    """The channels of a published document. Raises DocumentError with every problem."""
    if FILE not in files:
        raise DocumentError([Problem(FILE, 0, "", "missing_file", f"there is no file {FILE}")])
    try:
        document = tomllib.loads(files[FILE])
    except NOT_TOML as error:
        raise DocumentError([not_toml(FILE, error)]) from error
    problems = [
        Problem(FILE, 0, key, "unknown_setting", "a channels.toml has [own] and [[channel]] sections only")
        for key in sorted(document.keys() - {"own", "channel"})
    ]
    rows = _Rows(files[FILE])
    own = _converted(document.get("own", {}), Own, rows.own, problems) or Own()
    sections = document.get("channel", [])
    if not isinstance(sections, list) or not sections or not all(isinstance(one, dict) for one in sections):
        problems.append(Problem(FILE, 0, "channel", "wrong_setting", "is a list of sections: [[channel]]"))
        sections = []
    if len(sections) > MOST_CHANNELS:
        problems.append(Problem(FILE, 0, "channel", "too_many", f"there are more than {MOST_CHANNELS}"))
        sections = []
    found = {}
    for n, section in enumerate(sections):
        channel = _channel(section, n, rows, problems)
        if channel is None:
            continue
        if channel.name in found:
            message = f"channel {channel.name} stands above already"
            problems.append(Problem(FILE, rows.of(n), "name", "repeated", message))
        if channel.name == ACCOUNT_CHANNEL:
            message = "it stands for what is deducted from virtual accounts"
            problems.append(Problem(FILE, rows.of(n), "name", "reserved", message))
        problems += _contradictions(channel, n, rows)
        found[channel.name] = channel
    if problems:
        raise DocumentError(problems)
    return Channels(own, found)


def read_payers(files: Mapping[str, str]) -> dict[str, str]:
    """Parties by their payers' tokens; none without `payers.csv`. Raises DocumentError with every problem."""
    problems: list[Problem] = []
    parties: dict[str, str] = {}
    for row, cells in rows_of(files, PAYERS, ("party", "token"), problems) if PAYERS in files else ():
        party, token = cells["party"], cells["token"]
        if not 0 < len(party) <= MOST_IDENTIFIER:
            problems.append(wrong(PAYERS, row, "party", f"has 1 to {MOST_IDENTIFIER} characters"))
        if not TOKEN.fullmatch(token):
            message = (
                "is no token: `waybook token` prints that of an account, which itself must not stand here"
            )
            problems.append(wrong(PAYERS, row, "token", message))
        elif parties.setdefault(token, party) != party:
            problems.append(wrong(PAYERS, row, "token", "stands above already, with another party"))
    if problems:
        raise DocumentError(problems)
    return parties


@cache
def built_in(name: str) -> tuple[Shape, ...]:
    """The shapes of a format; none of a generic one."""
    text = Path(__file__).with_name("shapes.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, tuple[Shape, ...]]).get(name, ())


class _Rows:
    """At which lines the sections begin (1 is the first); 0: it has no header of its own."""

    def __init__(self, text: str) -> None:
        self.own = 0
        self._channels: list[int] = []
        self._parts: list[dict[str, list[int]]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if (header := _HEADER.match(line)) is None:
                continue
            name = "".join(header[1].split())
            if name == "own":
                self.own = number
            elif name == "channel":
                self._channels.append(number)
                self._parts.append({})
            elif self._parts:
                self._parts[-1].setdefault(name.partition(".")[2], []).append(number)

    def of(self, channel: int, part: str = "", nth: int = 0) -> int:
        """The row of a channel, or of the nth of its parts of a name."""
        if channel >= len(self._channels):
            return 0
        parts = self._parts[channel].get(part, [])
        return parts[nth] if nth < len(parts) else self._channels[channel]


def _converted(given: object, kind: type[One], row: int, problems: list[Problem]) -> One | None:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        found = _COLUMN.search(str(error))
        column = next(filter(None, found.groups()), "") if found else ""
        problems.append(Problem(FILE, row, column, "wrong_setting", str(error)))
        return None


def _channel(section: dict[str, Any], n: int, rows: _Rows, problems: list[Problem]) -> Channel | None:
    """A section as a channel, its parts read one by one, so that each has its row."""
    before = len(problems)
    for name, (kind, most) in _PARTS.items():
        parts = section.get(name, [])
        if not isinstance(parts, list):
            problems.append(
                Problem(FILE, rows.of(n), name, "wrong_setting", f"is a list: [[channel.{name}]]")
            )
            continue
        if len(parts) > most:
            problems.append(
                Problem(FILE, rows.of(n), name, "too_many", f"a channel has {most} of them at most")
            )
            continue
        for nth, part in enumerate(parts):
            _converted(part, kind, rows.of(n, name, nth), problems)
    for name, kind in _SINGLE.items():
        if name in section:
            _converted(section[name], kind, rows.of(n, name), problems)
    if len(problems) > before:
        return None
    return _converted(section, Channel, rows.of(n), problems)


def _contradictions(channel: Channel, n: int, rows: _Rows) -> Iterator[Problem]:
    """What each part allows and the whole does not."""

    def wrong(column: str, message: str, part: str = "", nth: int = 0) -> Problem:
        message = f"channel {channel.name}: {message}"
        return Problem(FILE, rows.of(n, part, nth), column, "wrong_setting", message)

    for column, message in _of_format(channel):
        yield wrong(column, message)
    signs = channel.signature is None or channel.signature.kind == "hmac"
    if signs and not channel.key:
        yield wrong("key", "without a key nothing could be verified: [[channel.key]]")
    for nth, key in enumerate(channel.key):
        if channel.format not in GENERIC and not key.serial:
            yield wrong("serial", "is needed: how notifications name the key", "key", nth)
        if key.since and key.until and key.since > key.until:
            yield wrong("until", "is before since", "key", nth)
    for nth, column, message in _of_merchants(channel):
        yield wrong(column, message, "merchant", nth)
    for nth, shape in enumerate(channel.shape):
        if bool(shape.state) != bool(shape.states) or bool(shape.direction) != bool(shape.directions):
            yield wrong(
                "state",
                "a field goes with its words: state with states, direction with directions",
                "shape",
                nth,
            )


def _of_merchants(channel: Channel) -> Iterator[tuple[int, str, str]]:
    """What is wrong with its merchants: (which, column, message)."""
    numbers = Counter(merchant.number for merchant in channel.merchant)
    names = Counter(merchant.called for merchant in channel.merchant)
    for nth, merchant in enumerate(channel.merchant):
        if numbers[merchant.number] > 1 or names[merchant.called] > 1:
            yield nth, "number", "two merchants of a channel have neither number nor name in common"
        if replaced(merchant.called, lambda _: "") != merchant.called:
            yield nth, "name", "could be a card's number: give the account a name"
        if (channel.format == "wechat") != bool(merchant.secrets):
            yield nth, "secrets", "files of APIv3 keys belong to every WeChat merchant and to no other"


def _of_format(channel: Channel) -> Iterator[tuple[str, str]]:
    """What the format wants or does not know: (column, message)."""
    if channel.format not in GENERIC:
        if channel.signature is not None:
            yield "signature", f"format {channel.format} has its own signature"
    elif channel.signature is None:
        yield (
            "signature",
            'is needed: [channel.signature] with kind = "hmac", or "none" if no one else can send',
        )
    else:
        yield from _of_signature(channel.signature)
        if not channel.shape:
            yield "shape", "is needed: [[channel.shape]] says where the fields are"
    if channel.columns and channel.format != "csv":
        yield "columns", "belong to format csv"


def _of_signature(signature: Signature) -> Iterator[tuple[str, str]]:
    if "{body}" not in signature.signed:
        yield "signed", "has no {body}: the body would not be signed"
    if signature.kind == "hmac" and signature.clock and f"{{{signature.clock}}}" not in signature.signed:
        yield "clock", f"is not signed: signed has no {{{signature.clock}}}"
    if signature.kind == "hmac" and f"{{{signature.header}}}" in signature.signed:
        yield "signed", "cannot have the signature itself"
