"""What the simulated network publishes, played through a lane of the parcel flow with the default book."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from flows.devices import known_dialects
from flows.engine.block import Block, Records
from flows.fees.current import FEES
from flows.governance.network import Network, read_network
from flows.governance.normalise import normalise
from flows.lifecycle.output import Output
from flows.lifecycle.process import Lifecycle
from schemas import topics
from schemas.events import NetworkPublished, TariffPublished, Tick
from schemas.identity import version_of
from schemas.times import DAY
from sources.network.directory import World
from sources.network.files import read_tariff
from sources.network.script import Cue
from sources.network.stage import START

DEFAULT = Path(__file__).parents[2] / "flows" / "rating" / "default"
DIALECTS = known_dialects()
OVER = START + 14 * DAY
"""When all of it has happened."""

Record = tuple[str, bytes]
"""A topic and what stands there."""


def records_of(cues: Iterable[Cue], network: Network) -> list[Record]:
    """What messages that are taken become on Kafka."""
    found = []
    for cue in cues:
        if cue.topic:
            event = normalise(cue.topic, cue.payload, 0, network, DIALECTS)
            found.append((topics.DEVICES.name, msgspec.json.encode(event)))
        else:
            found.append((topics.ORDERS.name, cue.payload))
    return found


def lane(world: World) -> Lifecycle:
    """One that knows the network and its prices, and what time it is when all is over."""
    book = read_tariff(DEFAULT)
    control = (
        NetworkPublished(id="n", time=START, version=version_of(world.files), files=world.files),
        TariffPublished(id="t", time=START, version=version_of(book), name="t", files=book),
    )
    made = Lifecycle(40 * DAY)
    inputs = [
        _records(topics.CONTROL.name, [msgspec.json.encode(event) for event in control]),
        _records(topics.TICKS.name, [msgspec.json.encode(Tick(id="tick", time=OVER))]),
    ]
    assert not made.process(Block(1, inputs, 0, START, [], 0.0)).refusals
    return made


def played(world: World, records: Sequence[Record], blocks: int) -> list[Output]:
    """What so many blocks of these records lead to."""
    taking, size, made = lane(world), len(records) // blocks + 1, []
    for n in range(blocks):
        some = records[n * size : (n + 1) * size]
        inputs = [
            _records(name, [value for topic, value in some if topic == name])
            for name in (topics.ORDERS.name, topics.DEVICES.name)
        ]
        made.append(taking.process(Block(n + 2, inputs, 0, START, [], 0.0)))
        assert not made[-1].refusals
    return made


def charged(outputs: Iterable[Output]) -> dict[tuple[str, str], int]:
    """What stands of charges, by waybill and fee."""
    total = Counter[tuple[str, str]]()
    for charges in (output.charges for output in outputs if output.charges):
        of = charges.text("waybill").arrow.to_pylist()
        for waybill, fee, amount in zip(of, charges.numbers("fee"), charges.numbers("amount"), strict=True):
            total[waybill, FEES.names[fee]] += int(amount)
    return Counter({key: amount for key, amount in total.items() if amount})


def waiting(outputs: Iterable[Output]) -> dict[tuple[str, str, str], int]:
    """What waits in the end: waybill, due and part with the reason."""
    last = {(one.waybill, one.due, one.part): one.reason for output in outputs for one in output.waits}
    return {key: reason for key, reason in last.items() if reason}


def network_of(world: World) -> Network:
    """A world as the flows read it."""
    return read_network(world.files)


def _records(topic: str, values: list[bytes]) -> Records:
    return Records(topic, 0, values, list(range(len(values))))
