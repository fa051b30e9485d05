"""A Kafka-protocol broker for a trial: librdkafka's mock cluster in a process of its own.

    python -m deploy.embedded.kafka --port-file FILE

Its topics have the partitions that `schemas.topics` gives them. It keeps at most 5 MiB or 100,000 record sets of each
partition and silently drops the oldest beyond, and forgets everything when it ends. So a trial must not produce faster
than the flows read and commit. Not for production.

confluent_kafka offers the mock cluster by a setting alone, without the making of topics: all of them would have four
partitions, of which the lanes read one where a topic has only one. So librdkafka's own functions are called
(rdkafka_mock.h), in the library that confluent_kafka brings.
"""

import argparse
import threading
from ctypes import CDLL, c_char_p, c_int, c_size_t, c_void_p, create_string_buffer
from pathlib import Path

from confluent_kafka import cimpl

from deploy.embedded.process import announce, stop_on_signal
from schemas import topics

PARTITIONS = 4
"""Partitions of the topics that have the network's number, and of those that are none of ours."""
PRODUCER = 0
"""RD_KAFKA_PRODUCER"""


def cluster() -> str:
    """Begin a cluster of one broker that lives as long as this process; its address. Raises RuntimeError."""
    library = CDLL(cimpl.__file__)
    _declare(library)
    error = create_string_buffer(512)
    client = library.rd_kafka_new(PRODUCER, None, error, len(error))
    made = library.rd_kafka_mock_cluster_new(client, 1) if client else None
    if not made:
        raise RuntimeError(f"the broker for trials did not start: {error.value.decode()}")
    for topic in topics.TOPICS:
        partitions = PARTITIONS if topic.partitioned else 1
        if failed := library.rd_kafka_mock_topic_create(made, topic.name.encode(), partitions, 1):
            raise RuntimeError(
                f"the broker for trials did not make {topic.name}: error {failed} of librdkafka"
            )
    return str(library.rd_kafka_mock_cluster_bootstraps(made).decode())


def _declare(library: CDLL) -> None:
    """Arguments and results, from rdkafka.h and rdkafka_mock.h."""
    for name, result, arguments in (
        ("rd_kafka_new", c_void_p, [c_int, c_void_p, c_char_p, c_size_t]),
        ("rd_kafka_mock_cluster_new", c_void_p, [c_void_p, c_int]),
        ("rd_kafka_mock_topic_create", c_int, [c_void_p, c_char_p, c_int, c_int]),
        ("rd_kafka_mock_cluster_bootstraps", c_char_p, [c_void_p]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="deploy.embedded.kafka")
    parser.add_argument("--port-file", type=Path, required=True)
    arguments = parser.parse_args()
    done = threading.Event()
    stop_on_signal(done.set)
    announce(arguments.port_file, cluster())
    done.wait()


if __name__ == "__main__":
    main()
