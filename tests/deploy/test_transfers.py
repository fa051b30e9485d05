"""An outlet is sold while parcels move: the commands, the lane, the balances and the audit, against real servers."""

import re
from pathlib import Path
from subprocess import CompletedProcess

import msgspec

from schemas import topics
from schemas.events import Event, Tick
from schemas.settings import Settings
from schemas.times import DAY, HOUR
from sinks.kafka import Records
from tests.crash.harness import Lane
from tests.deploy.conftest import Waybook
from tests.deploy.test_cli import until
from tests.lifecycle.test_transfers import FILES
from tests.lifecycle.world import BOOK, START, events_of


def written(directory: Path, files: dict[str, str]) -> str:
    """A document in a directory of its own."""
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_text(text, "utf-8")
    return str(directory)


def send(settings: Settings, *events: Event) -> None:
    """Events to their topics."""
    records = Records(settings)
    for event in events:
        if isinstance(event, Tick):
            records.produce(topics.TICKS.name, "", msgspec.json.encode(event), partition=0)
        else:
            topic = topics.ORDERS if event.id.startswith("order") else topics.DEVICES
            records.produce(topic.name, event.waybill, msgspec.json.encode(event))  # type: ignore[attr-defined]
    records.flush()


def ticks(at: int) -> list[Tick]:
    """Time passes in some steps, each in a block of its own perhaps."""
    return [Tick(id=f"tick-{at + n}", time=at + n) for n in range(3)]


def test_an_outlet_is_sold(settings: Settings, waybook: Waybook, tmp_path: Path) -> None:
    assert "no network directory" in waybook("transfer-outlet", "SHC", "--to", "无锡", "--by", "总部").stderr
    assert waybook("parties").stdout.startswith("20"), "nothing is charged: as of today"
    for job, number in (("store-months", 2000), ("service-levels", 0)):
        assert f"lane {number} has no complete block yet" in waybook(job).stdout
    assert waybook("publish-network", written(tmp_path / "network", FILES)).returncode == 0
    assert waybook("publish-tariff", written(tmp_path / "book", BOOK)).returncode == 0
    send(settings, *ticks(START), *events_of("订单 揽收@1 网点秤9@2 签收@3"), *ticks(START + 4 * HOUR))

    def sum_of(where: str) -> str:
        query = f"SELECT sum(if(side = 'D', 1, -1) * amount) FROM journal WHERE {where}"
        return waybook("sql", query, "--format", "TSV").stdout.strip()

    def books(what: str, through: str, by: str, *more: str) -> CompletedProcess[str]:
        return waybook("books", what, "--through", through, "--by", by, *more)

    def moved() -> str:
        return waybook("sql", "SELECT count() FROM balance_moved", "--format", "TSV").stdout.strip()

    lane = Lane(tmp_path / "lane", 0, settings)
    lane.start()
    try:
        until(lambda: sum_of("book = 'SHC' AND account = '2101'") == "-17.2")
        refused = waybook("transfer-outlet", "SHC", "--to", "没有", "--from", "2025-11-12", "--by", "总部")
        assert refused.returncode == 1
        assert "no party of the network" in refused.stderr
        early = waybook("transfer-outlet", "SHC", "--to", "无锡", "--from", "2025-11-01", "--by", "总部")
        assert "a handover begins today, 2025-11-11, at the earliest" in early.stderr
        nobody = waybook("transfer-outlet", "SHC", "--to", "无锡", "--from", "2025-11-12", "--by", "")
        assert (nobody.returncode, nobody.stderr) == (1, "nobody decides: say --by NAME\n")
        assert "nobody decides" in waybook("withdraw-handover", "SHC", "--by", " ").stderr
        assert "say to whom: --into, the outlet that goes on" in waybook("merge-outlets", "SHC").stderr
        assert waybook("move-balances", "SHA").stdout == "there are no handovers of SHA\n"
        sold = waybook("transfer-outlet", "SHC", "--to", "无锡", "--from", "2025-11-12", "--by", "总部")
        assert sold.stdout.splitlines() == [
            "SHC goes to 无锡 on 2025-11-12: published",
            "SHC from SHC to 无锡 on 2025-11-12: balances go over then: waybook move-balances",
        ]
        again = waybook("transfer-outlet", "SHC", "--to", "无锡", "--from", "2025-11-12", "--by", "总部")
        assert "published already" in again.stdout
        wrong = waybook("merge-outlets", "XAD", "--into", "SHA", "--from", "2025-11-13", "--by", "总部")
        assert "XAD becomes part of SHA on 2025-11-13: published" in wrong.stdout
        assert "no handover of SHA is announced" in waybook("withdraw-handover", "SHA", "--by", "总部").stderr
        gone = waybook("withdraw-handover", "XAD", "--by", "总部", "--reason", "网点写错")
        assert gone.stdout == "XAD becomes part of SHA on 2025-11-13: withdrawn\n"
        twice = waybook("withdraw-handover", "XAD", "--from", "2025-11-13", "--by", "总部")
        assert twice.returncode == 1
        assert "this was withdrawn already" in twice.stderr
        none = waybook("move-balances", "XAD").stdout
        assert none == "XAD becomes part of SHA on 2025-11-13: withdrawn, nothing goes over\n"
        anew = waybook("merge-outlets", "XAD", "--into", "SHA", "--from", "2025-11-13", "--by", "总部")
        assert "XAD becomes part of SHA on 2025-11-13: published" in anew.stdout
        assert "withdrawn" in waybook("withdraw-handover", "XAD", "--by", "总部").stdout
        send(settings, *ticks(START + DAY), *ticks(START + DAY + HOUR))
        until(lambda: "2101 应付总部款 -17.20" in waybook("move-balances").stdout)
        until(lambda: moved() == "5")
        assert sum_of("book = 'SHC' AND account IN ('1101', '2101')") == "0"
        assert sum_of("book = '无锡' AND account = '2101'") == "-17.2"
        assert "nothing is left to move" in waybook("move-balances").stdout
        begun = waybook("withdraw-handover", "SHC", "--from", "2025-11-12", "--by", "总部")
        assert "it is 2025-11-12: announce one back to SHC, or to whom it should go" in begun.stderr
        send(settings, *events_of("分拨DWS2.5@2"), *ticks(START + DAY + 2 * HOUR))
        until(lambda: sum_of("book = 'SHC' AND account = '2101'") == "9.75")
        send(settings, *ticks(START + DAY + 3 * HOUR))
        until(lambda: "2101 应付总部款 9.75" in waybook("transfer-outlet", "SHC", "--again").stdout)
        until(lambda: moved() == "10")
        assert sum_of("book = 'SHC' AND account = '2101'") == "0"
        assert (
            "SHC  网点 outlet  上海C网点  ← 无锡 (2025-11-12)"
            in waybook("parties", "--at", "2025-11-12").stdout
        )
        assert "SHA" not in waybook("parties", "--at", "2025-11-13").stdout.split("XAD", 1)[1].splitlines()[0]
        _cards(waybook)
        tree = waybook("parties", "--at", "2025-11-11").stdout
        assert "←" not in tree
        assert tree.splitlines()[1].startswith("HQ  总部 headquarters"), (
            "C1, who has no members, stands below"
        )
        assert (
            "  无锡  网点 outlet  无锡承接公司  无锡承接有限公司  ****0123\n    小王  快递员 courier" in tree
        )
        send(settings, *ticks(START + DAY + 4 * HOUR))
        assert "2025-11-12 is not over" in books("close", "2025-11-12", "总部").stderr
        assert books("close", "2025-11-11", " ").stderr == "nobody closes or reopens: say --by NAME\n"
        waits = books("close", "2025-11-11", "总部")
        assert (waits.returncode, waits.stdout) == (1, "1 case of differing weights is undecided\n")
        assert "say --yes" in waits.stderr
        closed = books("close", "2025-11-11", "总部", "--yes").stdout
        assert "published: the books are closed through 2025-11-11" in closed
        assert "closed through 2025-11-11" in books("close", "2025-11-11", "总部").stderr
        assert "another person" in books("reopen", "2025-11-10", "总部", "--reason", "漏记").stderr
        for words in ((), ("--reason", " ")):
            unsaid = books("reopen", "2025-11-10", "李", *words).stderr
            assert unsaid == "nobody knows why they are reopened: say --reason WHY\n"
        until(lambda: "closed    through 2025-11-11  总部" in waybook("books", "list").stdout)
        send(settings, *events_of("分拨DWS3.5#二@1"), *ticks(START + DAY + 5 * HOUR))
        late = "book = 'SHC' AND account = '2101' AND business_date != posted_for"
        until(lambda: sum_of(late) not in ("", "0"))
        send(settings, *ticks(START + DAY + 6 * HOUR))
        told = r"rows of 2025-11-11, debits \d+\.\d\d yuan, booked on 2025-11-12\n"
        until(lambda: re.search(told, waybook("books", "list").stdout))
        until(lambda: f"2101 应付总部款 {sum_of(late)}" in waybook("move-balances").stdout)
        until(lambda: moved() != "10")
        assert waybook("service-levels").stdout == "the newest directory has no levels.csv to judge by\n"
        audited = waybook("audit")
        assert audited.returncode == 0, audited.stdout
    finally:
        lane.stop()


def _cards(waybook: Waybook) -> None:
    """One party, by code or name: its place, its owner, who took it over, and what it has."""
    sold = waybook("parties", "SHC").stdout
    assert sold.startswith("SHC  上海C网点\n")
    assert "! 2025-11-12 起由 无锡 经营" in sold
    assert "现金账户 cash" in sold
    assert waybook("parties", "上海C网点").stdout == sold
    owner = waybook("parties", "无锡承接公司").stdout
    assert owner.startswith("无锡  无锡承接公司\n")
    assert "无锡承接有限公司" in owner
    assert "****0123" in owner
    assert "下级 members: 快递员 courier 1" in owner
    other = waybook("parties", "SHC", "--as", "无锡").stdout
    assert other.startswith("SHC  上海C网点\n")
    assert "cash" not in other
    for word, says in (
        ("上海D网点", "the nearest is 上海C网点"),
        ("SHX", "the nearest is SHC"),
        ("无锡承接", "无锡承接公司"),
    ):
        unknown = waybook("parties", word)
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert f"there is no party {word}; the nearest is " in unknown.stderr
        assert says in unknown.stderr
    for of in ("balance", "statement"):
        assert waybook(of, "上海C网点").stdout == waybook(of, "SHC").stdout != ""
        courier = waybook(of, "小王")
        assert courier.returncode == 1
        assert courier.stderr.startswith("nothing has moved on virtual accounts of ")
