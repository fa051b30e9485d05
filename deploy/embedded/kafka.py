"""A Kafka-protocol broker for a trial: librdkafka's mock cluster in a process of its own.

    python -m deploy.embedded.kafka --port-file FILE

It makes a topic on first use, with four partitions, keeps at most 5 MiB or 100,000 record sets of each and
silently drops the oldest beyond, and forgets everything when it ends. So a trial must not produce faster than
the flows read and commit. Not for production.
"""

import argparse
import threading
from pathlib import Path

from confluent_kafka import Producer

from deploy.embedded.process import announce, stop_on_signal

PARTITIONS = 4
"""Partitions of every topic; cannot be chosen."""


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="deploy.embedded.kafka")
    parser.add_argument("--port-file", type=Path, required=True)
    arguments = parser.parse_args()
    done = threading.Event()
    stop_on_signal(done.set)
    cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(cluster.list_topics(timeout=10).brokers.values()))
    announce(arguments.port_file, f"127.0.0.1:{broker.port}")
    done.wait()


if __name__ == "__main__":
    main()
