"""What a lane tells Prometheus about itself."""

from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from flows.engine.block import Block

LATENCY = Histogram(
    "waybook_event_to_row_seconds",
    "From a record's arrival in Kafka until its rows can be queried",
    ["lane"],
    buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.5, 2, 3, 5, 10, 30, 60, 300),
)
BLOCK_AGE = Gauge("waybook_block_written_timestamp_seconds", "When the newest block was written", ["lane"])
BLOCK_NUMBER = Gauge("waybook_block", "Number of the newest block that was written", ["lane"])
BLOCK_SECONDS = Histogram(
    "waybook_block_seconds",
    "From cutting a block until it is written",
    ["lane"],
    buckets=(0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 10),
)
BLOCK_RECORDS = Counter("waybook_block_records_total", "Records read in blocks", ["lane"])
EPOCH_SECONDS = Histogram(
    "waybook_epoch_snapshot_seconds",
    "Work for the snapshot at the end of an epoch",
    ["lane"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
EPOCH_CLOSE = Histogram(
    "waybook_epoch_close_seconds",
    "From the end of an epoch until it is committed and the next begins: snapshots, inserts that are under way, and "
    "Bytewax' recovery store",
    ["lane"],
    buckets=(0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10),
)
OPEN = Gauge("waybook_open_parcels", "Parcels in the lane's state", ["lane"])
LAG = Gauge("waybook_lag_records", "Records in Kafka that the lane has not read", ["lane", "topic"])
DATA_TIME = Gauge("waybook_data_time_seconds", "The newest tick that the lane has read", ["lane"])
STORE_AWAY = Gauge("waybook_store_away", "1 while ClickHouse does not answer, or takes too long")
TOPICS_MISSING = Gauge(
    "waybook_topics_missing", "Topics that the lane waits for: Kafka does not have them", ["lane"]
)
EPOCH_AT = Gauge("waybook_epoch_timestamp_seconds", "When the newest epoch's snapshot was taken", ["lane"])


def written(lane: int, block: Block, now: float) -> None:
    """A block's rows can be queried since `now` (wall time)."""
    label = str(lane)
    observe = LATENCY.labels(label).observe
    for stamp in block.stamps:
        observe(max(0.0, now - stamp / 1000))
    BLOCK_AGE.labels(label).set(now)
    BLOCK_NUMBER.labels(label).set(block.n)
    BLOCK_SECONDS.labels(label).observe(now - block.cut)
    BLOCK_RECORDS.labels(label).inc(block.count)


def serve(port: int, home: Path, host: str) -> int:
    """Serve /metrics on one of this machine's addresses; the port is written to `home/metrics.port`."""
    server, _ = start_http_server(port, addr=host)
    taken = int(server.server_port)
    home.mkdir(parents=True, exist_ok=True)
    (home / "metrics.port").write_text(str(taken))
    return taken
