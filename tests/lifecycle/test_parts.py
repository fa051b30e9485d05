"""Books and directories that travel in parts: whole with their last part, in whatever order, and refused otherwise."""

from decimal import Decimal
from itertools import permutations
from typing import Any

import msgspec
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from flows.engine.block import Block, Records
from flows.governance.network import read_network
from flows.lifecycle import gathering
from flows.lifecycle.published import begins, in_force
from schemas import parts, topics
from schemas.events import (
    ControlEvent,
    Event,
    NetworkPart,
    TariffPart,
    TariffPublished,
    TariffWithdrawn,
    Tick,
)
from schemas.identity import version_of
from schemas.parts import Document, Part, joined, messages_of, parts_of
from schemas.times import HOUR
from tests.lifecycle.test_published import SHRUNK, directory
from tests.lifecycle.world import BOOK, START, Book, events_of, network, tariff
from tests.storage.world import Store
from tests.volume import examples
from tests.wallet.world import Bank

WHOLE = "订单 揽收 网点秤2.6 发件 分拨DWS2.5 到件 派件 签收"
DEARER = tariff({**BOOK, "waybill.csv": "product,price\n,2.00\n"})
CHEAPER = tariff({**BOOK, "waybill.csv": "product,price\n,0.50\n"})
GROWN = directory("products.csv", "express,特快", "express,特快\nslow,慢件")


def cut(event: Document, count: int = 3) -> list[Part]:
    """A publication in so many parts."""
    packed = parts_of(event)[0]
    found = parts_of(event, -(-len(packed.content) // count))
    assert len(found) == count
    return found


def lane(*control: Event) -> Book:
    """A lane with a dearer book beside what is published."""
    return Book(tariffs=()).block(*((topics.CONTROL.name, one) for one in control))


def changed(one: Part, **fields: object) -> Part:
    """A part that says something else."""
    return msgspec.structs.replace(one, **fields)


def reloaded(book: Book) -> None:
    """The lane has its documents from the recovery store."""
    book.lifecycle.load_documents(book.lifecycle.save_documents())


def versions(book: Book) -> list[str]:
    """Of the books in force, in order of publication."""
    return [one.version for one in book.lifecycle.books]


def details(book: Book) -> list[str]:
    """Of the dead letters."""
    return [str(row["detail"]) for row in book.rows["dead_letter"]]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_book_is_in_force_from_its_last_part_on(order: tuple[int, ...]) -> None:
    found = cut(DEARER)
    book = lane(*(found[n] for n in order[:2]))
    assert (versions(book), book.refused()) == ([], [])
    book.block((topics.CONTROL.name, found[order[2]])).take(*events_of(WHOLE))
    assert versions(book) == [DEARER.version]
    assert book.net("waybill") == 2
    assert list(book.lifecycle.documents.whole()) == list(lane(DEARER).lifecycle.documents.whole())
    assert {(row["file"], row["content"]) for row in book.rows["tariff_book"]} == set(DEARER.files.items())


def test_a_lane_that_restarts_in_between_goes_on() -> None:
    first, second, third = cut(DEARER)
    book = lane(second).take(*events_of("订单")).restart()
    for part in (first, third):
        book.block((topics.CONTROL.name, part))
        reloaded(book)
    assert versions(book) == [DEARER.version]
    assert book.take(*events_of(WHOLE)[1:]).net("waybill") == 2
    assert book.refused() == []


@examples(25)
@given(data=st.data())
def test_publications_that_mix_and_repeat_end_in_the_same_books(data: st.DataObject) -> None:
    """In a lane, over restarts, and for who looks before publishing."""
    a, b = cut(DEARER), cut(CHEAPER, 4)
    again = data.draw(st.lists(st.sampled_from([*a, *b]), max_size=5))
    said: list[ControlEvent] = data.draw(st.permutations([*a, *b, *again]))
    book = Book(tariffs=())
    for one in said:
        book.block((topics.CONTROL.name, one))
        if data.draw(st.booleans()):
            reloaded(book)
    assert sorted(versions(book)) == sorted([DEARER.version, CHEAPER.version])
    _, standing = in_force([network(), *said])
    assert standing == list(book.lifecycle.documents.whole())
    assert book.refused() == []


def test_parts_that_come_again_change_nothing() -> None:
    found = cut(DEARER)
    book = lane(*found)
    before = book.lifecycle.save_documents()
    book.block(*((topics.CONTROL.name, part) for part in (*found, found[1])))
    assert book.lifecycle.save_documents() == before
    assert book.refused() == []


def test_a_part_with_other_content_is_refused_and_the_first_one_counts() -> None:
    first, second, third = cut(DEARER)
    wrong = changed(second, content=b"something else")
    book = lane(first, second, wrong, third)
    assert book.refused() == ["book_refused"]
    assert "part 2" in details(book)[0]
    assert "came before with other content" in details(book)[0]
    assert versions(book) == [DEARER.version]


@pytest.mark.parametrize("fields", [{"parts": 4}, {"version": "other"}])
def test_a_part_of_another_number_or_version_is_refused(fields: dict[str, object]) -> None:
    first, second, third = cut(DEARER)
    book = lane(first, changed(second, **fields), second, third)
    assert book.refused() == ["book_refused"]
    assert "3 parts of version" in details(book)[0]
    assert versions(book) == [DEARER.version]


def test_a_part_beyond_the_last_one_is_refused() -> None:
    first, second, third = cut(DEARER)
    book = lane(changed(first, part=4), first, second, third)
    assert book.refused() == ["book_refused"]
    assert "part 4 of 3" in details(book)[0]
    assert versions(book) == [DEARER.version]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no archive at all", "do not unpack"),
        (zstd.compress(b"[]"), "no publication"),
        (zstd.compress(b"{" * 9), "no publication"),
        (zstd.compress(b"x" * 2_000_000)[:-9], "cut short"),
        (zstd.compress(msgspec.json.encode(CHEAPER)), "not tariff t-"),
        (zstd.compress(msgspec.json.encode(GROWN)), "are network n2"),
    ],
)
def test_parts_that_are_together_no_such_book_are_all_kept_aside(content: bytes, said: str) -> None:
    first, second, third = cut(DEARER)
    wrong = [
        changed(first, content=content[:3]),
        changed(second, content=content[3:5]),
        changed(third, content=content[5:]),
    ]
    book = lane(*wrong)
    assert book.refused() == ["book_refused"] * 3
    assert {said in detail for detail in details(book)} == {True}
    assert [row["raw"] for row in book.rows["dead_letter"]] == [msgspec.json.encode(one) for one in wrong]
    assert versions(book) == []
    assert in_force([network(), *wrong])[1] == []
    book.block(*((topics.CONTROL.name, part) for part in (first, second, third)))
    assert versions(book) == [DEARER.version]


def test_a_book_that_does_not_read_is_kept_aside_with_all_its_parts() -> None:
    wrong = tariff({**BOOK, "delivery.csv": "destination_city,price\n西案,1.20\n"})
    book = lane(*cut(wrong))
    assert book.refused() == ["book_refused"] * 3
    assert {"delivery.csv row 2" in detail for detail in details(book)} == {True}


def test_a_version_that_is_not_that_of_the_files_is_refused() -> None:
    wrong: TariffPublished = msgspec.structs.replace(DEARER, version=CHEAPER.version)
    book = lane(*cut(wrong))
    assert book.refused() == ["book_refused"] * 3
    assert f"not that of its files, {version_of(DEARER.files)}" in details(book)[0]


def test_what_stays_incomplete_is_given_up_by_a_later_document_and_can_be_sent_again() -> None:
    first, second, third = cut(DEARER)
    soon: TariffPublished = msgspec.structs.replace(CHEAPER, time=START + gathering.PATIENCE)
    book = lane(first, third, soon)
    assert book.refused() == []
    late: TariffPublished = msgspec.structs.replace(CHEAPER, id="late", time=START + HOUR + 1)
    book.block((topics.CONTROL.name, late))
    assert book.refused() == ["book_refused"] * 2
    assert "in 3 parts 1 never came: 2" in details(book)[0]
    assert versions(book) == [CHEAPER.version] * 2
    sent = [row["raw"] for row in book.rows["dead_letter"]]
    book.block(*((topics.CONTROL.name, raw) for raw in (*sent, msgspec.json.encode(second))))
    assert versions(book) == [CHEAPER.version, CHEAPER.version, DEARER.version]
    standing = in_force([network(), first, third, soon, late, first, third, second])[1]
    assert [one.version for one in standing] == versions(book)


def test_only_so_many_are_on_their_way_at_a_time() -> None:
    begun = [cut(msgspec.structs.replace(DEARER, id=f"t-{n}")) for n in range(gathering.MOST_UNFINISHED + 1)]
    book = lane(*(found[0] for found in begun))
    assert book.refused() == ["book_refused"]
    assert "of publication t-0 in 3 parts 2 never came: 2, 3" in details(book)[0]
    book.block(*((topics.CONTROL.name, part) for found in begun[1:] for part in found[1:]))
    assert len(versions(book)) == gathering.MOST_UNFINISHED


def test_withdrawing_brings_back_the_one_before() -> None:
    book = lane(*cut(CHEAPER), *cut(DEARER))
    assert len(book.lifecycle.documents.files) == 2
    book.block((topics.CONTROL.name, TariffWithdrawn(id="w", time=START, version=DEARER.version)))
    assert list(book.lifecycle.documents.files) == [CHEAPER.version]
    assert book.restart().take(*events_of(WHOLE)).net("waybill") == Decimal("0.5")


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_UNPACKED", 1_000)
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        joined([zstd.compress(b" " * 1_001)])


@pytest.mark.parametrize(("document", "of"), [(DEARER, TariffPart), (GROWN, NetworkPart)])
def test_only_a_large_document_is_cut(
    document: Document, of: type[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert messages_of(document) == [msgspec.json.encode(document)]
    monkeypatch.setattr(parts, "WHOLE", 100)
    (only,) = (msgspec.json.decode(said, type=of) for said in messages_of(document))
    assert (only.part, only.parts) == (1, 1)
    assert joined([only.content]) == document
    withdrawn = TariffWithdrawn(id="w", time=START, version=DEARER.version, comment="x" * 100)
    assert messages_of(withdrawn) == [msgspec.json.encode(withdrawn)]


def test_a_directory_is_in_force_from_its_last_part_on() -> None:
    """Books are read under it, and it stands in the tables as if it had come whole."""
    first, second, third = cut(GROWN)
    book = Book(tariffs=(tariff(),)).block((topics.CONTROL.name, third), (topics.CONTROL.name, first))
    assert book.lifecycle.directory.version == network().version
    book.restart().block((topics.CONTROL.name, second)).take(*events_of(WHOLE))
    whole = Book(tariffs=(tariff(),)).tick(START).block((topics.CONTROL.name, GROWN)).take(*events_of(WHOLE))
    assert book.lifecycle.directory == whole.lifecycle.directory == read_network(GROWN.files)
    for table in ("network_directory", "site", "product", "charge"):
        assert book.rows[table] == whole.rows[table]
    before = book.lifecycle.save_documents()
    book.block((topics.CONTROL.name, second))
    assert (book.lifecycle.save_documents(), book.refused()) == (before, [])


@examples(15)
@given(data=st.data())
def test_every_flow_has_the_same_directory_whatever_order_its_parts_come_in(data: st.DataObject) -> None:
    """Twice, over restarts and between a book's parts, too; and who looks before publishing."""
    found, book = cut(GROWN, 4), cut(DEARER)
    again = data.draw(st.lists(st.sampled_from([*found, *book]), max_size=4))
    said: list[ControlEvent] = data.draw(st.permutations([*found, *book, *again]))
    parcels = Book(tariffs=())
    works: tuple[Any, ...] = (parcels.lifecycle, Store().storage, Bank().wallets)
    for n, one in enumerate(said):
        for work in works:
            work.process(
                Block(
                    9 + n, [Records(topics.CONTROL.name, 0, [msgspec.json.encode(one)], [n])], 1, START, [], 0
                )
            )
        if data.draw(st.booleans()):
            for work in works:
                work.load_documents(work.save_documents())
    for work in works:
        assert (work.documents.network, work.network) == (GROWN, read_network(GROWN.files))
        assert work.documents.gathering.unfinished == []
    standing, books = in_force([network(), *said])
    assert standing == parcels.lifecycle.network
    assert [one.version for one in books] == versions(parcels) == [DEARER.version]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_lane_begins_with_all_parts_of_a_directory(order: tuple[int, ...]) -> None:
    tick = msgspec.json.encode(Tick(id="t", time=START))
    said = [msgspec.json.encode(cut(GROWN)[n]) for n in order]
    assert not begins([tick, b"junk", *said[:2], *said[:2]])
    assert not begins(said)
    assert begins([*said[:1], *said, tick])
    shrunk = [msgspec.json.encode(part) for part in cut(msgspec.structs.replace(GROWN, version="other"))]
    assert not begins([*shrunk, tick])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (cut(directory(*SHRUNK["an outlet"][:3])), "YLE"),
        (cut(msgspec.structs.replace(GROWN, version="other")), "not that of its files"),
        ([changed(part, content=b"junk") for part in cut(GROWN)], "do not unpack"),
        ([NetworkPart(**msgspec.structs.asdict(part)) for part in cut(DEARER)], "are tariff"),
    ],
)
def test_a_directory_that_is_refused_is_kept_aside_with_all_its_parts(wrong: list[Part], said: str) -> None:
    book = lane(*wrong)
    assert book.refused() == ["network_refused"] * 3
    assert {said in detail for detail in details(book)} == {True}
    assert book.lifecycle.directory.version == network().version
    assert in_force([network(), *wrong])[0] == read_network(network().files)
    book.block(*((topics.CONTROL.name, part) for part in cut(GROWN)))
    assert book.lifecycle.directory.version == GROWN.version


def test_a_directory_that_stays_incomplete_is_given_up_and_can_be_sent_again() -> None:
    """Books on their way are no reason to give it up, and as many of them as may be have no part in it."""
    first, second, third = cut(GROWN)
    many = [cut(msgspec.structs.replace(DEARER, id=f"t-{n}"))[0] for n in range(gathering.MOST_UNFINISHED)]
    book = lane(first, *many, third)
    assert book.refused() == []
    late: TariffPublished = msgspec.structs.replace(CHEAPER, id="late", time=START + HOUR + 1)
    book.block((topics.CONTROL.name, late))
    assert sorted(book.refused()) == ["book_refused"] * len(many) + ["network_refused"] * 2
    assert "of publication n2 in 3 parts 1 never came: 2" in details(book)[0]
    raws = [row["raw"] for row in book.rows["dead_letter"] if row["reason"] == "network_refused"]
    book.block(*((topics.CONTROL.name, raw) for raw in (*raws, msgspec.json.encode(second))))
    assert book.lifecycle.directory.version == GROWN.version
