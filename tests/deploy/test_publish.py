"""Publishing a tariff book beside junk: what the flows pass over is passed over here, too."""

from pathlib import Path

import msgspec
import pytest

from deploy.publish import publish_tariff
from schemas import topics
from schemas.events import NetworkPublished
from schemas.settings import Settings
from sinks.kafka import Records
from tests.deploy.test_kafka import Mock
from tests.lifecycle.world import BOOK, network


def test_junk_and_refused_directories_are_passed_over(tmp_path: Path) -> None:
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
            publish_tariff(settings, book, "me")
        for raw in (msgspec.json.encode(good), *junk):
            records.produce(topics.CONTROL.name, "", raw, partition=0)
        records.flush()
        assert len(publish_tariff(settings, book, "me")) == 16
