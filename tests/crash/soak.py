"""`make soak`: hundreds of kills of lanes and store at random and at named points, then the same comparison.

    python -m tests.crash.soak [--kills N] [--parcels N]

Runs fields one after another until enough has been killed; stops at the first difference.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.harness import Field, Input, at_points, every, field
from tests.servers.kafka import Kafka


def main() -> int:
    """0 when every field ended in the same rows as the undisturbed one."""
    parser = argparse.ArgumentParser(prog="tests.crash.soak")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--parcels", type=int, default=3_000)
    wanted = parser.parse_args()
    began, killed, rounds = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        kafka = Kafka(home / "kafka")
        with kafka:
            source = Input(kafka, wanted.parcels)
            with field(home / "undisturbed", source) as place:
                place.run()
                expected = place.contents()
            while killed < wanted.kills:
                rounds += 1
                hurt = Field.kill_the_store if rounds % 3 == 0 else Field.kill_a_lane
                crash = "" if rounds % 3 == 0 else at_points(0.04)
                with field(home / f"round{rounds}", source, crash=crash) as place:
                    place.run(every((0.4, 1.2), hurt, 12))
                    killed += place.killed + sum(lane.codes.count(-9) for lane in place.lanes)
                    if place.contents() != expected:
                        sys.stdout.write(f"round {rounds} differs: {place.contents()} from {expected}\n")
                        return 1
                    place.audited()
                sys.stdout.write(f"round {rounds}: {killed} killed so far, the same rows\n")
                sys.stdout.flush()
    sys.stdout.write(
        f"{killed} kills in {rounds} rounds of {wanted.parcels} parcels, {time.monotonic() - began:.0f} s: "
        "every table equal to the undisturbed run's, every audit passed\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
