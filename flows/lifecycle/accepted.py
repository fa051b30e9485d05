"""Accepted events as the columns of their tables, made in runs."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import numpy as np
from msgspec.structs import astuple

from flows.engine.block import Records
from flows.governance.network import Network
from flows.lifecycle.kept import NUMBER, TEXT, Kept, Words
from flows.lifecycle.parcel import terms_of
from schemas.events import Claim, ClaimWithdrawn, Event, Order, Scan, Weight, each_once
from sinks import columns
from sinks.columns import Ints, Made, Texts, Vocabulary

RUN = 400
"""Events that are made into columns together."""
_COLUMNS: dict[type[Event], dict[str, tuple[str, str]]] = {
    Order: {
        "id": ("event_id", TEXT),
        "waybill": ("waybill", TEXT),
        "time": ("event_time", NUMBER),
        "origin": ("origin", "outlets"),
        "destination": ("destination", "outlets"),
        "origin_city": ("origin_city", "places"),
        "destination_city": ("destination_city", "places"),
        "origin_county": ("origin_county", "places"),
        "destination_county": ("destination_county", "places"),
        "customer": ("customer", TEXT),
        "product": ("product", "products"),
        "declared_g": ("weight_g", NUMBER),
        "payment_e4": ("payment", NUMBER),
    },
    Scan: {
        "id": ("event_id", TEXT),
        "waybill": ("waybill", TEXT),
        "time": ("event_time", NUMBER),
        "operation": ("operation", "operations"),
        "source": ("source", "sources"),
        "code": ("code", "operations"),
        "site": ("site", "sites"),
        "device": ("device", TEXT),
        "courier": ("courier", "couriers"),
    },
    Weight: {
        "id": ("event_id", TEXT),
        "waybill": ("waybill", TEXT),
        "time": ("event_time", NUMBER),
        "weight_class": ("weight_class", "classes"),
        "weight_g": ("weight_g", NUMBER),
        "length_mm": ("length_mm", NUMBER),
        "width_mm": ("width_mm", NUMBER),
        "height_mm": ("height_mm", NUMBER),
        "source": ("source", "sources"),
        "site": ("site", "sites"),
        "device": ("device", TEXT),
        "photo": ("photo", TEXT),
    },
    Claim: {
        "id": ("event_id", TEXT),
        "waybill": ("waybill", TEXT),
        "time": ("event_time", NUMBER),
    },
}
"""By kind and field: the table's column and how it is kept. Withdrawals are kept as claims are."""
_of_claim = attrgetter(*_COLUMNS[Claim])
"""What claims and withdrawals have in common."""
_SORTS = {column: sort for kept in _COLUMNS.values() for column, sort in kept.values()}
_MEASURES = ("weight_g", "length_mm", "width_mm", "height_mm")
_KINDS = Vocabulary(("order", "scan", "weight", "claim", "claim_withdrawn"))


def runs(records: Records) -> Iterator[Records]:
    """A partition's records in runs."""
    for start in range(0, len(records.values), RUN):
        run = slice(start, start + RUN)
        yield Records(records.topic, records.partition, records.values[run], records.offsets[run])


class Accepted:
    """A block's accepted events. Append a run's to the lists, then `keep` them."""

    def __init__(self, words: Words) -> None:
        self.orders: list[Order] = []
        self.scans: list[tuple[Any, ...]] = []
        """As tuples of their fields (`astuple`), as `weights` are: the hot loop has read them from these."""
        self.weights: list[tuple[Any, ...]] = []
        self.claims: list[Claim | ClaimWithdrawn] = []
        self.order_offsets: list[int] = []
        self.scan_offsets: list[int] = []
        self.weight_offsets: list[int] = []
        self.claim_offsets: list[int] = []
        self.said: list[Order] = []
        """Orders that say more than the ordinary."""
        self.claimed: list[Claim | ClaimWithdrawn] = []
        """All of the block's claims and withdrawals."""
        self._words = words
        self._kept = {
            kind: Kept(tuple(kept) if kind is Claim else kind.__struct_fields__, kept, words)
            for kind, kept in _COLUMNS.items()
        }

    def keep(self, topic: str, partition: int) -> None:
        """The run's events, which came from this partition, become columns."""
        self.said += [order for order in self.orders if terms_of(order) is not None]
        self.claimed += self.claims
        for kind, rows, offsets in (
            (Order, list(map(astuple, self.orders)), self.order_offsets),
            (Scan, self.scans, self.scan_offsets),
            (Weight, self.weights, self.weight_offsets),
            (Claim, list(map(_of_claim, self.claims)), self.claim_offsets),
        ):
            if rows:
                kept, n = self._kept[kind], len(rows)
                kept.take(rows)
                kept.numbers["topic"].append(np.full(n, self._words.topics[topic], np.int32))
                kept.numbers["partition"].append(np.full(n, partition, np.int64))
                kept.numbers["offset"].append(columns.ints(offsets))
                rows.clear()
                offsets.clear()
        self.orders.clear()
        self.claims.clear()

    def rows(self) -> dict[str, int]:
        """How many there are of each kind."""
        return {str(kind.__struct_config__.tag): kept.rows for kind, kept in self._kept.items()}

    def columns(self, network: Network) -> dict[str, Made] | None:
        """The columns of table `event`: orders, scans, weights and claims, each in reading order."""
        kinds = list(self._kept.values())
        rows = [kept.rows for kept in kinds]
        if not sum(rows):
            return None

        def numbers(column: str) -> Ints:
            return np.concatenate(
                [run for kept in kinds for run in kept.numbers.get(column, (np.zeros(kept.rows, np.int32),))]
            )

        def text(column: str) -> Made:
            return Texts.joined([kept.texts.get(column) or Texts.blank(kept.rows) for kept in kinds])

        kind = np.repeat(np.arange(len(kinds), dtype=np.int32), rows)
        if self.claimed:
            withdrawn = [isinstance(event, ClaimWithdrawn) for event in self.claimed]
            kind[-len(withdrawn) :] += np.array(withdrawn, np.int32)
        codes = {column: numbers(column) for column, sort in _SORTS.items() if sort not in (TEXT, NUMBER)}
        codes["weight_class"][: rows[0]] = self._words.classes["declared"]
        made = {column: text(column) for column, sort in _SORTS.items() if sort == TEXT}
        made |= {column: columns.words(of, self._words.of(_SORTS[column])) for column, of in codes.items()}
        made |= {
            name: columns.words(of_site[codes["site"]], words)
            for name, (of_site, words) in self._words.located(network).items()
        }
        made |= {name: columns.numbers(numbers(name), "uint32") for name in _MEASURES}
        return made | {
            "kind": columns.words(kind, _KINDS),
            "event_time": columns.times(numbers("event_time")),
            "payment": columns.money(numbers("payment")),
            "topic": columns.words(numbers("topic"), self._words.topics),
            "partition": columns.numbers(numbers("partition"), "uint16"),
            "offset": columns.numbers(numbers("offset"), "uint64"),
        }

    def terms(self) -> dict[str, Made] | None:
        """The columns of table `order_terms`: orders that say more than the ordinary, as they say it."""
        found = self.said
        if not found:
            return None
        return {
            "event_id": columns.texts([order.id for order in found]),
            "waybill": columns.texts([order.waybill for order in found]),
            "pieces": columns.numbers(columns.ints([order.pieces for order in found]), "uint32"),
            "channel": columns.spelled([order.channel for order in found]),
            "insured": columns.money(columns.ints([order.insured_e4 for order in found])),
            "cod": columns.money(columns.ints([order.cod_e4 for order in found])),
            "promised_hours": columns.numbers(
                columns.ints([order.promised_hours for order in found]), "uint32"
            ),
            "direction": columns.spelled([order.direction for order in found]),
            "billing": columns.spelled([order.billing for order in found]),
            "related": columns.texts([order.related for order in found]),
            "services": columns.spelled(["|".join(each_once(order.services)) for order in found]),
        }
