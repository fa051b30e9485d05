"""What needs running flows says so at once where a demo has ended and only its books are served."""

from pathlib import Path

import pytest

from deploy.home import Home
from schemas.settings import Settings
from tests.deploy.command import waybook
from tests.servers.process import free_port
from tests.servers.store import Store

COMMANDS = (
    "move-balances",
    "service-levels",
    "store-months",
    "volumes",
    "recall",
    "transfer-outlet SHA --to P1",
    "withdraw-handover SHA",
    "books reopen --through 2025-11-11 --by w --reason error",
    "decide-weight W1 confirm",
    "ask SHA top_up amount=1 --time 2025-11-11",
)


@pytest.mark.parametrize("words", COMMANDS)
def test_one_line_says_what_is_missing(lasting_store: Store, tmp_path: Path, words: str) -> None:
    home = Home(tmp_path / "demo")
    home.prepare()
    settings = Settings(clickhouse=lasting_store.url, kafka=f"127.0.0.1:{free_port()}")
    home.tell(settings)
    ran = waybook((*words.split(), "--home", str(home.directory)), {})
    home.release()
    assert ran.returncode == 2, ran
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"Kafka is away: {settings.kafka} takes no connection (the demo in ")
    assert ran.stdout == ""
