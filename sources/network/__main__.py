"""Run the simulated network: see the package."""

import argparse
import signal
import time
from pathlib import Path

import msgspec

from schemas.settings import from_environment
from sources.network import script
from sources.network.directory import build
from sources.network.lag import Lag
from sources.network.stage import Stage, read_tariff
from sources.network.truth import Truth


def arguments() -> argparse.Namespace:
    """What to simulate."""
    parser = argparse.ArgumentParser(prog="sources.network")
    parser.add_argument("--truth", type=Path, required=True, help="directory for truth.jsonl and status.json")
    parser.add_argument("--tariff", type=Path, required=True, help="directory of the tariff book")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--outlets", type=int, default=600)
    parser.add_argument("--rate", type=float, default=100, help="parcels a second, by the clock")
    parser.add_argument("--speed", type=float, default=4000, help="simulated seconds in a second")
    parser.add_argument("--parcels", type=int, help="stop after so many")
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--faults", choices=("some", "none"), default="some")
    parser.add_argument("--budget", type=int, default=15_000, help="records that the books may be behind")
    return parser.parse_args()


def main() -> None:
    """Play until told to stop, then finish; a second signal ends at once."""
    wanted, settings = arguments(), from_environment()
    asked = 0
    until = time.monotonic() + (wanted.seconds or float("inf"))

    def on_signal(number: int, frame: object) -> None:  # noqa: ARG001
        nonlocal asked
        asked += 1

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    truth, lag = Truth(wanted.truth), Lag(settings, wanted.budget)
    faults = script.NONE if wanted.faults == "none" else script.Faults()
    stage = Stage(
        build(wanted.outlets, wanted.seed),
        script.Script(faults),
        settings,
        truth,
        wanted.seed,
        wanted.rate,
        wanted.speed,
    )
    told = 0.0

    def behind() -> bool:
        nonlocal told
        if time.monotonic() > told + 0.5:
            told = time.monotonic()
            _tell(wanted.truth, stage, truth, "running" if not asked else "finishing")
        return lag.behind(stage.published)

    tariff = read_tariff(wanted.tariff)
    stage.open(tariff)
    stage.play(wanted.parcels, lambda: asked > 0 or time.monotonic() > until, behind)
    stage.finish(lambda: asked > 1, behind)
    _tell(wanted.truth, stage, truth, "published")
    before = -1
    while asked < 2 and before != lag.processed:  # the books have everything when they move no more
        before = lag.processed
        time.sleep(2)
    stage.end()
    stage.devices.close()
    _tell(wanted.truth, stage, truth, "done")


def _tell(directory: Path, stage: Stage, truth: Truth, state: str) -> None:
    """Write the status file that a demo reads."""
    status = {
        "state": state,
        "parcels": stage.parcels,
        "published": stage.published,
        "orders": stage.orders,
        "time": stage.now,
        "accepted": truth.accepted,
        "refused": truth.refused,
        "repeated": truth.repeated,
    }
    fresh = directory / "status.new"
    fresh.write_bytes(msgspec.json.encode(status))
    fresh.rename(directory / "status.json")


if __name__ == "__main__":
    main()
