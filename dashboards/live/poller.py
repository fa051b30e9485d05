"""One thread that asks ClickHouse once a second, however many people look.

Sums are kept here and grow by what new blocks bring, so a question costs what is new and not what there is. Questions
about everything are only asked while somebody looks.
"""

import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client
from prometheus_client import Gauge

from dashboards import payments, terms
from dashboards.blocks import as_of
from dashboards.live.latency import OF_PAYMENTS, Latency
from dashboards.live.lists import label_of
from dashboards.queries import ANOMALY_REASONS, DEAD_LETTER_REASONS, SITES, Row, rows
from dashboards.words import FEES, readable
from sinks.clickhouse import AWAY

HISTORY = 180
"""Seconds that the charts show."""
DATES = 3
"""Business dates that are shown, the newest first: facts of yesterday still arrive today."""
PROVINCES = 12
SHARE = 10
"""A question about everything is asked again when this many times what it took has passed."""
WATCHED = 5
"""Seconds for which somebody looks who was told something."""
STILL = 10
"""Seconds without a block after which a lane stands still: ticks come all the time."""

HEADS = """
SELECT lane, max(n) - 1 AS n, dateDiff('millisecond', max(at), now64(3)) / 1000 AS age
FROM block GROUP BY lane ORDER BY lane"""
NEW_EVENTS = "SELECT kind, count() AS n FROM event WHERE {range} GROUP BY kind"
NEW_CHARGES = """
SELECT business_date, fee, origin, count() AS n, sum(amount) AS amount FROM charge WHERE {range}
GROUP BY business_date, fee, origin"""
NEW_PARCELS = """
SELECT waybill, fee, amount, origin, destination FROM charge WHERE {range}
ORDER BY seq DESC, line DESC LIMIT 1 BY waybill LIMIT 12"""
WAITING = """
SELECT reason AS why, count() AS n, min(since) AS oldest, groupUniqArray(4)(waybill) AS waybills
FROM waiting_now GROUP BY why ORDER BY n DESC"""
LATEST_REFUSED = """
SELECT reason AS why, waybill, received, substring(raw, 1, 160) AS raw FROM open_dead_letter
ORDER BY received DESC LIMIT 6"""

AGE = Gauge("waybook_page_snapshot_age_seconds", "Since the live page has seen the books")
STORE_AWAY = Gauge("waybook_page_store_away", "1 while ClickHouse does not answer the live page")

_log = logging.getLogger(__name__)


class Kept:
    """Questions about everything that are asked together, with their last answers by name (None: not asked yet): the
    less often the longer they take."""

    def __init__(self, questions: Mapping[str, str]) -> None:
        self._questions, self._due = questions, 0.0
        self.answers: dict[str, list[Row] | None] = dict.fromkeys(questions)

    def ask(self, client: Client) -> None:
        """Ask if it is time."""
        began = time.monotonic()
        if began >= self._due:
            self.answers = {name: rows(client, sql) for name, sql in self._questions.items()}
            now = time.monotonic()
            self._due = now + SHARE * (now - began)


class Poller:
    """Keeps `snapshot`: what the page shows, as JSON."""

    def __init__(self, connect: Callable[[], Client], home: Path) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._latency = Latency(home)
        self._of_payments = Latency(home, OF_PAYMENTS)
        self._kept = [Kept(questions) for questions in _EVERYTHING]
        self._money = Kept(_MONEY)
        self._read: dict[int, int] = {}
        self._outlets: dict[str, Row] = {}
        self._fees: dict[date, Counter[str]] = defaultdict(Counter)
        self._provinces: dict[date, Counter[str]] = defaultdict(Counter)
        self._counts: Counter[str] = Counter()
        self._charts: deque[tuple[float, float, float, float]] = deque(maxlen=HISTORY)
        self._newest: deque[dict[str, Any]] = deque(maxlen=12)
        self._before: tuple[float, int, int, Decimal] | None = None
        self._lanes: list[dict[str, Any]] = []
        self._looked = time.monotonic()
        self._told = self._looked
        self._away_since: datetime | None = None
        self.snapshot = b'{"away":"starting"}'
        AGE.set_function(lambda: self.age)
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def age(self) -> float:
        """Seconds since the snapshot was made: it grows while the store keeps a question waiting."""
        return time.monotonic() - self._looked

    def told(self) -> bytes:
        """The snapshot and its age, as JSON: somebody looks."""
        self._told = time.monotonic()
        return b'{"age":%.1f,%b' % (self.age, self.snapshot[1:])

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                if self._client is None:
                    self._client = self._connect()
                watched = time.monotonic() - self._told < WATCHED
                self.snapshot = msgspec.json.encode(self._look(self._client, watched), enc_hook=str)
                self._away_since = None
                STORE_AWAY.set(0)
            except AWAY as error:
                self._client = None
                if self._away_since is None:
                    self._away_since = datetime.now(UTC)
                    _log.warning("the store is away: %s", error)
                self.snapshot = msgspec.json.encode({"away": f"{self._away_since:%Y-%m-%dT%H:%M:%SZ}"})
                STORE_AWAY.set(1)
            self._looked = time.monotonic()
            time.sleep(max(0.1, 1 - (time.monotonic() - began)))

    def _look(self, client: Client, watched: bool = True) -> dict[str, Any]:
        self._take_new(client)
        self._add_point()
        if watched:
            for kept in (*self._kept, self._money):
                kept.ask(client)
        latency = self._latency.look()
        answers = {
            name: None if answer is None else [_labelled(row) for row in answer]
            for kept in self._kept
            for name, answer in kept.answers.items()
        }
        return {
            "now": time.time(),
            "counts": self._counts,
            "charts": [list(points) for points in zip(*self._charts, strict=True)] if self._charts else [],
            **self._booked(),
            "newest": list(self._newest),
            "latency": latency,
            "lanes": self._lanes,
            "lag": self._latency.lag,
            "payments": self._paid(),
            **answers,
        }

    def _paid(self) -> dict[str, Any] | None:
        """Payments: by channel, what is matched and open, where money stands, aging; None: there are none."""
        seen = {name: answer or [] for name, answer in self._money.answers.items()}
        if not seen["channels"]:
            return None
        (matched,) = seen["matched"]
        return {
            "share": payments.share(matched),
            "money": _yuan(matched["money"]),
            "open": payments.awake(seen["exceptions"]),
            "latency": self._of_payments.look(),
            "channels": [
                (
                    *(row["channel"], terms.channel_name(row["channel"])),
                    *(f"{row['channel']} {row['currency']}", row["n"]),
                    *(_yuan(row["money_in"]), _yuan(row["money_out"])),
                )
                for row in seen["channels"]
            ],
            "exceptions": [_labelled(row) for row in seen["exceptions"]],
            "cash": [
                (row["channel"], *payments.place_name(row), _yuan(row["stands"]), _yuan(row["unknown"]))
                for row in seen["cash"]
            ],
            "remarks": [
                *payments.remarks(row["unknown"] for row in seen["cash"]),
                *map(payments.ages_as_of, seen["clock"]),
            ],
            "aging": [
                (row["bucket"], terms.BUCKETS[row["bucket"]], row["currency"], row["n"], _yuan(row["owed"]))
                for row in seen["aging"]
            ],
        }

    def _booked(self) -> dict[str, Any]:
        """Money by fee and by province for the newest business dates; the first is the books' today."""
        dates = sorted(self._fees, reverse=True)[:DATES]
        fees = [fee for fee in FEES if any(fee in self._fees[day] for day in dates)]
        names = {name for day in dates for name in self._provinces[day]}
        of = {name: [self._provinces[day][name] for day in dates] for name in sorted(names)}
        largest = sorted(of, key=lambda name: of[name], reverse=True)[:PROVINCES]
        most = of[largest[0]][0] if largest else 0
        return {
            "dates": [str(day) for day in dates],
            "fees": [(*FEES[fee], [_yuan(self._fees[day][fee]) for day in dates]) for fee in fees],
            "provinces": [
                (name, [_yuan(amount) for amount in of[name]], float(of[name][0] / most) if most else 0.0)
                for name in largest
            ],
        }

    def _take_new(self, client: Client) -> None:
        """Add what blocks have brought since the last look: all of it, or nothing when the store goes away."""
        found = rows(client, HEADS)
        self._lanes = [
            {"lane": head["lane"], "age": round(head["age"], 1), "still": head["age"] > STILL}
            for head in found
        ]
        heads = {int(head["lane"]): int(head["n"]) for head in found}
        as_of(client, heads)
        new = {lane: last for lane, last in heads.items() if last > self._read.get(lane, 0)}
        if not new:
            return
        blocks = " OR ".join(
            f"seq BETWEEN {(lane << 32) + self._read.get(lane, 0) + 1} AND {(lane << 32) + last}"
            for lane, last in new.items()
        )
        events, charges, parcels = (
            rows(client, sql.format(range=f"({blocks})")) for sql in (NEW_EVENTS, NEW_CHARGES, NEW_PARCELS)
        )
        if any(row["origin"] not in self._outlets for row in charges):
            self._outlets = {known["outlet"]: known for known in rows(client, SITES)}
        self._read |= new
        for row in events:
            self._counts[row["kind"]] += row["n"]
            self._counts["events"] += row["n"]
        for row in charges:
            self._add_charges(row)
        for row in reversed(parcels):
            self._newest.appendleft(self._parcel(row))

    def _add_charges(self, row: Row) -> None:
        province = str(self._outlets.get(row["origin"], {}).get("province", row["origin"]))
        self._fees[row["business_date"]][row["fee"]] += row["amount"]
        self._provinces[row["business_date"]][province] += row["amount"]
        self._counts["charges"] += row["n"]
        self._counts["money"] += row["amount"]

    def _parcel(self, row: Row) -> dict[str, Any]:
        places = (
            str(self._outlets.get(row[end], {}).get("name", row[end])) for end in ("origin", "destination")
        )
        return {
            "waybill": row["waybill"],
            "route": " → ".join(places),
            "fee": FEES[row["fee"]][0],
            "amount": _yuan(row["amount"]),
        }

    def _add_point(self) -> None:
        now, orders, events = time.time(), self._counts["order"], self._counts["events"]
        money = Decimal(self._counts["money"])
        if self._before is not None:
            seconds = now - self._before[0]
            self._charts.append(
                (
                    round(now, 1),
                    round((orders - self._before[1]) / seconds, 1),
                    round((events - self._before[2]) / seconds, 1),
                    round(int((money - self._before[3]) * 100) / 100 / seconds, 2),
                )
            )
        self._before = now, orders, events, money


_EVERYTHING = (
    {"waiting": WAITING},
    {"refused": DEAD_LETTER_REASONS, "letters": LATEST_REFUSED},
    {"anomalies": ANOMALY_REASONS},
)

_MONEY = {
    "channels": payments.CHANNELS,
    "matched": payments.MATCHED,
    "exceptions": payments.EXCEPTION_REASONS,
    "cash": payments.CASH,
    "aging": payments.AGING,
    "clock": payments.CLOCK,
}


def _labelled(row: Row) -> Row:
    raw = {"raw": readable(row["raw"])} if "raw" in row else {}
    return {**row, **raw, "label": label_of(row["why"])}


def _yuan(amount: object) -> str:
    return f"{Decimal(str(amount)):,.2f}"
