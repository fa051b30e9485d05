"""Scenario tables of shapes and settings, of factors, and of which row wins: one row, one case."""

import csv
import io
from collections.abc import Mapping

import msgspec
import pytest

from flows.rating.book import Book, read_book
from flows.rating.facts import Stay, Terms, Trial
from flows.rating.settings import FILE
from flows.rating.tariffs import Tariffs
from schemas.money import YUAN, parse_yuan
from schemas.problems import DocumentError
from tests.rating.cases import Case, day_of_case, facts_of
from tests.rating.material import NETWORK, scenarios

ZONES = """
[[zones]]
factor = "zone"
file = "zones.csv"
effective_from = 2025-01-01
[[zones]]
factor = "line"
file = "lines.csv"
effective_from = 2025-01-01
"""
MAPS = {
    "holidays.csv": "date,name\n2025-07-01,建党节\n2025-10-01,国庆节\n",
    "zones.csv": "origin_province,destination_province,value\n上海,陕西,远\n上海,浙江,近\n",
    "lines.csv": "origin_city,destination_city,value\n上海,西安,沪陕\n",
}


def cases(name: str) -> list[object]:
    """The table's rows as pytest's parameters."""
    return [pytest.param(case, id=case["用例"]) for case in scenarios(name)]


def toml(settings: str) -> str:
    """Settings as `key=value; key=value` in TOML."""
    lines = []
    for setting in filter(None, map(str.strip, settings.split(";"))):
        key, _, value = setting.partition("=")
        bare = key in ("divisor", "priority", "effective_from", "effective_to")
        lines.append(f"{key} = {value}" if bare else f'{key} = "{value}"')
    return "\n".join(lines)


def one_table(file: str, shape: str, settings: str) -> str:
    """A table of transit prices."""
    day = "" if "effective_from" in settings else "effective_from = 2025-01-01"
    return f'[[table]]\nfee = "transit"\nfile = "{file}"\nshape = "{shape}"\n{day}\n{toml(settings)}\n'


def text(*rows: Mapping[str, str]) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("case", cases("rating_shapes.csv"))
def test_shapes(case: Case) -> None:
    """One table of one row, from the quantity to the amount."""
    shape = case["计价方式"]
    book = f'name = "测试"\n{one_table("prices.csv", shape, case["设置"])}'
    prices = f"{case['价目表头']}\n{case['价目']}\n"
    known = {**case, "计费方式": ""}
    quote = Tariffs([read_book({FILE: book, "prices.csv": prices}, NETWORK)], NETWORK).rate(
        "transit", day_of_case(case), facts_of(known)
    )
    assert quote is not None
    assert quote.amount == parse_yuan(case["金额"]), quote.steps


@pytest.mark.parametrize("case", cases("rating_factors.csv"))
def test_factors(case: Case) -> None:
    """A row of 1 yuan that names a factor, for a parcel that has it or not; all others cost 9."""
    book = f'name = "测试"\nholidays = "holidays.csv"\n{one_table("prices.csv", "flat", "")}{ZONES}'
    rows = [{case["因子"]: case["单元格"], "price": "1"}]
    rows += [{case["因子"]: "", "price": "9"}] if case["单元格"] else []
    files = {FILE: book, "prices.csv": text(*rows), **MAPS}
    quote = Tariffs([read_book(files, NETWORK)], NETWORK).rate("transit", day_of_case(case), facts_of(case))
    assert quote is not None
    assert quote.amount == (YUAN if case["适用"] == "是" else 9 * YUAN)


PARCEL = Trial(
    origin="SHA",
    destination="XAB",
    product="standard",
    customer="C1",
    weight_g=2_000,
    volume_cm3=100_000,
    longest_mm=500,
    hubs=("SH-HUB",),
    month_parcels=7,
    terms=Terms(
        pieces=2,
        channel="douyin",
        billing="month",
        insured=50 * YUAN,
        cod=20 * YUAN,
        promised_h=24,
        services=("upstairs",),
    ),
    stay=Stay(temperature="frozen", area="A1", vehicle="4.2m"),
)
"""For every row of the table of orders but those that it says are not for it."""
DAY = day_of_case({"日期": "2025-07-01"})


def order_book(case: Case, *rows: str) -> Book:
    """Tables of one row each: 甲 costs 1 yuan, 乙 2."""
    files, tables = dict(MAPS), ['name = "测试"\nholidays = "holidays.csv"\n']
    for row in rows:
        cells = dict(cell.strip().split("=", 1) for cell in case[row].split(";") if cell.strip())
        files[f"{row}.csv"] = text({**cells, "price": "1" if row == "甲" else "2"})
        tables.append(one_table(f"{row}.csv", "flat", case[f"{row}设置"]))
    return read_book({FILE: "".join([*tables, ZONES]), **files}, NETWORK)


@pytest.mark.parametrize("case", cases("rating_order.csv"))
@pytest.mark.parametrize("rows", [("甲", "乙"), ("乙", "甲")])
def test_order(case: Case, rows: tuple[str, str]) -> None:
    """Which of two rows wins, whichever stands first, and why; or that they are refused together."""
    if case["胜者"] == "拒绝":
        with pytest.raises(DocumentError) as refusal:
            order_book(case, *rows)
        (problem,) = refusal.value.problems
        assert problem.rule == "overlapping_rows"
        assert problem.column in case["乙"], "the column is told as it is written"
        return
    quote = Tariffs([order_book(case, *rows)], NETWORK).rate("transit", DAY, PARCEL)
    assert quote is not None
    assert quote.row.file == f"{case['胜者']}.csv"
    loser = "乙.csv" if case["胜者"] == "甲" else "甲.csv"
    assert quote.passed_over == (f"{loser}:2 {case['理由']}" if case["理由"] else "")
    if case["理由"]:
        alone = Tariffs([order_book(case, loser[0])], NETWORK).rate("transit", DAY, PARCEL)
        assert alone is not None, "the loser is for the parcel as well"


def test_the_day_of_orders_is_a_tuesday() -> None:
    """As the table of orders says."""
    assert (DAY + 3) % 7 + 1 == 2


def test_a_losing_row_of_another_book_says_which() -> None:
    """Of two books in force; of alternatives, too."""
    alternatives = {f"{row}设置": f"name={row}" for row in ("甲", "乙")}
    for settings, why in (({}, "earlier_book"), (alternatives, "lower_amount 1.00")):
        case = {"甲": "", "乙": "", "甲设置": "", "乙设置": "", **settings}
        one, other = order_book(case, "甲"), order_book(case, "乙")
        other = msgspec.structs.replace(other, name="另一本")
        quote = Tariffs([one, other], NETWORK).rate("transit", DAY, PARCEL)
        assert quote is not None
        assert quote.passed_over == f"甲.csv:2@{one.version} {why}"
