"""Directories and books that are taken or refused as a whole, and a lane that goes on whatever is published."""

import msgspec
import pytest

from flows.governance.network import Network, read_network
from flows.lifecycle.published import follows, in_force
from schemas import topics
from schemas.events import ControlEvent, NetworkPublished, TariffPublished, TariffWithdrawn
from schemas.identity import version_of
from schemas.problems import DocumentError
from schemas.times import DAY
from tests.lifecycle.world import BOOK, NETWORK_FILES, START, Book, events_of, network, tariff

WHOLE = "订单 揽收 网点秤2.6 发件 分拨DWS2.5 到件 派件 签收"


def directory(file: str, old: str, new: str) -> NetworkPublished:
    """The directory with one text replaced."""
    files = {**NETWORK_FILES, file: NETWORK_FILES[file].replace(old, new)}
    assert files != NETWORK_FILES
    return NetworkPublished(id="n2", time=START, version=version_of(files), files=files)


WITH_PRODUCT = {**BOOK, "waybill.csv": "product,price\n,1.00\n电商件,0.85\n"}
SHRUNK = {
    "a product that a price names": ("products.csv", "ecommerce,电商件\n", "", "ecommerce"),
    "a product": ("products.csv", "express,特快\n", "", "express"),
    "an outlet": ("sites.csv", "YL-E,榆林E网点,outlet,YLE,610800,610000\n", "", "YLE"),
    "a site": ("sites.csv", "SH-HUB,上海分拨中心,hub,HQ,310100,310000\n", "", "SH-HUB"),
    "an outlet's code": ("sites.csv", ",outlet,YLE,", ",outlet,YL2,", "YLE"),
    "a province's name that a price names": ("places.csv", "610000,陕西省,", "610000,秦省,", "陕西"),
    "a city's name that a price names": ("places.csv", "610100,西安市,", "610100,长安市,", "西安"),
}


@pytest.mark.parametrize(("file", "old", "new", "named"), SHRUNK.values(), ids=SHRUNK)
def test_a_directory_that_takes_away_is_refused_and_the_lane_goes_on(
    file: str, old: str, new: str, named: str
) -> None:
    book = Book(tariffs=(tariff(WITH_PRODUCT),))
    before = book.lifecycle.save_documents()
    book.block((topics.CONTROL.name, directory(file, old, new)))
    assert book.refused() == ["network_refused"]
    assert named in str(book.rows["dead_letter"][0]["detail"])
    assert book.lifecycle.save_documents() == before
    book.take(*events_of(WHOLE))
    assert len(book.rows["charge"]) == 5
    again = type(book.lifecycle)(3 * DAY)
    again.load_documents(before)
    assert again.directory.version == network().version


def test_a_directory_that_grows_or_renames_what_no_price_names_comes_into_force() -> None:
    book = Book()
    more = directory("products.csv", "express,特快", "express,特快件\nslow,慢件")
    book.block((topics.CONTROL.name, more)).take(*events_of(WHOLE))
    assert book.refused() == []
    assert book.lifecycle.directory.version == more.version
    assert len(book.rows["charge"]) == 5


def test_books_are_read_under_the_new_directory() -> None:
    """A city's code moves with its name: the price follows the name."""
    book = Book()
    moved = directory(
        "places.csv", "610100,西安市,city,610000", "610100,长安市,city,610000\n610900,西安市,city,610000"
    )
    book.block((topics.CONTROL.name, moved)).take(*events_of(WHOLE))
    assert book.refused() == []
    assert book.net("delivery_paid") == book.net("delivery_paid").__class__("1.3000"), "the province's price"


def test_a_book_does_not_make_the_earlier_ones_forgotten() -> None:
    """Of another name: one of the same name replaces them."""
    settings = BOOK["book.toml"].replace('name = "', 'name = "另一本', 1)
    later = {**BOOK, "book.toml": settings, "waybill.csv": "product,price\n,2.00\n"}
    book = Book().block((topics.CONTROL.name, tariff(later))).take(*events_of(WHOLE))
    assert book.net("waybill") == 2
    assert [one.version for one in book.lifecycle.books] == [tariff().version, tariff(later).version]


def test_what_is_in_force_is_what_a_lane_has() -> None:
    wrong_book = tariff({**BOOK, "delivery.csv": "destination_city,price\n西案,1.20\n"})
    shrunk = directory(*SHRUNK["an outlet"][:3])
    renamed = directory(*SHRUNK["a city's name that a price names"][:3])
    grown = directory("products.csv", "express,特快", "express,特快\nslow,慢件")
    dearer = tariff({**BOOK, "waybill.csv": "product,price\n,2.00\n"})
    misnamed = msgspec.structs.replace(dearer, version="2025")
    cheaper = tariff({**BOOK, "waybill.csv": "product,price\n,0.50\n"})
    gone = TariffWithdrawn(id="w1", time=START, version=cheaper.version)
    nothing = TariffWithdrawn(id="w2", time=START, name="another book")
    documents: tuple[ControlEvent, ...] = (tariff(), network(), tariff(), wrong_book, shrunk, renamed, grown)
    documents += (misnamed, dearer, cheaper, gone, nothing)
    standing, books = in_force(documents)
    lane = Book(tariffs=())
    lane.block(*((topics.CONTROL.name, one) for one in documents[2:]))
    assert isinstance(standing, Network)
    assert standing == lane.lifecycle.network
    assert standing.version == grown.version
    assert books == list(lane.lifecycle.documents.whole())
    assert [book.version for book in books] == [tariff().version, dearer.version]
    assert all(isinstance(book, TariffPublished) for book in books)


def test_in_force_of_nothing() -> None:
    assert in_force(()) == (None, [])


def test_what_is_missing_is_named() -> None:
    before = read_network(NETWORK_FILES)
    after = read_network(directory(*SHRUNK["an outlet"][:3]).files)
    with pytest.raises(DocumentError) as refused:
        follows(before, after)
    assert [problem.column for problem in refused.value.problems] == ["site", "outlet"]
    assert follows(None, after) is follows(after, after)


@pytest.mark.parametrize(
    ("file", "text", "rule"),
    [
        ("chains.toml", "rule = " + "[" * 100_000, "not_toml"),
        ("products.csv", 'product,name\n"' + "上" * 200_000, "not_csv"),
        ("materials.csv", 'item,name,price\n"' + "上" * 200_000, "not_csv"),
    ],
)
def test_a_file_that_no_parser_takes_is_refused(file: str, text: str, rule: str) -> None:
    """The parsers' own limits are broken rules, too: a lane goes on."""
    files = {**NETWORK_FILES, file: text}
    published = NetworkPublished(id="n", time=START, version=version_of(files), files=files)
    book = Book().block((topics.CONTROL.name, published))
    assert book.refused() == ["network_refused"]
    assert f"[{rule}]" in str(book.rows["dead_letter"][0]["detail"])
