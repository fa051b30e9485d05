"""A document's files as people save them: what is no UTF-8 is told with its row, endings count in any case."""

from pathlib import Path

import pytest

from deploy.files import files_of
from deploy.tariff.opening import open_book
from schemas.problems import DocumentError, Problem


def refused(directory: Path) -> list[tuple[str, int, str]]:
    with pytest.raises(DocumentError) as raised:
        files_of(directory)
    return [(problem.file, problem.row, problem.rule) for problem in raised.value.problems]


def test_what_chinese_excel_writes_is_told_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "book.toml").write_text("name = '价格'\n", "utf-8")
    (tmp_path / "delivery.csv").write_bytes("city,price\nA,1\n西安,1.20\n".encode("gbk"))
    assert refused(tmp_path) == [("delivery.csv", 3, "not_utf8")]
    with pytest.raises(DocumentError, match="GBK"):
        files_of(tmp_path)


@pytest.mark.parametrize("raw", [b"\xff\xfe", "城市,价格\n".encode("utf-16"), b"\xff\xff\xff"])
def test_no_bytes_give_anything_else(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(raw)
    assert refused(tmp_path) == [("a.csv", 1, "not_utf8")]


def test_every_wrong_file_is_told(tmp_path: Path) -> None:
    for name in ("a.csv", "b.toml"):
        (tmp_path / name).write_bytes("价".encode("gbk"))
    assert [file for file, *_ in refused(tmp_path)] == ["a.csv", "b.toml"]


def test_endings_in_capitals_count(tmp_path: Path) -> None:
    (tmp_path / "Prices.CSV").write_text("a\n")
    (tmp_path / "notes.txt").write_bytes(b"\xff")
    assert files_of(tmp_path) == {"Prices.csv": "a\n"}
    (tmp_path / "Prices.csv").write_text("b\n")
    assert refused(tmp_path) == [("Prices.csv", 0, "file_stands_twice")]


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere") == [(str(tmp_path / "nowhere"), 0, "missing_directory")]
    assert refused(tmp_path) == [(str(tmp_path), 0, "missing_file")]


def test_what_a_file_quotes_is_told_short_and_does_nothing_to_a_terminal() -> None:
    told = str(Problem("a.csv", 1, "\x1b[2J" + "0" * 5_000, "unknown_column", f"no column {'价' * 201} here"))
    assert told == f"a.csv row 1 column \ufffd[2J{'0' * 196}… no column {'价' * 200}… here [unknown_column]"


def test_a_table_of_a_book_is_told_apart_from_nothing(tmp_path: Path) -> None:
    table = tmp_path / "prices.csv"
    table.write_text("price\n1\n")
    for where, why in ((table, "is no book: that is a directory"), (tmp_path / "b.csv", "there is no file")):
        with pytest.raises(LookupError, match=why):
            open_book(str(where), lambda: pytest.fail("nobody is asked"))
