"""Where things are and how big they are, from the environment: the same code embedded and in production.

Every setting is `WAYBOOK_` and its name in capitals; a secret comes from a file that `…_FILE` names.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from schemas.limits import AHEAD, HORIZON, LEAP, OLDEST
from schemas.topics import CHANNELS


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of Waybook needs to know. Defaults fit one machine."""

    kafka: str = "127.0.0.1:9092"
    """Kafka's bootstrap servers."""
    kafka_options: dict[str, str] = {}
    """Further options of librdkafka, as JSON (`security.protocol`, `sasl.username`…)."""
    mqtt: str = "127.0.0.1:1883"
    mqtt_user: str = ""
    mqtt_password: str = ""
    mqtt_clients: int = 1
    """Clients of the device flow; each holds at most 65,535 messages unacknowledged. Two or more share one
    subscription, which Mosquitto before 2.0.12 forgets when it restarts."""
    clickhouse: str = "http://127.0.0.1:8123"
    clickhouse_user: str = "default"
    clickhouse_password: str = ""
    database: str = "default"
    cluster: str = ""
    """Name of the cluster in ClickHouse's configuration; empty: one server. Writers then write by quorum and read
    what was written, and make no tables: `python -m sinks.ddl CLUSTER` does."""
    read_database: str = ""
    """Database that people, dashboards and the auditor read; empty: the same. On a cluster the one whose tables
    are those of all shards."""
    home: Path = Path("data")
    """Directory of the recovery stores."""
    partitions: int = 8
    """Partitions of every partitioned topic."""
    lanes: int = 1
    """Lanes of the parcel flow; lane i owns the partitions p with p % lanes == i."""
    account_lanes: int = 1
    """Lanes of the accounts flow; lane i owns the partitions p with p % account_lanes == i."""
    stay_lanes: int = 1
    """Lanes of the storage flow; lane i owns the partitions p with p % stay_lanes == i."""
    payment_lanes: int = 1
    """Lanes of the payments flow; lane i owns the partitions p with p % payment_lanes == i."""
    payment_channels: tuple[str, ...] = CHANNELS
    """Channels whose notifications the payments flow reads, as JSON."""
    keys: Path = Path("keys")
    """Directory of the channels' keys and certificates and of our own keys, files by the names that `channels.toml`
    gives; they stay as long as Kafka keeps what they verify."""
    bills: Path = Path("bills")
    """Directory of channels' bills, with `bills.toml`: see `waybook bills`."""
    period: float = 0.25
    """Seconds of input in a block when there is little, at least: up to one where the store is slow to take it."""
    budget: int = 50_000
    """Records in a block, at most."""
    epoch: float = 5.0
    """Seconds between commits of the recovery store."""
    horizon: int = HORIZON
    """Milliseconds: older facts begin no parcel's record, and finished parcels are kept as long."""
    oldest: int = OLDEST
    """Milliseconds: facts older than this are refused even where the parcel is still open, and parcels that are
    not finished are given up when they have not been heard of for as long. Not less than horizon and ahead."""
    leap: int = LEAP
    """Milliseconds that a tick may be ahead of the one before it, or else of Kafka's clock."""
    ahead: int = AHEAD
    """Milliseconds that an event may lie in the future of the newest tick."""
    metrics_port: int = 0
    """Port of Prometheus' metrics; 0: any free one, written to the home directory."""
    metrics_host: str = "127.0.0.1"
    """Address at which Prometheus' metrics are served; 0.0.0.0 where Prometheus is on another machine."""


_JSON = ("kafka_options", "payment_channels")
"""Settings that are written as JSON."""


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings of the environment. Raises msgspec.ValidationError naming a setting of the wrong type."""
    given: dict[str, object] = {}
    for name in Settings.__struct_fields__:
        key = f"WAYBOOK_{name.upper()}"
        if (file := environment.get(f"{key}_FILE")) is not None:
            given[name] = Path(file).read_text().strip()
        elif (value := environment.get(key)) is not None:
            given[name] = msgspec.json.decode(value) if name in _JSON else value
    return msgspec.convert(given, Settings, strict=False, dec_hook=lambda kind, value: kind(value))


def to_environment(settings: Settings) -> dict[str, str]:
    """The variables that give a child process these settings."""
    return {
        f"WAYBOOK_{name.upper()}": msgspec.json.encode(value).decode() if name in _JSON else str(value)
        for name in settings.__struct_fields__
        for value in [getattr(settings, name)]
    }
