"""Publishing a tariff book beside junk: what the flows pass over is passed over here, too."""

from pathlib import Path

import msgspec
import pytest

from deploy.cli import main
from deploy.publish import published, standing
from schemas import parts, topics
from schemas.events import NetworkPublished, TariffPart, TariffPublished
from schemas.settings import Settings
from sinks.kafka import Records
from tests.deploy.test_kafka import Mock
from tests.lifecycle.world import BOOK, network


def test_junk_and_refused_directories_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = tmp_path / "book"
    book.mkdir()
    for name, text in BOOK.items():
        (book / name).write_text(text, "utf-8")
    good = network()
    empty: NetworkPublished = msgspec.structs.replace(good, files={})
    other: NetworkPublished = msgspec.structs.replace(good, version="other")
    with Mock(tmp_path / "kafka") as broker:
        assert isinstance(broker, Mock)
        settings = Settings(kafka=broker.address)
        records = Records(settings)
        junk = [b"", b"\xff", b"[" * 200_000, b"{}", msgspec.json.encode(empty), msgspec.json.encode(other)]
        for raw in junk:
            records.produce(topics.CONTROL.name, "", raw, partition=0)
        records.flush()
        with pytest.raises(LookupError, match="no network directory"):
            standing(settings)
        for raw in (msgspec.json.encode(good), *junk):
            records.produce(topics.CONTROL.name, "", raw, partition=0)
        records.flush()
        assert standing(settings)[0].version == good.version
        monkeypatch.setenv("WAYBOOK_KAFKA", broker.address)
        with pytest.raises(SystemExit) as ended:
            main(["publish-tariff", str(book), "--yes"])
        assert ended.value.code == 0
        *_, last = published(settings)
        assert isinstance(last, TariffPublished)
        assert last.files == BOOK
        monkeypatch.setattr(parts, "WHOLE", 100)
        with pytest.raises(SystemExit) as ended:
            main(["publish-tariff", str(book), "--yes"])
        assert ended.value.code == 0
        *_, last = published(settings)
        assert isinstance(last, TariffPart)
        assert [one.files for one in standing(settings)[1]] == [BOOK, BOOK]
