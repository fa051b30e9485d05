"""A lane's source over a real Kafka, without a store."""

from collections.abc import Sequence

from flows.engine.source import Cutter, Input, Position
from tests.servers.kafka import Kafka


def cutter(kafka: Kafka, lane: int, inputs: Sequence[Input], position: Position) -> Cutter:
    """One that goes on from a position, follows no stored plan and cuts a block at once."""
    return Cutter(
        lane=lane,
        inputs=inputs,
        options={"bootstrap.servers": kafka.address},
        position=position,
        plans={},
        planned=lambda *_: None,
        ready=bool,
        stopping=lambda: False,
        period=lambda: 0.05,
        budget=100,
        ring_size=4,
        partitions=1,
    )
