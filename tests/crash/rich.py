"""Parcels with which everything goes wrong that can, so that every table and every column of state is at stake.

Facts are missing, twice, hours late and out of order; some break rules; scan chains break, weights differ and
people decide, claims come and go; two tariff books are in force, and one is superseded for days past; data time passes
the deadline after which a declared weight counts. What is charged *when* depends on where blocks are cut, as it may;
what stands in the end does not: `standing` asks for that. For the same reason only a run that reads the parcels in two
parts is sure to have everything `at_stake`: where one block holds a scan and what was waiting for it, nothing waits.
"""

import random
import re

import msgspec
from clickhouse_connect.driver.client import Client
from confluent_kafka import Producer

from schemas import topics
from schemas.events import DeadLetter, Event, ParcelEvent, Scan, Tick, Weight
from schemas.parts import parts_of
from schemas.times import DAY, HOUR
from sinks.tables import (
    ANSWER,
    BALANCE_MOVED,
    COST,
    FACTS,
    HAUL,
    HOLD,
    MATERIAL,
    MOVEMENT,
    NOTICE,
    OF_PAYMENTS,
    OPERATOR,
    RECALL,
    STAY_EVENT,
    STAY_MONTH,
    TERMS,
    VOLUME,
)
from tests.audit import world

HORIZON = 30 * DAY
"""Of the lanes: no fact is too old, before and after time has passed."""

_STANDING = {
    "event": "SELECT * EXCEPT (seq, line) FROM event",
    "charge": "SELECT waybill, fee, payer, payee, business_date, sum(amount) AS a FROM charge GROUP BY ALL "
    "HAVING a != 0",
    "journal": "SELECT waybill, book, account, fee, business_date, counterparty, sum(if(side = 'D', amount, -amount)) "
    "AS a FROM journal GROUP BY ALL HAVING a != 0",
    "adopted_weight": "SELECT waybill, argMax((event_id, weight_g, site), (seq, line)) FROM adopted_weight "
    "GROUP BY waybill",
    "chain_breach": "SELECT waybill, rule, responsible, at, began, broken FROM open_breach",
    "weight_case": "SELECT waybill, undecided, counts, other, outlet, treatment, decided FROM weight_case_now",
    "anomaly": "SELECT * EXCEPT (seq, line) FROM anomaly WHERE kind = 'place_mismatch'",
    "waiting": "SELECT waybill, fee, why FROM waiting_now",
    "dead_letter": "SELECT dead_letter_id, status, reason, raw FROM dead_letter",
}
"""What stands in the end, whatever the blocks; tables that are not named: all of their rows.

Since when something waits is left out: it tells of the scan that came first.
"""

AT_STAKE = {
    "reversals": "SELECT count() FROM charge WHERE reverses != toFixedString('', 16)",
    "deadlines": "SELECT count() FROM adopted_weight WHERE why = 'deadline'",
    "better weights": "SELECT count() FROM adopted_weight WHERE why = 'better'",
    "breaches that ended": "SELECT count() FROM chain_breach WHERE status != 'open'",
    "decided": "SELECT count() FROM weight_case WHERE status = 'decided'",
    "charged claims": "SELECT count() FROM charge WHERE fee IN ('late', 'damaged', 'lost', 'wrong_sorting')",
    "waits that ended": "SELECT count() FROM waiting WHERE reason = ''",
    "two books": "SELECT uniqExact(book_version) - 1 FROM charge WHERE book_version != ''",
    "backdated corrections": "SELECT count() FROM recall WHERE reversed > 0",
    "conflicts": "SELECT count() FROM dead_letter WHERE reason = 'conflicting_duplicate'",
    "devices' letters": "SELECT count() FROM dead_letter WHERE transport = 'mqtt'",
}


IN_A_PART = 100
"""Compressed bytes: the directory and the second book travel in several parts, as large ones would."""


class Rich:
    """Called with a producer; `late` afterwards, when lanes have read that: so things are open that then end."""

    def __init__(self, parcels: int, seed: int = 5) -> None:
        events = world.enriched(list(world.disordered(parcels, seed)), seed)
        self.now, self.seed = max(event.time for event in events), seed
        self.events = events[: -len(events) // 5]
        self.last = events[len(self.events) :]

    def __call__(self, out: Producer) -> None:
        """Documents, a time, most of what happens, and two days more."""
        books = (
            world.tariff("one", rich=True, treatment="provisional"),
            world.tariff("dearer", 30, everywhere=False, by_weight=True),
        )
        whole = world.network()
        for document in (*parts_of(whole, IN_A_PART * 5), books[0], *parts_of(books[1], IN_A_PART)):
            _send(out, topics.CONTROL, document)
        _send(out, topics.TICKS, Tick(id="tick", time=self.now))
        for number, event in enumerate(self.events):
            _happen(out, event)
            if number % 100 == 0:
                _send(out, topics.DEAD_LETTERS, _letter(number, self.now), f"dl-{number}")
        out.flush()
        for hours in (20, 30, 48):
            _send(out, topics.TICKS, Tick(id=f"tick{hours}", time=self.now + hours * HOUR))

    def late(self, out: Producer) -> None:
        """A backdated book, the rest, and nonsense."""
        _send(out, topics.CONTROL, world.tariff("dearer", 45, everywhere=False, by_weight=True))
        for event in self.last:
            _happen(out, event)
        for raw in world.spoiled(self.events + self.last, random.Random(self.seed)):
            out.produce(topics.DEVICES.name, raw, _key(raw))


def _key(raw: bytes) -> bytes:
    """The waybill, as far as it can be read: a repeat with other content must meet the first one in its lane."""
    found = re.search(rb'"waybill":"([^"]*)"', raw)
    return found[1] if found else b"?"


def _letter(number: int, now: int) -> DeadLetter:
    return DeadLetter(
        id=f"dl-{number}",
        time=now,
        reason="unknown_dialect",
        detail="",
        transport="mqtt",
        topic="x",
        raw=b"\xff",
    )


def _happen(out: Producer, event: ParcelEvent) -> None:
    _send(out, topics.DEVICES if isinstance(event, Scan | Weight) else topics.ORDERS, event, event.waybill)


def _send(out: Producer, topic: topics.Topic, event: Event, key: str = "") -> None:
    out.produce(topic.name, msgspec.json.encode(event), key or None, 0 if not topic.partitioned else -1)


PARCELS = tuple(
    one
    for one in FACTS
    if one not in (MOVEMENT, HOLD, NOTICE, ANSWER, TERMS, MATERIAL, OPERATOR, BALANCE_MOVED)
    and one not in (STAY_EVENT, HAUL, STAY_MONTH, VOLUME, COST, *OF_PAYMENTS)
)
"""Tables that parcels fill; the others are those of accounts, stores, counts, costs and payments, which have tests of
their own, and of outlets that change hands, as none does here."""


def standing(client: Client) -> dict[str, tuple[int, int]]:
    """By table: how much stands in the end, and a checksum of it."""
    found = {}
    for table in PARCELS:
        if table is RECALL:  # who is looked at again depends on what the lane had read before the book
            continue
        rows = _STANDING.get(table.name, f"SELECT * EXCEPT (seq, line) FROM {table.name}")
        sql = f"SELECT count(), sum(cityHash64(*)) FROM ({rows})"
        found[table.name] = tuple(client.query(sql).result_rows[0])
    return found


def at_stake(client: Client) -> dict[str, int]:
    """How much there is of everything that must not be missing in such a test, where `late` came afterwards."""
    tables = {table.name: f"SELECT count() FROM {table.name}" for table in PARCELS}
    return {name: int(client.query(sql).result_rows[0][0]) for name, sql in (tables | AT_STAKE).items()}
