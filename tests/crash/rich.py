"""Parcels with which everything goes wrong that can, so that every table and every column of state is at stake.

Facts are missing, twice, hours late and out of order; some break rules; scan chains break, weights differ and
people decide, claims come and go; two tariff books are in force, and one is superseded for days past; data time passes
the deadline after which a declared weight counts. Hubs and lines have costs, customers' parcels are counted for a book
that looks at their number, and months later breaches are final and outlets' months are judged: the jobs that do this
run beside the lanes and are killed, too. What is charged *when* depends on where blocks are cut, as it may;
what stands in the end does not: `standing` asks for that. For the same reason only a run that reads the parcels in two
parts (`undisturbed`) is sure to have everything `at_stake`: where one block holds a scan and what was waiting for it,
nothing waits.
"""

import random
import re
from collections.abc import Callable, Sequence
from datetime import date

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy import levels, volumes
from deploy.recall.complete import Complete
from schemas import topics
from schemas.events import (
    BooksClosed,
    ControlEvent,
    CostWithdrawn,
    DeadLetter,
    ParcelEvent,
    Scan,
    Tick,
    Weight,
)
from schemas.partition import partition_of
from schemas.parts import parts_of
from schemas.settings import Settings
from schemas.times import DAY, HOUR
from sinks.tables import (
    ANSWER,
    BALANCE_MOVED,
    COST_SHARE,
    FACTS,
    HAUL,
    HOLD,
    MATERIAL,
    MOVEMENT,
    NOTICE,
    OF_PAYMENTS,
    OPERATOR,
    RECALL,
    SERVICE_LEVEL,
    STAY_EVENT,
    STAY_MONTH,
    TERMS,
)
from tests.audit import world
from tests.audit.lane import Lane, Record
from tests.audit.test_costs import BILLS
from tests.crash.harness import PARTITIONS, Field, Out, say
from tests.crash.jobs import JOBS

HORIZON = 30 * DAY
"""Of the lanes: no fact is too old, before and after time has passed."""

_STANDING = {
    "event": "SELECT * EXCEPT (seq, line, partition, offset) FROM event",
    "tariff_book": "SELECT * EXCEPT (seq, line, offset) FROM tariff_book",
    "network_directory": "SELECT * EXCEPT (seq, line, offset) FROM network_directory",
    "operator": "SELECT * EXCEPT (seq, line, offset) FROM operator",
    "charge": "SELECT waybill, fee, payer, payee, business_date, sum(amount) AS a FROM charge GROUP BY ALL "
    "HAVING a != 0",
    "journal": "SELECT waybill, book, account, fee, business_date, counterparty, sum(if(side = 'D', amount, -amount)) "
    "AS a FROM journal GROUP BY ALL HAVING a != 0",
    "adopted_weight": "SELECT waybill, argMax((event_id, weight_g, site), (seq, line)) FROM adopted_weight "
    "WHERE waybill IN (SELECT waybill FROM charge WHERE fee = 'transit' GROUP BY waybill HAVING sum(amount) != 0) "
    "GROUP BY waybill",
    "chain_breach": "SELECT waybill, rule, argMax((status, outlet, site, since, due), (seq, line)) AS newest "
    "FROM chain_breach GROUP BY waybill, rule HAVING newest.1 != 'closed'",
    "weight_case": "SELECT waybill, undecided, counts, other, outlet, treatment, decided FROM weight_case_now",
    "anomaly": "SELECT * EXCEPT (seq, line) FROM anomaly WHERE kind = 'place_mismatch'",
    "waiting": "SELECT waybill, fee, reason FROM waiting_now",
    "dead_letter": "SELECT dead_letter_id, status, reason, raw FROM dead_letter",
    "volume": "SELECT month, through_day, customer, parcels FROM volume WHERE (through_day, (counted_at, count_id)) IN "
    "(SELECT through_day, max((counted_at, count_id)) FROM volume GROUP BY through_day)",
    "cost_share": "SELECT cost_id, waybill, route, sum(amount) AS a FROM cost_share GROUP BY ALL HAVING a != 0",
    "books_close": "SELECT DISTINCT * EXCEPT (seq, line) FROM books_close",
    "service_level": "SELECT * EXCEPT (blocks, counted_at, counted_by) FROM service_level",
}
"""What stands in the end, whatever the blocks; tables that are not named: all of their rows.

Since when something waits is left out: it tells of the scan that came first. So are weights of parcels that are charged
by none: until the one that counts comes into force, another may have been in force, if it came before.
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
    "penalties of breaches": "SELECT count() FROM charge WHERE part LIKE 'breach:%'",
    "rewarded months": "SELECT count() FROM charge WHERE waybill LIKE 'SL%' AND fee = 'service_level'",
    "penalised months": "SELECT count() FROM charge WHERE waybill LIKE 'SL%' AND fee = 'late'",
    "counted months": "SELECT count() FROM charge WHERE steps LIKE '%month_count%'",
    "booked on an open day": "SELECT count() FROM journal WHERE business_date != posted_for AND fee IN "
    "(SELECT fee FROM fee)",
    "costs withdrawn": "SELECT count() FROM cost WHERE status = 'withdrawn'",
    "shares taken back": "SELECT count() FROM cost_share WHERE status = 'reversed'",
}


IN_A_PART = 100
"""Compressed bytes: the directory and the second book travel in several parts, as large ones would."""


LEVELS = """level,rule,from_percent,due,amount,per,from,to
到达及时,arrived,90,service_level,0.05,parcel,2026-02-01,
到达及时,arrived,0,late,2.00,late,2026-02-01,
"""
FEBRUARY = world.START + 28 * DAY
"""When parcels begin whose month is judged."""
JUDGED = FEBRUARY + 59 * DAY
"""When it is: no scan can close a breach of theirs any more, and nobody has given up the others."""
PROMPT = 60
"""Parcels of February."""
COSTS = ("costs spread",)
"""The job that looks at parcels as they come."""
COUNTING = (*COSTS, "volumes --again")
JUDGING = (*COUNTING, "service-levels")


class Rich:
    """What happens, in four parts, each when lanes have read the one before and jobs have seen it.

    Called with a producer: documents, most of what happens, and two days more.
    """

    def __init__(self, parcels: int, seed: int = 5) -> None:
        events = world.enriched([*map(world.several, world.disordered(parcels, seed))], seed)
        self.now, self.seed = max(event.time for event in events), seed
        self.counting = Tick(id="counting", time=self.now + 48 * HOUR)
        self.events = events[: -len(events) // 5]
        self.last = events[len(self.events) :]

    def __call__(self, out: Out) -> None:
        """The first part."""
        books = (
            world.tariff("one", rich=True, treatment="provisional"),
            world.tariff("dearer", 30, everywhere=False, by_weight=True),
        )
        whole = world.network(levels=LEVELS)
        documents = (*parts_of(whole, IN_A_PART * 5), books[0], *parts_of(books[1], IN_A_PART))
        for document in (*documents, withdrawn("hub", world.START), *BILLS):
            say(out, topics.CONTROL, document)
        say(out, topics.TICKS, Tick(id="tick", time=self.now))
        for number, event in enumerate(self.events):
            _happen(out, event)
            if number % 100 == 0:
                say(out, topics.DEAD_LETTERS, _letter(number, self.now), f"dl-{number}")
        out.flush()
        for hours in (20, 30):
            say(out, topics.TICKS, Tick(id=f"tick{hours}", time=self.now + hours * HOUR))
        say(out, topics.TICKS, self.counting)

    def late(self, out: Out) -> None:
        """A backdated book, a cost that was wrong, the rest, and nonsense."""
        say(out, topics.CONTROL, world.tariff("dearer", 45, everywhere=False, by_weight=True))
        say(out, topics.CONTROL, withdrawn("wrong", self.now))
        for event in self.last:
            _happen(out, event)
        for raw in world.spoiled(self.events + self.last, random.Random(self.seed)):
            out.produce(topics.DEVICES.name, raw, _key(raw))

    def february(self, out: Out) -> None:
        """A book that looks at the month's parcels, as they are counted by now, and parcels of the next month."""
        book = world.tariff("one", rich=True, by_month=True, treatment="provisional")
        say(out, topics.CONTROL, msgspec.structs.replace(book, id="by-month", time=self.now))
        luck = random.Random(self.seed)
        for number in range(PROMPT):
            for event in world.prompt(900_000 + number, FEBRUARY, luck):
                _happen(out, event)

    def closing(self, out: Out) -> None:
        """January is closed: its breaches are not final yet."""
        through = date(2026, 1, 31)
        say(out, topics.CONTROL, BooksClosed(id="closed", time=FEBRUARY + HOUR, through=through, by="li"))

    def afterwards(self, out: Out) -> None:
        """So much time passes that breaches are final and the month can be judged."""
        for days in (20, 40):
            say(out, topics.TICKS, Tick(id=f"tick-{days}d", time=FEBRUARY + days * DAY))
        say(out, topics.TICKS, _judging("tick"))

    def play(self, place: Field, hurt: Callable[[Field], None] = lambda _: None) -> None:
        """All of it under fire, its first two parts at once. The jobs die at each of their points."""
        source = place.source
        source.add(self.late)
        place.worked(self.counting, COSTS, ("before_insert",), hurt)
        place.worked(self.counting, COUNTING, ("flushed",), hurt)
        place.worked(_february("february"), hurt=hurt)
        source.add(self.february)
        place.worked(_february("counted"), COUNTING, hurt=hurt)
        source.add(self.closing)
        place.worked(_february("closed"), hurt=hurt)
        source.add(self.afterwards)
        place.worked(_judging("judging"), JUDGING, ("inserted", "produced"), hurt)
        place.end()

    def undisturbed(self, client: Client) -> None:
        """All of it in one lane that nobody disturbs, into a store; and what jobs do between its blocks."""
        quiet = Quiet(client)
        with pytest.MonkeyPatch.context() as patch:
            quiet.instead_of_kafka(patch)
            self(quiet)
            quiet.worked(self.counting, COUNTING)
            self.late(quiet)
            quiet.worked(self.counting, COUNTING)
            quiet.worked(_february("february"))
            self.february(quiet)
            quiet.worked(_february("counted"), COUNTING)
            self.closing(quiet)
            quiet.worked(_february("closed"))
            self.afterwards(quiet)
            quiet.worked(_judging("judging"), JUDGING)
        quiet.lane.writer.close()


def withdrawn(cost: str, time: int) -> CostWithdrawn:
    """A cost was wrong."""
    return CostWithdrawn(id=f"no-{cost}", time=time, cost=cost, reason="x")


def _february(name: str) -> Tick:
    return Tick(id=name, time=FEBRUARY + HOUR)


def _judging(name: str) -> Tick:
    return Tick(id=name, time=JUDGED)


class Quiet:
    """In place of Kafka: the blocks of a lane."""

    def __init__(self, client: Client) -> None:
        self.client, self.lane = client, Lane(client, partitions=range(PARTITIONS), horizon=HORIZON)
        self._records: list[Record] = []
        self._published: list[ControlEvent] = []

    def produce(self, topic: str, value: bytes, key: str | None = None, partition: int = -1) -> None:
        """A record of the next block."""
        place = partition_of(key, PARTITIONS) if key else partition
        self._records.append(Record(topic, place, value))

    def flush(self) -> int:
        """The next block; nothing is left."""
        self.lane.block(self._records)
        self._records = []
        return 0

    def worked(self, tick: Tick, commands: Sequence[str] = ()) -> None:
        """A tick closes the block before; then jobs, until they have nothing more to do."""
        while True:
            self.flush()
            say(self, topics.TICKS, tick)
            self.flush()
            for name in commands:
                JOBS[name](Settings(lanes=1, horizon=HORIZON), self.client)
            if not self._records:
                return

    def instead_of_kafka(self, patch: pytest.MonkeyPatch) -> None:
        """What jobs publish and send comes into the next block."""
        patch.setattr(volumes, "published", lambda _: self._published)
        patch.setattr(volumes, "send_control", self._publish)
        patch.setattr(levels, "complete", self._complete)
        patch.setattr(levels, "sending", lambda _: Sent(self))

    def _publish(self, _: Settings, *events: ControlEvent) -> None:
        self._published += events
        for event in events:
            say(self, topics.CONTROL, event)

    def _complete(self, *_: object) -> Complete:
        return Complete({0: self.lane.writer.receipt.n - 1}, {0: self.lane.lifecycle.ring.now}, {})


class Sent:
    """In place of the jobs' producer."""

    def __init__(self, quiet: Quiet) -> None:
        self._quiet = quiet

    def produce(self, topic: str, key: str, value: bytes) -> None:
        """A record of the next block."""
        self._quiet.produce(topic, value, key)

    def flush(self) -> None:
        """It is there."""


def _key(raw: bytes) -> str:
    """The waybill, as far as it can be read: a repeat with other content must meet the first one in its lane."""
    found = re.search(rb'"waybill":"([^"]*)"', raw)
    return found[1].decode() if found else "?"


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


def _happen(out: Out, event: ParcelEvent) -> None:
    say(out, topics.DEVICES if isinstance(event, Scan | Weight) else topics.ORDERS, event, event.waybill)


PARCELS = (
    *(
        one
        for one in FACTS
        if one not in (MOVEMENT, HOLD, NOTICE, ANSWER, TERMS, MATERIAL, OPERATOR, BALANCE_MOVED)
        and one not in (STAY_EVENT, HAUL, STAY_MONTH, *OF_PAYMENTS)
    ),
    COST_SHARE,
    SERVICE_LEVEL,
)
"""Tables that parcels and their jobs fill; the others are those of accounts, stores and payments, which have tests of
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
