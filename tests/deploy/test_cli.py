"""The command line against real servers: publish, look, mend dead letters and send them again."""

import argparse
import shutil
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy import cli
from deploy.files import texts_of
from flows.governance.network import read_network
from schemas import topics
from schemas.events import Tick
from schemas.partition import partition_of
from schemas.settings import Settings
from sinks.kafka import Records
from tests.crash.harness import Lane
from tests.deploy.command import waybook
from tests.deploy.conftest import Waybook
from tests.lifecycle.world import BOOK, START, order, scan, weight
from tests.rating.material import HERE


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something to be so. What is asked in between costs more than a tenth of a second of waiting brings."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.3)
    return found


@pytest.mark.parametrize("group", cli.GROUPS)
def test_commands_are_in_the_module_that_is_loaded_for_them(group: str) -> None:
    added = list[str]()

    def command(name: str, _: object) -> argparse.ArgumentParser:
        added.append(name)
        return argparse.ArgumentParser()

    import_module(f"deploy.commands.{group}").add(command)
    assert tuple(added) == cli.GROUPS[group]


@pytest.mark.parametrize(
    "words",
    [
        ("exceptions", "--home", "here", "list", "--owner", "cashier"),
        ("exceptions", "list", "--home", "here"),
        ("close", "list", "--home", "here", "--all"),
        ("tariff", "check", "book", "--home", "here"),
        ("payments", "--home", "here"),
    ],
)
def test_where_the_store_is_may_stand_behind_a_command_and_behind_its_part(words: tuple[str, ...]) -> None:
    arguments = cli.parser(words[0]).parse_args(words)
    assert (arguments.home, arguments.url) == (Path("here"), "")


def test_publish_refuse_mend_and_replay(settings: Settings, waybook: Waybook, tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.mkdir()
    for name, text in BOOK.items():
        (book / name).write_text(text, "utf-8")
    assert "no network directory" in waybook("publish-tariff", str(book)).stderr
    published = waybook("publish-network", str(HERE / "network"))
    assert published.stdout.startswith("published version"), published.stderr
    shrunk = tmp_path / "shrunk"
    shutil.copytree(HERE / "network", shrunk)
    sites = (shrunk / "sites.csv").read_text("utf-8")
    (shrunk / "sites.csv").write_text(sites.replace("YL-E,榆林E网点,outlet,YLE,610800,610000\n", ""), "utf-8")
    refused = waybook("publish-network", str(shrunk))
    assert refused.returncode == 1
    assert "outlet YLE of the directory before is missing" in refused.stderr
    (book / "delivery.csv").write_text("destination_city,price\n西按市,1.20\n", "utf-8")
    refused = waybook("publish-tariff", str(book))
    assert refused.returncode == 1
    assert "delivery.csv row 2 column destination_city" in refused.stderr
    (book / "delivery.csv").write_text(BOOK["delivery.csv"], "utf-8")
    assert waybook("publish-tariff", str(book)).returncode == 0
    places = (HERE / "network" / "places.csv").read_text("utf-8")
    (shrunk / "sites.csv").write_text(sites, "utf-8")
    (shrunk / "places.csv").write_text(places.replace("610100,西安市,", "610100,长安市,"), "utf-8")
    refused = waybook("publish-network", str(shrunk))
    assert refused.returncode == 1
    assert "the tariff book in force" in refused.stderr

    records = Records(settings)
    _tick(records, START)
    for event in (order(product="nonsense"), scan("揽收", START)):
        records.produce(
            topics.ORDERS.name if event.id == "order-1" else topics.DEVICES.name,
            event.waybill,
            msgspec.json.encode(event),
        )
    records.flush()
    lane = Lane(tmp_path / "lane", 0, settings)
    lane.start()
    try:
        letters = until(lambda: waybook("dead-letters").stdout)
        assert '"reason":"unknown_product"' in letters
        for to in (tmp_path / "network.xlsx", tmp_path / "network"):
            assert waybook("export-network", str(to)).returncode == 0
            assert texts_of(to).read(read_network) == texts_of(HERE / "network").read(read_network)
            assert waybook("export-network", str(HERE)).returncode == 1, "it is not empty"
        mended = tmp_path / "mended.jsonl"
        mended.write_text(letters)
        refused = waybook("replay-dead-letters", str(mended))
        assert refused.returncode == 1
        assert "1 of 1 letter is unchanged" in refused.stderr
        assert waybook("replay-dead-letters", str(mended), "--as-they-are").returncode == 0
        times = "SELECT countIf(status = 'open') FROM dead_letter"
        until(lambda: waybook("sql", times, "--format", "TSV").stdout == "2\n")
        assert waybook("dead-letters").stdout == letters, "what is refused again is open again"
        mended.write_text(letters.replace("nonsense", "standard"))
        assert waybook("replay-dead-letters", str(mended), "--by", "me").stdout.startswith("1 dead letter ")
        until(lambda: not waybook("dead-letters").stdout)
        sent = waybook(
            "sql", "SELECT raw FROM dead_letter WHERE status = 'replayed'", "--format", "TSV"
        ).stdout
        assert sorted("nonsense" in line for line in sent.splitlines()) == [False, True], "notes keep it"
        charges = "SELECT fee, amount FROM charge ORDER BY fee"
        # the order may be in a later block than the word that it was sent again
        found = until(lambda: waybook("sql", charges, "--format", "TSV").stdout)
        assert found == "freight\t12\nwaybill\t1\n"
        _replay_misplaced(settings, waybook, tmp_path / "misplaced.jsonl")
        _tick(records, START + 1)  # seals what it told
        until(lambda: "12.00" in waybook("explain", order().waybill).stdout)
        assert waybook("explain", "YT7599999999999").returncode == 1
        _decide_about_weights(settings, waybook)
        assert waybook("audit").returncode == 0, waybook("audit").stdout
        assert waybook("audit", "--stopped").returncode == 0, waybook("audit", "--stopped").stdout
        client_of = waybook(
            "sql",
            "ALTER TABLE journal UPDATE amount = amount + 0.01 WHERE side = 'D' SETTINGS mutations_sync = 2",
        )
        assert client_of.returncode == 0, client_of.stderr
        audited = waybook("audit", "--stopped")
        assert audited.returncode == 1
        assert "FAIL" in audited.stdout
        mend = (
            "ALTER TABLE journal UPDATE amount = amount - 0.01 WHERE side = 'D' SETTINGS mutations_sync = 2"
        )
        assert waybook("sql", mend).returncode == 0
        assert "FAIL  closed" in waybook("audit", "--closed").stdout, "the lane is running"
    finally:
        assert lane.stop(120) == 0
    earlier = tmp_path / "audit.json"
    closed = waybook("audit", "--closed", "--json", str(earlier))
    assert closed.returncode == 0, closed.stdout
    assert "rows not sealed yet 0" in closed.stdout
    assert "ok    heads" in waybook("audit", "--closed", "--since", str(earlier)).stdout


def _tick(records: Records, at: int) -> None:
    """Time passes."""
    tick = msgspec.json.encode(Tick(id=f"t{at}", time=at))
    records.produce(topics.TICKS.name, "", tick, partition=0)
    records.flush()


def _replay_misplaced(settings: Settings, waybook: Waybook, file: Path) -> None:
    """What a producer laid on another partition than its key says is sent to the right one."""
    misplaced = order(id="order-elsewhere", waybill="YT7512345678902")
    partition = (partition_of(misplaced.waybill, settings.partitions) + 1) % settings.partitions
    records = Records(settings)
    records.produce(
        topics.ORDERS.name, misplaced.waybill, msgspec.json.encode(misplaced), partition=partition
    )
    records.flush()
    letters = until(lambda: waybook("dead-letters").stdout)
    assert '"reason":"wrong_partition"' in letters
    file.write_text(letters, "utf-8")
    assert waybook("replay-dead-letters", str(file), "--as-they-are").returncode == 0
    there = "SELECT event_id FROM event WHERE event_id = 'order-elsewhere'"
    until(lambda: waybook("sql", there, "--format", "TSV").stdout)
    assert not waybook("dead-letters").stdout


def _decide_about_weights(settings: Settings, waybook: Waybook) -> None:
    """Two weights differ; someone looks, says too little, then decides."""
    waybill = order().waybill
    records = Records(settings)
    for event in (weight("网点秤", 9000, START), weight("分拨DWS", 2500, START)):
        records.produce(topics.DEVICES.name, event.waybill, msgspec.json.encode(event))
    records.flush()
    listed = until(lambda: waybook("weight-cases", "--open").stdout)
    assert waybill in listed
    assert "9,000 g" in listed
    assert waybook("decide-weight", waybill, "override").returncode == 1
    for kg in ("9999", "0", "2.0001", "-1", "heavy", "NaN", "Infinity"):
        wrong = waybook("decide-weight", waybill, "override", "--kg", kg).stderr
        assert f"{kg!r} is no weight such as 2.75, in kg to the gram, at most 1,000" in wrong
    for words, says in (
        ((waybill, "confirm", "--event", "nothing"), f"there is no weight nothing of {waybill}"),
        (("YT7599999999999", "override", "--kg", "3"), "there is nothing about waybill YT7599999999999"),
        ((waybill, "override", "--kg", "3", "--by", " "), "nobody decides: say --by NAME"),
    ):
        refused = waybook("decide-weight", "--by", "me", *words)
        assert refused.returncode == 1
        assert says in refused.stderr
    decided = waybook("decide-weight", waybill, "override", "--kg", "3", "--by", "me")
    assert decided.returncode == 0, decided.stderr
    until(lambda: not waybook("weight-cases", "--open").stdout)
    again = waybook("decide-weight", waybill, "confirm", "--by", "you")
    assert again.returncode == 0, again.stderr
    made = "SELECT decided_by, decision, weight_event, weight_g FROM weight_decision ORDER BY event_time, decided_by"
    until(lambda: "you" in waybook("sql", made, "--format", "CSV").stdout)
    assert waybook("sql", made, "--format", "CSV").stdout.splitlines() == [
        f'"{who}","override","weight-hub_dws",3000' for who in ("me", "you")
    ]
    decided_case = waybook("weight-cases").stdout
    assert "人工裁决 3,000 g  ≠  " in decided_case
    assert "9,000 g" in decided_case
    assert "2,500 g" in decided_case
    sums = "SELECT sum(amount) FROM charge WHERE fee = 'transit'"
    assert waybook("sql", sums, "--format", "TSV").stdout == "6\n"
    _tick(records, START + 3)
    told = until(lambda: (said := waybook("explain", waybill).stdout) * ("已裁决" in said))
    assert "待裁决" not in told
    (differed,) = (line for line in told.splitlines() if "重量不符 the weights differ" in line)
    assert "9,000 g" in differed
    assert "2,500 g" in differed
    assert "人工裁决" in told


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("close", "Close days, weeks and months of channels' merchants; undo, show and report closes."),
        ("exceptions", "What people are asked about payments and bills: list and show it, answer it"),
        ("evidence", "What a channel really sent"),
    ],
)
def test_help_of_a_command_begins_with_all_that_it_does(name: str, said: str) -> None:
    for words in ((name, "--help"), ("--help",)):
        assert said in " ".join(waybook(words, {}).stdout.split())
