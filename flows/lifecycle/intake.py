"""A record's bytes → an event, or the name of the rule that it breaks."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from schemas.events import AnyEvent, Event, Order, Scan, Weight
from schemas.limits import MOST_SERVICES, WAYBILL
from schemas.names import NameTwiceError, no_name_twice
from schemas.partition import partition_of
from schemas.problems import UNREADABLE

T = TypeVar("T")
DECODERS: dict[bytes, Callable[[bytes], Any]] = {
    b"o": msgspec.json.Decoder(Order).decode,
    b"s": msgspec.json.Decoder(Scan).decode,
    b"w": msgspec.json.Decoder(Weight).decode,
}
"""By the tenth byte: events begin `{"type":"scan"` where our own producers write them, and a look at that letter
picks the decoder at half the price of a tagged union. Others may spell theirs otherwise: then `read` decides."""
_any: msgspec.json.Decoder[Event] = msgspec.json.Decoder(AnyEvent)

RULES = (
    ("multiple of", "part_of_a_fen"),
    ("`$.weight_g`", "weight_out_of_range"),
    ("`$.declared_g`", "weight_out_of_range"),
    ("_mm`", "size_out_of_range"),
    ("_e4`", "amount_out_of_range"),
    ("`$.operation`", "unknown_operation"),
    ("`$.type`", "unknown_type"),
    (f"length <= {MOST_SERVICES} - at `$.services`", "too_many_services"),
    ("length <=", "identifier_too_long"),
)
"""Marks in a decoder's message, and the rule that it means; whatever else is wrong is `wrong_type`."""

LIMITS = ("weight_out_of_range", "size_out_of_range", "amount_out_of_range")


class RefusedError(ValueError):
    """Input that breaks a rule: `reason` is its name in `schemas.reasons`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def read(raw: bytes) -> Event:
    """Any event, in whatever order its fields are. Raises RefusedError."""
    return read_once(_any.decode, raw)


def read_once(decode: Callable[[bytes], T], raw: bytes) -> T:
    """What a decoder of events makes of a record in which no name stands twice. Raises RefusedError."""
    event = read_by(decode, raw)
    check_names(raw)
    return event


def check_names(raw: bytes) -> None:
    """Whether no name stands twice in a record that could be read, and what was passed over is JSON, too. Raises
    RefusedError."""
    try:
        no_name_twice(raw)
    except NameTwiceError as error:
        raise RefusedError("name_twice", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise RefusedError("not_json", str(error)) from error


def read_by(decode: Callable[[bytes], T], raw: bytes) -> T:
    """What a decoder of events makes of a record. Raises RefusedError."""
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        raise RefusedError(_rule(str(error)), str(error)) from error
    except UNREADABLE as error:
        raise RefusedError("not_json", str(error)) from error


def readable(raw: bytes) -> Event | None:
    """Any event; None: it cannot be read."""
    try:
        return read(raw or b"")
    except RefusedError:
        return None


def read_as(raw: bytes, kind: type[T]) -> T:
    """JSON as a value of this kind. Raises RefusedError."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise RefusedError(_rule(str(error)), str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError("not_json", str(error)) from error


def _rule(message: str) -> str:
    for mark, rule in RULES:
        if mark in message:
            return (
                rule if rule not in LIMITS or "`int` <" in message or "`int` >" in message else "wrong_type"
            )
    return "wrong_type"


def check_partition(key: str, partition: int, partitions: int) -> None:
    """Whether a key belongs on the partition on which it lies, among so many (one: all do). Raises RefusedError.

    A producer that partitions otherwise than by murmur2 would scatter the facts of one parcel over lanes that each
    wait for the rest.
    """
    if partitions > 1 and (right := partition_of(key, partitions)) != partition:
        raise RefusedError("wrong_partition", f"{key!r} belongs on partition {right}, by murmur2")


def waybill_in_pattern(waybill: str) -> bool:
    """Whether a waybill number has one of the shapes that the trade uses."""
    return WAYBILL.fullmatch(waybill) is not None


def glimpse(raw: bytes) -> tuple[str, str]:
    """Id and waybill of a record that was refused, as far as they can be read; for people who look for it."""
    try:
        found = msgspec.json.decode(raw)
    except UNREADABLE:
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return tuple(  # type: ignore[return-value]
        value[:64] if isinstance(value := found.get(name), str) else "" for name in ("id", "waybill")
    )
