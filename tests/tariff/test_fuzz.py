"""Whatever is in its files, a book is taken or refused with its problems; nothing else comes out of the reader."""

from hypothesis import given, settings

from tests.rating.material import FILES
from tests.tariff.mutations import RICH, damaged, mutated, try_files, try_workbook


def test_the_books_that_are_mutated_are_good_ones() -> None:
    assert try_files(dict(FILES))
    assert try_files(dict(RICH))


@settings(max_examples=500)
@given(mutated())
def test_files(files: dict[str, str]) -> None:
    try_files(files)


@settings(max_examples=60)
@given(damaged())
def test_workbooks(raw: bytes) -> None:
    try_workbook(raw)
