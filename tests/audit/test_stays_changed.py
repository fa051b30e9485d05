"""What is changed in the storage flow's books is noticed."""

import pytest
from clickhouse_connect.driver.client import Client

from tests.audit.stays import Books
from tests.audit.tampering import AsOf
from tests.storage.world import happening

TABLES = ("charge", "stay_event", "journal", "waiting")


class Stays(AsOf):
    """A stay that has ended and one that goes on without its measure."""

    def __init__(self, client: Client) -> None:
        books = Books(client)
        with books.held():
            books.until("11日09:00").take(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1"))
            books.take(happening("11日08:00 入库 12板 9000公斤 冷冻", "S2"))
            books.until("15日13:00").take(happening("15日12:00 分批出库 12板 8000公斤"))
            books.until("16日10:00").take(happening("16日09:00 出库"))
        super().__init__(client, TABLES, books.storage.ring.now)


@pytest.fixture(scope="module")
def kept(client: Client) -> Stays:
    """Stays for all tests."""
    return Stays(client)


def test_unchanged_stays_pass(tampered: Stays) -> None:
    assert tampered.failing() == set()


@pytest.mark.parametrize(
    ("table", "change", "where", "check"),
    [
        ("charge", "amount + 0.01 AS amount", "fee = 'storage' AND amount > 0", "recomputed_stays"),
        ("charge", "'2025-11-20' AS part", "part = '2025-11-14'", "recomputed_stays"),
        ("charge", "'C-MEAT' AS payer", "fee = 'cold_in'", "recomputed_stays"),
        (
            "charge",
            "replaceAll(steps, '54.00', '53.00') AS steps",
            "part = '2025-11-14'",
            "recomputed_stay_prices",
        ),
        ("charge", "3 AS price_row", "part = '2025-11-14'", "recomputed_stay_prices"),
        ("charge", "actual_g + 1 AS actual_g", "fee = 'cold_in'", "recomputed_stay_prices"),
        ("charge", "chargeable_g + 1 AS chargeable_g", "fee = 'cold_out'", "recomputed_stay_prices"),
        ("charge", "'[]' AS steps", "part = '2025-11-15'", "recomputed_stay_prices"),
        ("charge", "'XAB' AS origin", "fee = 'storage'", "recomputed_stay_prices"),
        ("charge", "'nobody' AS cause", "fee = 'cold_out'", "caused"),
        ("charge", "order_event AS cause", "fee = 'cold_out'", "caused"),
        ("charge", "cause AS order_event", "fee = 'cold_out'", "ordered"),
        ("stay_event", "13 AS pallets", "kind = 'opened'", "recomputed_stays"),
        ("stay_event", "'C-MEAT' AS customer", "kind = 'opened'", "recomputed_stays"),
        ("stay_event", "'A1' AS zone", "kind = 'opened'", "recomputed_stays"),
        ("stay_event", "event_time - INTERVAL 1 DAY AS event_time", "kind = 'opened'", "recomputed_stays"),
        ("stay_event", "event_time + INTERVAL 1 DAY AS event_time", "kind = 'closed'", "recomputed_stays"),
        ("stay_event", "'XAB' AS outlet", "kind = 'opened'", "recomputed_stays"),
        ("stay_event", "'other' AS event_id", "kind = 'opened'", "caused"),
        ("stay_event", "8500000 AS weight_g", "kind = 'reduced'", "recomputed_stays"),
        ("stay_event", "'measured' AS kind", "kind = 'reduced'", "caused"),
        ("charge", "'other' AS part", "fee = 'cold_out' AND part != ''", "recomputed_stays"),
        ("stay_event", "0 AS offset, 0 AS partition", "true", "stay_records"),
        ("journal", "amount + 0.01 AS amount", "fee = 'storage'", "recomputed_journal"),
        ("waiting", "'no_measure' AS reason", "reason = 'no_price'", "recomputed_stay_waiting"),
    ],
)
def test_a_changed_row(tampered: Stays, table: str, change: str, where: str, check: str) -> None:
    tampered.change(table, where, change)
    assert tampered.notices(check)


def test_a_day_that_is_missing(tampered: Stays) -> None:
    for table in ("charge", "journal"):
        tampered.remove(table, "fee = 'storage' AND waybill = 'S1' AND toDayOfMonth(business_date) = 15")
    assert tampered.notices("recomputed_stays")


def test_a_row_of_the_storage_flow_is_sealed(tampered: Stays) -> None:
    tampered.change("stay_event", "true", "'X' AS plate")
    assert tampered.notices("digests")
