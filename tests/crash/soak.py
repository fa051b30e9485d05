"""`make soak`: processes are killed at random and at named points, then everything is compared.

    python -m tests.crash.soak [--kills N] [--parcels N]

Rounds one after another, each hurting something else, until N processes have been killed: lanes at random and at
named points, the store, Kafka, a lane that runs twice, a recovery store that is put back or deleted, and the device
flow with its MQTT broker. Every second round of lanes reads parcels with which everything goes wrong, and jobs beside
them are killed, too. After each round the rows must be those of an undisturbed run and the audit must pass; it stops
at the first difference.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from schemas.limits import HORIZON as USUAL
from schemas.settings import Settings
from tests.crash.harness import Field, Input, at_points, clean, every, field, put_back, twin
from tests.crash.rich import HORIZON, Rich, at_stake, standing
from tests.devices.harness import DeviceFlow, Devices, Records, prepare, until
from tests.devices.test_delivery import Sent, came
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.store import Store

Hurt = Callable[[Field, Path], Callable[[Field], None]]
ROUNDS: dict[str, tuple[Hurt, str]] = {
    "lanes": (lambda place, home: Field.kill_a_lane, at_points(0.04)),
    "store": (lambda place, home: Field.kill_the_store, ""),
    "kafka": (lambda place, home: Field.kill_kafka, at_points(0.02)),
    "twin": (twin, at_points(0.02)),
    "recovery": (lambda place, home: put_back(home / "saved"), at_points(0.02)),
}
"""What is hurt in a round, and the points at which lanes die by themselves."""
PERIODS = {"kafka": (2.0, 4.0), "store": (0.8, 2.0)}
"""Seconds between two hurts."""


class Kind(NamedTuple):
    """What lanes read in a round, and what is compared."""

    what: str
    horizon: int
    play: Callable[[Field, Callable[[Field], None]], None]
    stands: Callable[[Field], object]


def lanes_round(home: Path, source: Input, name: str, kind: Kind, expected: object) -> int:
    """Processes killed. Raises AssertionError when something differs."""
    hurt, crash = ROUNDS[name]
    with field(home, source, crash=crash, horizon=kind.horizon) as place:
        kind.play(place, every(PERIODS.get(name, (0.4, 1.2)), hurt(place, home), 12))
        found = kind.stands(place)
        assert found == expected, f"{found} differs from {expected}"
        place.audited()
        killed = place.killed
        if name != "twin":
            place.replayed()
        return killed


def devices_round(home: Path, seconds: float = 12.0) -> int:
    """The device flow between Mosquitto, which is restarted, and Kafka: nothing that devices said is lost."""
    chance, killed = random.Random(), 0
    with Mosquitto(home / "mqtt") as broker, Kafka(home / "kafka") as kafka:
        assert isinstance(broker, Mosquitto)
        assert isinstance(kafka, Kafka)
        prepare(kafka)
        settings = Settings(mqtt=broker.address, kafka=kafka.address, home=home / "home", mqtt_clients=1)
        running = DeviceFlow(home / "flow", settings)
        devices, records = Devices(broker.address, "soak"), Records(kafka)
        running.start()
        try:
            until(running.subscribed, "connected", 60)
            sent, end, due = Sent(devices, 0), time.monotonic() + seconds, time.monotonic() + 0.5
            while (now := time.monotonic()) < end:
                sent.some()
                running.tend()
                if now > due:
                    running.kill()
                    killed += 1
                    due = now + chance.uniform(0.7, 1.6)
                time.sleep(0.05)
            devices.settle()
            running.tend()
            came(records, sent)
        finally:
            running.kill()
            devices.close()
            records.close()
    return killed


def main() -> int:
    """0 when every round ended as the undisturbed one."""
    parser = argparse.ArgumentParser(prog="tests.crash.soak")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--parcels", type=int, default=3_000)
    wanted = parser.parse_args()
    began, killed, rounds = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        usual = Kind("", USUAL, Field.run, Field.contents)
        unlucky = Rich(wanted.parcels)
        wrong = Kind(", everything wrong", HORIZON, unlucky.play, lambda place: standing(place.client))
        with Kafka(home / "kafka") as kafka, Store(home / "undisturbed-store") as store:
            assert isinstance(kafka, Kafka)
            assert isinstance(store, Store)
            source = Input(kafka, clean(wanted.parcels))
            with field(home / "undisturbed", source) as place:
                place.run()
                place.audited()
                contents = place.contents()
            unlucky.undisturbed(store.client())
            assert all(at_stake(store.client()).values()), at_stake(store.client())
            stands = standing(store.client())
            kinds = [*ROUNDS, "devices"]
            while killed < wanted.kills or rounds < 2 * len(kinds):
                name, kind = kinds[rounds % len(kinds)], (usual, wrong)[rounds // len(kinds) % 2]
                rounds += 1
                place_of = home / f"round{rounds}"
                if name == "devices":
                    killed += devices_round(place_of)
                elif kind is usual:
                    killed += lanes_round(place_of, source, name, usual, contents)
                else:
                    with Kafka(place_of / "kafka") as other:  # jobs write into it
                        assert isinstance(other, Kafka)
                        killed += lanes_round(place_of, Input(other, unlucky), name, wrong, stands)
                what = f"{name}{kind.what if name != 'devices' else ''}"
                sys.stdout.write(
                    f"round {rounds}, {what}: {killed} killed so far, nothing lost, nothing twice\n"
                )
                sys.stdout.flush()
    sys.stdout.write(
        f"{killed} processes killed in {rounds} rounds of {wanted.parcels} parcels, "
        f"{time.monotonic() - began:.0f} s: everything as in the undisturbed run, every audit passed\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
