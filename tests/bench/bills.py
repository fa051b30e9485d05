"""How fast a bill is verified and compared: `python -m tests.bench.bills [--lines N]`.

A WeChat Pay trade bill of so many orders is written, verified and read as messages, as `waybook bills` does it, and
then compared line by line with as many notified payments: of a hundred one is missing on each side, and one differs.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec

from flows.reconciliation.accounts import Account, Terms
from flows.reconciliation.threeway import Billed, Told, agrees, billed_with, findings
from schemas.payments import BillLine, BillLines
from schemas.times import DAY, HOUR, SHANGHAI_OFFSET, day_of
from sources.bills.model import Asked, Source
from sources.bills.verified import Verified, digests_of
from sources.channels.tokens import Tokens
from sources.network.bills import wechat_trade

OF = date(2025, 11, 11)
NOON = day_of(OF) * DAY - SHANGHAI_OFFSET + 12 * HOUR
SOURCE = Source(channel="wechat", merchant="1900000001", group="north", format="wechat-trade", files="*")
RARE = 100
RATE = 6_000
_lines = msgspec.json.Decoder(BillLines).decode


def lines(count: int) -> Iterator[BillLine]:
    """The bill's lines; of every hundred orders the bill lacks one."""
    for index in range(count):
        if index % RARE != 1:
            amount = (1_000 + index % 50_000) * 100
            time_ = NOON + index % 36_000 * 1_000
            fee = (amount * RATE // 1_000_000 + 50) // 100 * 100
            yield BillLine(
                "payment",
                f"42{index:026d}",
                f"ORD{index:09d}",
                "",
                amount,
                fee,
                time_,
                payer=f"oUpF{index:024d}",
            )


def told(count: int) -> dict[str, Told]:
    """The payments that were notified; of every hundred orders one was not, and one has another amount."""
    return {
        f"wechat/1900000001/payment/42{index:026d}": Told(
            "payment",
            (1_000 + index % 50_000) * 100 + (100 if index % RARE == 3 else 0),
            "success",
            NOON + index % 36_000 * 1_000,
        )
        for index in range(count)
        if index % RARE != 2
    }


def compare(messages: Iterator[bytes], known: dict[str, Told]) -> dict[str, int]:
    """Exceptions by kind."""
    terms = Terms(("trade",), rate_ppm=RATE)
    account, day = Account(terms), day_of(OF)
    billed: dict[str, tuple[Billed, ...]] = {}
    found: dict[str, int] = {}
    for key in known:
        account.expect(key, day)
    for raw in messages:
        if raw.startswith(b'{"type":"bill_lines"'):
            event = _lines(raw)
            for line in event.lines:
                key = f"wechat/1900000001/{line.kind}/{line.number}"
                mine = known.get(key)
                before = billed.get(key, ())
                billed[key] = now = billed_with(before, event.bill, day, "trade", line)
                account.has(key, day)
                if mine is None or before or not agrees(mine, line, terms):
                    for one in findings(key, mine, now, terms, account):
                        found[one.kind] = found.get(one.kind, 0) + 1
    for key in account.close("trade", day):
        for one in findings(key, known.get(key), billed.get(key, ()), terms, account):
            found[one.kind] = found.get(one.kind, 0) + 1
    return found


def main() -> None:
    """Write, verify, compare; print seconds."""
    parser = argparse.ArgumentParser(prog="tests.bench.bills")
    parser.add_argument("--lines", type=int, default=1_000_000)
    count = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "bill.csv"
        with file.open("wb") as out:
            out.writelines(wechat_trade(lines(count), SOURCE.account, OF))
        began = time.process_time()
        with file.open("rb") as stream:
            asked = Asked(SOURCE, Tokens(bytes(32)), OF)
            with Verified(stream, asked, digests_of(stream).bill, file.name, lambda _: None) as bill:
                verified = time.process_time() - began
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
                known = told(count)
                began = time.process_time()
                found = compare(bill.messages(), known)
                compared = time.process_time() - began
        size = file.stat().st_size // 1_000_000
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(
        f"{count} orders, {size} MB: verified in {verified:.1f} CPU s ({memory} MiB resident), compared with as many "
        f"payments in {compared:.1f} CPU s ({most} MiB with both sides): {found}\n"
    )


if __name__ == "__main__":
    main()
