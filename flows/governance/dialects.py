"""Device dialects and operation codes as data: what `normalise` needs to read any device."""

import csv
import io
import tomllib
from typing import Literal

import msgspec

from schemas.events import OPERATIONS


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How one family of devices spells its messages; the fields are explained in `dialects.toml`."""

    kind: Literal["scan", "weight"]
    source: str
    waybill: str
    time: str
    time_format: Literal["epoch_ms", "epoch_s", "local", "compact"]
    unreadable: tuple[str, ...] = ("",)
    id: str = ""
    operation: str = ""
    machine: Literal["", "dws", "scale"] = ""
    weight: str = ""
    weight_unit: Literal["g", "kg"] = "g"
    length: str = ""
    width: str = ""
    height: str = ""
    length_unit: Literal["mm", "cm"] = "mm"
    photo: str = ""


class Dialects(msgspec.Struct, frozen=True):
    """All dialects by name, and operations by (source, code); an empty operation: known, but of no use."""

    dialects: dict[str, Dialect]
    operations: dict[tuple[str, str], str]


def read_dialects(dialects: str, operations: str) -> Dialects:
    """The texts of `dialects.toml` and `operations.csv`. Raises ValueError for what cannot be meant."""
    known = msgspec.convert(tomllib.loads(dialects), dict[str, Dialect])
    codes: dict[tuple[str, str], str] = {}
    for row in csv.DictReader(io.StringIO(operations)):
        if row["operation"] not in ("", *OPERATIONS):
            raise ValueError(f"operations.csv: {row['operation']!r} is none of {', '.join(OPERATIONS)}")
        codes[row["source"], row["code"]] = row["operation"]
    for name, dialect in known.items():
        needed = dialect.operation if dialect.kind == "scan" else dialect.machine and dialect.weight
        if not needed:
            raise ValueError(
                f"dialects.toml: {name}: a scan needs operation, a weight needs machine and weight"
            )
    return Dialects(known, codes)
