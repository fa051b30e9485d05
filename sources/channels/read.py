"""Reading `channels.toml` and `payers.csv`: refused as a whole, with every problem's file, row and column."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schemas.documents import Document
from schemas.limits import MOST_IDENTIFIER
from schemas.payments import ACCOUNT_CHANNEL
from schemas.problems import DocumentError, Problem
from schemas.rows import rows_of, wrong
from sources.channels.cards import replaced
from sources.channels.model import (
    GENERIC,
    Channel,
    Channels,
    Own,
    Section,
    Shape,
    Signature,
    paths_of,
)
from sources.channels.tokens import TOKEN

FILE = "channels.toml"
PAYERS = "payers.csv"
_COLUMNS = (
    *("has", "number", "merchant", "recipient", "app", "order", "original", "amount", "fee", "currency"),
    *("time", "state", "direction", "payer", "text", "settled"),
)
"""Settings of a shape that name fields: of a CSV body without header its columns."""
Where = tuple[str, ...]
"""A setting of a channel, by the sections that it is in."""


class _File(Section, frozen=True, kw_only=True):
    """The whole file; its channels are read one by one, so that each can be told what it contradicts."""

    own: Own = Own()
    channel: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1, max_length=64)]


def read_channels(files: Mapping[str, str]) -> Channels:
    """The channels of a published document. Raises DocumentError with every problem."""
    if FILE not in files:
        raise DocumentError([Problem(FILE, 0, "", "missing_file", f"there is no file {FILE}")])
    document = Document(FILE, files[FILE])
    whole = document.read(_File)
    found: dict[str, Channel] = {}
    for n in range(document.count("channel")):
        channel = document.read(Channel, "channel", n)
        if channel is None:
            continue
        at = "channel", n, "name"
        if channel.name in found:
            document.wrong("repeated", f"channel {channel.name} stands above already", *at)
        if channel.name == ACCOUNT_CHANNEL:
            document.wrong("reserved", "it stands for what is deducted from virtual accounts", *at)
        for message, *where in _contradictions(channel):
            document.wrong("wrong_setting", f"channel {channel.name}: {message}", "channel", n, *where)
        found[channel.name] = channel
    document.refuse()
    assert whole is not None
    return Channels(whole.own, found)


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


def _contradictions(channel: Channel) -> Iterator[tuple[str, *tuple[str | int, ...]]]:
    """What each part allows and the whole does not: what is wrong, and where."""
    for where, message in _of_format(channel):
        yield message, *where
    signs = channel.signature is None or channel.signature.kind == "hmac"
    if signs and not channel.key:
        yield "without a key nothing could be verified: [[channel.key]]", "key"
    for nth, key in enumerate(channel.key):
        if channel.format not in GENERIC and not key.serial:
            yield "is needed: how notifications name the key", "key", nth, "serial"
        if key.since and key.until and key.since > key.until:
            yield "is before since", "key", nth, "until"
    for nth, column, message in _of_merchants(channel):
        yield message, "merchant", nth, column
    for nth, shape in enumerate(channel.shape):
        if bool(shape.state) != bool(shape.states) or bool(shape.direction) != bool(shape.directions):
            message = "a field goes with its words: state with states, direction with directions"
            yield message, "shape", nth, "state"
        for setting in _COLUMNS if channel.columns else ():
            if any(one not in channel.columns for one in paths_of(getattr(shape, setting))):
                yield "names what is none of `columns`", "shape", nth, setting


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


def _of_format(channel: Channel) -> Iterator[tuple[Where, str]]:
    """What the format wants or does not know: where, and what."""
    if channel.format not in GENERIC:
        if channel.signature is not None:
            yield ("signature",), f"format {channel.format} has its own signature"
    elif channel.signature is None:
        yield (
            ("signature",),
            'is needed: [channel.signature] with kind = "hmac", or "none" if no one else can send',
        )
    else:
        yield from _of_signature(channel.signature)
        if not channel.shape:
            yield ("shape",), "is needed: [[channel.shape]] says where the fields are"
    if channel.columns and channel.format != "csv":
        yield ("columns",), "belong to format csv"


def _of_signature(signature: Signature) -> Iterator[tuple[Where, str]]:
    if "{body}" not in signature.signed:
        yield ("signature", "signed"), "has no {body}: the body would not be signed"
    if signature.kind == "hmac" and signature.clock and f"{{{signature.clock}}}" not in signature.signed:
        yield ("signature", "clock"), f"is not signed: signed has no {{{signature.clock}}}"
    if signature.kind == "hmac" and f"{{{signature.header}}}" in signature.signed:
        yield ("signature", "signed"), "cannot have the signature itself"
