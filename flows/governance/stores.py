"""What a store's gates and scales say → events of stays, or the question whether goods may enter."""

from decimal import Decimal
from typing import Any

import msgspec

from flows.governance.dialects import Dialects, StayDialect
from flows.governance.readings import BrokenRuleError, Unit, quantity, text
from schemas.commands import Admit
from schemas.events import (
    Command,
    StayClosed,
    StayEvent,
    StayMeasured,
    StayMoved,
    StayOpened,
    StayReduced,
)
from schemas.limits import MOST_IDENTIFIER, MOST_PALLETS, MOST_PIECES, MOST_STORED_CM3, MOST_STORED_G
from schemas.money import parse_yuan

Said = StayEvent | Command
ADMIT = "admit"
NOTHING_SAID = (None, "")


def of_stay(
    message: dict[str, Any],
    dialect: StayDialect,
    dialects: Dialects,
    site: str,
    device: str,
    number: str,
    at: int,
) -> Said | None:
    """The event, or the command that asks (`number`: its id, `at`: UTC ms). None: nothing depends on it.

    Raises BrokenRuleError.
    """
    code = text(message.get(dialect.operation), dialect.operation)
    operation = dialects.operations.get((dialect.source, code))
    if operation is None:
        raise BrokenRuleError("unknown_operation", f"{dialect.source} has no operation {code!r}")
    if not operation:
        return None
    read = _Reader(message, dialect)
    stay = read.name(dialect.waybill)
    if operation == "asked":
        return Command(
            id=number,
            time=at,
            name=ADMIT,
            subject=read.name(dialect.customer),
            actor=f"{site}/{device}"[:MOST_IDENTIFIER],
            body=msgspec.Raw(
                msgspec.json.encode(
                    Admit(stay=stay, amount_e4=read.money(dialect.expected), reply_to=f"{site}/{device}")
                )
            ),
        )
    common: dict[str, Any] = {
        "id": number,
        "time": at,
        "stay": stay,
        "site": site,
        "source": dialect.source,
        "device": device,
    }
    return _event(operation, common, read, dialect)


def _event(operation: str, common: dict[str, Any], read: "_Reader", dialect: StayDialect) -> StayEvent:
    vehicle: dict[str, Any] = {"vehicle": read.word(dialect.vehicle), "plate": read.word(dialect.plate)}
    match operation:
        case "opened":
            return StayOpened(
                **common,
                **vehicle,
                **read.measured(),
                customer=read.name(dialect.customer),
                billing=read.word(dialect.billing),
                temperature=read.word(dialect.temperature),
                zone=read.word(dialect.zone),
                pallet=read.word(dialect.pallet),
                lot=read.word(dialect.lot),
                pieces=read.count(dialect.pieces, MOST_PIECES) or 1,
            )
        case "measured":
            return StayMeasured(**common, **read.measured())
        case "reduced":
            left = read.measured()
            return StayReduced(
                **common, **vehicle, **left, pieces=read.count(dialect.pieces, MOST_PIECES) or None
            )
        case "moved":
            return StayMoved(
                **common, zone=read.name(dialect.zone), temperature=read.word(dialect.temperature)
            )
    return StayClosed(**common, **vehicle)


class _Reader:
    """Reads a message's fields by a dialect; a field that the dialect does not name says nothing."""

    def __init__(self, message: dict[str, Any], dialect: StayDialect) -> None:
        self._message, self._dialect = message, dialect

    def name(self, field: str) -> str:
        """A word that must be there."""
        found = self.word(field)
        if not found or found in self._dialect.unreadable:
            raise BrokenRuleError("wrong_type", f"{field or 'a field'} is missing")
        return found

    def word(self, field: str) -> str:
        """A word in the network's spelling; empty where nothing is said."""
        value = self._message.get(field) if field else None
        found = "" if value is None else text(value, field)
        if len(found) > MOST_IDENTIFIER:
            raise BrokenRuleError("identifier_too_long", f"{field} has {len(found)} characters")
        return self._dialect.words.get(found, found)

    def measured(self) -> dict[str, Any]:
        """Pallets, volume and weight, as far as they were measured."""
        dialect = self._dialect
        return {
            "pallets": self.count(dialect.pallets, MOST_PALLETS),
            "volume_cm3": self._number(
                dialect.volume, dialect.volume_unit, MOST_STORED_CM3, "size_out_of_range"
            ),
            "weight_g": self._number(
                dialect.weight, dialect.weight_unit, MOST_STORED_G, "weight_out_of_range"
            ),
        }

    def count(self, field: str, most: int) -> int | None:
        """A number of pieces; None: nothing is said."""
        return self._number(field, "piece", most, "size_out_of_range")

    def money(self, field: str) -> int:
        """Yuan in money units; 0: nothing is said."""
        value = self._message.get(field) if field else None
        if value in NOTHING_SAID:
            return 0
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise BrokenRuleError("wrong_type", f"{field} is no amount")
        try:
            units = parse_yuan(str(value))
        except ValueError as error:
            raise BrokenRuleError("amount_out_of_range", f"{field}: {error}") from error
        if units < 0:
            raise BrokenRuleError("amount_out_of_range", f"{field} {value} is negative")
        return units

    def _number(self, field: str, unit: Unit, most: int, rule: str) -> int | None:
        value = self._message.get(field) if field else None
        if value in NOTHING_SAID:
            return None
        found = quantity(value, unit, field, rule)
        if not 0 <= found <= most:
            raise BrokenRuleError(rule, f"{field} {value} is not between 0 and {most}")
        return found
