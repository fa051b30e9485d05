"""Virtual accounts from the command line: ask, be refused, read balances and books."""

from pathlib import Path

import msgspec

from schemas import topics
from schemas.events import Tick
from schemas.settings import Settings
from sinks.kafka import Records
from tests.crash.harness import AccountLane
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
        refused = waybook("ask", "SHC", "withdraw", "amount=100.51", "--id", "c2", *at)
        assert refused.returncode == 1
        assert "insufficient_balance 余额不足" in refused.stdout
        assert waybook("ask", "SHC", "hold", "amount=30", "purpose=withdraw", *at).returncode == 0
        assert "no command" in waybook("ask", "SHC", "print_money").stderr
        assert "amount_e4" in waybook("ask", "SHC", "top_up").stderr
        assert "70.50" in waybook("balance", "SHC").stdout
        assert waybook("balance", "NOBODY").returncode == 1
        assert "充值 top-up  c1" in waybook("statement", "SHC", "--from", "2025-11-11").stdout
        assert waybook("trial-balance").returncode == 0
        assert "借 100.50" in waybook("ledger", "SHC", "1201").stdout
        audited = waybook("audit")
        assert audited.returncode == 0, audited.stdout
    finally:
        lane.stop()
