"""Run the simulated network: see the package.

The first SIGTERM or SIGINT: create no more parcels and finish. The second: leave at once. `status.json` in the
truth's directory, written every half second, says how far it is; the exit code is 0 if all was sent and booked.
"""

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

import msgspec

from schemas.settings import from_environment
from sources.network.directory import build
from sources.network.faults import NONE, Faults
from sources.network.files import read_tariff
from sources.network.haulage import Haulage
from sources.network.lag import Books, Lag, Nobody
from sources.network.money import Teller
from sources.network.paying.customers import Customers
from sources.network.paying.ledger import Ledger
from sources.network.paying.mornings import Mornings
from sources.network.paying.told import Voices
from sources.network.script import Script
from sources.network.stage import START, Stage
from sources.network.store import ColdStore
from sources.network.truth import Truth


def arguments() -> argparse.Namespace:
    """What to simulate."""
    parser = argparse.ArgumentParser(prog="sources.network", description=__doc__)
    parser.add_argument("--truth", type=Path, required=True, help="directory for the truth and status.json")
    parser.add_argument("--tariff", type=Path, required=True, help="directory of the tariff book")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--outlets", type=int, default=600, help="60 to 20000")
    parser.add_argument("--rate", type=float, default=100, help="parcels a second, by the clock")
    parser.add_argument("--speed", type=float, default=4000, help="simulated seconds in a second")
    parser.add_argument("--parcels", type=int, help="stop after so many")
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--faults", choices=("some", "none"), default="some")
    parser.add_argument(
        "--commands",
        type=float,
        default=0,
        help="commands on virtual accounts a second, by the clock; 0: none, and nobody keeps accounts",
    )
    parser.add_argument(
        "--vehicles",
        type=float,
        default=0,
        help="vehicles a second, by the clock, at the gate of a cold store; 0: there is none",
    )
    parser.add_argument(
        "--payments",
        type=float,
        default=0,
        help="affairs a second, by the clock, in which customers owe and pay; 0: none",
    )
    parser.add_argument(
        "--bills",
        type=Path,
        help="directory of bills: there channels give theirs of each day on the next morning",
    )
    parser.add_argument(
        "--costs",
        type=Path,
        help="directory of what hubs and lines cost: there carriers and suppliers bill each day that is over",
    )
    parser.add_argument("--matching", type=Path, help="matching.toml that is published with the channels")
    parser.add_argument("--patience", type=float, default=300, help="seconds to finish in, at most")
    parser.add_argument(
        "--budget",
        type=int,
        default=1 << 20,
        help="bytes that may be on the way to a partition; 0: do not wait for the books",
    )
    return parser.parse_args()


class Told:
    """What the network is told: by signals, by the clock, and to leave when finishing takes too long."""

    def __init__(self, seconds: float | None, patience: float) -> None:
        self._signals = 0
        self._stops = time.monotonic() + (seconds or float("inf"))
        self._patience = patience
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    @property
    def asked(self) -> bool:
        """Create no more parcels."""
        return time.monotonic() >= self._stops

    @property
    def at_once(self) -> bool:
        """Leave everything as it is."""
        return self._signals > 1 or time.monotonic() > self._stops + self._patience

    def finish(self) -> None:
        """Stop now, if not before; from then on patience runs out."""
        self._stops = min(self._stops, time.monotonic())

    def _on_signal(self, number: int, frame: object) -> None:  # noqa: ARG002
        self._signals += 1
        self.finish()


class Status:
    """Writes the status file, in a thread of its own."""

    def __init__(self, directory: Path, stage: Stage, truth: Truth) -> None:
        self._file, self._stage, self._truth = directory / "status.json", stage, truth
        self._lock = threading.Lock()
        self.state = "waiting"
        threading.Thread(target=self._watch, name="status", daemon=True).start()

    def tell(self, state: str) -> None:
        """The network has come to a new state."""
        self.state = state
        with self._lock:
            self._write()

    def _watch(self) -> None:
        while True:
            with self._lock:
                self._write()
            time.sleep(0.5)

    def _write(self) -> None:
        stage, truth = self._stage, self._truth
        status = {
            "state": self.state,
            "parcels": stage.parcels,
            "published": stage.sent.all,
            "orders": stage.sent.orders,
            "time": stage.now,
            "trouble": stage.books.trouble,
            **{fate: truth.fates[fate] for fate in ("accepted", "refused", "repeated")},
            "faults": dict(truth.faults),
            "reasons": dict(truth.reasons),
            "payments": dict(stage.customers.ledger.counts) if stage.customers else {},
        }
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(status))
        fresh.rename(self._file)


def main() -> int:
    """Play, finish, let deadlines come; 0 if all of it was possible."""
    wanted, settings = arguments(), from_environment()
    told = Told(wanted.seconds, wanted.patience)
    books: Books = Nobody()
    if wanted.budget:
        books = Lag(
            settings,
            wanted.budget,
            accounts=wanted.commands > 0,
            stores=wanted.vehicles > 0,
            payments=wanted.payments > 0,
        )
    truth = Truth(wanted.truth)
    script = Script(NONE if wanted.faults == "none" else Faults())
    world = build(wanted.outlets, wanted.seed)
    teller = None
    if wanted.commands:
        teller = Teller(world.outlets, wanted.seed, wanted.commands * 3600 / wanted.speed, START)
    store = None
    if wanted.vehicles:
        outlets = [site.code for site in world.outlets]
        store = ColdStore(wanted.seed, wanted.vehicles * 3600 / wanted.speed, START, outlets)
    customers = None
    if wanted.payments:
        ledger = Ledger(wanted.truth)
        customers = Customers(
            wanted.seed,
            wanted.payments * 3600 / wanted.speed,
            START,
            Voices(settings.keys, wanted.truth / "channels"),
            ledger,
            wanted.matching.read_text("utf-8") if wanted.matching else "",
            Mornings(wanted.bills, ledger, wanted.seed) if wanted.bills else None,
        )
    stage = Stage(
        world,
        script,
        settings,
        truth,
        books,
        wanted.seed,
        wanted.rate,
        wanted.speed,
        teller,
        store,
        customers,
        Haulage(world, wanted.costs) if wanted.costs else None,
    )
    status = Status(wanted.truth, stage, truth)
    opened = stage.open(read_tariff(wanted.tariff), told)
    if opened:
        status.tell("running")
        stage.play(wanted.parcels, told)
        told.finish()
        status.tell("finishing")
        stage.finish(told)
        status.tell("published")
        stage.end(told)
    whole = opened and stage.complete and not told.at_once
    stage.close()
    status.tell("done" if whole else "cut")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
