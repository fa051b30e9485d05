"""Whether the topics that a lane goes on reading are still those that it has read.

Offsets say nothing about a topic that was deleted and made anew under its name: where the new one is shorter Kafka
refuses them, and where it is longer a lane would read on in the middle of other records without a word. Kafka gives
every topic an id of its own, so a lane remembers those of its topics.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, TopicCollection
from confluent_kafka.admin import AdminClient

from flows.engine.missing import PATIENCE
from schemas.away import kafka_log

TRIAL = "mockCluster"
"""How the id of a trial's broker begins (librdkafka's mock): it gives topics no ids, and they live as long as it."""
NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""What a broker answers that gives topics no ids (before Kafka 2.8): sixteen zeros in Base64."""


def topic_ids(consumer: Consumer, options: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The ids of those topics that Kafka has; a trial's gives none. Raises KafkaException when it does not answer."""
    known = consumer.list_topics(timeout=PATIENCE)
    there = sorted(known.topics.keys() & set(names))
    if not there or (known.cluster_id or "").startswith(TRIAL):
        return {}
    admin = AdminClient(dict(options), logger=kafka_log())
    found = admin.describe_topics(TopicCollection(there), request_timeout=PATIENCE)
    ids = {name: str(future.result().topic_id) for name, future in found.items()}
    return {name: topic_id for name, topic_id in ids.items() if topic_id != NO_ID}


def refuse_others(lane: int, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raises RuntimeError when a topic has another id than before."""
    anew = sorted(name for name, topic_id in now.items() if before.get(name, topic_id) != topic_id)
    if anew:
        raise RuntimeError(
            f"lane {lane}: {', '.join(anew)} was deleted and made anew since the lane read it: its offsets are of "
            "other records. Bring the topic back, or begin with an empty store, empty topics and no recovery stores"
        )
