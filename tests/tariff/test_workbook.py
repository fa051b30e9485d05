"""Books as Excel workbooks: there and back without loss, and refusals with sheet, row and column."""

import csv
import io
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from flows.rating.advice import advice
from flows.rating.book import read_book
from flows.rating.excel import Cell, cell_of, excel_value, text_of
from flows.rating.settings import FILE
from flows.rating.workbook import Imported, read_workbook, write_workbook
from schemas.problems import DocumentError, Problem
from tests.rating.material import FILES, NETWORK, TRANSIT, book_toml

BOOK = {FILE: book_toml({**TRANSIT, "shape": '"flat"', "weight": "", "continued_unit_kg": ""})}


def exported(files: dict[str, str]) -> bytes:
    """A workbook of a book's files."""
    target = io.BytesIO()
    write_workbook(files, target)
    return target.getvalue()


def imported(raw: bytes) -> Imported:
    """What is in a workbook."""
    return read_workbook(io.BytesIO(raw), "手册.xlsx")


def edited(change: Callable[[Any], None], files: dict[str, str] | None = None) -> bytes:
    """The workbook of a book, changed by hand."""
    book = load_workbook(io.BytesIO(exported(dict(files or FILES))))
    change(book)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def problems(raw: bytes) -> list[Problem]:
    """Why a workbook is refused, or the book in it, at places of the workbook."""
    try:
        found = imported(raw)
    except DocumentError as error:
        return error.problems
    with pytest.raises(DocumentError) as refusal:
        read_book(found.plain, NETWORK)
    return [found.places.located(problem) for problem in refusal.value.problems]


def test_there_and_back_is_the_same_to_the_byte() -> None:
    found = imported(exported(dict(FILES)))
    assert found.files == dict(FILES)
    assert read_book(found.files, NETWORK) == read_book(FILES, NETWORK)


def test_a_list_of_files_that_somebody_has_damaged_names_no_file() -> None:
    """A row of it with the sheet alone."""
    found = imported(edited(lambda book: book["_files"].append(["alone"])))
    assert found.files == imported(edited(lambda _: None)).files


texts = st.one_of(
    st.sampled_from(
        [
            "",
            "1.50",
            "0.1",
            "007",
            "2025-11-11",
            "1..3",
            "上海|江苏",
            "=1+1",
            "-0",
            "1e5",
            "#N/A",
            "TRUE",
            "+1",
            " x ",
        ]
    ),
    st.decimals(0, 10**12, places=4).map(str),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12),
)


@settings(max_examples=60)
@given(
    header=st.lists(texts.map(lambda text: f"c{text}"), min_size=1, max_size=4),
    body=st.lists(st.lists(texts, min_size=1, max_size=4), max_size=5),
)
def test_every_cell_comes_back_as_it_was(header: list[str], body: list[list[str]]) -> None:
    """Whatever stands in it: numbers with their zeros, codes, dates, what looks like a formula."""
    width = len(header)
    rows = [row[:width] + [""] * (width - len(row)) for row in body]
    while rows and not any(rows[-1]):
        rows.pop()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(row if any(row) else [] for row in rows)
    files = {**BOOK, "any name that is longer than a sheet's may be.csv": text.getvalue(), "book.csv": "a\n"}
    assert imported(exported(files)).files == files


prices = st.decimals(0, 9_999, places=4).map(lambda price: f"{price:f}")


@settings(max_examples=60)
@given(
    rows=st.dictionaries(
        st.tuples(
            st.sampled_from(["", "上海", "610100", "西安|杭州"]),
            st.sampled_from(["", "..1", "1..2.5", "2.5.."]),
        ),
        prices,
        min_size=1,
    ),
    name=st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1
    ).filter(str.strip),
    extra=st.fixed_dictionaries(
        {},
        optional={
            "priority": st.integers(-9, 9).map(str),
            "effective_to": st.dates().map(str).filter(lambda d: d > "2025-01-01"),
        },
    ),
)
def test_any_book_comes_back_the_same(
    rows: dict[tuple[str, str], str], name: str, extra: dict[str, str]
) -> None:
    """Also when the kept book.toml is not used: the sheet `book` alone says the same."""
    rows = {key: price for key, price in rows.items() if key[0] != "西安|杭州" or key[1] == ""}
    lines = "\n".join(f"{city},{weight},{price}" for (city, weight), price in rows.items())
    toml = book_toml(
        {
            "fee": '"transit"',
            "file": '"prices.csv"',
            "shape": '"flat"',
            "effective_from": "2025-01-01",
            **extra,
        }
    )
    quoted = msgspec.json.encode(name).decode().replace("\x7f", "\\u007f")
    files = {
        FILE: toml.replace('"测试"', quoted, 1),
        "prices.csv": f"destination_city,weight_kg,price\n{lines}\n",
    }
    if not rows:
        return
    book = read_book(files, NETWORK)
    found = imported(exported(files))
    assert read_book(found.files, NETWORK) == book
    assert msgspec.structs.replace(read_book(found.plain, NETWORK), version=book.version) == book


@given(st.decimals(-(10**10), 10**10, places=4).map(lambda number: f"{number:f}"))
def test_numbers_are_never_binary_fractions(text: str) -> None:
    """A number of fifteen digits at most, as Excel holds it, comes back as it was written."""
    cell = cell_of(text)
    value = excel_value(cell)
    back = text_of(value, "n" if cell.kind == "number" else "s", cell.format)
    assert isinstance(back, Cell)
    assert back.text == text


@pytest.mark.parametrize(
    ("change", "place", "rule"),
    [
        (lambda book: _set(book["transit-2025"], "A2", "=B2"), ("transit-2025", 2, "A"), "formula"),
        (lambda book: _set(book["waybill"], "B2", 0.08, "0%"), ("waybill", 2, "B"), "percent_format"),
        (lambda book: _set(book["waybill"], "B2", "#DIV/0!"), ("waybill", 2, "B"), "error_value"),
        (lambda book: _set(book["waybill"], "B2", "一元"), ("waybill", 2, "price"), "not_a_number"),
        (lambda book: _set(book["book"], "B2", "=1"), ("book", 2, "B"), "formula"),
        (lambda book: _set(book["book"], "A2", "nome"), ("book", 2, "nome"), "unknown_setting"),
        (lambda book: _set(book["book"], "A1", "name"), ("book", 1, "A"), "no_section"),
        (lambda book: book.remove(book["book"]), None, "missing_sheet"),
        (lambda book: book.create_sheet("promo").append(["price"]), ("promo", 0, ""), "unused_file"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    change: Callable[[Any], None], place: tuple[str, int, str] | None, rule: str
) -> None:
    found = {one.rule: one for one in reversed(problems(edited(change)))}
    assert rule in found, found
    if place is not None:
        one = found[rule]
        assert (one.file, one.row, one.column) == (f"手册.xlsx sheet {place[0]}", *place[1:])


def _set(sheet: Any, cell: str, value: object, form: str = "") -> None:
    sheet[cell] = value
    if form:
        sheet[cell].number_format = form


def test_a_setting_that_staff_edit_is_read_and_comments_are_dropped_only_then() -> None:
    raw = edited(lambda book: _set(book["book"], "B2", "另一本"))
    found = imported(raw)
    assert found.files[FILE].startswith('name = "另一本"')
    assert read_book(found.files, NETWORK).name == "另一本"


def test_notes_and_dates_by_hand() -> None:
    """Sheets of notes are not read; a date that was typed as text is a date."""

    def change(book: Any) -> None:
        book.create_sheet("# 说明").append(["=1+1"])
        sheet = book["book"]
        for row in sheet.iter_rows():
            for cell in row:
                if cell.is_date:
                    cell.value, cell.number_format = cell.value.date().isoformat(), "@"

    book = read_book(imported(edited(change)).plain, NETWORK)
    assert book.tables == read_book(FILES, NETWORK).tables


@pytest.mark.parametrize("value", [20251111, "20251111", "2025-W46-2"])
def test_a_date_in_another_way_is_refused_where_it_stands(value: object) -> None:
    files = {FILE: book_toml({**TRANSIT, "shape": '"flat"', "weight": "", "continued_unit_kg": ""})}

    def change(book: Any) -> None:
        book["prices"]["A3"] = value

    raw = edited(change, {**files, "prices.csv": "date,price\n2025-11-01,1\n2025-11-11,2\n"})
    (problem,) = problems(raw)
    assert (problem.file, problem.row, problem.rule) == ("手册.xlsx sheet prices", 3, "not_a_date")
    assert "date as 2025-11-" in problem.message


def test_nothing_is_written_as_a_formula() -> None:
    raw = exported({**BOOK, "prices.csv": "price\n\"=cmd|' /C calc'!A0\"\n@SUM(1)\n"})
    for sheet in load_workbook(io.BytesIO(raw)).worksheets:
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"not a workbook", exported(dict(FILES))[:-200]])
def test_bytes_that_are_no_workbook(raw: bytes) -> None:
    with pytest.raises(DocumentError) as refusal:
        imported(raw)
    assert refusal.value.problems[0].rule == "not_a_workbook"


def test_what_a_workbook_cannot_hold_is_refused() -> None:
    with pytest.raises(DocumentError) as refusal:
        exported({**BOOK, "prices.csv": "price\n\x01\n"})
    assert [(one.file, one.row, one.rule) for one in refusal.value.problems] == [
        ("prices.csv", 2, "control_character")
    ]


def test_a_workbook_made_by_hand() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "book"
    for row in (
        ["[book]"], ["name", "手工"], ["# 备注"], [], ["[[table]]"],
        ["fee", "file", "shape", "effective_from"], ["waybill", "面单.csv", "flat", "2025-01-01"],
    ):  # fmt: skip
        sheet.append(row)
    prices = book.create_sheet("面单")
    prices.append(["price"])
    prices.append([1.1])
    target = io.BytesIO()
    book.save(target)
    assert read_book(imported(target.getvalue()).files, NETWORK).rows[0].values == (11_000,)


def test_rows_that_a_message_speaks_of_are_those_of_their_sheets() -> None:
    """A tie, a row that never wins, a policy that another one contradicts: each names a row of a sheet, and no CSV."""
    table = {**TRANSIT, "shape": '"flat"', "weight": "", "continued_unit_kg": ""}
    prices = 'customer,price\n"C\n1",1\nC2,2\n'
    tied = {FILE: book_toml(table, {**table, "file": '"more.csv"'}), "prices.csv": prices, "more.csv": prices}
    (first, second) = problems(exported(tied))
    assert [(one.file, one.row) for one in (first, second)] == [
        ("手册.xlsx sheet more", 2),
        ("手册.xlsx sheet more", 3),
    ]
    assert first.message.startswith("sheet prices row 2 has a price for the same parcels")
    assert second.message.startswith("sheet prices row 3 has a price for the same parcels")

    beaten = book_toml(table, {**table, "file": '"more.csv"', "priority": "5"})
    found = imported(exported({**tied, FILE: beaten}))
    remarks = [found.places.located(one) for one in advice(read_book(found.plain, NETWORK), NETWORK, 20_000)]
    never = [one for one in remarks if one.rule == "always_beaten"]
    assert [(one.file, one.row) for one in never] == [
        ("手册.xlsx sheet prices", 2),
        ("手册.xlsx sheet prices", 3),
    ]
    assert "this row never wins: sheet more row 3 win" in never[1].message

    policies = """
[[weight.policy]]
product = "standard"
difference_g = 1
[[weight.policy]]
origin_province = "上海"
difference_g = 2
"""
    toml = book_toml(table).replace("[[table]]", f"{policies}[[table]]", 1)
    (undecided,) = problems(exported({FILE: toml, "prices.csv": "price\n1\n"}))
    assert undecided.file == "手册.xlsx sheet book"
    sheet = load_workbook(io.BytesIO(exported({FILE: toml, "prices.csv": "price\n1\n"})))["book"]
    assert sheet.cell(undecided.row - 1, 1).value == "standard"
    assert f"the policy of sheet book row {undecided.row - 1} alike" in undecided.message
