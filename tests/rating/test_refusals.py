"""A book with an error is refused, and each problem says where it is and which rule it breaks."""

from collections.abc import Callable

import pytest

from flows.rating.book import read_book
from flows.rating.settings import FILE
from schemas.problems import MOST, DocumentError, Problem
from tests.rating.material import FILES, NETWORK, TRANSIT, book_of, book_toml

Place = tuple[str, int, str, str]
"""File, row, column, rule."""

HEADER = "origin_city,destination_city,product,first_kg,first_price,continued_price\n"


def problems_of(read: Callable[[], object]) -> list[Problem]:
    """The problems for which something is refused."""
    with pytest.raises(DocumentError) as refusal:
        read()
    return refusal.value.problems


def places(problems: list[Problem]) -> list[Place]:
    """Where the problems are."""
    return [(one.file, one.row, one.column, one.rule) for one in problems]


def test_the_book_of_the_other_tests_is_not_refused() -> None:
    """So that every refusal below is for its own reason."""
    assert len(read_book(FILES, NETWORK).rows) == 19


@pytest.mark.parametrize(
    ("prices", "row", "column", "rule", "says"),
    [
        ("西按市,,,1,3.00,1.50", 2, "origin_city", "unknown_city", "西安市 (610100)"),
        ("上海,西桉,,1,3.00,1.50", 2, "destination_city", "unknown_city", "西安市 (610100)"),
        ("610101,,,1,3.00,1.50", 2, "origin_city", "unknown_city", "610100 (西安市)"),
        (
            "省直辖县级行政区划,,,1,3,1",
            2,
            "origin_city",
            "ambiguous_city",
            "419000 省直辖县级行政区划, 429000",
        ),
        ("上海,,特块,1,3.00,1.50", 2, "product", "unknown_product", "特快 (express)"),
        ("上海,,,一,3.00,1.50", 2, "first_kg", "not_a_number", "kilograms as 1 or 0.5"),
        ("上海,,,-1,3.00,1.50", 2, "first_kg", "out_of_range", "between 0 and 1000"),
        ("上海,,,1000.001,3.00,1.50", 2, "first_kg", "out_of_range", "between 0 and 1000"),
        ("上海,,,0.0005,3.00,1.50", 2, "first_kg", "too_many_decimals", "three decimals"),
        ("上海,,,,3.00,1.50", 2, "first_kg", "missing_value", "kilograms as 1"),
        ("上海,,,1,3元,1.50", 2, "first_price", "not_a_number", "yuan as 3 or 1.50"),
        ('上海,,,1,"1,200",1.50', 2, "first_price", "not_a_number", "'1,200'"),
        ("上海,,,1,1e3,1.50", 2, "first_price", "not_a_number", "'1e3'"),
        ("上海,,,1,NaN,1.50", 2, "first_price", "not_a_number", "'NaN'"),
        ("上海,,,1,-3.00,1.50", 2, "first_price", "negative_price", "'-3.00'"),
        ("上海,,,1,3.00,1.23456", 2, "continued_price", "too_many_decimals", "four decimals"),
        ("上海,,,1,3.00,99999999999", 2, "continued_price", "out_of_range", "believable"),
        ("上海,,,1,3.00,", 2, "continued_price", "missing_value", "yuan as 3"),
        ("上海,,,1,3.00", 2, "", "wrong_width", "5 cells; the header has 6"),
        ("上海,,,1,3.00,1.50,", 2, "", "wrong_width", "7 cells; the header has 6"),
        ("上海,,,1,3.00,1.50\n\n杭州,,,1,x,1.50", 4, "first_price", "not_a_number", "'x'"),
        ('"上\n海",,,1,3.00,1.50', 3, "origin_city", "unknown_city", "上海市"),
        ("", 0, "", "empty_file", "no row"),
    ],
)
def test_rows(prices: str, row: int, column: str, rule: str, says: str) -> None:
    """One broken cell, found where it is."""
    (problem,) = problems_of(lambda: book_of(HEADER + prices + "\n"))
    assert places([problem]) == [("prices.csv", row, column, rule)]
    assert says in problem.message


@pytest.mark.parametrize(
    ("columns", "cells", "column", "rule", "says"),
    [
        ("origin_city,destination_outlet", "上海,XAB", "destination_outlet", "mixed_level", "city to outlet"),
        (
            "origin_province,destination_city",
            "上海,西安",
            "destination_city",
            "mixed_level",
            "province to city",
        ),
        (
            "origin_outlet,origin_city",
            "SHA,西安",
            "origin_city",
            "contradicting_places",
            "SHA lies in city 310100, not in 610100",
        ),
        (
            "origin_outlet,origin_province",
            "SHA,陕西",
            "origin_province",
            "contradicting_places",
            "310000, not",
        ),
        ("origin_city,origin_province", "上海,陕西", "origin_province", "contradicting_places", "610000"),
        ("origin_outlet,origin_city", "HQ,西安", "origin_outlet", "unknown_outlet", "'HQ' is no outlet"),
        (
            "destination_outlet,product",
            "西安B网,",
            "destination_outlet",
            "unknown_outlet",
            "西安B网点 (XAB)",
        ),
        (
            "destination_province,product",
            "陕东,",
            "destination_province",
            "unknown_province",
            "陕西省 (610000)",
        ),
    ],
)
def test_ends(columns: str, cells: str, column: str, rule: str, says: str) -> None:
    """The two ends of a row are places of the network that belong together."""
    text = f"{columns},first_kg,first_price,continued_price\n{cells},1,3.00,1.50\n"
    (problem,) = problems_of(lambda: book_of(text))
    assert places([problem]) == [("prices.csv", 2, column, rule)]
    assert says in problem.message


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("first_kg,first_price", [("continued_price", "missing_column")]),
        ("first_kg,first_price,continued_price,first_kg", [("first_kg", "repeated_column")]),
        ("orgin_city,first_kg,first_price,continued_price", [("orgin_city", "unknown_column")]),
        (
            "price",
            [
                ("price", "unknown_column"),
                ("first_kg", "missing_column"),
                ("first_price", "missing_column"),
                ("continued_price", "missing_column"),
            ],
        ),
    ],
)
def test_headers(header: str, found: list[tuple[str, str]]) -> None:
    """Columns that are missing, unknown or there twice."""
    problems = problems_of(lambda: book_of(f"{header}\n"))
    assert places(problems) == [("prices.csv", 1, column, rule) for column, rule in found]


def test_csv_that_is_none() -> None:
    """A cell larger than the reader takes, as when a quotation mark is never closed."""
    (problem,) = problems_of(lambda: book_of(HEADER + '"' + "上" * 200_000))
    assert (problem.file, problem.rule) == ("prices.csv", "not_csv")


def test_a_calendar_that_is_no_csv_and_settings_that_are_nested_too_deep() -> None:
    calendar = 'date,name\n"' + "上" * 200_000
    files = {**FILES, FILE: 'holidays = "days.csv"\n' + FILES[FILE], "days.csv": calendar}
    (problem,) = problems_of(lambda: read_book(files, NETWORK))
    assert (problem.file, problem.rule) == ("days.csv", "not_csv")
    deep = {**FILES, FILE: "name = " + "[" * 100_000}
    (problem, *_) = problems_of(lambda: read_book(deep, NETWORK))
    assert (problem.file, problem.rule) == (FILE, "not_toml")


OTHER_DATES = ("20251111", "2025-W46-2", "2025W462", "2025-11-1", "２０２５-11-11", "2025-11-31")
"""Some that ISO 8601 allows, and some that nobody does."""


@pytest.mark.parametrize("cell", [*OTHER_DATES, "2025-11-01|20251111", "2025-11-01..20251111"])
def test_a_date_is_written_in_one_way(cell: str) -> None:
    (problem,) = problems_of(lambda: book_of(f"date,first_kg,first_price,continued_price\n{cell},1,3,1\n"))
    assert places([problem]) == [("prices.csv", 2, "date", "not_a_date")]
    assert "is no date as 2025-11-01, no list as 2025-11-01|2025-11-11" in problem.message


@pytest.mark.parametrize("cell", OTHER_DATES)
def test_a_day_of_a_calendar_is_written_in_one_way(cell: str) -> None:
    calendar = f"date,name\n2025-10-01,国庆\n{cell},双十一\n"
    files = {**FILES, FILE: 'holidays = "days.csv"\n' + FILES[FILE], "days.csv": calendar}
    (problem,) = problems_of(lambda: read_book(files, NETWORK))
    assert places([problem]) == [("days.csv", 3, "date", "not_a_date")]
    assert f"{cell!r} is no date as 2025-10-01" in problem.message


@pytest.mark.parametrize(
    ("settings", "column", "rule", "says"),
    [
        ({"fee": '"transit fee"'}, "fee", "wrong_setting", "the nearest is transit"),
        ({"fee": '"中转费"'}, "fee", "wrong_setting", "; write transit"),
        ({"fee": ""}, "fee", "missing_setting", "[table 1] needs a setting fee, one of "),
        ({"weight": ""}, "weight", "missing_setting", "weight, one of actual, volumetric, larger"),
        (
            {"effective_from": ""},
            "effective_from",
            "missing_setting",
            "a date as 2025-01-31, without quotation",
        ),
        ({"shape": '"stairs"'}, "shape", "wrong_setting", "flat, first_continued"),
        ({"effective_from": '"2025-01-01"'}, "effective_from", "wrong_setting", "without quotation marks"),
        ({"priority": '"3"'}, "priority", "wrong_setting", ", without quotation marks"),
        ({"effective_from": "2025-01-01T00:00:00"}, "effective_from", "wrong_setting", "is not a date"),
        ({"effective_to": "2024-12-31"}, "effective_to", "dates_reversed", "before its first day 2025-01-01"),
        ({"weight": '"heavier"'}, "weight", "wrong_setting", "actual, volumetric, larger"),
        ({"weight": '"larger"'}, "divisor", "missing_setting", "divisor"),
        ({"weight": '"larger"', "divisor": "0"}, "divisor", "wrong_setting", "from 100 to"),
        ({"weight": '"larger"', "divisor": "true"}, "divisor", "wrong_setting", "from 100 to"),
        ({"weight": '"actual"', "divisor": "-8000"}, "divisor", "wrong_setting", "from 100 to"),
        ({"otherwise": '"free"'}, "otherwise", "never_free", "no row of transit is for waits for a price"),
        ({"otherwise": '"free"'}, "otherwise", "never_free", "these can: bagging, "),
        ({"weight_by": '"actual"'}, "weight_by", "unknown_setting", "the nearest is weight"),
        ({"continued_unit_kg": "0.25"}, "continued_unit_kg", "wrong_setting", "exact, 0.1, 0.5, 1"),
        ({"continued_rounding": '"ceiling"'}, "continued_rounding", "wrong_setting", "up, half_up, down"),
        ({"money_rounding": '"banker"'}, "money_rounding", "wrong_setting", "up, half_up, down"),
        ({"effective_form": "2025-01-01"}, "effective_form", "unknown_setting", "nearest is effective_from"),
        ({"file": '"price.csv"'}, "file", "missing_file", "the nearest is prices.csv"),
        (
            {"shape": '"percent"', "of": '"shared"'},
            "of",
            "wrong_setting",
            "one of insured, cod, payment, month",
        ),
        (
            {"shape": '"percent"', "fee": '"province_share"'},
            "of",
            "missing_setting",
            "payment, month, shared",
        ),
        (
            {
                "shape": '"percent"',
                "fee": '"province_share"',
                "kind": '"discount"',
                "name": '"less"',
                "of": '"shared"',
            },
            "of",
            "wrong_setting",
            "total, base, subtotal",
        ),
    ],
)
def test_settings(settings: dict[str, str], column: str, rule: str, says: str) -> None:
    """One broken setting of a table, at its line of book.toml."""
    table = {**TRANSIT, **settings}
    text = book_toml(table)
    problem = problems_of(lambda: read_book({FILE: text, "prices.csv": HEADER + "上海,,,1,3,1\n"}, NETWORK))[
        0
    ]
    lines = text.splitlines()
    row = next(
        (n for n, line in enumerate(lines, 1) if line.startswith(f"{column} =")), lines.index("[[table]]") + 1
    )
    assert places([problem]) == [(FILE, row, column, rule)]
    assert says in problem.message


@pytest.mark.parametrize(
    ("old", "new", "row", "column", "rule"),
    [
        ('name = "测试价格手册"', "", 0, "name", "missing_setting"),
        ('currency = "CNY"', 'currency = "USD"', 2, "currency", "wrong_setting"),
        ('currency = "CNY"', 'curency = "CNY"', 2, "curency", "unknown_setting"),
        ("difference_g = 500", "difference_g = -1", 5, "difference_g", "wrong_setting"),
        ("difference_percent = 10", "difference_percent = 101", 6, "difference_percent", "wrong_setting"),
        ("difference_percent = 10", "", 4, "difference_percent", "missing_setting"),
        ('class = "hub_dws"', 'class = "hub_dsw"', 9, "class", "wrong_setting"),
        ('class = "outlet_scale"', 'class = "hub_dws"', 13, "class", "repeated_class"),
        ('adopt = "at_once"', 'adopt = "at once"', 10, "adopt", "wrong_setting"),
        ('adopt = "at_once"', 'adopt = "at_once"\nhours = 2', 11, "hours", "unknown_setting"),
        ("hours = 36", "hours = 721", 19, "hours", "wrong_setting"),
        ('shape = "flat"', 'shape = "flat"\nweight = "actual"', 25, "weight", "unknown_setting"),
        ("name = ", "name : ", 1, "", "not_toml"),
    ],
)
def test_the_books_own_settings(old: str, new: str, row: int, column: str, rule: str) -> None:
    """One broken setting of the book or its weight policy, at its line."""
    assert old in FILES[FILE]
    broken = {**FILES, FILE: FILES[FILE].replace(old, new, 1)}
    assert places(problems_of(lambda: read_book(broken, NETWORK)))[0] == (FILE, row, column, rule)


def test_words_that_a_book_does_not_list() -> None:
    """In a column and in a condition, where they stand, with the nearest; other factors' words are free."""
    listed = '[words]\nchannel = "taobao|douyin"\nservice = "upstairs"\n'
    name, _, rest = book_toml(
        {**TRANSIT, "shape": '"flat"', "weight": "", "continued_unit_kg": ""}
    ).partition("\n")
    prices = "channel,customer,condition,price\ntaobao,C1,,1\ntaobo,C2,,2\n,,'upstair' in services,3\n,,,4\n"
    problems = problems_of(
        lambda: read_book({FILE: f"{name}\n{listed}{rest}", "prices.csv": prices}, NETWORK)
    )
    assert places(problems) == [
        ("prices.csv", 3, "channel", "unknown_word"),
        ("prices.csv", 4, "condition", "unknown_word"),
    ]
    assert [one.message for one in problems] == [
        "'taobo' is none of taobao, douyin, as [words] lists channel; the nearest is taobao",
        "'upstair' is none of upstairs, as [words] lists service; the nearest is upstairs",
    ]
    wrong = f'{name}\n[words]\nchanel = "taobao"\nservice = 3\n{rest}'
    assert places(problems_of(lambda: read_book({FILE: wrong, "prices.csv": prices}, NETWORK))) == [
        (FILE, 4, "service", "wrong_setting"),
        (FILE, 3, "chanel", "unknown_setting"),
    ]


@pytest.mark.parametrize(
    ("words", "rule", "says"),
    [
        ("taobao||douyin", "wrong_setting", "words joined by |, each once"),
        ("taobao| ", "wrong_setting", "words joined by |, each once"),
        ("|", "wrong_setting", "words joined by |, each once"),
        ("", "wrong_setting", "words joined by |, each once"),
        ("taobao|douyin| taobao", "repeated_word", "has 'taobao' twice"),
    ],
)
def test_lists_of_words_that_are_none(words: str, rule: str, says: str) -> None:
    name, _, rest = book_toml(TRANSIT).partition("\n")
    files = {FILE: f'{name}\n[words]\nservice = "upstairs"\nchannel = "{words}"\n{rest}', "prices.csv": ""}
    (problem, *_) = problems_of(lambda: read_book(files, NETWORK))
    assert places([problem]) == [(FILE, 4, "channel", rule)]
    assert says in problem.message


@pytest.mark.parametrize("cell", ["1000|500..", "..500|1000", "1000|", "1000元", "500|x"])
@pytest.mark.parametrize("column", ["insured", "cod"])
def test_amounts_that_are_neither_values_nor_a_range(column: str, cell: str) -> None:
    (problem,) = problems_of(
        lambda: book_of(f"{column},first_kg,first_price,continued_price\n{cell},1,3,1\n")
    )
    assert places([problem]) == [("prices.csv", 2, column, "not_an_amount")]
    assert (
        f"{cell!r} is no amount of yuan as 1000, no list of amounts as 500|1000, and no range"
        in problem.message
    )


def test_sections_that_are_missing_or_of_another_kind() -> None:
    """A book needs at least one table; a weight policy that it has needs at least one class."""
    assert places(problems_of(lambda: read_book({FILE: 'name = "x"'}, NETWORK))) == [
        (FILE, 0, "table", "missing_setting")
    ]
    empty = {FILE: FILES[FILE].partition("[[weight")[0] + FILES[FILE].partition("hours = 36")[2]}
    assert places(problems_of(lambda: read_book({**FILES, **empty}, NETWORK))) == [
        (FILE, 4, "precedence", "missing_setting")
    ]
    text = 'name = "x"\nweight = 3\n[table]\nfee = "transit"\n'
    assert places(problems_of(lambda: read_book({FILE: text}, NETWORK)))[:2] == [
        (FILE, 2, "weight", "wrong_setting"),
        (FILE, 0, "table", "wrong_setting"),
    ]


def test_files_that_are_missing_or_unused() -> None:
    """The files of the book and the files that book.toml names are the same."""
    assert places(problems_of(lambda: read_book({}, NETWORK))) == [(FILE, 0, "", "missing_file")]
    more = {**FILES, "transit-2027.csv": "x", "README.md": "is no table"}
    assert places(problems_of(lambda: read_book(more, NETWORK))) == [
        ("transit-2027.csv", 0, "", "unused_file")
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('shape = "first_continued"', "shape = first_continued", "text stands in quotation marks"),
        ("effective_from = 2025-01-01", "effective_from = 2025-02-30", "there is no such day"),
    ],
)
def test_a_slip_in_book_toml_is_said_with_what_would_be_right(old: str, new: str, says: str) -> None:
    """And alone, at its line: which files are used nobody knows then."""
    text = book_toml(TRANSIT)
    assert old in text
    (problem,) = problems_of(lambda: read_book({**FILES, FILE: text.replace(old, new)}, NETWORK))
    row = text.splitlines().index(old) + 1
    assert places([problem]) == [(FILE, row, "", "not_toml")]
    assert says in problem.message


@pytest.mark.parametrize("mark", [";", "\t", "，"])
def test_columns_that_other_marks_separate(mark: str) -> None:
    """As spreadsheets of other countries save them: said once, whatever the shape."""
    prices = "destination_city,..1,1..\n上海,3,4\n".replace(",", mark)
    text = book_toml({**TRANSIT, "shape": '"graduated"', "continued_unit_kg": "", "continued_rounding": ""})
    (problem,) = problems_of(lambda: read_book({FILE: text, "prices.csv": prices}, NETWORK))
    assert places([problem]) == [("prices.csv", 1, "", "wrong_separator")]
    assert repr(mark) in problem.message


def test_equal_rows_of_one_file() -> None:
    """The second of two rows for the same parcels is refused, however the place is written."""
    text = HEADER + "上海,西安,,1,3.00,1.50\n上海,西安,特快,1,4.00,2.00\n上海市,610100,,1,3.00,1.50\n"
    (problem,) = problems_of(lambda: book_of(text))
    assert places([problem]) == [("prices.csv", 4, "origin_city,destination_city", "overlapping_rows")]
    assert "prices.csv row 2 " in problem.message
    assert "from 2025-01-01 on" in problem.message


MATRIX = {
    "fee": '"transit"',
    "file": '"prices.csv"',
    "shape": '"flat"',
    "effective_from": "2025-01-01",
    "layout": '"matrix"',
    "down": '"origin_province"',
    "across": '"destination_province"',
}


def matrix(prices: str, **settings: str) -> list[str]:
    """What is wrong with a matrix of prices."""
    files = {FILE: book_toml({**MATRIX, **settings}), "prices.csv": prices}
    return [str(one) for one in problems_of(lambda: read_book(files, NETWORK))]


def test_what_is_wrong_with_a_matrix_is_said_where_it_stands_and_once() -> None:
    """By its own headings: a sheet that is taken as it is has no column of a shape or factor."""
    prices = "始发,上海,上诲,陕西\n上海,1,2x,3元\n陕亰,4,,6\n陕西,1,2,3\n陕西省,,2,3\n"
    assert matrix(prices) == [
        "prices.csv row 1 column 上诲: '上诲' is no province of the network; the nearest is 上海市 (310000) "
        "[unknown_province]",
        "prices.csv row 2 column 陕西: '3元' is not a number; write yuan as 3 or 1.50 [not_a_number]",
        "prices.csv row 3 column 始发: '陕亰' is no province of the network; the nearest is 陕西省 (610000) "
        "[unknown_province]",
        "prices.csv row 5 column 陕西: prices.csv row 4 column 陕西 has a price for the same parcels, and both are in "
        "force from 2025-01-01 on: remove one, make one more specific, or put it into a table of its own with a "
        "priority [overlapping_rows]",
    ]
    ranges = "\n".join([",..1,1-3", "特快,3,4", "标快|,1,2"])
    assert matrix(ranges, down='"product"', across='"weight_kg"') == [
        "prices.csv row 1 column 1-3: '1-3' is no range; write 1..3 (more than 1 up to 3 kg), 3.. or ..1 [not_a_range]",
        "prices.csv row 3 column product: '标快|' has an empty word; write A or A|B [empty_word]",
    ]


def test_what_stands_around_no_price_is_not_looked_at() -> None:
    """Notes in a sheet that is taken as it is."""
    prices = "始发,上海,备注\n上海,1,\n合计,,\n"
    assert len(read_book({FILE: book_toml(MATRIX), "prices.csv": prices}, NETWORK).rows) == 1


def test_words_of_a_matrix_that_a_book_does_not_list() -> None:
    name, _, rest = book_toml({**MATRIX, "across": '"channel"'}).partition("\n")
    files = {FILE: f'{name}\n[words]\nchannel = "douyin"\n{rest}', "prices.csv": ",douyin,duoyin\n上海,1,2\n"}
    (problem,) = problems_of(lambda: read_book(files, NETWORK))
    assert places([problem]) == [("prices.csv", 2, "duoyin", "unknown_word")]


def test_an_empty_word_in_a_list_of_places() -> None:
    (problem,) = problems_of(lambda: book_of(HEADER + "上海|,,,1,3.00,1.50\n"))
    assert places([problem]) == [("prices.csv", 2, "origin_city", "empty_word")]


def test_equal_rows_of_two_tables() -> None:
    """Tables of the same fee may not be in force on the same day with a row for the same parcels."""
    rows = "origin_province,destination_city,origin_city,destination_province,product,price\n"
    lane = ",,上海,陕西,特快,3.00\n"
    flat = {"fee": '"transit"', "shape": '"flat"'}
    text = book_toml(
        {**flat, "file": '"a.csv"', "effective_from": "2025-01-01", "effective_to": "2025-06-30"},
        {**flat, "file": '"b.csv"', "effective_from": "2025-01-01", "effective_to": "2025-12-31"},
        {**flat, "file": '"c.csv"', "effective_from": "2026-01-01"},
        {**flat, "fee": '"delivery"', "file": '"d.csv"', "effective_from": "2025-01-01"},
    )
    files = {FILE: text, "a.csv": rows + lane, "b.csv": rows + ",,,,,1.00\n" + lane}
    files |= {"c.csv": rows + lane, "d.csv": rows + lane}
    (problem,) = problems_of(lambda: read_book(files, NETWORK))
    assert places([problem]) == [("b.csv", 3, "origin_city,destination_province,product", "overlapping_rows")]
    assert "a.csv row 2 " in problem.message
    assert "from 2025-01-01 to 2025-06-30" in problem.message
    assert "end the earlier table before the later begins" in problem.message


def test_all_problems_are_told_at_once() -> None:
    """An editor mends a book in one go, not one error at a time."""
    text = HEADER + "西按,上嗨,特块,x,-1,1.50\n上海,西安,,1,3.00,1.50\n上海,西安,,1,3.00,y\n"
    assert places(problems_of(lambda: book_of(text))) == [
        ("prices.csv", 2, "origin_city", "unknown_city"),
        ("prices.csv", 2, "destination_city", "unknown_city"),
        ("prices.csv", 2, "product", "unknown_product"),
        ("prices.csv", 2, "first_kg", "not_a_number"),
        ("prices.csv", 2, "first_price", "negative_price"),
        ("prices.csv", 4, "continued_price", "not_a_number"),
    ]


def test_reading_stops_when_everything_is_wrong() -> None:
    """A file of another kind does not make a message per line without end."""
    problems = problems_of(lambda: book_of(HEADER + "某市,,,1,3,1\n" * 5_000))
    assert len(problems) == MOST + 1
    assert problems[-1].rule == "too_many_problems"
    assert problems[-1].row == MOST + 1


def test_a_file_from_excel_is_read() -> None:
    """With a byte order mark, carriage returns, spaces around cells and empty lines at the end."""
    text = (
        "\ufeffdestination_province, first_kg,first_price,continued_price\r\n 陕西省 ,1, 3.00,1.50\r\n,,,\r\n"
    )
    (row,) = book_of(text).rows
    assert (row.number, row.level, row.destination, row.values[1]) == (2, "province", "610000", 30_000)
