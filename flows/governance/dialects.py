"""Device dialects and operation codes as data: what `normalise` needs to read any device.

`dialects.toml` explains its fields where people edit it; `operations.csv` gives every code that a source is
known to send its meaning in the network's words. A code without an operation (问题件, 装车, 入库…) is known
and means nothing for the books: such a message is read, counted as `unused` and no dead letter.
"""

import csv
import io
import tomllib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.events import OPERATIONS
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


def read_dialects(dialects: str, operations: str) -> Dialects:
    """The texts of `dialects.toml` and `operations.csv`.

    Raises ValueError (tomllib's and msgspec's errors are) that says what cannot be meant, and where.
    """
    known = msgspec.convert(tomllib.loads(dialects), dict[str, AnyDialect])
    codes: dict[tuple[str, str], str] = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(operations)), 2):
        key = row["source"], row["code"]
        if row["operation"] not in ("", *OPERATIONS, *STAY_OPERATIONS):
            allowed = ", ".join((*OPERATIONS, *STAY_OPERATIONS))
            raise ValueError(f"operations.csv row {number}: {row['operation']!r} is none of {allowed}")
        if key in codes:
            raise ValueError(f"operations.csv row {number}: {key[0]} {key[1]} stands twice")
        codes[key] = row["operation"]
    sources = {source for source, _ in codes}
    for name, dialect in known.items():
        if isinstance(dialect, WeightDialect):
            continue
        if dialect.source not in sources:
            raise ValueError(f"dialects.toml: {name}: operations.csv has no code of {dialect.source}")
        theirs = STAY_OPERATIONS if isinstance(dialect, StayDialect) else OPERATIONS
        for (source, code), operation in codes.items():
            if source == dialect.source and operation and operation not in theirs:
                raise ValueError(f"operations.csv: {source} {code}: {operation} is no operation of {name}")
    return Dialects(known, codes)
