"""Device dialects and operation codes as data: what `normalise` needs to read any device.

`dialects.toml` explains its fields where people edit it; `operations.csv` gives every code that a source is
known to send its meaning in the network's words. A code without an operation (问题件, 装车, 入库…) is known
and means nothing for the books: such a message is read, counted as `unused` and no dead letter.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.documents import Document
from schemas.events import OPERATIONS
from schemas.problems import DocumentError, Problem
from schemas.rows import rows_of, wrong
from schemas.topics import MQTT_ROOT

Source = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,23}$")]
"""Starts the ids of the source's events, so it leaves room for what follows."""
Field = Annotated[str, Meta(min_length=1)]
TimeFormat = Literal["epoch_ms", "epoch_s", "local", "compact"]
WeightUnit = Literal["g", "kg", "t"]
VolumeUnit = Literal["l", "m3"]
LengthUnit = Literal["mm", "cm"]


STAY_OPERATIONS = ("opened", "measured", "reduced", "moved", "closed", "asked")
"""What happens to goods in a store; asked: may they enter?"""


class Dialect(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """How one family of devices spells its messages; fields of the message by name."""

    source: Source
    waybill: Field
    unreadable: frozenset[str]
    time: Field
    time_format: TimeFormat
    id: str = ""
    constants: dict[str, str] = {}


class ScanDialect(Dialect, frozen=True, kw_only=True, tag="scan"):
    """Of devices that say that a parcel passed."""

    operation: Field
    courier: str = ""


class WeightDialect(Dialect, frozen=True, kw_only=True, tag="weight"):
    """Of devices that say what a parcel weighs, perhaps how large it is."""

    machine: Literal["dws", "scale"]
    weight: Field
    weight_unit: WeightUnit
    sides: tuple[Field, Field, Field] | None = None
    side_unit: LengthUnit = "mm"
    photo: str = ""


class StayDialect(Dialect, frozen=True, kw_only=True, tag="stay"):
    """Of a store's gates and scales; `waybill` is the number of the stay."""

    operation: Field
    customer: str = ""
    billing: str = ""
    temperature: str = ""
    zone: str = ""
    vehicle: str = ""
    plate: str = ""
    pallet: str = ""
    lot: str = ""
    pieces: str = ""
    pallets: str = ""
    volume: str = ""
    volume_unit: VolumeUnit = "m3"
    weight: str = ""
    weight_unit: WeightUnit = "kg"
    expected: str = ""
    words: dict[str, str] = {}


AnyDialect = ScanDialect | WeightDialect | StayDialect


class Dialects(msgspec.Struct, frozen=True):
    """All dialects by name, and operations by (source, code)."""

    dialects: dict[str, AnyDialect]
    operations: dict[tuple[str, str], str]

    def name(self, topic: str) -> str:
        """The dialect of an MQTT topic, for counting; `unknown` for all that are none of these."""
        name = topic.removeprefix(f"{MQTT_ROOT}/").partition("/")[0]
        return name if name in self.dialects else "unknown"


FILE, CODES = "dialects.toml", "operations.csv"
COLUMNS = ("source", "code", "operation")


def read_dialects(dialects: str, operations: str) -> Dialects:
    """The texts of `dialects.toml` and `operations.csv`. Raises DocumentError with every problem found."""
    problems: list[Problem] = []
    codes = _codes(operations, problems)
    try:
        known = _dialects(Document(FILE, dialects), codes)
    except DocumentError as error:
        raise DocumentError([*problems, *error.problems]) from error
    if problems:
        raise DocumentError(problems)
    return Dialects(known, codes)


def _codes(text: str, problems: list[Problem]) -> dict[tuple[str, str], str]:
    allowed = ("", *OPERATIONS, *STAY_OPERATIONS)
    codes: dict[tuple[str, str], str] = {}
    for number, row in rows_of({CODES: text}, CODES, COLUMNS, problems, others=True):
        key = row["source"], row["code"]
        if row["operation"] not in allowed:
            message = f"{row['operation']!r} is none of {', '.join(allowed[1:])}"
            problems.append(wrong(CODES, number, "operation", message))
        if key in codes:
            problems.append(wrong(CODES, number, "code", f"{key[1]} of {key[0]} stands twice"))
        codes[key] = row["operation"]
    return codes


def _dialects(document: Document, codes: Mapping[tuple[str, str], str]) -> dict[str, AnyDialect]:
    """Each section by its own kind. Raises DocumentError."""
    known: dict[str, AnyDialect] = {}
    for name in document.names():
        try:
            known[name] = msgspec.convert(document.at(name), AnyDialect)
        except msgspec.ValidationError as error:
            said, _, setting = str(error).partition(" - at `$.")
            document.wrong("wrong_setting", said, name, setting.partition("[")[0].rstrip("`"))
            continue
        if (message := _without_codes(known[name], codes)) != "":
            document.wrong("unknown_code", message, name, "source")
    document.refuse()
    return known


def _without_codes(dialect: AnyDialect, codes: Mapping[tuple[str, str], str]) -> str:
    """What is wrong with the codes of a dialect's source; empty: nothing."""
    if isinstance(dialect, WeightDialect):
        return ""
    theirs = {code: operation for (source, code), operation in codes.items() if source == dialect.source}
    if not theirs:
        return f"{CODES} has no code of {dialect.source}"
    known = STAY_OPERATIONS if isinstance(dialect, StayDialect) else OPERATIONS
    foreign = {*OPERATIONS, *STAY_OPERATIONS}.difference(known)
    other = [code for code, operation in theirs.items() if operation in foreign]
    return f"{CODES} gives {', '.join(other)} another meaning than such devices tell" if other else ""
