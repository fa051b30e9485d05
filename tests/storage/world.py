"""What the tests of stays share: events from words, a lane without Bytewax, what is in force in its books."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import msgspec
import pyarrow as pa

from flows.engine.block import Block, Records
from flows.fees.current import FEES
from flows.storage.process import Storage
from flows.storage.tables import Tables
from schemas import topics
from schemas.events import (
    DeadLetterReplayed,
    Event,
    Haul,
    MonthShipped,
    MonthStored,
    NetworkPublished,
    StayClosed,
    StayEvent,
    StayMeasured,
    StayMoved,
    StayOpened,
    StayRecalled,
    StayReduced,
    StoreEvent,
    TariffPublished,
    Tick,
)
from schemas.identity import version_of
from schemas.money import parse_yuan
from schemas.times import DAY, SHANGHAI_OFFSET, business_day, date_of
from sinks.encode import Encoded
from tests.engine.reviving import revived
from tests.lifecycle.world import NETWORK_FILES, START
from tests.lifecycle.world import tariff as published
from tests.rating.material import HERE, files_in

BOOKS = HERE.parent / "books"
BOOK, LINEHAUL = (files_in(BOOKS / name / "book") for name in ("coldstore", "linehaul"))
PACKAGE = """
name = "套餐"
[[table]]
fee = "package"
file = "package.csv"
shape = "allowance"
measure = "month_parcels"
effective_from = 2025-01-01
"""
CUSTOMERS = ("C-MEAT", "C-FISH", "C-FRUIT", "C-STEEL")
PARTIES = "party,kind,name,parent,legal_entity,settlement_account,customer_level,from,to\n" + "".join(
    f"{customer},customer,{customer},,,,,,\n" for customer in CUSTOMERS
)
STAY, HAUL = "S1", "H1"
SITE, OUTLET = "SH-A", "SHA"
EPOCH = datetime(1970, 1, 1)
FIRST = datetime(2025, 11, 1)


def network(**more: str) -> NetworkPublished:
    """The directory of the rating tests with customers who store goods; `more`: rows of `accounts.csv`."""
    files = {**NETWORK_FILES, "parties.csv": PARTIES}
    if more:
        rows = "".join(f"{row}\n" for row in more.values())
        files["accounts.csv"] = "party,kind,credit_limit,low_balance\n" + rows
    return NetworkPublished(id=f"n-{version_of(files)}", time=START, version=version_of(files), files=files)


def tariff(**changed: str) -> TariffPublished:
    """The cold store's book; `changed`: files of other content, `pallets` for `pallets.csv`."""
    return published({**BOOK, **{f"{name}.csv": text for name, text in changed.items()}})


def linehaul() -> TariffPublished:
    """The book of a line-haul carrier, beside it."""
    return published(LINEHAUL)


def package(text: str = "C-FISH,30.00,3,2.50") -> TariffPublished:
    """A book of packages by the month, each `customer,price,included,overage_price`, with blanks between."""
    rows = "\n".join(["customer,price,included,overage_price", *text.split(" ")])
    return published({"book.toml": PACKAGE, "package.csv": f"{rows}\n"})


def moment(written: str) -> int:
    """UTC ms of a time in Shanghai: `11日08:00` in November 2025, 42日 is the 12th of December.

    >>> moment("11日08:00") == START
    True
    """
    found = re.fullmatch(r"(\d+)日(\d\d):(\d\d)(?::(\d\d)\.(\d{3}))?", written)
    assert found, written
    day, hour, minute, second, ms = (int(part or 0) for part in found.groups())
    passed = FIRST + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second) - EPOCH
    return round(passed / timedelta(milliseconds=1)) + ms - SHANGHAI_OFFSET


TEMPERATURES = {"冷冻": "frozen", "冷藏": "chilled", "常温": "ambient"}
BILLINGS = {"按托盘": "pallet", "按体积": "volume", "按重量": "weight"}
PARTS: dict[str, tuple[str, int]] = {
    "板": ("pallets", 1),
    "公斤": ("weight_g", 1_000),
    "方": ("volume_cm3", 1_000_000),
    "件": ("pieces", 1),
}


def _fields(words: Iterable[str]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for word in words:
        if word in TEMPERATURES:
            said["temperature"] = TEMPERATURES[word]
        elif word in BILLINGS:
            said["billing"] = BILLINGS[word]
        elif word.startswith("C-"):
            said["customer"] = word
        elif word.startswith("库区"):
            said["zone"] = word.removeprefix("库区")
        else:
            found = re.fullmatch(r"([\d.]+)(板|公斤|方|件)", word)
            assert found, word
            name, per = PARTS[found[2]]
            said[name] = int(Decimal(found[1]) * per)
    return said


def happening(words: str, stay: str = STAY, source: str = "gate") -> StayEvent:
    """`11日08:00 入库 按托盘 12板 冷冻 库区B1`; the words are its id."""
    at, what, *rest = words.split()
    common: dict[str, Any] = {
        "id": f"{stay}-{words}"[:64],
        "time": moment(at),
        "stay": stay,
        "site": SITE,
        "source": source,
    }
    match what:
        case "入库":
            return StayOpened(**common, **{"customer": "C-FISH", **_fields(rest)})
        case "计量":
            return StayMeasured(**common, **_fields(rest))
        case "移库":
            return StayMoved(**common, **_fields(rest))
        case "分批出库":
            return StayReduced(**common, **_fields(rest))
    assert what == "出库", words
    return StayClosed(**common)


SERVICES = {"同城配送": "city_delivery", "干线": "linehaul", "提货": "pickup"}


def haul(words: str, number: str = HAUL) -> Haul:
    """`11日09:00 干线 1000公斤 2方 到XAB 保价50000`; the words are its id."""
    at, what, *rest = words.split()
    said: dict[str, Any] = {}
    for word in list(rest):
        if word == "取消":
            said["cancelled"] = True
        elif word == "上楼":
            said["services"] = ("upstairs",)
        elif word.startswith("到"):
            said["destination"] = word.removeprefix("到")
        elif word.startswith("保价"):
            said["insured_e4"] = parse_yuan(word.removeprefix("保价"))
        elif word.endswith("m"):
            said["vehicle"] = word
        elif word.endswith("日"):
            said["day"] = FIRST.date() + timedelta(days=int(word[:-1]) - 1)
        else:
            continue
        rest.remove(word)
    time = moment(at)
    return Haul(
        **{
            "id": f"{number}-{words}"[:64],
            "time": time,
            "haul": number,
            "service": SERVICES.get(what, what),
            "day": date_of(business_day(time)),
            "site": SITE,
            "source": "tms",
            "customer": "C-FISH",
            **said,
            **_fields(rest),
        }
    )


def hauls(text: str) -> list[Haul]:
    """Words about a haul, separated by semicolons."""
    return [haul(words.strip()) for words in text.split("；")]


def month(
    written: str, amount: str, at: str = "31日12:00", customer: str = "C-FISH", **more: Any
) -> MonthStored:
    """What a customer's stays came to in a month of 2025, `11`, told at a moment."""
    fields: dict[str, Any] = {
        "id": f"month-{written}-{amount}-{at}",
        "time": moment(at),
        "customer": customer,
        "month": date(2025, int(written), 1),
        "due": "storage_month",
        "outlet": OUTLET,
        "amount_e4": parse_yuan(amount),
    }
    return MonthStored(**fields | more)


def shipped(
    written: str, parcels: int, at: str = "31日12:00", customer: str = "C-FISH", **more: Any
) -> MonthShipped:
    """How many parcels of a customer were picked up in a month of 2025, told at a moment."""
    fields: dict[str, Any] = {
        "id": f"shipped-{written}-{customer}-{parcels}-{at}",
        "time": moment(at),
        "customer": customer,
        "month": date(2025, int(written), 1),
        "due": "package",
        "outlet": OUTLET,
        "parcels": parcels,
        "cancelled": not parcels,
    }
    return MonthShipped(**fields | more)


def story(text: str, stay: str = STAY) -> list[StayEvent]:
    """Events, separated by semicolons."""
    return [happening(words.strip(), stay) for words in text.split("；") if words.strip()]


class Store:
    """A lane without Bytewax and Kafka: events in, rows of the tables out."""

    def __init__(
        self,
        book: TariffPublished | None = None,
        directory: NetworkPublished | None = None,
        *,
        patient: bool = False,
    ) -> None:
        self.patient = patient
        """Whether events of any age are taken."""
        self.storage = self._work()
        self.tables = Tables(FEES)
        self.segments: dict[int, bytes] = {}
        self.n = 0
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.take(directory or network(), tick(moment("1日00:00")))
        if book is not None:
            self.take(book)

    def take(self, *events: Event | bytes) -> Self:
        """A block with these records."""
        self.n += 1
        inputs: dict[str, Records] = {}
        for topic in (topics.CONTROL, topics.TICKS, topics.STAYS, topics.DEAD_LETTERS):
            inputs[topic.name] = Records(topic.name, 0, [], [])
        for offset, event in enumerate(events):
            records = inputs[_topic(event)]
            records.values.append(event if isinstance(event, bytes) else msgspec.json.encode(event))
            records.offsets.append(self.n * 1_000 + offset)
        output = self.storage.process(Block(self.n, list(inputs.values()), len(events), 0, [], 0.0))
        made = self.tables.make(
            output, 2000 << 32 | self.n, self.storage.rules.tariffs, self.storage.directory
        )
        self.wrote(made)
        for table in made:
            self.rows[table.table] += pa.ipc.open_stream(table.body).read_all().to_pylist()
        return self

    def until(self, written: str) -> Self:
        """Time passes, a tick a day."""
        return self.until_moment(moment(written))

    def until_moment(self, last: int) -> Self:
        """The same, to a moment in UTC ms."""
        now = self.storage.ring.now
        while now < last:
            now = min(now + DAY, last)
            self.take(tick(now))
        return self

    def restart(self) -> Self:
        """The epoch ends, and a new process goes on from the recovery store."""
        ring = self.storage.ring
        epoch = ring.epoch
        self.segments[epoch % ring.size] = ring.segment(epoch)
        self.storage = revived(self._work(), self.storage.save_documents(), self.segments.values())
        return self

    def _work(self) -> Storage:
        span = 60 * DAY
        return Storage(span, FEES, span, oldest=2 * span) if self.patient else Storage(3 * DAY, FEES)

    def wrote(self, made: list[Encoded]) -> None:
        """A block's rows, for those who want them elsewhere."""

    def charged(self, stay: str = STAY) -> dict[tuple[str, str], tuple[str, Decimal]]:
        """What is in force: by fee and part, who pays and how much. Each is charged at most once."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows["charge"]:
            if row["waybill"] == stay:
                found[row["fee"], row["part"]].append(row)
        in_force = {}
        for key, rows in found.items():
            backs = {row["reverses"] for row in rows}
            standing = [row for row in rows if row["charge_id"] not in backs and row["reverses"] == bytes(16)]
            assert len(standing) <= 1
            assert sum(row["amount"] for row in rows) == sum(row["amount"] for row in standing)
            if standing:
                in_force[key] = standing[0]["payer"], standing[0]["amount"]
        return in_force

    def days(self, stay: str = STAY) -> list[Decimal]:
        """What is charged for storage, day by day."""
        found = self.charged(stay)
        return [found[key][1] for key in sorted(found) if key[0] == "storage"]

    def fee(self, fee: str, stay: str = STAY) -> Decimal | None:
        """What is charged once; None: nothing is."""
        found = self.charged(stay).get((fee, ""))
        return None if found is None else found[1]

    def parts(self, fee: str, stay: str = STAY) -> list[Decimal]:
        """What is charged for parts, in order of their names."""
        found = self.charged(stay)
        return [found[key][1] for key in sorted(found) if key[0] == fee and key[1]]

    def waits(self, stay: str = STAY) -> dict[str, str]:
        """By due: why it waits."""
        newest = {row["fee"]: row["reason"] for row in self.rows["waiting"] if row["waybill"] == stay}
        return {due: reason for due, reason in newest.items() if reason}

    def refused(self) -> list[str]:
        """Reasons of dead letters."""
        return [row["reason"] for row in self.rows["dead_letter"]]

    def books(self) -> dict[tuple[str, str, str], Decimal]:
        """Debits less credits by book, account and fee, where they are not nothing."""
        sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for row in self.rows["journal"]:
            sign = 1 if row["side"] == "D" else -1
            sums[row["book"], row["account"], row["fee"]] += sign * row["amount"]
        return {key: amount for key, amount in sums.items() if amount}


def _topic(event: Event | bytes) -> str:
    if isinstance(event, Tick):
        return topics.TICKS.name
    if isinstance(event, DeadLetterReplayed):
        return topics.DEAD_LETTERS.name
    return topics.STAYS.name if isinstance(event, StoreEvent | StayRecalled | bytes) else topics.CONTROL.name


def tick(at: int) -> Tick:
    """Time passes."""
    return Tick(id=f"tick-{at}", time=at)


def yuan(text: str) -> list[Decimal]:
    """Amounts, separated by blanks; `4.50×3` three times."""
    found: list[Decimal] = []
    for word in text.split():
        amount, _, times = word.partition("×")
        found += [Decimal(parse_yuan(amount)) / 10_000] * int(times or 1)
    return found


ACCOUNTS = {
    **dict.fromkeys(("storage", "storage_month"), ("6111", "4008")),
    **dict.fromkeys(("cold_in", "cold_out"), ("6112", "4009")),
    **dict.fromkeys(SERVICES.values(), ("6113", "4010")),
    "package": ("6114", "4011"),
}
"""By fee: the customer's expense and headquarters' revenue."""


def holds_together(store: Store) -> None:
    """What is in force, and nothing else, stands in the books of customers and of headquarters."""
    expected: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for name in {row["waybill"] for row in store.rows["charge"]}:
        for (fee, _), (payer, amount) in store.charged(name).items():
            expense, revenue = ACCOUNTS[fee]
            expected[payer, expense, fee] += amount
            expected[payer, "2101", fee] -= amount
            expected["HQ", "1006", fee] += amount
            expected["HQ", revenue, fee] -= amount
    assert store.books() == {key: amount for key, amount in expected.items() if amount}
