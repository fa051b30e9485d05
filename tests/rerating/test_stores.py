"""What stores charge, by other books: by the book in force what was charged, by another what its own lane charges."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy import publish
from deploy.rerating.compare import DIMENSIONS, Comparison, Sums
from deploy.rerating.read import EVERYTHING, Days, Where, on
from deploy.rerating.work import Question, compare
from deploy.tariff.what_if import not_counted
from flows.fees.current import FEES
from flows.fees.model import OF_STORES
from flows.rating.book import read_book
from flows.rating.model import Book
from schemas.events import TariffPublished
from schemas.money import yuan
from schemas.times import business_day
from tests.audit import test_hauls, test_stays
from tests.audit.conftest import emptied
from tests.audit.stays import Books
from tests.audit.test_hauls import counted
from tests.lifecycle.world import tariff as published
from tests.rerating.test_command import Run
from tests.servers.store import Store
from tests.storage.world import happening, haul, moment, network, package, shipped, story, tariff
from tests.volume import seeds

OF_A_STORE = {fee for due in FEES.dues if due.trigger in OF_STORES for fee in due.fees}
OTHER = tariff(
    pallets="billing,temperature,..2,2..6,6..\npallet,frozen,1,5.50,4.80\npallet,chilled,0,4.00,3.50\n",
    weight="billing,price,included,overage_price\nweight,0.5,3000,0.011\n",
    volume="billing,temperature,price,minimum\nvolume,frozen,3.10,70.00\n",
    month="customer,minimum\n,900.00\nC-MEAT,700.00\n",
    delivery="vehicle,temperature,price\n4.2m,,290.00\n4.2m,frozen,340.00\n",
)
"""Other steps, free days, minimums and tours; nothing for goods that are not cold, and for large vehicles."""
SHIPPED = [
    shipped("11", 5, "36日11:30"),
    shipped("11", 2, "36日11:40"),
    shipped("11", 3, "36日11:30", "C-MEAT"),
    shipped("11", 9, "36日11:30", "C-FRUIT"),
]
"""Of one customer a correction, of one who has no package."""
HELD = "billing,temperature,..3,3..30,30..\npallet,frozen,5,5.00,4\n"
"""No free days."""


def eventful(books: Books, seed: int, *, changing: bool) -> Books:
    """Stays, hauls and months with corrections; `changing`: prices come and go meanwhile."""
    with books.held():
        test_stays.eventful(books, seed, documents=test_stays.PUBLISHED if changing else ())
        test_hauls.eventful(books, seed)
        books.take(happening("33日10:15 入库 C-FISH 按托盘 4板 2000公斤 冷冻 库区B1", "S98"))
        books.take(happening("32日09:00 入库 C-FRUIT 按托盘 5板 冷藏", "S99")).until("36日12:00")
        books.take(happening("36日11:00 出库", "S99"))
        books.take(package("C-FISH,30.00,3,2.50 C-MEAT,20.00,1,4.00"), *SHIPPED)
    books.take(*counted(books))
    return sealed(books)


def sealed(books: Books) -> Books:
    """A block that proves that the one before is complete."""
    return books.take()


def what_if(
    books: Books, *others: Book, where: Where = EVERYTHING, by: Sequence[str] = tuple(DIMENSIONS)
) -> Comparison:
    """By these books, or by those in force."""
    asked = Question(
        lambda: books.client, where, others or books.storage.books, books.storage.directory, by, FEES
    )
    return compare(asked, lambda *_: None, processes=1)


def read(books: Books, document: TariffPublished) -> Book:
    """A book as its lane reads it."""
    return read_book(document.files, books.storage.directory, FEES.prices)


@pytest.mark.parametrize("seed", seeds(1, 1, 2, 3))
def test_by_the_books_in_force_it_is_what_was_charged(
    empty: Client, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = eventful(Books(empty, patient=True), seed, changing=True)
    found = what_if(books)
    assert found.total.changed == found.total.unpriced == 0
    assert all(sums.before == sums.after for sums in found.groups.values())
    assert {group[0] for group in found.groups} == OF_A_STORE
    units, count, back = empty.query(
        "SELECT toInt64(sum(reinterpretAsInt64(amount))), countIf(reverses = toFixedString('', 16)) - "
        "countIf(reverses != toFixedString('', 16)) AS backs, backs FROM charge"
    ).result_rows[0]
    assert (found.total.before, found.total.charges) == (units, count)
    assert back > 100, "much was corrected"
    monkeypatch.setattr("deploy.rerating.work.EACH", 40)
    monkeypatch.setattr("deploy.rerating.stores.PAGE", 3)
    assert what_if(books).groups == found.groups, "part by part and page by page"


@pytest.mark.parametrize("seed", seeds(1, 1, 2, 3))
def test_by_another_book_it_is_what_a_lane_with_that_book_charges(empty: Client, seed: int) -> None:
    books = eventful(Books(empty, patient=True), seed, changing=False)
    linehaul = books.storage.books[1:]
    found = what_if(books, read(books, OTHER), *linehaul)
    assert found.total.unpriced > 0
    assert found.total.changed > 100
    would_be = {group: (one.charges - one.unpriced, one.after) for group, one in found.groups.items()}
    of_days = Comparison(found.by, books.storage.directory)
    for days in (Days(None, _day("18日")), Days(_day("19日"), _day("30日")), Days(_day("31日"), None)):
        of_days.merge(what_if(books, read(books, OTHER), *linehaul, where=on(days)).groups)
    assert of_days.groups == found.groups, "three periods are the whole"
    other = eventful(Books(emptied(empty), OTHER, patient=True), seed, changing=False)
    are = {group: (one.charges, one.before) for group, one in what_if(other).groups.items()}
    assert {group: sums for group, sums in would_be.items() if sums[0]} == are


def test_a_dearer_package_is_what_a_lane_with_it_charges(empty: Client) -> None:
    books = Books(empty).until("36日12:00")
    sealed(books.take(package("C-FISH,30.00,3,2.50 C-MEAT,20.00,1,4.00"), *SHIPPED))
    dearer = read(books, package("C-FISH,40.00,1,3.00"))
    found = what_if(books, dearer, by=("fee", "customer"))
    assert {
        group: (yuan(one.before), yuan(one.after), one.unpriced) for group, one in found.groups.items()
    } == {
        ("package", "C-FISH"): ("30.00", "43.00", 0),
        ("package", "C-MEAT"): ("28.00", "0.00", 1),
    }


def _day(written: str) -> int:
    return business_day(moment(f"{written}12:00"))


def test_a_dearer_pallet_day_that_the_least_of_the_month_takes_up(empty: Client) -> None:
    books = Books(empty).until("29日09:00")
    books.take(
        *story("29日08:00 入库 按托盘 12板 冷冻", "S1"), *story("29日08:00 入库 C-MEAT 按托盘 1板 冷冻", "S2")
    )
    books.until("30日09:00").take(
        happening("30日09:00 出库", "S1"), happening("30日09:00 分批出库 0板", "S2")
    )
    books.until("32日12:00")
    sealed(books.take(*counted(books)))
    found = what_if(books, read(books, tariff(pallets=HELD)), by=("fee", "customer"))
    assert {group: tuple(map(yuan, (one.before, one.after))) for group, one in found.groups.items()} == {
        ("storage", "C-FISH"): ("0.00", "120.00"),
        ("storage_month", "C-FISH"): ("500.00", "380.00"),
        ("storage", "C-MEAT"): ("0.00", "4.75"),
        ("storage_month", "C-MEAT"): ("8000.00", "7995.25"),
    }
    assert found.total.difference == 0


def test_a_month_in_which_nothing_would_be_charged_has_no_least(empty: Client) -> None:
    books = Books(empty).until("29日09:00").take(*story("29日08:00 入库 按托盘 12板 冷冻"))
    books.until("30日09:00").take(happening("30日09:00 出库")).until("31日12:00")
    sealed(books.take(*counted(books)))
    free = read(books, tariff(pallets="billing,temperature,..3,3..30,30..\npallet,chilled,0,4.50,3.80\n"))
    found = what_if(books, free)
    assert {group[0]: (one.before, one.after, one.unpriced) for group, one in found.groups.items()} == {
        "storage": (0, 0, 2),
        "storage_month": (5_000_000, 0, 1),
    }


def test_what_nothing_was_charged_for_is_counted_for_the_days_that_have_passed(empty: Client) -> None:
    books = Books(empty, tariff(pallets="billing,temperature,..3,3..30,30..\npallet,chilled,0,4.50,3.80\n"))
    books.until("11日09:00").take(*story("11日08:00 入库 按托盘 2板 冷冻"))
    books.take(*story("11日08:30 入库 C-MEAT 按托盘 3板 冷藏", "S2")).until("13日10:00")
    sealed(books.take(haul("13日09:00 同城配送 冷冻 13m")))
    assert books.waits()["storage"] == "no_price"
    found = what_if(books, read(books, tariff(pallets=HELD)), by=("fee", "customer"))
    assert found.groups == {
        ("storage", "C-FISH"): Sums(2, 2, 0, 0, 2 * 2 * 50_000),
        ("storage", "C-MEAT"): Sums(2, 0, 2, 0, 0),
    }


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What would go to Kafka, where the store's plain book is in force."""
    found: list[bytes] = []
    monkeypatch.setattr(
        publish, "send_control", lambda _settings, *events: found.extend(map(msgspec.json.encode, events))
    )
    monkeypatch.setattr(publish, "published", lambda _settings: [network(), tariff()])
    return found


def written(directory: Path, book: TariffPublished) -> str:
    """A book as a directory of files."""
    directory.mkdir()
    for name, text in book.files.items():
        (directory / name).write_text(text, "utf-8")
    return str(directory)


def test_as_a_pricing_clerk_types_it(
    store: Store, empty: Client, sent: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    books = Books(empty).until("11日09:00")
    books.take(*story("11日08:00 入库 按托盘 12板 冷冻")).take(
        *story("11日08:00 入库 C-MEAT 按托盘 1板 冷冻", "S2")
    )
    sealed(books.until("14日12:00"))
    run = Run(store.url, capsys)
    dearer = written(tmp_path / "dearer", tariff(pallets=HELD))
    assert run("what-if", dearer, "--by", "origin,customer", "--csv", str(tmp_path / "sums.csv")) == 0
    assert run.err == ""
    assert [line.split() for line in run.out.splitlines()[1:]] == [
        ["SHA", "C-FISH", "3", "3", "0", "0.00", "180.00", "180.00"],
        ["SHA", "C-MEAT", "3", "3", "0", "0.00", "14.25", "14.25"],
        ["合计", "total", "6", "6", "0", "0.00", "194.25", "194.25"],
    ]
    assert "SHA,C-FISH,3,3,0,0.00,180.00,180.00" in (tmp_path / "sums.csv").read_text("utf-8-sig")
    assert run("publish", dearer) == 1
    assert "of days already charged this would change" in run.out
    (row,) = (line.split() for line in run.out.splitlines() if line.lstrip().startswith("storage"))
    assert row[2:] == ["6", "6", "0", "0.00", "194.25", "194.25"]
    assert "it would change 6 charges" in run.err
    assert not sent
    later = written(tmp_path / "later", from_the_15th())
    assert run("what-if", later, "--rows", "1") == 0
    assert run.out.splitlines()[-1].split()[-1] == "0.00", "these days had their own prices"
    assert run("what-if", later, "--rows", "1", "--prices-of", "2025-11-15") == 0
    assert run.out.splitlines()[-1].split()[-1] == "194.25"
    assert run("publish", later) == 0
    assert "not backdated: of 0 charges of these fees and days none would change" in run.out
    assert len(sent) == 1


def from_the_15th() -> TariffPublished:
    """The dearer pallet-days, from a day on that has not come."""
    plain = 'each = "pallets"\neffective_from = 2025-01-01\n'
    ends = f'{plain}effective_to = 2025-11-14\n\n[[table]]\nfee = "storage"\nfile = "held.csv"\nshape = "graduated"\n'
    begins = 'measure = "days"\neach = "pallets"\neffective_from = 2025-11-15\n'
    files = tariff().files
    toml = files["book.toml"].replace(plain, ends + begins)
    return published({**files, "book.toml": toml, "held.csv": HELD})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"pallets": HELD},
            [
                ["storage", "仓储费", "2", "2", "0", "0.00", "120.00", "120.00"],
                ["storage_month", "仓储月保底", "1", "1", "0", "500.00", "380.00", "-120.00"],
            ],
        ),
        (
            {"month": "customer,minimum\n,650.00\n"},
            [["storage_month", "仓储月保底", "1", "1", "0", "500.00", "650.00", "150.00"]],
        ),
        (
            {"delivery": "vehicle,temperature,price\n4.2m,,360.00\n"},
            [["city_delivery", "同城配送费", "1", "1", "0", "350.00", "360.00", "10.00"]],
        ),
    ],
    ids=["a dearer day", "a greater least", "a dearer tour"],
)
def test_a_publication_tells_what_it_changes_and_nothing_else(
    store: Store,
    empty: Client,
    sent: list[bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, str],
    told: list[list[str]],
) -> None:
    books = Books(empty).until("29日09:00").take(haul("29日08:30 同城配送 冷冻 4.2m"))
    books.take(*story("29日08:00 入库 按托盘 12板 冷冻")).until("30日09:00").take(happening("30日09:00 出库"))
    books.until("31日12:00")
    sealed(books.take(*counted(books)))
    run = Run(store.url, capsys)
    assert run("publish", written(tmp_path / "book", tariff(**changed))) == 1
    lines = [line.split() for line in run.out.splitlines()]
    at = next(n for n, words in enumerate(lines) if words[:2] == ["费用", "fee"])
    assert sorted(lines[at + 1 : -1]) == told
    assert not sent


def test_of_a_package_that_is_new_no_month_was_counted(empty: Client) -> None:
    """Which is said: lanes are told of customers only when a price in force names them."""
    books = Books(empty)
    usual, packages = books.storage.books, read(books, package())
    (warning,) = not_counted(usual, [*usual, packages])
    assert warning.startswith("warning: package has no price in force")
    assert not list(not_counted([*usual, packages], [read(books, package("C-FISH,40.00,1,3.00"))]))
