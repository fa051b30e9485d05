"""`waybook tariff what-if`, and what `publish` and `withdraw` say beforehand, as people type them."""

import csv
import io
import sys
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from deploy import cli, publish
from deploy.recall.job import RecallError, Tally
from deploy.rerating import work
from deploy.tariff import commands, preview
from schemas.events import ControlEvent, TariffPublished, TariffWithdrawn
from tests.lifecycle.world import network, tariff
from tests.rerating.scenario import FILES, Parcels, write
from tests.servers.store import Store

STANDING = tariff(dict(FILES))


class Run:
    """Runs a command on the store with the parcels' books; what it said is kept."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url, self.capsys = url, capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        """The exit code."""
        with pytest.raises(SystemExit) as ended:
            cli.main(["tariff", "--url", self.url, *words])
        self.out, self.err = self.capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code


@pytest.fixture(scope="module")
def url(store: Store) -> str:
    """The address of the store with the parcels' books."""
    Parcels(store.client())
    return store.url


@pytest.fixture
def run(url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """Commands on it."""
    return Run(url, capsys)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What would go to Kafka, where the scenario's book is in force."""
    found: list[bytes] = []
    monkeypatch.setattr(
        publish, "send_control", lambda _settings, *events: found.extend(map(msgspec.json.encode, events))
    )
    monkeypatch.setattr(publish, "published", lambda _settings: [network(), STANDING])
    return found


def test_what_if(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, target = write(tmp_path / "book", "11日至13日上海到陕西中转费加0.10"), tmp_path / "sums.csv"
    monkeypatch.setattr(work, "EACH", 15)
    assert run("what-if", book, "--by", "fee, line", "--csv", str(target), "--rows", "2") == 0
    lines = run.out.splitlines()
    assert "transit 中转费" in lines[1]
    assert "上海市→陕西省" in lines[1]
    assert lines[1].split()[-1] == "0.30"
    assert "合计 total" in lines[3]
    assert "more; --csv writes them all" in lines[4]
    assert [line.partition(",")[0] for line in run.err.splitlines()] == [f"{n} of 3 parts" for n in (1, 2, 3)]
    rows = list(csv.DictReader(io.StringIO(target.read_text("utf-8-sig"))))
    assert len(rows) == 18
    assert sum(int(row["charges"]) for row in rows) == 40
    assert [row["difference"] for row in rows if row["changed"] != "0"] == ["0.30"]


def test_a_published_version_alone_and_another_directory(run: Run, tmp_path: Path) -> None:
    assert run("what-if", STANDING.version[:8], "--alone") == 0
    assert run.out.splitlines()[-1].split()[-1] == "0.00"
    places = tmp_path / "network"
    places.mkdir()
    for name, text in network().files.items():
        (places / name).write_text(text, "utf-8")
    sites = (places / "sites.csv").read_text("utf-8")
    (places / "sites.csv").write_text(sites.replace("330100,330000", "310100,310000"), "utf-8")
    assert run("what-if", STANDING.version, "--network", str(places)) == 0
    assert run.out.splitlines()[1].split()[-1] == "11.50", (
        "Hangzhou's outlet lies in Shanghai: 14.00, not 2.50"
    )


def test_prices_of_a_day_to_come(run: Run, tmp_path: Path) -> None:
    book = Path(write(tmp_path / "book", "不变"))
    old = 'file = "waybill.csv"\nshape = "flat"\neffective_from = 2025-01-01\n'
    new = '[[table]]\nfee = "waybill"\nfile = "new.csv"\nshape = "flat"\neffective_from = '
    toml = (book / "book.toml").read_text("utf-8")
    again = f"{old}{new}2026-01-01\neffective_to = 2026-01-31\n{new.replace('new', 'newest')}2026-02-01\n"
    (book / "book.toml").write_text(toml.replace(old, again), "utf-8")
    for name, price in (("new", 3), ("newest", 2)):
        (book / f"{name}.csv").write_text(f"price\n{price}\n", "utf-8")
    for day, price in (("2025-12-31", 1), ("2026-01-01", 3), ("2026-02-01", 2)):
        assert run("what-if", str(book), "--prices-of", day, "--rows", "0") == 0
        (line,) = (line.split() for line in run.out.splitlines() if "waybill 面单费" in line)
        assert (line[-2], line[-1]) == (f"{7 * price}.00", f"{7 * price - 7}.00")


def test_what_these_sums_do_not_tell_is_said(run: Run, tmp_path: Path) -> None:
    book = Path(write(tmp_path / "book", "不变"))
    toml = (book / "book.toml").read_text("utf-8")
    more = '[[table]]\nfee = "handling"\nfile = "handling.csv"\nshape = "flat"\neffective_from = 2025-01-01\n'
    (book / "book.toml").write_text(toml.replace("difference_g = 500", "difference_g = 400") + more, "utf-8")
    (book / "handling.csv").write_text("price\n1\n", "utf-8")
    assert run("what-if", str(book)) == 0
    assert "handling has no price in force" in run.err
    assert "another weight policy" in run.err


def test_another_weight_policy_is_said_before_it_is_published(
    run: Run, sent: list[bytes], tmp_path: Path
) -> None:
    """Its prices are those in force, so that nothing else would be said of it."""
    book = Path(write(tmp_path / "book", "不变"))
    toml = (book / "book.toml").read_text("utf-8")
    (book / "book.toml").write_text(toml.replace("difference_g = 500", "difference_g = 400"), "utf-8")
    assert run("publish", str(book)) == 0
    weighed = "of 7 parcels charged by weight"
    assert run.out.splitlines()[:3] == [
        preview.ANOTHER_POLICY,
        f"{weighed} 0 would have another weight by it",
        "no price of any day changes",
    ]
    assert len(sent) == 1
    assert run("withdraw", STANDING.version[:8]) == 1
    assert f"{weighed} 7 would have another weight by it, 7 of them none" in run.out
    heaviest = toml.replace('class = "hub_dws"', 'class = "hub_dws"\nmost_g = 2_000')
    (book / "book.toml").write_text(heaviest, "utf-8")
    assert run("publish", str(book)) == 1
    assert f"{weighed} 3 would have another weight by it\n" in run.out, "what the order declares"
    (transit,) = (line.split() for line in run.out.splitlines() if "transit 中转费" in line)
    assert transit[2:] == ["3", "3", "0", "16.50", "13.50", "-3.00"]
    assert "it would change 3 charges, and nobody is there to ask" in run.err
    assert len(sent) == 1


def test_that_nobody_was_counted_is_said(run: Run, sent: list[bytes], tmp_path: Path) -> None:
    book = write(tmp_path / "book", "当月满千票面单九折")
    assert run("what-if", book) == 0
    (line,) = run.err.splitlines()
    assert line.startswith(
        "warning: 7 charges of 3 customers in 2025-11: no count of the month's parcels was"
    )
    assert run("publish", book, "--yes") == 0
    assert line in run.out.splitlines()
    assert sent
    assert run("what-if", write(tmp_path / "plain", "不变")) == 0
    assert run.err == ""


def test_a_publication_names_fees_that_only_the_new_book_prices(
    run: Run, sent: list[bytes], tmp_path: Path
) -> None:
    book = Path(write(tmp_path / "book", "不变"))
    more = '[[table]]\nfee = "handling"\nfile = "handling.csv"\nshape = "flat"\neffective_from = 2025-01-01\n'
    (book / "book.toml").write_text((book / "book.toml").read_text("utf-8") + more, "utf-8")
    (book / "handling.csv").write_text("price\n1\n", "utf-8")
    assert run("publish", str(book), "--yes") == 0
    assert "handling has no price in force: nothing was charged for it, so it is not counted" in run.out
    assert sent


def test_a_publication_tells_of_shares_that_begin(
    run: Run, sent: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few charges a part has; they are not said to be left out."""
    book = write(tmp_path / "book", "上海始发的中转费分成5%")
    monkeypatch.setattr(work, "EACH", 3)
    assert run("publish", book, "--yes") == 0
    assert "province_share 省区中转分成" in run.out
    (total,) = [line.split() for line in run.out.splitlines() if line.strip().startswith("合计")]
    assert total[2:] == ["6", "6", "0", "0.00", "1.33", "1.33"]
    assert "not counted" not in run.out
    assert "of 3 parts" in run.err
    assert sent


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "2024-01-01", "--to", "2024-02-01"), "no charges in this period"),
        (("--from", "1980-01-01", "--to", "2300-01-01", "--rows", "0"), "152.20"),
    ],
)
def test_periods(run: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert run("what-if", write(tmp_path / "book", "不变"), *words) == 0
    assert said in run.out


def test_what_cannot_be_asked(run: Run, tmp_path: Path) -> None:
    book = Path(write(tmp_path / "book", "不变"))
    assert run("what-if", str(book), "--from", "2025-11-30") == 0
    assert run("what-if", str(book), "--from", "2025-11-12", "--to", "2025-11-11") == 1
    assert "--from 2025-11-12 is after --to 2025-11-11" in run.err
    assert run("what-if", str(book), "--from", "2025-11-31") == 2
    assert "'2025-11-31' is no day such as 2026-01-31" in run.err
    assert run("what-if", str(book), "--by", "fee,colour") == 1
    assert "'colour' is none of fee, line, outlet, customer" in run.err
    assert run("what-if", str(book), "--by", "origin,origin") == 1
    assert run.err == "--by origin,origin names origin twice\n"
    assert run("what-if", str(book), "--rows", "-3") == 2
    assert "'-3' is no whole number from 0 on" in run.err
    for target, says in (
        ("nowhere/x.csv", "there is no directory"),
        ("book", "is a directory: name a file in it"),
    ):
        assert run("what-if", str(book), "--csv", str(tmp_path / target)) == 1
        assert says in run.err
        assert run.out == "", "before anything is computed"
    (book / "waybill.csv").write_text("price\nmuch\n", "utf-8")
    assert run("what-if", str(book)) == 1
    assert "waybill.csv row 2 column price" in run.err
    assert run("what-if", "nowhere") == 1
    assert "no published tariff book" in run.err


def test_publishing_says_beforehand_what_it_changes(
    run: Run, sent: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = write(tmp_path / "later", "2026年的中转价另定")
    assert run("publish", later) == 0
    assert "not backdated: of 0 charges" in run.out
    same = Path(write(tmp_path / "same", "不变"))
    assert run("publish", str(same)) == 0
    assert run.out == f"version {STANDING.version} is already in force; nothing to publish\n"
    assert len(sent) == 1
    assert run("publish", str(same), "--recall") == 1
    assert run.err == f"not carried through: waybook recall --tariff {STANDING.version} does that\n"
    with (same / "book.toml").open("a", encoding="utf-8") as toml:
        toml.write("# 说明\n")
    assert run("publish", str(same)) == 0
    assert "no price of any day changes" in run.out
    assert len(sent) == 2
    backdated = write(tmp_path / "backdated", "12日起面单费1.10")
    assert run("publish", backdated) == 1
    (waybill,) = (line.split() for line in run.out.splitlines() if "waybill 面单费" in line)
    assert waybill[2:] == ["5", "5", "0", "5.00", "5.50", "0.50"], "only the days that differ are looked at"
    assert "it would change 5 charges, and nobody is there to ask" in run.err
    assert len(sent) == 2
    assert run("publish", backdated, "--yes") == 0
    monkeypatch.setattr(sys, "stdin", _Terminal("n\n\ny\n"))
    assert [run("publish", backdated) for _ in range(4)] == [1, 1, 0, 1], "no, nothing said, yes, Ctrl-D"
    events = [msgspec.json.decode(raw, type=ControlEvent) for raw in sent]
    assert [isinstance(event, TariffPublished) for event in events] == [True] * 4


def test_whoever_waits_in_vain_for_corrections_hears_how_they_go_on(
    run: Run, sent: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Standing:
        """A job while no time passes."""

        def __init__(self, *_: object) -> None: ...

        def of(self, event_id: str) -> NoReturn:
            raise RecallError(f"no time has passed since {event_id}")

    monkeypatch.setattr(commands, "Job", Standing)
    assert run("publish", write(tmp_path / "dearer", "12日起面单费1.10"), "--yes", "--recall") == 1
    assert len(sent) == 1
    assert "not carried through: no time has passed since tariff-" in run.err
    assert run.err.endswith("\nwaybook recall goes on with it\n")


def test_what_lanes_take_back_by_themselves_is_said(
    run: Run, store: Store, sent: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They still have most that is charged; the rest somebody else may bring back before this job does."""
    client = store.client()

    class Corrected:
        """A job beside which another brought two parcels back, one twice; lanes had corrected one by themselves."""

        def __init__(self, *_: object) -> None: ...

        def of(self, event_id: str) -> Tally:
            made = f"1, 900 + number, 'YT1', '{event_id}', toFixedString(toString(number), 16)"
            client.command(
                f"INSERT INTO charge (seq, line, waybill, cause, reverses) SELECT {made} FROM numbers(2)"
            )
            brought = f"1, 900 + number, if(number = 3, '', 'r'), toString(number % 2), '{event_id}', number IN (1, 3)"
            client.command(
                f"INSERT INTO recall (seq, line, event_id, waybill, cause, reversed) SELECT {brought} FROM numbers(4)"
            )
            return Tally()

    monkeypatch.setattr(commands, "Job", Corrected)
    try:
        assert run("publish", write(tmp_path / "dearer", "12日起面单费1.10"), "--yes", "--recall") == 0
    finally:
        for table in ("charge", "recall"):
            client.command(f"ALTER TABLE {table} DELETE WHERE line >= 900", settings={"mutations_sync": 2})
    assert len(sent) == 1
    had = "1 parcel or stay corrected that lanes had"
    back = "2 parcels or stays brought back: 1 corrected, 1 right already"
    assert f"carried through: 2 charges taken back for it so far; {had}; {back}" in run.out


def test_the_version_in_force_again_is_a_publication_where_it_changes_something(
    run: Run, sent: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After another version of it, and before another book that prices the same."""
    own = write(tmp_path / "own", "不变")
    other = {**FILES, "waybill.csv": "price\n3\n"}
    named = {**other, "book.toml": FILES["book.toml"].replace("测试价格手册", "旺季")}
    for books in ([STANDING, tariff(other)], [STANDING, tariff(named)]):
        said = [network(), *books]
        monkeypatch.setattr(publish, "published", lambda _settings, said=said: said)
        assert run("publish", own, "--yes") == 0
        assert "published version" in run.out
    assert len(sent) == 2


def test_dues_that_wait_for_a_price_are_said(
    run: Run, store: Store, sent: list[bytes], tmp_path: Path
) -> None:
    """They are charged by the book, and no charge of theirs is there to be compared."""
    client = store.client()
    client.command(
        "INSERT INTO waiting (seq, line, waybill, fee, reason, since) VALUES "
        "(1, 900, 'YT1', 'waybill', 'no_price', '2025-11-11 15:59:59'), "
        "(1, 901, 'YT1', 'waybill', '', '2025-11-11 15:59:59'), "
        "(1, 902, 'YT2', 'waybill', 'no_price', '2025-11-11 15:59:59'), "
        "(1, 903, 'YT3', 'waybill', 'no_price', '2025-11-11 16:00:00'), "
        "(1, 904, 'YT4', 'waybill', 'no_order', '2025-11-11 16:00:00'), "
        "(1, 905, 'YT3', 'transit', 'no_price', '2025-11-11 16:00:00')"
    )
    try:
        assert run("publish", write(tmp_path / "backdated", "12日起面单费1.10")) == 1
        assert "1 due waits for a price of these fees and days" in run.out
        assert run("withdraw", STANDING.version[:8]) == 1
        assert "wait for a price" not in run.out
        assert not sent
    finally:
        client.command("ALTER TABLE waiting DELETE WHERE line >= 900", settings={"mutations_sync": 2})


def test_withdrawing_says_it_too(run: Run, sent: list[bytes]) -> None:
    assert run("withdraw", STANDING.version[:8]) == 1
    assert "would change 33 charges" in run.err
    assert run.out.splitlines()[0].startswith("no book remains for delivery 派费, ")
    assert "transit" in run.out
    assert run("withdraw", "测试价格手册", "--name") == 1
    assert not sent
    assert run("withdraw", STANDING.version[:8], "--yes") == 0
    assert isinstance(msgspec.json.decode(sent[0], type=ControlEvent), TariffWithdrawn)


def test_without_a_store_it_is_not_known(
    run: Run, sent: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Run("http://127.0.0.1:9", capsys)
    backdated = write(tmp_path / "backdated", "12日起面单费1.10")
    assert away("publish", backdated) == 2
    assert "the store is away" in away.err
    assert not sent
    assert away("publish", backdated, "--yes") == 0
    assert "is not known: the store is away" in away.out
    assert len(sent) == 1


class _Terminal(io.StringIO):
    """Someone who answers."""

    def isatty(self) -> bool:
        """A terminal."""
        return True
