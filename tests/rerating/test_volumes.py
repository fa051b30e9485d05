"""Prices by the month's volume: rated again by the count that the lane had when it rated, whatever came later."""

import random
from collections.abc import Iterator
from datetime import date

import msgspec
import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from deploy.rerating.compare import Rated, rated
from deploy.rerating.read import EVERYTHING, Reader
from deploy.rerating.uncounted import Uncounted
from deploy.rerating.volumes import Counts, Read
from deploy.rerating.work import Question, rerater
from deploy.tariff.preview import agreed
from flows.engine.block import Receipt
from flows.engine.plans import PlanLog
from flows.rating.rerate import Coded
from schemas import topics
from schemas.events import TariffPublished, VolumesCounted
from schemas.identity import version_of
from schemas.times import DAY, HOUR, day_of
from tests.dashboards.data import Written
from tests.lifecycle.test_volumes import BY_MONTH, counted
from tests.lifecycle.world import BOOK, START, Book, events_of, network, order, scan, tariff
from tests.rerating.test_identical import by_books, whole
from tests.rerating.world import everything, simulate, table
from tests.volume import seeds

TENTH = date(2025, 11, 10)
OTHERWISE = {**BY_MONTH, "month.csv": "month_parcels,percent\n2000..,10\n"}


class ByMonth(Written):
    """Books whose waybill fee is cheaper for customers with many parcels in the month."""

    def __init__(self, client: Client, *books: TariffPublished) -> None:
        self.client, self.log, self.receipt = client, PlanLog(client, 0), Receipt()
        Book.__init__(self, books or (tariff(BY_MONTH),), directory=network())

    def count(self, at: int, parcels: int = 0, **changed: object) -> "ByMonth":
        """C1's parcels through the 10th, or others'."""
        self.block((topics.CONTROL.name, counted(TENTH, parcels, at, count=f"count-{at}", **changed)))
        return self

    def fees(self) -> list[str]:
        """What the waybill fee came to, charge by charge."""
        return [f"{row['amount']:.2f}" for row in self.rows["charge"] if row["fee"] == "waybill"]


def now(client: Client, asked: Question) -> Rated:
    """The charges in force, rated again."""
    after = rerater(asked.books, asked.network, asked.fees)
    return rated(Reader(client, after.facts, asked.network.hubs).in_force(EVERYTHING), after)


def test_a_count_after_the_charge_changes_nothing(empty: Client) -> None:
    book = ByMonth(empty).count(1, 1_000)
    book.take(*events_of("订单 揽收"))
    book.take(
        order(START + DAY, id="o2", waybill="YT7500000000002", customer="C9"),
        scan("揽收", START + DAY, id="s2", waybill="YT7500000000002"),
    )
    book.count(2, 2_000)
    book.count(3, 0, parts=2, part=1)
    assert book.fees() == ["0.90", "1.00"]
    asked = by_books(empty, tariff(BY_MONTH))
    assert list(whole(asked).uncounted.told()) == []
    assert "month_parcels" in rerater(asked.books, asked.network, asked.fees).facts
    assert whole(asked).total.changed == 0
    otherwise = now(empty, by_books(empty, tariff(OTHERWISE)))
    assert sum(otherwise.after.tolist()) - sum(otherwise.before.tolist()) == 1_000, "C1 had 1000, not 2000"
    after = rerater(asked.books, asked.network, asked.fees)
    charged = rated(Reader(empty, after.facts).as_charged({0: (1, book.n)}), after)
    assert charged.before.tolist() == charged.after.tolist()


def test_the_first_count_of_all_may_come_after_the_charge(empty: Client) -> None:
    book = ByMonth(empty)
    book.take(*events_of("订单 揽收"))
    book.count(1, 1_000)
    assert book.fees() == ["1.00"]
    asked = by_books(empty, tariff(BY_MONTH))
    assert whole(asked).total.changed == 0
    after = rerater(asked.books, asked.network, asked.fees)
    charged = rated(Reader(empty, after.facts).as_charged({0: (1, book.n)}), after)
    assert charged.before.tolist() == charged.after.tolist()


def later(files: dict[str, str], first: str) -> dict[str, str]:
    """The book with its discount by the month from another day on."""
    before, table, month = files["book.toml"].rpartition("[[table]]")
    return {**files, "book.toml": before + table + month.replace("2025-01-01", first)}


def test_whom_nobody_has_counted_is_told(empty: Client) -> None:
    """Where a price asks: of the fee, on the day."""
    book = ByMonth(empty)
    book.take(*events_of("订单 揽收 签收"))
    book.take(
        order(START + HOUR, id="o2", waybill="YT7500000000002", customer="C2"),
        scan("揽收", START + HOUR, id="s2", waybill="YT7500000000002"),
    )
    assert book.fees() == ["1.00"] * 2
    found = whole(by_books(empty, tariff(BY_MONTH))).uncounted
    assert found == Uncounted(2, {"C1", "C2"}, {"2025-11"})
    (line,) = found.told()
    assert line.startswith("warning: 2 charges of 2 customers in 2025-11: no count of the month's parcels")
    for files in (later(BY_MONTH, "2025-11-12"), dict(BOOK)):
        assert whole(by_books(empty, tariff(files))).uncounted == Uncounted()


def test_there_is_nothing_to_count_of_nobody_and_before_the_first_of_a_month() -> None:
    days = [day_of(date(2025, 11, day)) for day in (1, 2, 30)] + [day_of(date(2025, 12, 1))]
    customers = Coded(np.array([0, 0, 0, 0, 1, 1, 1, 1]), ["C1", ""])
    read = {0: Read(np.array([1, 4]), np.array([0, 1]))}
    counts = Counts([(0, counted(date(2025, 11, 1), 5))], read)
    for block, lacking in ((3, [0, 1, 1, 0]), (4, [0, 0, 0, 0])):
        parcels, missing = counts.of(np.array(days * 2), customers, np.full(8, block))
        assert missing.tolist() == [*lacking, 0, 0, 0, 0]
        there = [parcels.values[code] for code in parcels.codes]
        assert there == [0, *([5, 5] if block == 4 else [0, 0]), 0, 0, 0, 0, 0]


def test_another_order_was_rated_by_the_count_of_then(empty: Client) -> None:
    book = ByMonth(empty).count(1, volumes={"C1": 1_000})
    book.take(*events_of("订单 揽收"))
    book.count(2, volumes={"C2": 1_000})
    book.take(order(START + 1, id="order-2", customer="C2"))
    book.count(3, volumes={})
    assert book.fees() == ["0.90"], "it stands: the other customer's is the same"
    assert whole(by_books(empty, tariff(BY_MONTH))).total.changed == 0


def test_a_weight_asks_nothing_of_what_it_does_not_price(empty: Client) -> None:
    book = ByMonth(empty).count(1, 1_000)
    book.take(*events_of("订单 揽收"))
    book.count(2, 0)
    book.take(*events_of("分拨DWS2.5"))
    assert book.rows["adopted_weight"]
    assert book.fees() == ["0.90"]
    assert whole(by_books(empty, tariff(BY_MONTH))).total.changed == 0


def test_another_book_was_asked_with_the_count_of_then(empty: Client) -> None:
    book = ByMonth(empty).count(1, 1_000)
    book.take(*events_of("订单 揽收"))
    book.count(2, 2_000)
    book.block((topics.CONTROL.name, tariff(OTHERWISE)))
    book.count(3, 0)
    assert book.fees() == ["0.90"], "it stands: by the other book 2000 are needed, and there they are"
    assert whole(by_books(empty, tariff(BY_MONTH), tariff(OTHERWISE))).total.changed == 0


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        (1_000, 2_000, "not backdated: of 1 charge of these fees and days none would change"),
        (2_000, 1_000, "backdated: of days already charged this would change"),
    ],
)
def test_a_publication_is_previewed_with_the_count_by_which_lanes_will_rate(
    empty: Client, capsys: pytest.CaptureFixture[str], first: int, then: int, said: str
) -> None:
    book = ByMonth(empty).count(1, first)
    book.take(*events_of("订单 揽收"))
    book.count(2, then)
    before, asked = by_books(empty, tariff(BY_MONTH)), by_books(empty, tariff(BY_MONTH), tariff(OTHERWISE))
    assert agreed(before.books, asked.books, asked.network, lambda _: empty, yes=True)
    assert said in capsys.readouterr().out
    book.block((topics.CONTROL.name, tariff(OTHERWISE)))
    assert (book.fees() == ["0.90"]) == said.startswith("not")


def by_month() -> TariffPublished:
    """The book in which prices depend on everything, and on the month, too."""
    plain = everything()
    settings = {"kind": '"discount"', "name": '"月票"'}
    more = table("transit", "month", "percent", of='"base"', **settings) + table(
        "waybill", "month", "percent", of='"base"', **settings
    )
    files = {
        **plain.files,
        "book.toml": plain.files["book.toml"] + more,
        "month.csv": "month_parcels,percent\n3..5,10\n6..,20\n",
    }
    return msgspec.structs.replace(plain, id="by-month", version=version_of(files), files=files)


def counts(luck: random.Random) -> Iterator[tuple[int, VolumesCounted]]:
    """Counts, each with its block: several of a day, some in parts, in no order."""
    for n in range(20):
        day = date(2026, 1, luck.randint(4, 9))
        parts = luck.choice((1, 1, 2))
        for part in range(1, parts + 1):
            yield (
                luck.randrange(1, 30),
                VolumesCounted(
                    id=f"count-{n}-{part}",
                    time=luck.randrange(1, 1000),
                    count=f"count-{n}",
                    month=date(2026, 1, 1),
                    through_day=day,
                    part=part,
                    parts=parts,
                    volumes={
                        customer: luck.randint(1, 9) for customer in ("C1", "C2", "C3")[part - 1 :: parts]
                    },
                ),
            )


@pytest.mark.parametrize("seed", seeds(2, 70, 71, 72, 73))
def test_the_same_book_says_what_was_charged(empty: Client, seed: int) -> None:
    luck = random.Random(seed)
    simulate(empty, [(0, by_month()), *counts(luck)], seed)
    (named, reversals) = empty.query(
        "SELECT uniqExact(JSONExtractString(steps, 1, 'factors', 'month_count')), countIf(amount < 0) FROM charge"
    ).result_rows[0]
    assert named > 3
    assert reversals > 50
    asked = by_books(empty, by_month())
    found = now(empty, asked)
    assert found.before.tolist() == found.after.tolist()
    after = rerater(asked.books, asked.network, asked.fees)
    reader = Reader(empty, after.facts, asked.network.hubs)
    for lane, last in empty.query("SELECT lane, max(n) FROM block GROUP BY lane").result_rows:
        charged = rated(reader.as_charged({lane: (1, last)}), after)
        assert charged.before.sum() == charged.after.sum()
        assert not charged.changed.any()
