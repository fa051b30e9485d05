"""One thread that asks ClickHouse once a second, however many people look.

Sums are kept here and grow by what new blocks bring, so a question costs what is new and not what there is.
"""

import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from prometheus_client.parser import text_string_to_metric_families

from dashboards.queries import SITES, rows
from dashboards.words import FEES, REASONS
from sinks.clickhouse import StoreAwayError

HISTORY = 180
"""Seconds that the charts show."""

HEADS = "SELECT lane, max(n) - 1 AS n FROM block GROUP BY lane"
NEW_EVENTS = "SELECT kind, count() AS n FROM event WHERE {range} GROUP BY kind"
NEW_CHARGES = """
SELECT business_date, fee, origin, count() AS n, sum(amount) AS amount FROM charge WHERE {range}
GROUP BY business_date, fee, origin"""
NEW_PARCELS = """
SELECT waybill, fee, amount, origin, destination, event_time FROM charge WHERE {range}
ORDER BY seq DESC, line DESC LIMIT 1 BY waybill LIMIT 12"""
WAITING = """
SELECT why, count() AS n, min(since) AS oldest, groupArray(4)(waybill) AS waybills
FROM waiting_now GROUP BY why ORDER BY n DESC"""
REFUSED = "SELECT why, count() AS n FROM open_dead_letter GROUP BY why ORDER BY n DESC"
LATEST_REFUSED = """
SELECT why, detail, topic, waybill, received, substring(raw, 1, 160) AS raw FROM open_dead_letter
ORDER BY received DESC LIMIT 6"""


class Poller:
    """Keeps `snapshot`: what the page shows, as JSON."""

    def __init__(self, connect: Callable[[], Client], home: Path) -> None:
        self._connect, self._home = connect, home
        self._client: Client | None = None
        self._read: dict[int, int] = {}
        self._sites: dict[str, Any] = {}
        self._fees: dict[date, Counter[str]] = defaultdict(Counter)
        self._provinces: dict[date, Counter[str]] = defaultdict(Counter)
        self._counts: Counter[str] = Counter()
        self._charts: deque[tuple[float, float, float, float]] = deque(maxlen=HISTORY)
        self._newest: deque[dict[str, Any]] = deque(maxlen=12)
        self._before: tuple[float, int, int, Decimal] | None = None
        self.snapshot = b'{"away":"starting"}'
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                if self._client is None:
                    self._client = self._connect()
                self.snapshot = msgspec.json.encode(self._look(self._client), enc_hook=str)
            except (ClickHouseError, StoreAwayError, OSError) as error:
                self._client = None
                self.snapshot = msgspec.json.encode({"away": str(error)[:200]})
            time.sleep(max(0.1, 1 - (time.monotonic() - began)))

    def _look(self, client: Client) -> dict[str, Any]:
        self._take_new(client)
        today = max(self._fees, default=date.min)
        return {
            "now": time.time(),
            "today": str(today),
            "counts": self._counts,
            "charts": [list(points) for points in zip(*self._charts, strict=True)] if self._charts else [],
            "fees": [(*FEES[fee], _yuan(amount)) for fee, amount in self._fees[today].most_common()],
            "provinces": [(name, _yuan(amount)) for name, amount in self._provinces[today].most_common(12)],
            "newest": list(self._newest),
            "waiting": [
                {**row, "label": REASONS.get(row["why"], row["why"])} for row in rows(client, WAITING)
            ],
            "refused": [
                {**row, "label": REASONS.get(row["why"], row["why"])} for row in rows(client, REFUSED)
            ],
            "letters": [
                {**row, "label": REASONS.get(row["why"], row["why"]), "raw": _readable(row["raw"])}
                for row in rows(client, LATEST_REFUSED)
            ],
            "latency": latency(self._home),
        }

    def _take_new(self, client: Client) -> None:
        """Add what blocks have brought since the last look."""
        parts = []
        for head in rows(client, HEADS):
            lane, last = int(head["lane"]), int(head["n"])
            first = self._read.get(lane, 0)
            if last > first:
                parts.append(f"seq BETWEEN {(lane << 32) + first + 1} AND {(lane << 32) + last}")
                self._read[lane] = last
        if parts:
            blocks = f"({' OR '.join(parts)})"
            for row in rows(client, NEW_EVENTS.format(range=blocks)):
                self._counts[row["kind"]] += row["n"]
                self._counts["events"] += row["n"]
            self._add_charges(client, blocks)
            for row in reversed(rows(client, NEW_PARCELS.format(range=blocks))):
                self._newest.appendleft({**row, "amount": _yuan(row["amount"]), "fee": FEES[row["fee"]][0]})
        self._add_point()

    def _add_charges(self, client: Client, blocks: str) -> None:
        for row in rows(client, NEW_CHARGES.format(range=blocks)):
            site = self._sites.get(row["origin"])
            if site is None:
                self._sites = {known["outlet"]: known for known in rows(client, SITES)}
                site = self._sites.get(row["origin"], {"province": row["origin"]})
            self._fees[row["business_date"]][row["fee"]] += row["amount"]
            self._provinces[row["business_date"]][site["province"]] += row["amount"]
            self._counts["charges"] += row["n"]
            self._counts["money"] += row["amount"]

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


def latency(home: Path) -> dict[str, Any]:
    """p50 and p99 in milliseconds from all lanes' histograms: bounds of the buckets in which they lie."""
    buckets: Counter[float] = Counter()
    for file in home.glob("lane*/metrics.port"):
        try:
            url = f"http://127.0.0.1:{file.read_text()}/metrics"
            with urllib.request.urlopen(url, timeout=1) as answer:
                text = answer.read().decode()
        except (OSError, urllib.error.URLError):
            continue
        for family in text_string_to_metric_families(text):
            if family.name == "waybook_event_to_row_seconds":
                for sample in family.samples:
                    if sample.name.endswith("_bucket"):
                        buckets[float(sample.labels["le"])] += int(sample.value)
    total = max(buckets.values(), default=0)
    if not total:
        return {}
    bounds = sorted(buckets)
    return {
        name: round(1000 * next(bound for bound in bounds if buckets[bound] >= share * total))
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def _yuan(amount: object) -> str:
    return f"{Decimal(str(amount)):,.2f}"


def _readable(raw: object) -> str:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
