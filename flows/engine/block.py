"""A block of input, and the receipt of what a block wrote."""

import msgspec


class Records(msgspec.Struct, gc=False):
    """Records of one input (`topic:partition`) in a block, in order of their offsets."""

    topic: str
    partition: int
    values: list[bytes]
    offsets: list[int]


class Block(msgspec.Struct, gc=False):
    """A piece of a lane's input: for every input the records up to a planned offset, inputs in fixed order."""

    n: int
    inputs: list[Records]
    count: int
    newest: int
    """Largest Kafka timestamp of the inputs' last records, UTC ms."""
    stamps: list[int]
    """Kafka timestamps of every twentieth record, to measure latency by."""
    cut: float
    """Wall time at which it was cut: for measurements only."""


class Receipt(msgspec.Struct, frozen=True):
    """What block `n` wrote: tables with rows in order of name. Plan n + 1 carries it; `chain` is plan n's."""

    n: int = 0
    tables: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()
    chain: str = ""


class Plan(msgspec.Struct, frozen=True):
    """Row n of table `block`: where block n ends, and the receipt of block n - 1."""

    lane: int
    n: int
    inputs: tuple[str, ...]
    upto: tuple[int, ...]
    version: str
    tables: tuple[str, ...]
    rows: tuple[int, ...]
    digests: tuple[str, ...]
    chain: str
