"""Publishing a tariff book beside junk: what the flows pass over is passed over here, too."""

import socket
from hashlib import sha512
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from deploy.cli import main
from deploy.publish import publish_network, published, standing
from flows.engine.directory import Directory
from flows.governance.network import read_network
from schemas import parts, topics
from schemas.events import NetworkPart, NetworkPublished, TariffPart, TariffPublished
from schemas.settings import Settings
from sinks.kafka import DeliveryError, Records
from tests.deploy.test_kafka import Mock
from tests.lifecycle.test_transfers import FILES
from tests.lifecycle.world import BOOK, NETWORK_FILES, Book, network
from tests.servers.kafka import Kafka
from tests.servers.process import free_port
from tests.storage.world import Store
from tests.wallet.world import Bank


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
        (book / "waybill.csv").write_text("price\n2.00\n", "utf-8")
        with pytest.raises(SystemExit) as ended:
            main(["publish-tariff", str(book), "--yes"])
        assert ended.value.code == 0
        *_, last = published(settings)
        assert isinstance(last, TariffPart)
        again = {**BOOK, "waybill.csv": "price\n2.00\n"}
        assert [one.files for one in standing(settings)[1]] == [BOOK, again]


def test_a_remarkable_directory_is_published_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr("deploy.publish.published", lambda _settings: [])
    monkeypatch.setattr("deploy.publish.send_control", lambda _settings, *events: sent.extend(events))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text + "SHC,610103\n" * (name == "areas.csv"), "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["publish-network", str(tmp_path)])
    out, err = capsys.readouterr()
    assert (ended.value.code, len(sent), "published version" in out) == (0, 1, True)
    assert err.startswith("warning: areas.csv row 7 column outlet: outlet SHC lies in 上海市, and 610103")


def test_a_directory_that_no_message_holds_reaches_every_flow(tmp_path: Path) -> None:
    """8.5 MB: published, it is in force for who publishes next, in the lanes and for the device flow."""
    rows = "".join(f"T{n},{_name(n)},outlet,T{n},310100,310000\n" for n in range(1_400))
    files = NETWORK_FILES | {"sites.csv": NETWORK_FILES["sites.csv"].rstrip("\n") + "\n" + rows}
    place = tmp_path / "directory"
    place.mkdir()
    for name, text in files.items():
        (place / name).write_text(text, "utf-8")
    assert sum(map(len, files.values())) > 8_000_000
    with Mock(tmp_path / "kafka") as broker:
        assert isinstance(broker, Mock)
        settings = Settings(kafka=broker.address, kafka_options={"log_level": "0"})
        version, remarks = publish_network(settings, place, "王会计")
        assert remarks == []
        said = published(settings)
        assert len(said) > 1
        assert all(isinstance(one, NetworkPart) for one in said)
        network = read_network(files)
        assert network.version == version
        assert standing(settings)[0] == network
        devices = Directory(settings)
        devices.wait(SimpleNamespace(asked=False))  # type: ignore[arg-type]
        assert devices.current() == network
    book, store, bank = Book(), Store(), Bank()
    book.block(*((topics.CONTROL.name, one) for one in said))
    store.take(*said)
    bank.block(*((topics.CONTROL.name, 0, one) for one in said))
    assert book.lifecycle.network == store.storage.network == bank.wallets.network == network
    assert len(book.rows["site"]) == len(network.sites) + len(read_network(NETWORK_FILES).sites)
    assert book.refused() == []


def _name(n: int) -> str:
    """A long name that does not compress to nothing."""
    return 4 * "".join(sha512(f"{n}/{part}".encode()).hexdigest() for part in range(12))


def test_without_kafka_nothing_is_taken_for_nothing_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeliveryError, match="takes no connection"):
        published(Settings(kafka=f"127.0.0.1:{free_port()}"))
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(DeliveryError, match="does not say what is published"),
    ):
        published(Settings(kafka=f"127.0.0.1:{silent.getsockname()[1]}"), seconds=1)
    monkeypatch.setenv("WAYBOOK_KAFKA", f"127.0.0.1:{free_port()}")
    for name, text in NETWORK_FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["publish-network", str(tmp_path)])
    assert ended.value.code == 2
    assert "Kafka is away" in capsys.readouterr().err


def test_where_no_topic_is_yet_nothing_is_published(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "CONTROL", topics.Topic("waybook.never", "", False, ""))
    assert published(Settings(kafka=kafka.address), seconds=0.5) == []
