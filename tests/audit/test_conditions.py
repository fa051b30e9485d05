"""Fees with conditions: they wait for the weight where a condition names what comes with it, and not otherwise."""

from collections.abc import Sequence

import pytest
from clickhouse_connect.driver.client import Client

from schemas.events import TariffPublished, Tick
from schemas.identity import version_of
from schemas.times import HOUR
from tests.audit import books, world
from tests.audit.lane import Lane, held, record
from tests.audit.remembered import audited
from tests.audit.test_books import everything, play

WEEKEND, HEAVY = "weekday > 5 || weekday == 2", "weight_g > 3000"
MAP = '[[zones]]\nfactor = "zone"\nfile = "zones.csv"\neffective_from = 2025-01-01\n'


def book(tables: Sequence[tuple[str, str, str]], zones: str = "") -> TariffPublished:
    """A price of the waybill and of the delivery, and what comes on top: fee, column and its cell, each a fen."""
    text = 'name = "条件"\n'
    files = {}
    for number, (fee, column, cell) in enumerate([("waybill", "", ""), ("delivery", "", ""), *tables]):
        more = f'kind = "surcharge"\nname = "加收{number}"\n' * (column != "")
        text += f'[[table]]\nfee = "{fee}"\nfile = "t{number}.csv"\nshape = "flat"\n{more}effective_from = 2025-01-01\n'
        files[f"t{number}.csv"] = f"{column},price\n{cell},0.01\n" if column else "price\n1.00\n"
    if zones:
        text, files["zones.csv"] = text + MAP, f"condition,value\n{zones},那\n,别处\n"
    files["book.toml"] = text
    return TariffPublished(id="book", time=world.START, version=version_of(files), name="条件", files=files)


CASES = {
    "weekday": (book([("waybill", "condition", WEEKEND), ("delivery", "condition", WEEKEND)]), False),
    "weight": (book([("waybill", "condition", HEAVY), ("delivery", "condition", HEAVY)]), True),
    "volume or length": (
        book(
            [
                ("waybill", "condition", "volume_cm3 > 6000 && pieces > 0"),
                ("delivery", "condition", "channel == 'jd' || longest_mm > 300"),
            ]
        ),
        True,
    ),
    "zone by weekday": (book([("waybill", "zone", "那"), ("delivery", "zone", "那")], WEEKEND), False),
    "zone by weight": (book([("waybill", "zone", "那"), ("delivery", "zone", "那")], HEAVY), True),
    "a word": (book([("waybill", "channel", "jd"), ("delivery", "channel", "jd")]), False),
}
"""Books, and whether their prices depend on the weight."""
OF_FEES = "fee IN ('waybill', 'delivery', 'delivery_collected', 'delivery_paid')"
"""Dues and what is charged of them."""


@pytest.mark.parametrize("case", CASES)
def test_the_auditor_lets_a_fee_wait_for_the_weight_where_a_lane_does(empty: Client, case: str) -> None:
    tariff, by_weight = CASES[case]
    report = play(empty, books.directory(), tariff, everything(96))
    assert report.passed, report.to_text()
    sql = (
        "SELECT count(), countIf(weight_event = ''), countIf(amount != 1) "
        f"FROM charge WHERE {OF_FEES} AND amount > 0"
    )
    charges, unweighed, dearer = empty.query(sql).result_rows[0]
    assert unweighed == (0 if by_weight else charges)
    assert charges > dearer > 0
    waits = f"SELECT count() FROM waiting WHERE {OF_FEES} AND reason = 'no_weight'"
    assert (empty.query(waits).result_rows[0][0] > 0) == by_weight


def test_the_auditor_takes_the_larger_price_and_the_bound_that_counts_as_a_lane_does(empty: Client) -> None:
    """The weight tells which of two bases is the larger; a cap or maximum below the floor or minimum never counts."""
    of = 'effective_from = 2025-01-01\nfile = "{0}.csv"\nshape = "{1}"\n'
    heavy = 'name = "按重量"\nweight = "actual"\n' + of.format("kilos", "per_unit")
    bounds = 'kind = "bounds"\n' + of.format("bounds", "bounds")
    tables = [
        f'fee = "waybill"\nname = "每票"\n{of.format("flat", "flat")}',
        *(f'fee = "{fee}"\n{table}' for fee, table in (("waybill", heavy), ("delivery", heavy))),
        f'fee = "delivery"\n{bounds}',
    ]
    files = {
        "book.toml": "".join(['name = "择大"\n', *(f"[[table]]\n{table}" for table in tables)]),
        "flat.csv": "price\n3.00\n",
        "kilos.csv": "price,minimum,maximum\n1.00,2.00,1.50\n",
        "bounds.csv": "floor,cap\n2.50,1.00\n",
    }
    book = TariffPublished(id="book", time=world.START, version=version_of(files), name="择大", files=files)
    report = play(empty, books.directory(), book, everything(98))
    assert report.passed, report.to_text()
    amounts = "SELECT groupUniqArray(amount) FROM charge WHERE fee = '{0}' AND amount > 0"
    for fee, least in (("waybill", 3), ("delivery_paid", 2.5)):
        (found,) = empty.query(amounts.format(fee)).result_rows[0]
        assert min(found) == least < max(found)
    unweighed = f"SELECT count() FROM charge WHERE {OF_FEES} AND amount > 0 AND weight_event = ''"
    assert empty.query(unweighed).result_rows[0][0] == 0


@pytest.mark.parametrize("order", ["by weight first", "by weekday first"])
def test_a_book_that_takes_the_place_of_another(empty: Client, order: str) -> None:
    """What waited is charged, or what was charged waits; what was charged by the other is charged anew."""
    versions = [CASES["weight"][0], CASES["weekday"][0]]
    before, after = versions if order == "by weight first" else versions[::-1]
    lane, now = Lane(empty), world.START + 70 * HOUR
    events = [*map(record, everything(97))]
    with held([lane]):
        lane.block([record(books.directory()), record(before), record(Tick(id="now", time=now))])
        lane.block(events[: len(events) // 2])
        lane.block([record(after), *events[len(events) // 2 :]])
    report = audited(empty, data_time=lane.lifecycle.ring.now)
    assert report.passed, report.to_text()
    sql = f"SELECT DISTINCT book_version FROM charge WHERE {OF_FEES} AND revision > 0 AND amount > 0"
    assert (after.version,) in empty.query(sql).result_rows
