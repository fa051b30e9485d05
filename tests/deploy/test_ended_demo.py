"""What needs running flows says so at once where a demo has ended and only its books are served."""

from pathlib import Path
from typing import NoReturn

import pytest

from deploy import weights
from deploy.home import USUAL, Home
from schemas.settings import Settings
from sinks.kafka import DeliveryError
from tests.deploy.command import waybook
from tests.servers.process import free_port
from tests.servers.store import Store

COMMANDS = (
    "move-balances",
    "service-levels",
    "store-months",
    "volumes",
    "recall",
    "transfer-outlet SHA --to P1 --by w",
    "withdraw-handover SHA --by w",
    "books reopen --through 2025-11-11 --by w --reason error",
    "decide-weight W1 confirm --by w",
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


def test_a_demo_that_was_not_asked_for_its_kafka_is_not_called_ended(
    lasting_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names the store names the brokers, too: another one's demo has nothing to do with it."""
    monkeypatch.chdir(tmp_path)
    home = Home(USUAL)
    home.prepare()
    home.tell(Settings(clickhouse=lasting_store.url))

    def away(settings: Settings) -> NoReturn:
        raise DeliveryError(f"{settings.kafka} takes no connection")

    monkeypatch.setattr(weights, "sending", away)
    words = ("decide-weight", "W1", "confirm", "--by", "w")
    ran = waybook(words, {"WAYBOOK_CLICKHOUSE": lasting_store.url})
    home.release()
    assert ran.returncode == 2
    assert "has ended" not in ran.stderr
    assert ran.stderr.endswith("so no demo's Kafka is asked: WAYBOOK_KAFKA names one)\n")


def test_a_home_that_says_nothing_of_the_store_is_not_passed_over(tmp_path: Path) -> None:
    """What is asked of another store than was meant looks like an answer."""
    url, asked = "http://127.0.0.1:9", ("weight-cases", "--home", str(tmp_path))
    for words, environment, says in (
        (asked, {"WAYBOOK_CLICKHOUSE": url}, "--home and WAYBOOK_CLICKHOUSE both say where the store is"),
        ((*asked, "--url", url), {}, "--home and --url both say where the store is"),
        (asked, {}, f"no demo has run in {tmp_path}"),
    ):
        ran = waybook(words, environment)
        assert ran.returncode == 2
        assert ran.stderr.startswith(says)
