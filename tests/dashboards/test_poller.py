"""What the page adds up: everything once, also when the store goes away in the middle of asking."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import OperationalError
from prometheus_client import CollectorRegistry, Histogram, start_http_server

from dashboards.live import poller
from dashboards.live.latency import HISTOGRAM, Latency, quantiles
from dashboards.live.poller import Kept, Poller
from dashboards.queries import SITES, Row, rows


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, client: Client) -> Poller:
    """A poller that asks only when told to."""
    monkeypatch.setattr(Poller, "_run", lambda _: None)
    return Poller(lambda: client, tmp_path)


@pytest.mark.parametrize("question", [poller.NEW_EVENTS, poller.NEW_CHARGES, poller.NEW_PARCELS, SITES])
def test_nothing_is_lost_or_doubled_when_a_question_fails(
    question: str, stopped: Poller, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(asked: Client, sql: str, **parameters: Any) -> list[Row]:
        if sql.startswith(question.partition("{")[0]):
            raise OperationalError("gone")
        return rows(asked, sql, **parameters)

    with monkeypatch.context() as patch:
        patch.setattr(poller, "rows", failing)
        with pytest.raises(OperationalError):
            stopped._look(client)
    for _ in range(2):
        seen = stopped._look(client)
        assert seen["counts"]["events"] == client.query("SELECT count() FROM event").result_rows[0][0]
        assert seen["counts"]["money"] == client.query("SELECT sum(amount) FROM charge").result_rows[0][0]


def test_newest_dates_come_first_and_provinces_add_up(stopped: Poller, client: Client) -> None:
    seen = stopped._look(client)
    assert seen["dates"] == sorted(seen["dates"], reverse=True)
    assert "中转费" in {zh for zh, _, _ in seen["fees"]}
    assert next(share for _, _, share in seen["provinces"]) == 1


def test_a_slow_question_is_asked_seldom(client: Client) -> None:
    kept = Kept({"slow": "SELECT count() AS n, sleep(0.5) AS slept FROM system.one"})
    kept.ask(client)
    first = kept.answers
    kept.ask(client)
    assert kept.answers is first != {"slow": None}


def test_while_nobody_looks_only_what_is_new_is_asked_for(
    stopped: Poller, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noted(client: Client, sql: str, **parameters: Any) -> list[Row]:
        asked.append(sql)
        return rows(client, sql, **parameters)

    monkeypatch.setattr(poller, "rows", noted)
    unwatched = stopped._look(client, watched=False)
    assert unwatched["counts"]["events"] > 0
    assert poller.WAITING not in asked
    assert stopped._look(client, watched=True)["waiting"] != unwatched["waiting"]
    assert poller.WAITING in asked


def test_latency_is_that_of_the_last_minute(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    histogram = Histogram(HISTOGRAM, "latency", ["lane"], buckets=(0.1, 0.5, 30), registry=registry)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        (tmp_path / "lane0").mkdir()
        (tmp_path / "lane0" / "metrics.port").write_text(str(server.server_port))
        latency = Latency(tmp_path)
        assert latency.look() == {}
        histogram.labels("0").observe(20)
        assert latency.look() == {"p50": 30000, "p99": 30000}
        for _ in range(70):
            latency.look()
        histogram.labels("0").observe(0.05)
        assert latency.look() == {"p50": 100, "p99": 100}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert latency.look() == {}
    assert quantiles(Counter()) == {}
