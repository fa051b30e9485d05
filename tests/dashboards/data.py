"""A small but complete set of books for what people look at: written by the flow's own code, without Kafka."""

from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client

from deploy.costs import spread
from deploy.rerating.follow import Follower
from flows.engine.block import Receipt
from flows.engine.plans import PlanLog, next_plan
from flows.fees.current import FEES
from flows.rating.book import read_book
from schemas import topics
from schemas.events import CostIncurred
from schemas.parties import HQ
from schemas.payments import DeductionAnswered, Named
from schemas.times import DAY, HOUR
from sinks.encode import Encoded
from tests.audit.writer import Writer
from tests.channels.world import NOON
from tests.lifecycle.world import (
    BOOK,
    EACH,
    START,
    WAYBILL,
    Book,
    decision,
    events_of,
    network,
    order,
    scan,
    tariff,
    weight,
)
from tests.payments.closes import close
from tests.payments.world import GROUP, decided, due, key, paid
from tests.payments.world import Books as Payments

TODAY = date(2025, 11, 11)
CORRECTED, LONELY, NASTY = "YT7500000000002", "YT7500000000003", "YT7500000000004"
DECIDED = "YT7500000000005"
"""Of which nothing is known but that somebody has decided its weight."""
CHAINS = """
[[rule]]
name = "signed"
label = "揽收后未签收"
when = "10"
then = ["50"]
hours = 24
"""
HUB_COST = CostIncurred(
    id="c1", time=START, place="SH-HUB", day=date(2025, 11, 11), amount_e4=120_000, carrier="顺达"
)
SCRIPT = "<script>alert(1)</script>"


class Written(Book):
    """A book whose blocks go to a store, with their plans."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.log = PlanLog(client, 0)
        self.receipt = Receipt()
        super().__init__(directory=network(chains=CHAINS))

    def wrote(self, made: list[Encoded]) -> None:
        """A block's rows, as a lane writes them."""
        read = {f"{topics.CONTROL.name}:0": (self.n + 1) * EACH}
        plan = next_plan(0, "test", read, self.receipt)
        self.log.store(plan)
        for table in made:
            self.client.raw_insert(table.table, insert_block=bytes(table.body), fmt="ArrowStream")
        names, rows, digests = (
            zip(*((t.table, t.rows, t.digest) for t in made), strict=True) if made else ((), (), ())
        )
        self.receipt = Receipt(self.n, names, rows, digests, plan.chain)


def fill(client: Client) -> None:
    """The example parcel, a corrected one, one that waits, and dead letters; sealed."""
    book = Written(client)
    book.take(*events_of("订单 揽收 网点秤2.6 发件 分拨DWS2.5 到件 派件 签收"))
    corrected: dict[str, Any] = {"waybill": CORRECTED}
    book.take(
        order(id="o2", origin_city="330100", pieces=2, channel="taobao", **corrected),
        scan("揽收", START + HOUR, id="s2", **corrected),
        weight("网点秤", 9000, START + 2 * HOUR, id="w2", **corrected),
        scan("签收", START + 3 * HOUR, id="s3", **corrected),
    )
    book.take(weight("分拨DWS", 2500, START + 5 * HOUR, id="w3", **corrected))
    book.block((topics.CONTROL.name, HUB_COST))
    book.take(scan("到件", START + 2 * HOUR, id="s5", site="SH-HUB", outlet=HQ, **corrected))
    book.take(scan("揽收", START + HOUR, id="s4", waybill=LONELY))
    book.take(decision("改判3", START + HOUR, id="d1", waybill=DECIDED, reason="复称"))
    book.take(scan("揽收", START + HOUR, waybill=WAYBILL, device=SCRIPT[:20]))
    book.block((topics.ORDERS.name, f'{{"waybill":"{NASTY}","note":"{SCRIPT}"}}'.encode()))
    book.block((topics.ORDERS.name, b"\xff\xfe garbage"))
    book.tick(START + 50 * HOUR)
    book.wrote([])  # what was written last is sealed
    spread(client, client)
    drafted(client)


def drafted(client: Client) -> None:
    """A draft beside all of these blocks: everything is dearer, and one line has no price."""
    files = {
        **BOOK,
        "waybill.csv": "price\n1.10\n",
        "transit-2025.csv": BOOK["transit-2025.csv"].replace("陕西", "浙江"),
    }
    draft = tariff(files)
    follower = Follower(client, client, draft.version, lambda network: read_book(files, network), FEES, "me")
    follower.begin(from_now=False)
    while follower.step():
        pass
    fill_payments(client)


class WrittenPayments(Payments):
    """A lane of payments whose blocks go to a store."""

    def __init__(self, client: Client) -> None:
        self.writer = Writer(client, 3000)
        super().__init__()

    def wrote(self, made: list[Encoded]) -> None:
        """Its rows."""
        self.writer.block(made, {"waybook.receivables:0": self.n})


def fill_payments(client: Client) -> None:
    """Dues that are paid, deducted and open, money of which nobody knows what it is for, and a day that is closed."""
    books = WrittenPayments(client)
    with books.writer.held():
        _payments(books)
    books.writer.close()


def _payments(books: WrittenPayments) -> None:
    books.take(
        due("FR-1001", "100.00"),
        due("FR-1002", "50.00", due_day="2025-10-30"),
        paid("A1", "100.00", "FR-1001"),
        paid("A2", "25.00", "FR-9999"),
    ).until(NOON + 2 * DAY)
    books.take(due("FR-1003", "40.00", settle="account"))
    number = books.rows["deduction"][-1]["deduction"]
    books.take(
        DeductionAnswered(
            id="answer-1",
            time=NOON,
            group=GROUP,
            document="FR-1003",
            deduction=number,
            party="C-1",
            amount_e4=400_000,
            accepted=True,
        )
    )
    share = {"payment": key("A2"), "document": "FR-1002", "amount_e4": 20_000_000}
    books.take(decided("match", "K1", shares=[share]))
    named = Named(books.exception("unknown_payment"), "客户未确认")
    books.take(close("C1", TODAY, "张三", "day", named, time=NOON + 2 * DAY))
