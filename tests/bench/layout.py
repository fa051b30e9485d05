"""How fast readers are answered from a large journal: `python -m tests.bench.layout [--rows N]`.

Fills the journal's real table with synthetic rows in order of arrival (2,000 parties over 10 days, 18 rows a
waybill) and asks what people ask, by waybill and by party and date. Prints milliseconds, first and again. Before
that the price of merging is measured: the same rows in inserts as large as a lane's blocks, once into the table as it
is and once into one that is sorted as the books are read, by party, date and account.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from clickhouse_connect.driver.client import Client

from sinks.ddl import NEWER, create
from sinks.tables import BY_NAME
from tests.bench.machine import cpu_seconds
from tests.servers.store import Store

CHUNK = 2_000_000
FILL = """
INSERT INTO journal (seq, line, row_id, entry_id, charge_id, book, account, side, amount, counterparty, waybill, fee,
                     route, product, cause, event_time, business_date, rules_version)
SELECT {first:UInt64} DIV 36000 + number DIV 36000 AS seq, number % 36000 AS line,
       reinterpretAsFixedString(sipHash128(n, 1)), reinterpretAsFixedString(sipHash128(n DIV 2, 2)),
       reinterpretAsFixedString(sipHash128(n DIV 4, 3)),
       if(n % 18 < 9, concat('O', leftPad(toString(cityHash64(n DIV 18) % 2000), 5, '0')), 'HQ') AS book,
       ['6001', '2101', '1002', '4002', '6002', '2101', '1001', '4001'][n % 8 + 1] AS account,
       if(n % 2 = 0, 'D', 'C') AS side, toDecimal64(n % 900, 4) / 100 AS amount,
       if(book = 'HQ', concat('O', leftPad(toString(cityHash64(n DIV 18) % 2000), 5, '0')), 'HQ') AS counterparty,
       concat('YT', toString(7500000000000 + n DIV 18)) AS waybill,
       ['freight', 'waybill', 'transit', 'delivery_collected', 'delivery_paid'][n % 5 + 1] AS fee,
       concat(toString(11 + n DIV 18 % 30), '0000-', toString(11 + n DIV 540 % 30), '0000') AS route,
       ['standard', 'express', 'cold'][n DIV 18 % 3 + 1] AS product,
       ['picked_up', 'picked_up', 'weighed', 'signed', 'signed'][n % 5 + 1] AS cause,
       toDateTime64(1762800000 + n * 864000 / {rows:UInt64}, 3) AS event_time, toDate(event_time) AS business_date, 'v'
FROM (SELECT {first:UInt64} + number AS n, number FROM numbers({count:UInt64}))
"""
QUESTIONS = {
    "one waybill": "SELECT * FROM journal WHERE waybill = concat('YT', toString(7500000000000 + {rows:UInt64} DIV 40))",
    "one party, one day, by fee": "SELECT fee, account, side, sum(amount) FROM journal WHERE book = 'O00077' "
    "AND business_date = '2025-11-14' GROUP BY ALL",
    "one party, all days, by fee": "SELECT business_date, fee, account, side, sum(amount) FROM journal "
    "WHERE book = 'O00077' GROUP BY ALL",
    "one party, one day, newest 50 lines": "SELECT * FROM journal WHERE book = 'O00077' "
    "AND business_date = '2025-11-14' ORDER BY seq DESC, line DESC LIMIT 50",
    "every party, top 10": "SELECT book, sum(if(side = 'D', amount, -amount)) AS s FROM journal GROUP BY book "
    "ORDER BY s DESC LIMIT 10",
    "by day": "SELECT business_date, side, sum(amount) FROM journal GROUP BY ALL",
}


BLOCK = 36_000
"""Journal rows of an insert while merging is measured: 2,000 parcels."""
MERGED = ("MergedRows", "MergedUncompressedBytes")
MOST_MERGED = 4_000_000
"""Rows by which merging is measured, at most."""
SORTED = ("book", "business_date", "account", "seq", "line")


def merging(store: Store, rows: int) -> Iterator[tuple[str, float, float, float]]:
    """By layout, for a million rows: CPU seconds of the store, MiB merged, and how often a row was merged."""
    journal = BY_NAME["journal"]
    for name, order in (("in order of arrival", journal.order_by), ("sorted as it is read", SORTED)):
        client = store.client()
        client.command("DROP TABLE journal SYNC")
        client.command(create(msgspec.structs.replace(journal, order_by=order), known=NEWER))
        assert store.process is not None
        before, used = _events(client), cpu_seconds(store.process.pid)
        for first in range(0, rows, BLOCK):
            client.command(FILL, parameters={"first": first, "count": min(BLOCK, rows - first), "rows": rows})
        quiet = time.monotonic()
        while time.monotonic() < quiet + 3:
            if client.query("SELECT count() FROM system.merges").result_rows[0][0]:
                quiet = time.monotonic()
            time.sleep(0.2)
        spent, after = cpu_seconds(store.process.pid) - used, _events(client)
        merged, size = (after.get(event, 0) - before.get(event, 0) for event in MERGED)
        yield name, spent / rows * 1e6, size / 2**20 / rows * 1e6, merged / rows
    client.command("DROP TABLE journal SYNC")
    client.command(create(journal, known=NEWER))


def _events(client: Client) -> dict[str, int]:
    """ClickHouse's own counters of merges."""
    found = client.query(
        "SELECT event, value FROM system.events WHERE event IN {names:Array(String)}",
        parameters={"names": list(MERGED)},
    )
    return {str(event): int(value) for event, value in found.result_rows}


def ask(client: Client, sql: str, rows: int) -> float:
    """Milliseconds until the answer is here."""
    began = time.perf_counter()
    client.query(sql, parameters={"rows": rows} if "rows" in sql else None)
    return round(1000 * (time.perf_counter() - began))


def main() -> None:
    """Fill, settle, ask."""
    parser = argparse.ArgumentParser(prog="tests.bench.layout")
    parser.add_argument("--rows", type=int, default=4_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as directory, Store(Path(directory)) as store:
        assert isinstance(store, Store)
        for name, seconds, mib, times in merging(store, min(rows, MOST_MERGED)):
            sys.stdout.write(
                f"a million rows {name}: {seconds:.2f} CPU s of the store, {mib:.0f} MiB merged, "
                f"each row {times:.1f} times\n"
            )
            sys.stdout.flush()
        client, began = store.client(), time.monotonic()
        for first in range(0, rows, CHUNK):
            client.command(FILL, parameters={"first": first, "count": min(CHUNK, rows - first), "rows": rows})
        filled = time.monotonic() - began
        parts = client.query(
            "SELECT count(), sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'journal'"
        )
        count, size = parts.result_rows[0]
        sys.stdout.write(
            f"{rows:,} rows in {filled:.0f} s, {count} parts, {size / rows:.1f} bytes a row on disk\n"
        )
        for name, sql in QUESTIONS.items():
            sys.stdout.write(f"{name:40} {ask(client, sql, rows):>7.0f} {ask(client, sql, rows):>7.0f} ms\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
