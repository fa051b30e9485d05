"""A parcel back from a lane's books: what the job asks ClickHouse for, from the rows that a test has kept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from deploy.recall.books import recalled
from schemas.events import ParcelRecalled
from tests.lifecycle.world import WAYBILL, Book

Row = dict[str, Any]


def plain(value: object) -> object:
    """As ClickHouse's client gives it to the job: times in ms, money in units, texts."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, Decimal):
        return int(value * 10_000)
    if isinstance(value, datetime):
        return round(value.replace(tzinfo=UTC).timestamp() * 1000)
    return value


def recall_of(book: Book, cause: str = "asked-1", time: int = 0, waybill: str = WAYBILL) -> ParcelRecalled:
    """The event that brings a parcel back. `time`: data time of the books; default: as it is now."""
    tables = {
        name: [
            {key: plain(value) for key, value in row.items()}
            for row in rows
            if plain(row.get("waybill", "")) == waybill
        ]
        for name, rows in book.rows.items()
    }

    def of(table: str) -> list[Row]:
        return tables.get(table, [])

    for row in (*of("event"), *of("claim"), *of("weight_decision")):
        row["ms"], row["what"] = row["event_time"], row.get("kind", "")
        row["units"] = row.get("payment", row.get("amount", 0))
    for row in of("order_terms"):
        row["insured_e4"], row["cod_e4"] = row["insured"], row["cod"]
        row["services"] = list(filter(None, row["services"].split("|")))
    rows: dict[str, Sequence[Row]] = {
        "event": of("event"),
        "order_terms": of("order_terms"),
        "claim": of("claim"),
        "weight_decision": of("weight_decision"),
        "charge": _charges(of("charge")),
        "waiting": _waits(of("waiting")),
        "adopted_weight": [{"adopted": row["event_id"]} for row in of("adopted_weight")[-1:]],
        "anomaly": [row for row in of("anomaly") if row["kind"] == "weight_implausible"],
        "weight_case": [
            {
                "newest": tuple(
                    row[name]
                    for name in ("status", "weight_event", "other_event", "on_difference", "decision")
                )
            }
            for row in of("weight_case")[-1:]
        ],
        "chain_breach": [
            {
                "rule": rule,
                "newest": tuple(
                    row[name] for name in ("status", "operation", "since", "due", "site", "outlet")
                ),
            }
            for rule, row in sorted({row["rule"]: row for row in of("chain_breach")}.items())
        ],
    }
    return recalled(waybill, cause, rows, time or book.lifecycle.ring.now)


def _charges(rows: Sequence[Row]) -> list[Row]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["fee"], row["part"]), []).append(row)
    made = []
    for (fee, part), of in sorted(found.items()):
        forth = [row for row in of if row["reverses"] in (bytes(16), "00" * 16, "\0" * 16)]
        back = {row["reverses"] for row in of}
        names = (
            *("charge_id", "revision", "amount", "event_time", "payer", "payee", "origin", "destination"),
            "product",
        )
        made.append(
            {
                "fee": fee,
                "part": part,
                "newest": max(row["revision"] for row in forth),
                "twice": len(of) - len({row["charge_id"] for row in of}),
                "standing": [
                    (0, line, *(row[name] for name in names))
                    for line, row in enumerate(forth)
                    if row["charge_id"] not in back
                ],
            }
        )
    return made


def _waits(rows: Sequence[Row]) -> list[Row]:
    newest = {(row["fee"], row["part"]): row["reason"] for row in rows}
    return [{"due": due, "part": part, "why": why} for (due, part), why in sorted(newest.items()) if why]
