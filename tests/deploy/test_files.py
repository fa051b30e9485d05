"""A document's files as people save them: what is no UTF-8 is told with its row, endings count in any case."""

from pathlib import Path

import pytest

from deploy.files import files_of
from schemas.problems import DocumentError


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
