"""Books with everything in them: the auditor, who reads them by himself, comes to the same price by the same steps."""

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.report import Report
from flows.rating.shapes import SHAPES
from schemas.events import NetworkPublished, Order, ParcelEvent, TariffPublished, Tick, Weight
from schemas.identity import version_of
from schemas.parts import parts_of
from schemas.times import HOUR
from sources.network.directory import build
from tests.audit import books, world
from tests.audit.alone import alone
from tests.audit.lane import Lane, held, record
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.rating.material import files_in
from tests.volume import seeds

DEFAULT = Path(__file__).parents[2] / "flows" / "rating" / "default"
SILENT = re.compile('measure = "month_parcels"|^fee = "handling"')
"""Tables that no step names: of no parcels in the month nothing is said, and a cell by place and product is said by its
charge's columns."""
PARCELS = 200
IN_A_BLOCK = 200


def test_every_shape_of_a_price_is_compared() -> None:
    tables = "".join(settings for settings, _ in books.TABLES)
    assert {*re.findall(r'shape = "(\w+)"', tables), "zone"} == set(SHAPES)


def play(
    client: Client,
    network: NetworkPublished,
    tariff: TariffPublished,
    events: Sequence[ParcelEvent],
    beside: Sequence[TariffPublished] = (),
) -> Report:
    """Write the books of these events and audit them."""
    lane = Lane(client)
    now = world.START
    with held([lane]):
        for start in range(0, len(events), IN_A_BLOCK):
            some = events[start : start + IN_A_BLOCK]
            now = max(now, *(event.time for event in some))
            control = [*parts_of(network, 1_000), *parts_of(tariff, 1_000), *beside] * (start == 0)
            lane.block([*map(record, control), record(Tick(id=f"tick{start}", time=now)), *map(record, some)])
        lane.block([record(Tick(id="last", time=now + 30 * HOUR))])
    return audited(client, data_time=lane.lifecycle.ring.now)


def notices(kept: Kept, check: str, column: str, value: str, where: str) -> bool:
    """Whether a check fails when a charge's cell is changed (an SQL expression), which is then put back."""
    kept.change("charge", where, f"{value} AS {column}")
    differs = (
        "SELECT count() FROM charge AS c JOIN kept_charge AS k USING (charge_id) "
        f"WHERE c.{column} != k.{column}"
    )
    assert kept.client.query(differs).result_rows == [(1,)]
    noticed = not alone(kept.auditor, check).passed
    kept.mend()
    return noticed


def everything(seed: int) -> list[ParcelEvent]:
    """Parcels with terms in the small network."""
    return books.with_terms(world.disordered(PARCELS, seed))


@pytest.mark.parametrize("seed", seeds(1, 80, 81, 82))
def test_surcharges_and_discounts_in_any_order(empty: Client, seed: int) -> None:
    report = play(empty, books.directory(), books.tariff(seed), everything(seed))
    assert report.passed, report.to_text()
    sql = "SELECT steps FROM charge WHERE fee = 'transit' AND match(steps, '\"discount\".*\"surcharge\"')"
    assert empty.query(sql).result_rows


@pytest.mark.parametrize("order", ["surcharges_first", "as_listed"])
def test_of_several_books_the_newest_says_the_order(empty: Client, order: str) -> None:
    files = {
        "book.toml": f'name = "周年"\nadjustments = "{order}"\n[[table]]\nfee = "transit"\nkind = "discount"\n'
        'name = "周年"\nfile = "t.csv"\nshape = "percent"\neffective_from = 2025-01-01\n',
        "t.csv": "product,percent\nSTD,7.5\n",
    }
    newest = TariffPublished(
        id="newest", time=world.START, version=version_of(files), name="周年", files=files
    )
    older = books.tariff(83 if order == "surcharges_first" else None)
    report = play(empty, books.directory(), older, everything(83), [newest])
    assert report.passed, report.to_text()
    sql = "SELECT count() FROM charge WHERE fee = 'transit' AND match(steps, '\"周年\".*\"surcharge\"')"
    assert (empty.query(sql).result_rows[0][0] > 0) == (order == "as_listed")


@pytest.mark.parametrize("seed", seeds(1, 90, 91, 92))
def test_a_table_of_every_kind(empty: Client, seed: int) -> None:
    report = play(empty, books.directory(), books.tariff(), everything(seed))
    assert report.passed, report.to_text()
    rows = empty.query("SELECT DISTINCT steps FROM charge WHERE steps != ''").result_rows
    steps = [step for (text,) in rows for step in json.loads(text)]
    assert {step["kind"] for step in steps} == {
        "factors",
        "base",
        "surcharge",
        "discount",
        "bounds",
        "rounding",
    }
    used = {step["where"].partition(".")[0] for step in steps if "where" in step}
    assert used == {f"t{n}" for n, (settings, _) in enumerate(books.TABLES) if not SILENT.search(settings)}
    cells = empty.query("SELECT uniqExact(price_row, price_column) FROM charge WHERE fee = 'handling'")
    assert cells.result_rows[0][0] >= 4


def test_rows_of_two_books_that_compete(empty: Client) -> None:
    """A row that lost to another book's says which book it stands in; changed, that is noticed."""
    toml = 'name = "旁边"\n[[table]]\nfee = "waybill"\nshape = "flat"\nfile = "t0.csv"\neffective_from = 2020-01-01\n'
    files = {"book.toml": toml, "t0.csv": "product,price\n,0.77\n"}
    beside = _beside(files)
    report = play(empty, books.directory(), books.tariff(), everything(94), [beside])
    assert report.passed, report.to_text()
    told = f"t0.csv:2@{beside.version} earlier_table"
    sql = (
        f"SELECT hex(min(charge_id)) FROM charge WHERE fee = 'waybill' AND passed_over = '{told}' "
        "AND waybill NOT IN (SELECT waybill FROM charge WHERE revision > 0) "
        "AND waybill IN (SELECT waybill FROM event WHERE kind = 'order' GROUP BY waybill HAVING count() = 1)"
    )
    (one,) = empty.query(sql).result_rows[0]
    wrong = "'t0.csv:2 earlier_table'"
    kept = Kept(empty, ["charge"])
    assert notices(kept, "recomputed_snapshots", "passed_over", wrong, f"hex(charge_id) = '{one}'")


def _beside(files: dict[str, str]) -> TariffPublished:
    """A second book."""
    return TariffPublished(id="beside", time=world.START, version=version_of(files), name="旁边", files=files)


def test_a_surcharge_of_another_book(empty: Client) -> None:
    """Its step says which book it stands in; changed, that is noticed."""
    toml = 'name = "旁边"\n[[table]]\nfee = "waybill"\nkind = "surcharge"\nname = "旁加"\nshape = "flat"\n'
    files = {
        "book.toml": f'{toml}file = "t0.csv"\neffective_from = 2020-01-01\n',
        "t0.csv": "product,price\n,0.77\n",
    }
    beside = _beside(files)
    report = play(empty, books.directory(), books.tariff(), everything(94), [beside])
    assert report.passed, report.to_text()
    where = f"t0.csv:2@{beside.version}"
    (one,) = empty.query(
        f"SELECT hex(min(charge_id)) FROM charge WHERE fee = 'waybill' AND position(steps, '{where}') > 0 "
        "AND waybill NOT IN (SELECT waybill FROM charge WHERE revision > 0) "
        "AND waybill IN (SELECT waybill FROM event WHERE kind = 'order' GROUP BY waybill HAVING count() = 1)"
    ).result_rows[0]
    wrong = f"replace(steps, '{where}', 't0.csv:2')"
    kept = Kept(empty, ["charge"])
    assert notices(kept, "recomputed_snapshots", "steps", wrong, f"hex(charge_id) = '{one}'")


TAMPERED = (
    ("passed_over != ''", "passed_over", "''", "recomputed_snapshots"),
    (
        "passed_over != ''",
        "passed_over",
        "concat(passed_over, ', t2.csv:9 less_specific')",
        "recomputed_snapshots",
    ),
    ("steps != ''", "steps", "''", "recomputed_snapshots"),
    ("position(steps, '超长') > 0", "steps", "replace(steps, '超长', '加长')", "recomputed_snapshots"),
    (
        "position(steps, 't6.csv:') > 0",
        "steps",
        "replace(steps, 't6.csv:', 't6.csv:1')",
        "recomputed_snapshots",
    ),
    ("position(steps, '近') > 0", "steps", "replace(steps, '近', '远')", "recomputed_snapshots"),
    ("match(steps, '\"tier\",')", "steps", 'replaceOne(steps, \'"tier","\', \'"tier","1\')', "steps"),
    (
        "position(steps, '[\"percent\",') > 0",
        "steps",
        'replaceOne(steps, \'["percent","\', \'["percent","1\')',
        "steps",
    ),
    (
        "position(steps, '\"times\"') > 0",
        "steps",
        "replaceRegexpOne(steps, '(\"times\":\")', '\\\\11')",
        "steps",
    ),
)
"""Which charge, which of its cells, made what, and the check that has to fail; the amount stays as it is."""


def test_a_changed_explanation_is_noticed(empty: Client) -> None:
    report = play(empty, books.directory(), books.tariff(), everything(93))
    assert report.passed, report.to_text()
    kept = Kept(empty, ["charge"])
    for condition, column, value, check in TAMPERED:
        (one,) = empty.query(
            f"SELECT hex(min(charge_id)) FROM charge WHERE fee = 'transit' AND {condition} "
            "AND waybill NOT IN (SELECT waybill FROM charge WHERE revision > 0) AND waybill NOT IN ("
            "    SELECT c.waybill FROM charge AS c JOIN event AS e ON c.waybill = e.waybill"
            "    WHERE c.fee = 'transit' AND e.kind = 'scan' AND e.outlet = 'HQ' AND e.seq >= c.seq)"
        ).result_rows[0]
        assert notices(kept, check, column, value, f"hex(charge_id) = '{one}'"), value
    assert alone(empty, "recomputed_snapshots").passed
    terms = Kept(empty, ["order_terms"])
    terms.change("order_terms", "services = 'upstairs'", "'evening' AS services")
    assert not alone(terms.auditor, "recomputed_charges").passed


def test_services_that_cannot_be_are_refused_by_the_rule_that_they_break(empty: Client) -> None:
    one = next(event for event in everything(95) if isinstance(event, Order))
    cannot_be = (("upstairs", "x" * 65), tuple(f"s{n}" for n in range(17)), ("upstairs|evening",))
    refused = [
        msgspec.structs.replace(one, id=f"order-{n}", services=some) for n, some in enumerate(cannot_be)
    ]
    report = play(empty, books.directory(), books.tariff(), [one, *refused])
    assert report.passed, report.to_text()
    reasons = empty.query("SELECT event_id, reason FROM dead_letter ORDER BY event_id").result_rows
    assert [why for _, why in reasons] == ["identifier_too_long", "too_many_services", "wrong_type"]
    letters = Kept(empty, ["dead_letter"])
    for reason in ("identifier_too_long", "too_many_services"):
        letters.change("dead_letter", "reason = 'wrong_type'", f"'{reason}' AS reason")
        assert not alone(letters.auditor, "dead_letters").passed
        letters.mend()


@cache
def country() -> NetworkPublished:
    """The directory of the simulated network."""
    files = build(60, 1).files
    return NetworkPublished(id="network", time=world.START, version=version_of(files), files=files)


def test_the_default_book(empty: Client) -> None:
    """In the simulated network, by customers of every kind."""
    files = files_in(DEFAULT)
    tariff = TariffPublished(id="book", time=world.START, version=version_of(files), name="默认", files=files)
    report = play(empty, country(), tariff, list(map(_abroad, world.enriched(everything(94), 94))))
    assert report.passed, report.to_text()
    kept = empty.query("SELECT countIf(steps != ''), countIf(steps = '') FROM charge WHERE fee = 'transit'")
    assert min(kept.result_rows[0]) > PARCELS // 10
    rows = empty.query("SELECT DISTINCT steps FROM charge WHERE steps != ''").result_rows
    names = {step.get("name", "") for (text,) in rows for step in json.loads(text)}
    assert {"燃油附加费", "保价附加费", "代收货款附加费", "协议客户折扣", "客户等级折扣", "多件减免"} <= names


def _abroad(event: ParcelEvent) -> ParcelEvent:
    """An event of the small network in the simulated one: its outlets and hubs there, its customers."""
    outlets = dict(zip(world.OUTLETS, sorted(build_sites("outlet"))[::7], strict=False))
    hubs = dict(zip(world.HUBS, sorted(build_sites("hub")), strict=False))
    places = {**outlets, **hubs}
    found = {
        name: places.get(value, "" if name in ("origin_county", "destination_county") else value)
        for name in (
            *("origin", "destination", "site", "outlet", "responsible", "beneficiary"),
            *("origin_county", "destination_county"),
        )
        if isinstance(value := getattr(event, name, None), str)
    }
    made = msgspec.structs.replace(event, **found)
    if isinstance(made, Order):
        number = hash_of(made.waybill)
        customer = ("C000003", "C000030", "C000300", "C001500", "C009000")[number % 5]
        product = ("STD", "EXP", "ECO")[number % 3]
        return msgspec.structs.replace(made, customer=customer, product=product)
    if isinstance(made, Weight) and made.id.endswith("0"):
        return msgspec.structs.replace(made, weight_g=made.weight_g * 9, length_mm=made.length_mm * 4)
    return made


def hash_of(waybill: str) -> int:
    """A parcel's number."""
    return int(waybill[-6:])


@cache
def build_sites(kind: str) -> tuple[str, ...]:
    """Outlets or hubs of the simulated network."""
    rows = [line.split(",") for line in country().files["sites.csv"].splitlines()[1:]]
    return tuple(row[0] for row in rows if row[2] == kind)
