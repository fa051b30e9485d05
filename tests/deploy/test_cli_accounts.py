"""Virtual accounts from the command line: ask, be refused, read balances and books."""

import time
from pathlib import Path

import msgspec
import pytest

from deploy.ask import usage
from schemas import topics
from schemas.commands import BODIES
from schemas.events import Tick
from schemas.settings import Settings
from sinks.kafka import Records
from tests.crash.harness import AccountLane
from tests.deploy import command
from tests.deploy.conftest import Waybook
from tests.lifecycle.world import START
from tests.rating.material import HERE


def test_ask_and_read_the_balance(settings: Settings, waybook: Waybook, tmp_path: Path) -> None:
    assert waybook("publish-network", str(HERE / "network")).returncode == 0
    records = Records(settings)
    records.produce(topics.TICKS.name, "", msgspec.json.encode(Tick(id="t", time=START)), partition=0)
    records.flush()
    at = ("--time", "2025-11-11 08:00")
    lane = AccountLane(tmp_path / "lane", 1000, settings)
    lane.start()
    try:
        done = waybook("ask", "SHC", "top_up", "amount=100.5", "--id", "c1", *at)
        assert done.stdout == "c1  accepted, available 100.50\n", done.stderr
        assert waybook("ask", "SHC", "top_up", "amount=100.5", "--id", "c1", *at).stdout == done.stdout
        refused = waybook(
            "ask", "SHC", "withdraw", "amount=100.51", "--id", "c2", "--time", "2025-11-11 07:59"
        )
        assert refused.returncode == 1
        assert "insufficient_balance 余额不足" in refused.stdout
        began = time.monotonic()
        again = waybook("ask", "SHC", "withdraw", "amount=100.51", "--id", "c2", "--wait", "120")
        assert time.monotonic() < began + 120, "it is told as soon as it is known"
        aside, told = again.stderr.splitlines()
        assert "was answered with other content" in aside
        first = "command c2 was asked at 2025-11-11 07:59:00.000"
        assert told == f"{first}: a repeat says the same in all, also --time and --by"
        now = waybook("ask", "SHC", "hold", "amount=30", "purpose=withdraw")  # data time is long ago
        assert now.returncode == 0, now.stderr
        nobody = waybook("ask", "NOBODY", "top_up", "amount=1")
        assert (nobody.returncode, "unknown_party 没有此主体，或其不设虚拟账户" in nobody.stdout) == (1, True)
        early = waybook("ask", "SHC", "top_up", "amount=1", "--time", "2025-11-20", "--wait", "5")
        assert (early.returncode, "time_in_future 时间在未来" in early.stderr) == (1, True), early.stderr
        assert "70.50" in waybook("balance", "SHC").stdout
        for of in ("balance", "statement"):
            nobody = waybook(of, "NOBODY")
            assert (nobody.returncode, nobody.stderr[:24]) == (1, "there is no party NOBODY")
        assert "充值 top-up  c1" in waybook("statement", "SHC", "--from", "2025-11-11").stdout
        assert waybook("trial-balance").returncode == 0
        assert "借 100.50" in waybook("ledger", "SHC", "1201").stdout
        wrong = waybook("ledger", "SHC", "9999")
        assert (wrong.returncode, wrong.stderr[:26]) == (1, "there is no account 9999: ")
        for reversed_ in (("statement", "SHC"), ("ledger", "SHC", "1201"), ("costs", "profit")):
            wrong = waybook(*reversed_, "--from", "2025-11-12", "--to", "2025-11-10")
            assert (wrong.returncode, wrong.stdout) == (1, "")
            assert wrong.stderr == "--from 2025-11-12 is after --to 2025-11-10: there are no such days\n"
        audited = waybook("audit")
        assert audited.returncode == 0, audited.stdout
    finally:
        lane.stop()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("print_money", ["'print_money' is no command", "set_terms"]),
        ("topup amount=1", ["the nearest is top_up"]),
        ("top_up", ["amount is missing"]),
        ("top_up amount=-1", ["amount=-1 is not an amount from 0.01 to"]),
        ("withdraw amount=0.001", ["amount=0.001 is not an amount from 0.01 to", "yuan, in whole fen"]),
        ("top_up amount=1 amount=2", ["amount is said twice: which of the two is meant?"]),
        ("set_terms kind=prepaid credit_limit=100", ["who is prepaid has no credit_limit"]),
        ("top_up amount=1 --by=", ["nobody decides: say --by NAME"]),
        ("top_up amount=many", ["amount=many is not an amount"]),
        ("hold amount=1 purpose=test", ["one of purchase, withdraw", "purpose=purchase|withdraw"]),
        (
            "purchase itm=tape quantity=0",
            ["the nearest is item", "item is missing", "quantity=0 is not a whole"],
        ),
        ("purchase 3", ["'3' is not key=value", "item=TEXT quantity=NUMBER [unit_price=YUAN]"]),
        ("capture hold=", ["hold= is not a text of 1 to 64 characters"]),
    ],
)
def test_what_is_wrong_with_a_command_is_said_with_what_would_be_right(words: str, says: list[str]) -> None:
    """All of it at once, in the words that people write, before anything is sent."""
    asked = command.waybook(("ask", "SHC", *words.split()), {})
    assert asked.returncode == 1
    assert [one for one in says if one not in asked.stderr] == []


@pytest.mark.parametrize("moment", ["2025/11/11", "2025-W46-2", "2025-11-11T10:30+08:00", "0001-01-01T01:00"])
def test_a_time_is_told_how_it_is_written(moment: str) -> None:
    asked = command.waybook(("balance", "SHC", "--at", moment), {})
    assert asked.returncode == 2
    assert f"{moment!r} is no time of Shanghai as 2025-11-11T10:30, nor a date as 2025-11-11" in asked.stderr


def test_without_kafka_it_is_said_that_it_is_away() -> None:
    """And nothing is sent."""
    words = ("ask", "SHC", "top_up", "amount=1", "--time", "2025-11-11")
    asked = command.waybook(
        words, {"WAYBOOK_KAFKA": "127.0.0.1:9", "WAYBOOK_CLICKHOUSE": "http://127.0.0.1:9"}
    )
    assert asked.returncode == 2
    assert asked.stderr.startswith("Kafka is away: ")


def test_the_commands_stand_in_the_help_with_their_fields() -> None:
    """Every one."""
    told = command.waybook(("ask", "--help"), {}).stdout
    assert [name for name in BODIES if f"  {usage(name)}\n" not in told] == []
