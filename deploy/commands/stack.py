"""The demo, and the data that one has left."""

import argparse
import contextlib
import sys
from pathlib import Path

import msgspec

from deploy.commands import Command
from deploy.demo import Demo, Options
from deploy.home import USUAL, Home, told
from deploy.part import ROOT, Server
from flows.engine.stop import Stop
from schemas.settings import Settings, to_environment


def demo(arguments: argparse.Namespace) -> int:
    """Everything on this machine, live."""
    return Demo(
        Options(
            home=arguments.home.resolve(),
            seconds=arguments.seconds,
            rate=arguments.rate,
            chaos=arguments.chaos,
            seed=arguments.seed,
            port=arguments.port,
            faults=not arguments.no_faults,
        )
    ).run()


def open_(arguments: argparse.Namespace) -> int:
    """Serve the data that a demo has left, and the live page of it, until Ctrl-C."""
    home = Home(arguments.directory.resolve())
    home.reopen()
    stop = Stop()
    with contextlib.ExitStack() as ending:
        ending.callback(home.release)
        environment = {"PYTHONPATH": str(ROOT)}

        def serve(name: str, *words: str) -> Server:
            server = Server(home.directory, name, list(words), environment, keeps_port=False)
            ending.callback(server.stop)
            return server

        store = serve("store", "deploy.embedded.store", "--directory", str(home.directory / "store"))
        settings = msgspec.structs.replace(told(home.directory) or Settings(), clickhouse=store.address)
        home.tell(settings)
        environment |= to_environment(settings)
        page = serve("page", "dashboards.live", "--ended", "--port", str(arguments.port))
        sys.stdout.write(f"page        {page.address}\nclickhouse  {store.address}   (Ctrl-C ends it)\n")
        sys.stdout.flush()
        while not stop.wait(0.5) and not store.ended and not page.ended:
            pass
    return 0 if stop.asked else 1


def add(command: Command) -> None:
    """demo, open."""
    one = command("demo", demo)
    one.set_defaults(home=USUAL)
    one.add_argument("--seconds", type=float, help="stop after so long; default: Ctrl-C")
    one.add_argument("--rate", type=float, default=100, help="parcels a second")
    one.add_argument("--chaos", action="store_true", help="kill the flows at random")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--port", type=int, default=0, help="of the live page; 0: any free one")
    one.add_argument("--no-faults", action="store_true", help="a network in which nothing goes wrong")
    two = command("open", open_)
    two.add_argument("directory", type=Path, help="of a demo that has ended")
    two.add_argument("--port", type=int, default=0, help="of the live page; 0: any free one")
