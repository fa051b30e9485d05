"""Latency from event to row over the last minute, and how far behind the lanes are, from their own metrics."""

import urllib.error
import urllib.request
from collections import Counter, deque
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

HISTOGRAM = "waybook_event_to_row_seconds"
LAG = "waybook_lag_records"
ALL, OF_PAYMENTS = "lane*", "lane3[0-9][0-9][0-9]"
"""Directories of all lanes, and of those of the payments flow."""
WINDOW = 60
"""Looks, one a second, that the quantiles are taken over."""

Buckets = Counter[float]
"""How many events took up to so many seconds; cumulative, as Prometheus has it."""


class Latency:
    """Remembers a minute of histograms, so that what is shown is now and not since the start."""

    def __init__(self, home: Path, lanes: str = ALL) -> None:
        self._home, self._lanes = home, lanes
        self._seen: deque[Buckets] = deque(maxlen=WINDOW)
        self.lag: int | None = None
        """Records in Kafka that the lanes have not read; None: no lane answers."""

    def look(self) -> dict[str, int]:
        """p50 and p99 in milliseconds: bounds of the buckets in which they lie; empty when nothing came."""
        samples = samples_of(self._home, self._lanes)
        now, behind = buckets_of(samples), [sample.value for sample in samples if sample.name == LAG]
        self.lag = int(sum(behind)) if behind else None
        if self._seen and any(now[bound] < count for bound, count in self._seen[-1].items()):
            self._seen.clear()  # a lane was started again and counts from zero
        self._seen.append(now)
        if len(self._seen) == 1:
            return quantiles(now)
        before = self._seen[0]
        return quantiles(Counter({bound: count - before[bound] for bound, count in now.items()}))


def samples_of(home: Path, lanes: str = ALL) -> list[Sample]:
    """What the lanes that answer tell of latency and lag. `lanes`: pattern of their directories."""
    found: list[Sample] = []
    for file in sorted(home.glob(f"{lanes}/metrics.port")):
        try:
            url = f"http://127.0.0.1:{file.read_text()}/metrics"
            with urllib.request.urlopen(url, timeout=1) as answer:
                text = answer.read().decode()
        except (OSError, urllib.error.URLError, HTTPException):
            continue
        for family in text_string_to_metric_families(text):
            if family.name in (HISTOGRAM, LAG):
                found += family.samples
    return found


def buckets_of(samples: Iterable[Sample]) -> Buckets:
    """The histograms of all lanes, added up."""
    buckets: Buckets = Counter()
    for sample in samples:
        if sample.name == f"{HISTOGRAM}_bucket":
            buckets[float(sample.labels["le"])] += int(sample.value)
    return buckets


def quantiles(buckets: Buckets) -> dict[str, int]:
    """p50 and p99 in milliseconds.

    >>> quantiles(Counter({0.1: 98, 0.5: 99, float("inf"): 100}))
    {'p50': 100, 'p99': 500}
    """
    total = max(buckets.values(), default=0)
    bounds = sorted(bound for bound in buckets if bound != float("inf"))
    if not total or not bounds:
        return {}
    return {
        name: round(1000 * next((bound for bound in bounds if buckets[bound] >= share * total), bounds[-1]))
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }
