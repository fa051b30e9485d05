"""The embedded ClickHouse (chDB behind HTTP) as a process."""

import sys
import urllib.error
import urllib.request
from pathlib import Path

from clickhouse_connect.driver.client import Client

from schemas.settings import Settings
from sinks.clickhouse import connect, create_tables
from tests.servers.install import ROOT
from tests.servers.process import Server, free_port


class Store(Server):
    """The store; `url` is its address, the same after a restart."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """The store on its own directory and port."""
        return [
            sys.executable,
            "-m",
            "deploy.embedded.store",
            "--directory",
            str(self.directory / "chdb"),
            "--port-file",
            str(self.directory / "address"),
            "--port",
            str(self.port),
        ]

    def environment(self) -> dict[str, str]:
        """Our own packages on the path."""
        return {**super().environment(), "PYTHONPATH": str(ROOT)}

    def ready(self) -> bool:
        """Whether it answers a query."""
        try:
            with urllib.request.urlopen(f"{self.url}/?query=select+1", timeout=5) as answer:
                return bool(answer.read() == b"1\n")
        except (OSError, urllib.error.URLError):
            return False

    def client(self) -> Client:
        """A client; the tables are there. Tests' tables are small: several threads cost more than they bring."""
        client = connect(Settings(clickhouse=self.url))
        client.set_client_setting("max_threads", 1)
        create_tables(client)
        return client
