"""How fast charges in the store are priced again: `python -m tests.bench.rerate [--parcels N]`.

Fills the real tables with synthetic parcels of the default network (10 events, 5 charges and an adopted weight each)
and asks for a what-if by the default book, by fee and line. The amounts that were charged are made up: how long it
takes does not depend on them.
"""

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from clickhouse_connect.driver.client import Client

from deploy.commands.where import LONG
from deploy.rerating.compare import rated
from deploy.rerating.read import EVERYTHING, Reader
from deploy.rerating.work import Question, compare, rerater
from flows.fees.current import FEES
from flows.governance.network import Network, read_network
from flows.rating.book import read_book
from schemas.settings import Settings
from sinks.clickhouse import connect
from sources.network.directory import build
from tests.bench.machine import cpu_seconds
from tests.servers.store import Store

SEED = 11
DEFAULT = Path(__file__).parents[2] / "flows" / "rating" / "default"
IN_A_BLOCK = 2_000
"""Parcels."""
CHUNK = 200_000
PARCELS = "SELECT {first:UInt64} + number AS p FROM numbers({count:UInt64})"
FROM = """
    intHash64(p) AS h, {outlets:Array(String)} AS outlets, outlets[h % length(outlets) + 1] AS o,
    outlets[intDiv(h, 1000) % length(outlets) + 1] AS d, concat('YT', toString(7500000000000 + p)) AS w,
    ['STD', 'EXP', 'ECO'][1 + if(h % 10 < 8, 0, h % 2 + 1)] AS product_,
    toDateTime64(1762819200 + intDiv(p * 259200, {parcels:UInt64}), 3) AS at"""
EVENTS = f"""
INSERT INTO event (seq, line, event_id, kind, waybill, event_time, operation, site, weight_class, weight_g, origin,
                   destination, customer, product, payment)
SELECT toUInt64(intDiv(p, {IN_A_BLOCK}) + 1), toUInt32(p % {IN_A_BLOCK} * 10 + k),
       concat('e', toString(p), '-', toString(k)), if(k = 0, 'order', if(k < 8, 'scan', 'weight')), w, at,
       if(k IN (0, 8, 9), '', '30'), if(k = 0, '', 'hub'),
       if(k < 8, '', 'hub_dws'), if(k < 8, 0, 100 + h % 400 * 50), if(k = 0, o, ''), if(k = 0, d, ''),
       if(k = 0, concat('C', toString(h % 5000)), ''), if(k = 0, product_, ''), toDecimal64(if(k = 0, 12, 0), 4)
FROM (SELECT p, arrayJoin(range(10)) AS k, {FROM} FROM ({PARCELS}))"""
WEIGHTS = f"""
INSERT INTO adopted_weight (seq, line, waybill, event_id, weight_class, weight_g, volume_cm3, event_time)
SELECT toUInt64(intDiv(p, {IN_A_BLOCK}) + 1), toUInt32(p % {IN_A_BLOCK}), w, concat('e', toString(p), '-9'), 'hub_dws',
       100 + h % 400 * 50, h % 3 * 9000, at
FROM (SELECT p, {FROM} FROM ({PARCELS}))"""
CHARGES = f"""
INSERT INTO charge (seq, line, charge_id, waybill, fee, payer, payee, amount, event_time, business_date, book_version,
                    origin, destination, product, order_event, weight_event, actual_g)
SELECT toUInt64(intDiv(p, {IN_A_BLOCK}) + 1), toUInt32(p % {IN_A_BLOCK} * 5 + k),
       reinterpretAsFixedString(sipHash128(p, k)), w,
       ['freight', 'waybill', 'transit', 'delivery_collected', 'delivery_paid'][k + 1] AS fee_,
       if(k = 0, 'CUSTOMER', if(k = 4, 'HQ', o)), if(k = 0, o, if(k = 4, d, 'HQ')), toDecimal64(1.2, 4), at,
       toDate(at, 'Asia/Shanghai'), if(k = 0, '', 'v'), o, d, product_, concat('e', toString(p), '-0'),
       if(k = 2, concat('e', toString(p), '-9'), ''), 0
FROM (SELECT p, arrayJoin(range(5)) AS k, {FROM} FROM ({PARCELS}))"""


def fill(client: Client, network: Network, parcels: int) -> None:
    """All tables that are read."""
    for first in range(0, parcels, CHUNK):
        for sql in (EVENTS, WEIGHTS, CHARGES):
            client.command(
                sql,
                parameters={
                    "outlets": sorted(network.outlets),
                    "first": first,
                    "count": min(CHUNK, parcels - first),
                    "parcels": parcels,
                },
            )


def _own() -> float:
    """CPU seconds of this process and of those that it has ended."""
    return sum(os.times()[:4])


def main() -> None:
    """Fill, read, rate."""
    parser = argparse.ArgumentParser(prog="tests.bench.rerate")
    parser.add_argument("--parcels", type=int, default=300_000)
    parcels = parser.parse_args().parcels
    network = read_network(build(600, SEED).files)
    files = {path.name: path.read_text("utf-8") for path in sorted(DEFAULT.iterdir())}
    books = [read_book(files, network)]
    after = rerater(books, network, FEES)
    with tempfile.TemporaryDirectory() as directory, Store(Path(directory)) as store:
        assert isinstance(store, Store)
        assert store.process is not None
        client = store.client()
        fill(client, network, parcels)
        events = client.query("SELECT count() FROM event").result_rows[0][0]
        sys.stdout.write(f"{events:,} events, {5 * parcels:,} charges\n")
        sys.stdout.flush()
        asked = Question(
            partial(connect, Settings(clickhouse=store.url), LONG),
            EVERYTHING,
            books,
            network,
            ("fee", "line"),
        )
        used, own, began = cpu_seconds(store.process.pid), _own(), time.perf_counter()
        found = compare(asked, lambda *_: None)
        seconds = time.perf_counter() - began
        own, used = _own() - own, cpu_seconds(store.process.pid) - used
        total = found.total
        assert total.charges == 5 * parcels
        sys.stdout.write(
            f"what-if of {total.charges:,} charges, {total.unpriced:,} without a price: {seconds:.1f} s, "
            f"{parcels / seconds:,.0f} parcels/s; CPU s for 1,000 parcels: {own / parcels * 1e3:.4f} rating, "
            f"{used / parcels * 1e3:.4f} store\n"
        )
        began = time.perf_counter()
        sample = Reader(client, after.facts, network.hubs).in_force(EVERYTHING, 0, 4)
        read = time.perf_counter() - began
        rated(sample, after)
        rest = time.perf_counter() - began - read
        sys.stdout.write(f"a quarter of them: read in {read:.1f} s, rated in {rest:.1f} s\n")


if __name__ == "__main__":
    main()
