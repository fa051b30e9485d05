"""Who publishes is named, and a job that nobody started has a name."""

from pathlib import Path

import pytest

from deploy.cli import parser
from tests.deploy.command import waybook


@pytest.mark.parametrize(
    "words",
    [
        ("tariff", "publish", "BOOK"),
        ("tariff", "withdraw", "0123"),
        ("publish-tariff", "BOOK"),
        ("publish-network", "BOOK"),
        ("publish-payment-rules", "BOOK"),
        ("costs", "publish", "BOOK"),
        ("costs", "withdraw", "cost-1"),
    ],
    ids=" ".join,
)
def test_who_publishes_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    at = [str(tmp_path) if word == "BOOK" else word for word in words]
    for by in ("", " "):
        ran = waybook((*at, "--by", by), {"WAYBOOK_CLICKHOUSE": "http://127.0.0.1:9"})
        assert (ran.returncode, ran.stderr) == (1, "nobody decides: say --by NAME\n")


@pytest.mark.parametrize("job", ["volumes", "store-months", "parcel-months", "service-levels"])
def test_a_job_where_nobody_is_logged_in_has_a_name(monkeypatch: pytest.MonkeyPatch, job: str) -> None:
    monkeypatch.setenv("USER", "")
    assert parser(job).parse_args([job]).by == "waybook"
