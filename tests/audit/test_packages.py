"""Packages by the month: parcels are scanned, the job counts them, the lane charges, and the auditor comes to the same.

套餐: a customer's month costs so much with so many parcels in it, and so much for each further one.
"""

import re
from contextlib import nullcontext
from decimal import Decimal
from itertools import groupby

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy import parcel_months
from deploy.explain import explain
from deploy.recall.complete import Complete
from flows.rating.passes import steps_in_words
from schemas.events import MonthShipped, Order, TariffWithdrawn
from schemas.settings import Settings
from tests.audit.conftest import emptied
from tests.audit.lane import record
from tests.audit.stays import Books
from tests.audit.tampering import AsOf
from tests.lifecycle.world import order, scan
from tests.rating.material import scenarios
from tests.storage.world import CUSTOMERS, holds_together, moment, package

CASES = scenarios("packages.csv")
FEE, MONTH = "package", "2025-11"
COUNT = "统计"
"""The job looks at the store: what happens between two of its looks comes there at once."""


class Network:
    """Parcels and what is said of months, in one store."""

    def __init__(self, client: Client, prices: str) -> None:
        self.books = Books(client, package(prices))
        self.orders: list[Order] = []
        self.price = package(prices)

    def happens(self, words: str) -> None:
        """`5日10:00 揽收 C-FISH 2票`, and what else the table says."""
        at, what, *rest = words.split(" ")
        self.books.until_moment(moment(at))
        match what:
            case "揽收" | "下单":
                self._sent(moment(at), rest[0], int(rest[1].removesuffix("票")), scanned=what == "揽收")
            case "改单":
                last = msgspec.structs.replace(
                    self.orders[-1], id="order-again", time=moment(at), customer=rest[0]
                )
                self.books.documents.block([record(last)])
            case "换价":
                self.price = package(rest[0])
                self.books.take(self.price)
            case "撤回":
                gone = TariffWithdrawn(id="w", time=moment(at), version=self.price.version)
                self.books.take(gone)
            case _:
                assert what == COUNT
                self.books.take(*self.counted())

    def _sent(self, at: int, customer: str, parcels: int, *, scanned: bool) -> None:
        records = []
        for _ in range(parcels):
            name = f"YT{7_500_000_000_100 + len(self.orders)}"
            one = order(at, id=f"order-{name}", waybill=name, customer=customer)
            self.orders.append(one)
            records.append(record(one))
            if scanned:
                records.append(record(scan("揽收", at, id=f"scan-{name}", waybill=name)))
        self.books.documents.block(records)

    def counted(self) -> list[MonthShipped]:
        """What the job has to tell, by all blocks that are there."""
        self.books.take()
        self.books.documents.block([])
        books = self.books
        blocks = {0: books.documents.writer.receipt.n, 2000: books.writer.receipt.n - 1}
        times = {0: books.documents.lifecycle.ring.now, 2000: books.storage.ring.now}
        return list(parcel_months.due(Settings(), books.client, Complete(blocks, times, {}), "test"))

    def charged(self) -> dict[str, Decimal]:
        """By customer: what its month is charged, to itself."""
        found = {}
        for customer in CUSTOMERS:
            for (fee, part), (payer, amount) in self.books.charged(f"{customer}:{MONTH}").items():
                assert (fee, part, payer) == (FEE, "2025-11-30", customer)
                found[customer] = amount
        return found

    def told(self) -> str:
        """The steps of the charges in force, in words."""
        backs = {row["reverses"] for row in self.books.rows["charge"]}
        return "；".join(
            step.text_zh
            for row in self.books.rows["charge"]
            if row["charge_id"] not in backs and row["steps"]
            for step in steps_in_words(row["steps"])
        )


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(empty: Client, case: dict[str, str]) -> None:
    network = Network(empty, case["套餐"])
    for counted, some in groupby(case["经过"].split("；"), lambda words: words.endswith(COUNT)):
        with nullcontext() if counted else network.books.held():
            for words in some:
                network.happens(words)
    network.books.until("33日12:00")
    network.books.take(*network.counted())
    assert network.counted() == []
    wanted = dict(re.findall(r"(\S+)=(\S+)", case["月套餐费"]))
    assert network.charged() == {customer: Decimal(amount) for customer, amount in wanted.items()}
    assert case["步骤"] in network.told()
    assert network.books.refused() == []
    holds_together(network.books)
    for known in (None, network.books.storage.ring.now):
        report = network.books.audited(known)
        assert report.passed, report.to_text()


class Charged(AsOf):
    """A package that was charged."""

    def __init__(self, client: Client) -> None:
        network = Network(client, "C-FISH,30.00,3,2.50")
        network.happens("29日10:00 揽收 C-FISH 4票")
        network.happens("31日12:00 统计")
        super().__init__(client, ("charge", "stay_month", "journal"), network.books.storage.ring.now)


@pytest.fixture(scope="module")
def kept(client: Client) -> Charged:
    """For all tests."""
    return Charged(emptied(client))


def test_unchanged_it_passes(tampered: Charged) -> None:
    assert tampered.failing() == set()


@pytest.mark.parametrize(
    ("table", "change", "check"),
    [
        ("charge", "amount + 0.01 AS amount", "recomputed_hauls"),
        ("charge", "'C-MEAT' AS payer", "recomputed_hauls"),
        ("charge", "replaceAll(steps, '2.50', '2.40') AS steps", "recomputed_hauls"),
        ("charge", "'nobody' AS cause", "caused"),
        ("stay_month", "parcels + 1 AS parcels", "counted_months"),
        ("stay_month", "parcels + 1 AS parcels", "recomputed_hauls"),
        ("stay_month", "'cancelled' AS status", "counted_months"),
        ("journal", "amount + 0.01 AS amount", "recomputed_journal"),
    ],
)
def test_a_changed_row(tampered: Charged, table: str, change: str, check: str) -> None:
    tampered.change(table, "true" if table == "stay_month" else f"fee = '{FEE}'", change)
    assert tampered.notices(check)


def test_words_for_people(empty: Client) -> None:
    network = Network(empty, "C-FISH,30.00,3,2.50")
    for words in ("29日10:00 揽收 C-FISH 1票", "31日12:00 统计", "31日13:00 改单 C-MEAT"):
        network.happens(words)
    (gone,) = network.counted()
    assert parcel_months.line(gone) == "2025-11 C-FISH: no parcel was picked up, no package is owed"
    back = msgspec.structs.replace(gone, parcels=312, cancelled=False)
    assert parcel_months.line(back) == "2025-11 C-FISH: 312 parcels were picked up"


def test_a_correction_says_for_which_publication_it_was(empty: Client) -> None:
    """And of what was charged once more after it had been nothing, not why it had been nothing."""
    network = Network(empty, "C-FISH,30.00,3,2.50")
    for words in (
        "29日10:00 揽收 C-FISH 4票",
        "31日12:00 统计",
        "31日13:00 换价 C-FISH,40.00,3,2.50",
        "31日14:00 撤回",
    ):
        network.happens(words)
    books = network.books
    first = package("C-FISH,30.00,3,2.50").version
    books.take(TariffWithdrawn(id="first", time=moment("31日15:00"), version=first))
    books.take(msgspec.structs.replace(network.price, id="again"))
    books.take()
    said = explain(f"C-FISH:{MONTH}", books.client)
    why = re.findall(r"原因 cause: (?:价格手册 \S+ )?(\S+)", said)
    anew = re.findall(r"重新计费 charged anew: (?:价格手册 \S+ )?(\S+)", said)
    assert (why, anew) == (["发布", "撤回", "撤回"], ["发布", "撤回"]), said
    assert "■ 月度合计 the month's sums, Shanghai time" in said
