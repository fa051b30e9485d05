"""Our own murmur2 chooses the partitions that librdkafka chooses, by the key that a record has."""

from typing import Any

from confluent_kafka import Producer

from schemas import topics
from schemas.keys import key_in
from schemas.partition import partition_of
from schemas.topics import PARTITIONER

KEYS = ["a", "SHC", "XAD1", "310100-001", "网点", "网点一", "网点一号", *(f"key-{n}" for n in range(300))]


def test_keys_go_where_librdkafka_sends_them() -> None:
    cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(cluster.list_topics(timeout=10).brokers.values()))
    went: dict[str, int] = {}

    def delivered(_error: Any, message: Any) -> None:
        went[message.key().decode()] = message.partition()

    out = Producer(
        {
            "bootstrap.servers": f"127.0.0.1:{broker.port}",
            "partitioner": PARTITIONER,
            "on_delivery": delivered,
        }
    )
    for key in KEYS:
        out.produce("t", b"", key)
    assert out.flush(30) == 0
    assert went == {key: partition_of(key, 4) for key in KEYS}
    assert set(went.values()) == {0, 1, 2, 3}


def test_a_record_in_json_is_keyed_as_its_kind_says() -> None:
    said = {"stay": "S1", "haul": "H1", "customer": "C1", "waybill": "W1"}
    keys = [key_in(topics.STAYS, said | {"type": kind}) for kind in ("stay_opened", "haul", "month_stored")]
    assert keys == ["S1", "H1", "C1"]
    assert key_in(topics.ORDERS, said | {"type": "order"}) == key_in(topics.ORDERS, said) == "W1"
    assert key_in(topics.ORDERS, {"type": ["order"]}) == ""
