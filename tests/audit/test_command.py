"""`python -m deploy.audit` as people run it."""

from pathlib import Path

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.__main__ import main
from tests.audit import seed
from tests.audit.writer import Writer
from tests.servers.store import Store


def test_the_command(empty: Client, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = Writer(empty)
    seed.write(writer)
    file = tmp_path / "report.json"
    assert main(["--url", store.url, "--json", str(file)]) == 0
    assert "audit passed" in capsys.readouterr().out
    written = msgspec.json.decode(file.read_bytes())
    assert written["passed"]
    assert written["heads"][0]["n"] == 10
    assert main(["--url", store.url, "--since", str(file)]) == 0
    empty.command("ALTER TABLE block DELETE WHERE n = 10", settings={"mutations_sync": 2})
    assert main(["--url", store.url, "--since", str(file), "--json", str(file)]) == 1
    out = capsys.readouterr().out
    assert "FAIL  heads" in out
    assert "FAIL  block_rows" in out
    assert "audit failed" in out
    assert not msgspec.json.decode(file.read_bytes())["passed"]


@pytest.mark.usefixtures("empty")
def test_empty_tables_are_no_books(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", store.url]) == 1
    assert "there are no books here" in capsys.readouterr().out
