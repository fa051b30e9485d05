"""How fast a bill is verified and compared: `python -m tests.bench.bills [--lines N]`.

A WeChat Pay trade bill of so many orders is written, verified and read as messages, as `waybook bills` does it, and
then taken by a lane without Kafka and the store that has as many notified payments, none of which has a due: of a
hundred orders one is missing on each side, and one differs.
"""

import argparse
import gc
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from sys import intern

import msgspec

from flows.engine.block import Block, Records
from flows.reconciliation.accounts import Terms
from flows.reconciliation.process import Payments
from flows.reconciliation.tables import Tables
from schemas import topics
from schemas.events import Tick
from schemas.identity import version_of
from schemas.payments import BillLine, Notification, Payment, PaymentRulesPublished, notification_id
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
_payment = msgspec.json.Decoder(Payment).decode


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


def _shared(payment: Payment) -> Payment:
    """With names that all payments share, as the verifier's channels have them."""
    names = ("channel", "merchant", "group", "currency")
    return msgspec.structs.replace(payment, **{name: intern(getattr(payment, name)) for name in names})


class Believing:
    """Channels whose notifications are believed as they are: what signatures cost is not measured here."""

    payments = staticmethod(lambda notification: (_shared(_payment(notification.body)),))
    scrub = staticmethod(lambda text: text)
    payer = staticmethod(lambda told: told)
    seal = staticmethod(lambda _, raw: raw)
    party_of = staticmethod(lambda _: "")
    terms = staticmethod(lambda *_: ("north", Terms(("trade",), rate_ppm=RATE)))


def notifications(count: int) -> Iterator[bytes]:
    """Payments as they were notified; of every hundred orders one was not, and one has another amount."""
    for index in range(count):
        if index % RARE != 2:
            payment = Payment(
                channel="wechat",
                merchant="1900000001",
                group="north",
                number=f"42{index:026d}",
                kind="payment",
                state="success",
                amount_e4=(1_000 + index % 50_000) * 100 + (100 if index % RARE == 3 else 0),
                time=NOON + index % 36_000 * 1_000,
                order=f"ORD{index:09d}",
            )
            body = msgspec.json.encode(payment)
            event = Notification(
                id=notification_id("wechat", {}, body),
                time=payment.time,
                channel="wechat",
                group="north",
                body=body,
            )
            yield msgspec.json.encode(event)


class Bench:
    """A lane without Kafka and the store: records in, rows' columns out."""

    def __init__(self) -> None:
        self.work = Payments(lambda _: Believing(), lambda _: 0)
        self.tables = Tables()
        self.n = 0
        self.exceptions: Counter[str] = Counter()
        files: dict[str, str] = {}
        rules = PaymentRulesPublished(id="r", time=NOON, version=version_of(files), files=files)
        self.take(topics.PAYMENT_CONTROL.name, [msgspec.json.encode(rules)])
        self.take(topics.TICKS.name, [msgspec.json.encode(Tick(id="t", time=NOON + 2 * DAY))])

    def take(self, topic: str, values: list[bytes]) -> None:
        """A block."""
        self.n += 1
        records = Records(topic, 0, list(values), list(range(len(values))))
        output = self.work.process(Block(self.n, [records], len(values), 0, [], 0.0))
        if output.refusals:
            raise RuntimeError(f"{len(output.refusals)} refused: {output.refusals[0]}")
        self.tables.make(output, 3000 << 32 | self.n)
        self.exceptions.update(one.kind for one in output.exceptions if one.status == "opened")

    def all_of(self, topic: str, values: Iterator[bytes], at_once: int) -> float:
        """Blocks of so many records, and epochs between; CPU seconds."""
        began = time.process_time()
        while some := list(islice(values, at_once)):
            self.take(topic, some)
            self.work.ring.segment(self.work.ring.epoch)
        return time.process_time() - began


def main() -> None:
    """Write, verify, compare; print seconds."""
    parser = argparse.ArgumentParser(prog="tests.bench.bills")
    parser.add_argument("--lines", type=int, default=1_000_000)
    count = parser.parse_args().lines
    gc.disable()  # as a lane does
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "bill.csv"
        with file.open("wb") as out:
            out.writelines(wechat_trade(lines(count), SOURCE.account, OF))
        began = time.process_time()
        with file.open("rb") as stream:
            asked = Asked(SOURCE, Tokens(bytes(32)), OF)
            with Verified(stream, asked, digests_of(stream).file, file.name, lambda _: None) as of_file:
                verified = time.process_time() - began
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
                lane = Bench()
                told = lane.all_of(topics.notifications("wechat").name, notifications(count), 5_000)
                lane.exceptions.clear()
                compared = lane.all_of(topics.BILLS.name, of_file.bills[0].messages(), 5)
        size = file.stat().st_size // 1_000_000
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for text in (
        f"{count} orders, {size} MB: verified in {verified:.1f} CPU s ({memory} MiB resident)",
        f"as many payments taken in {told:.1f} CPU s",
        f"the bill compared and its fees booked in {compared:.1f} CPU s ({most} MiB with both sides)",
        f"exceptions: {dict(lane.exceptions)}",
    ):
        sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
