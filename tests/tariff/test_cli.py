"""`waybook tariff` as people type it, in this process; published books in a real store."""

import csv
import io
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deploy import cli, publish
from schemas import topics
from schemas.events import ControlEvent, TariffPublished, TariffWithdrawn
from schemas.identity import version_of
from tests.audit.conftest import emptied
from tests.dashboards.data import Written
from tests.lifecycle.world import BOOK, START, tariff
from tests.rating.material import HERE, NETWORK, book_toml
from tests.servers.store import Store

BOOK_DIRECTORY, NETWORK_DIRECTORY = str(HERE / "book"), str(HERE / "network")
NAME = "测试价格手册"
OFFLINE = ("--network", NETWORK_DIRECTORY)
FIRST = tariff()
SECOND = tariff({**BOOK, "waybill.csv": "price\n2.00\n"})
GONE = tariff(
    {**BOOK, "book.toml": BOOK["book.toml"].replace(NAME, "旺季").replace("2025-01-01", "2025-02-01")}
)


class Run:
    """Runs a command; what it said is kept."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *more: str) -> None:
        self.capsys, self.more = capsys, more
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        """The exit code."""
        with pytest.raises(SystemExit) as ended:
            cli.main(["tariff", *self.more, *words])
        self.out, self.err = self.capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Without any server."""
    return Run(capsys, "--url", "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def books(lasting_store: Store) -> str:
    """The address of a store with three published books, two of them withdrawn, and a directory."""
    written = Written(emptied(lasting_store.client()))
    for n, one in enumerate((SECOND, GONE)):
        written.block((topics.CONTROL.name, one))
        written.block((topics.CONTROL.name, TariffWithdrawn(id=f"w{n}", time=START, version=one.version)))
    return lasting_store.url


@pytest.fixture
def online(books: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """With the store."""
    return Run(capsys, "--url", books)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What would go to Kafka; the directory comes from a file."""
    found: list[bytes] = []
    monkeypatch.setattr(
        publish, "send_control", lambda _settings, *events: found.extend(map(msgspec.json.encode, events))
    )
    monkeypatch.setattr(publish, "standing", lambda _settings: (NETWORK, [FIRST]))
    return found


def copy(tmp_path: Path, **changed: str) -> str:
    """The tests' book with some files changed."""
    directory = tmp_path / "book"
    directory.mkdir(exist_ok=True)
    for file in (HERE / "book").iterdir():
        (directory / file.name).write_text(changed.get(file.stem, file.read_text("utf-8")), "utf-8")
    return str(directory)


def test_check_says_what_is_wrong_and_where(run: Run, tmp_path: Path) -> None:
    assert run("check", BOOK_DIRECTORY, *OFFLINE, "--date", "2025-06-18") == 0
    assert NAME in run.out
    each = run.out.splitlines()
    assert run("check", BOOK_DIRECTORY, *OFFLINE, "--date", "2025-06-18", "--all") == 0
    assert "--all" not in run.out
    lines = [line for line in run.out.splitlines() if "line_without_price" in line]
    (one,) = (line for line in each if "line_without_price" in line)
    assert f"{len(lines)} of this kind, the first: " in one
    assert lines[0].partition(": base")[0].rpartition(": ")[2] in one
    assert "--all shows all" in one
    wrong = copy(tmp_path, delivery="destination_city,price\n西按市,1.20\n")
    assert run("check", wrong, *OFFLINE) == 1
    assert "delivery.csv row 2 column destination_city" in run.err
    (Path(wrong) / "waybill.csv").write_bytes(b"price\n\xff\n")
    assert run("check", wrong, *OFFLINE) == 1
    assert "waybill.csv row 2: is no text in UTF-8" in run.err


def test_a_workbook_is_checked_at_its_own_places(run: Run, tmp_path: Path) -> None:
    book = copy(tmp_path, delivery="destination_city,price\n\n西安市,1.20\n西按市,1.20\n")
    workbook = str(tmp_path / "B.XLSX")
    assert run("export", book, workbook) == 0
    assert run("check", workbook, *OFFLINE) == 1
    assert "B.XLSX sheet delivery row 4 column destination_city" in run.err


def test_a_book_is_exported_as_what_its_name_says(run: Run, tmp_path: Path) -> None:
    directory = tmp_path / "back.2025"
    assert run("export", BOOK_DIRECTORY, str(directory)) == 0
    assert {file.name: file.read_text("utf-8") for file in directory.iterdir()} == {
        file.name: file.read_text("utf-8") for file in (HERE / "book").iterdir()
    }
    (tmp_path / "file").touch()
    for name, says in (
        ("back.2025", "is not empty"),
        ("file", "is a file and no directory"),
        ("b.xls", "is neither an .xlsx file nor a directory"),
        ("out.txt", "is neither an .xlsx file nor a directory"),
        ("nowhere/b.xlsx", "there is no directory"),
    ):
        assert run("export", BOOK_DIRECTORY, str(tmp_path / name)) == 1
        assert says in run.err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["back.2025", "file"]


def test_there_and_back_and_the_difference(run: Run, tmp_path: Path) -> None:
    workbook, back = str(tmp_path / "b.xlsx"), tmp_path / "back"
    assert run("export", BOOK_DIRECTORY, workbook) == 0
    assert run("import", workbook, str(back)) == 0
    assert {file.name: file.read_text("utf-8") for file in back.iterdir()} == {
        file.name: file.read_text("utf-8") for file in (HERE / "book").iterdir()
    }
    assert run("diff", BOOK_DIRECTORY, workbook, *OFFLINE) == 0
    assert "no difference" in run.out
    (back / "waybill.csv").write_text("price\n1.10\n", "utf-8")
    assert run("diff", workbook, str(back), *OFFLINE) == 1
    assert "~ waybill base waybill.csv: any: price 1.00 → price 1.10" in run.out
    assert run("import", workbook, str(back)) == 1
    assert "not empty" in run.err
    assert run("check", str(tmp_path / "none.xlsx"), *OFFLINE) == 1
    assert "there is no file" in run.err


def test_without_a_store_a_version_is_not_found_and_that_is_said(run: Run) -> None:
    assert run("list") == 2
    assert run("check", BOOK_DIRECTORY) == 2
    assert "the store is away" in run.err


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("check", BOOK_DIRECTORY), "--network DIR checks a directory or an .xlsx file without it"),
        (("diff", BOOK_DIRECTORY, BOOK_DIRECTORY), "--network DIR compares directories and .xlsx files"),
        (("try", "--from", "SHC", "--to", "XAD"), "--network DIR and --book, a directory or an .xlsx file"),
        (("try", "--from", "SHC", "--to", "XAD", *OFFLINE), "--network DIR and --book"),
    ],
)
def test_without_a_store_it_is_said_what_does_without(run: Run, words: tuple[str, ...], instead: str) -> None:
    assert run(*words) == 2
    assert f"Connection refused; {instead}" in run.err


def test_what_cannot_do_without_a_store_names_no_other_way(run: Run) -> None:
    for words in (("list",), ("what-if", BOOK_DIRECTORY), ("show", NAME), ("publish", BOOK_DIRECTORY)):
        assert run(*words) == 2
        assert "--network" not in run.err


def test_published_books(online: Run, tmp_path: Path) -> None:
    assert online("list") == 0
    lines = [line for line in online.out.splitlines() if NAME in line]
    assert [FIRST.version in line and "有效 in force" in line for line in lines] == [True, False]
    assert "已撤回 withdrawn" in lines[1]
    (gone,) = (line for line in online.out.splitlines() if "旺季" in line)
    assert ["2025-01-01" in lines[0], "2025-02-01" in gone] == [True, True], "the first day of their prices"
    assert online("withdraw", "旺季") == 1
    assert f"no book called '旺季' is in force: withdrawn are {GONE.version}" in online.err
    assert online("show", FIRST.version[:6], "waybill.csv") == 0
    assert online.out == BOOK["waybill.csv"]
    assert online("show", NAME) == 0
    assert all(f"# {name}\n" in online.out for name in BOOK)
    assert online("show", FIRST.version, "none.csv") == 1
    assert online("show", "ffffff") == 1
    assert "no published tariff book" in online.err
    assert online("diff", FIRST.version, SECOND.version) == 1
    assert "price 1.00 → price 2.00" in online.out
    assert online("export", FIRST.version, str(tmp_path / "v.xlsx")) == 0
    assert online("check", str(tmp_path / "v.xlsx")) == 0
    assert FIRST.version in online.out


def test_publish_checks_first(online: Run, sent: list[bytes], tmp_path: Path) -> None:
    wrong = copy(tmp_path, delivery="destination_city,price\n西按市,1.20\n")
    assert online("publish", wrong) == 1
    assert not sent
    assert online("publish", BOOK_DIRECTORY, "--by", "me", "--comment", "why") == 0
    assert "warning: " in online.err
    event = msgspec.json.decode(sent[0], type=ControlEvent)
    assert isinstance(event, TariffPublished)
    assert (event.version, event.name, event.published_by) == (version_of(event.files), NAME, "me")
    other = tmp_path / "network"
    shutil.copytree(OFFLINE[1], other)
    (other / "products.csv").write_text((other / "products.csv").read_text("utf-8") + "slow,慢件\n", "utf-8")
    assert online("publish", BOOK_DIRECTORY, "--network", str(other)) == 1
    assert "is not the directory in force" in online.err
    assert f"waybook publish-network {other}" in online.err
    assert len(sent) == 1
    assert online("publish", BOOK_DIRECTORY, *OFFLINE) == 0
    del sent[1:]
    with pytest.raises(SystemExit):
        cli.main(["publish-tariff", BOOK_DIRECTORY, "--url", online.more[1]])
    assert len(sent) == 2


def test_withdraw(online: Run, sent: list[bytes]) -> None:
    assert online("withdraw", FIRST.version[:8], "--by", "me") == 0
    assert online("withdraw", NAME, "--name") == 0
    first, second = (msgspec.json.decode(raw, type=ControlEvent) for raw in sent)
    assert isinstance(first, TariffWithdrawn)
    assert isinstance(second, TariffWithdrawn)
    assert (first.version, first.name, first.withdrawn_by) == (FIRST.version, "", "me")
    assert (second.version, second.name) == ("", NAME)
    assert online("withdraw", SECOND.version) == 1
    assert "withdrawn already" in online.err
    assert online("withdraw", "另一本", "--name") == 1
    assert len(sent) == 2


def test_try_without_a_fee_tells_what_is_owed_and_how_to_see_the_rest(run: Run, tmp_path: Path) -> None:
    flat = {"shape": '"flat"', "file": '"price.csv"', "effective_from": "2025-01-01"}
    book = tmp_path / "book"
    book.mkdir()
    (book / "book.toml").write_text(book_toml(*({**flat, "fee": f'"{fee}"'} for fee in ("late", "waybill"))))
    (book / "price.csv").write_text("price\n3.00\n")
    words = ("try", "--book", str(book), *OFFLINE, "--from", "SHA", "--to", "XAD")
    assert run(*words) == 0
    *answers, rest = (line for line in run.out.splitlines() if not line.startswith(" "))
    assert answers == ["■ 面单费 waybill fee (waybill): 3.00 元 yuan"]
    assert rest.endswith("(1; --fee NAME or --all prices them): 时效罚款 late")
    for more in (("--all",), ("--fee", "late")):
        assert run(*words, *more) == 0
        assert "(late): 3.00 元 yuan" in run.out
        assert "not owed" not in run.out


def test_try_one_parcel(run: Run, online: Run) -> None:
    facts = ("--from", "SHA", "--to", "XAD", "--kg", "2.5", "--date", "2025-06-18")
    assert run("try", "--book", BOOK_DIRECTORY, *OFFLINE, "--fee", "transit", *facts) == 0
    assert "■ 中转费 transit fee (transit): 5.00 元" in run.out
    assert "续重" in run.out
    assert "Continued weight" in run.out
    assert "未填写，按此计算 Not said, taken as" in run.out
    assert "product none" in run.out
    assert run("try", "--book", BOOK_DIRECTORY, *OFFLINE, "--from", "SHAX", "--to", "XAD") == 1
    assert "the nearest is SHA" in run.err
    assert run("try", "--book", BOOK_DIRECTORY, *OFFLINE, *facts, "--kg=-1") == 1
    assert "kg: '-1' is not between 0 and 1000; write kilograms as 2.5" in run.err
    assert online("try", "--fee", "transit", *facts) == 0
    assert FIRST.version in online.out


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_try_a_table(run: Run, tmp_path: Path, kind: str) -> None:
    source, target, back = tmp_path / "in.csv", tmp_path / f"out.{kind}", tmp_path / "back.csv"
    source.write_text("始发网点,to,kg,备注\nSHA,XAD,2.5,=1+1\nnowhere,XAD,1,\n", "utf-8-sig")
    common = ("try", "--book", BOOK_DIRECTORY, *OFFLINE, "--fee", "transit", "--date", "2025-06-18")
    assert run(*common, "--table", str(source), "--out", str(target)) == 1
    assert run.err == "carried along, and not looked at: 备注\n1 row has an error\n"
    assert run(*common, "--table", str(target), "--out", str(back)) == 1
    assert back.read_bytes().startswith(b"\xef\xbb\xbf"), "or a Chinese spreadsheet takes it for GBK"
    first, second = csv.DictReader(io.StringIO(back.read_text("utf-8-sig")))
    assert (first["amount"], first["备注"], first["error"]) == ("5.00", "=1+1", "")
    assert "transit-2025.csv:6" in first["price_row"]
    assert second["error"].startswith("from: 'nowhere'")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_table_may_take_its_own_place(run: Run, tmp_path: Path, kind: str) -> None:
    """It is written beside it, so that no row is read of what is being written, and none is lost."""
    source, table = tmp_path / "in.csv", tmp_path / f"table.{kind}"
    source.write_text("始发网点,to,备注\n" + "SHA,XAD,整\n" * 3_000, "gbk")
    common = ("try", "--book", BOOK_DIRECTORY, *OFFLINE, "--fee", "waybill", "--date", "2025-06-18")
    assert run(*common, "--table", str(source), "--out", str(table)) == 0
    assert run(*common, "--table", str(table), "--out", str(table)) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted({"in.csv", table.name})
    assert run(*common, "--table", str(table)) == 0
    rows = [*csv.DictReader(io.StringIO(run.out))]
    assert (len(rows), {(row["备注"], row["error"]) for row in rows}) == (3_000, {("整", "")})


def test_a_table_that_cannot_be_answered_leaves_what_stands_in_its_place(run: Run, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes("from,to\nSHA,XAD\n".encode("utf-16"))
    target.write_text("earlier answers")
    common = ("try", "--book", BOOK_DIRECTORY, *OFFLINE, "--fee", "waybill", "--table", str(source))
    assert run(*common, "--out", str(target)) == 1
    assert "in.csv row 1: is written in UTF-16: save it as UTF-8" in run.err
    assert run(*common, "--out", str(tmp_path / "out.xls")) == 1
    assert run.err == "out.xls is neither .csv nor .xlsx: name a file that ends so\n"
    assert (
        run("try", "--book", BOOK_DIRECTORY, *OFFLINE, "--from", "SHA", "--to", "XAD", "--out", "out.csv")
        == 1
    )
    assert "name that, too" in run.err
    assert {file.name: file.read_bytes()[:7] for file in tmp_path.glob("out*")} == {"out.csv": b"earlier"}


def test_a_long_table_says_how_far_it_is(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.tariff.commands.EACH", 2)
    source = tmp_path / "in.csv"
    source.write_text("from,to,kg\n" + "SHA,XAD,1\n" * 5, "utf-8")
    assert run("try", "--book", BOOK_DIRECTORY, *OFFLINE, "--fee", "waybill", "--table", str(source)) == 0
    assert run.err == "2 rows\n4 rows\n"
    assert len(run.out.splitlines()) == 6


def test_whoever_has_seen_enough_of_the_answers_hears_nothing_more(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text("from\n" + "O1\n" * 5_000)
    words = ("try", "--book", BOOK_DIRECTORY, *OFFLINE, "--fee", "waybill", "--table", str(source))
    command = [sys.executable, "-m", "deploy.cli", "tariff", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        assert one.stderr is not None
        assert one.stdout.readline().startswith("from,")
        one.stdout.close()
        told = one.stderr.read()
    assert (one.returncode, "pipe" in told) == (0, False)
