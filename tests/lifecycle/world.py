"""What the tests of a parcel's life share: events from words, a lane without Bytewax, and its books."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import msgspec

from flows.engine.block import Block, Records
from flows.fees.current import FEES
from flows.fees.model import Fees
from flows.lifecycle.process import Lifecycle
from flows.lifecycle.tables import Tables
from schemas import topics
from schemas.events import Event, NetworkPublished, Order, Scan, TariffPublished, Tick, Weight, WeightDecided
from schemas.identity import version_of
from schemas.times import DAY, HOUR
from sinks.encode import Encoded
from tests.engine.reviving import revived
from tests.lifecycle.rows import Rows
from tests.rating.material import FILES, HERE, files_in

BOOK = {
    **FILES,
    "transit-2025.csv": (
        "origin_province,destination_province,first_kg,first_price,continued_price\n上海,陕西,1,3.00,1.50\n"
    ),
}
"""The rating tests' book with one transit price."""
DISCOUNT = """
[[table]]
fee = "waybill"
kind = "discount"
name = "月量优惠"
file = "month.csv"
shape = "percent"
effective_from = 2025-01-01
"""
"""A table of a book that looks at the customer's parcels in the month; it needs `month.csv`."""
NETWORK_FILES = files_in(HERE / "network")
START = 1_762_819_200_000
"""2025-11-11 08:00 in Shanghai."""
WAYBILL = "YT7500000000001"
SITES = {"寄": ("SH-C", "SHC"), "派": ("XA-D", "XAD"), "分拨": ("SH-HUB", "HQ")}
OPERATIONS = {
    "揽收": ("10", "寄"),
    "发件": ("20", "寄"),
    "到件": ("30", "派"),
    "派件": ("40", "派"),
    "签收": ("50", "派"),
    "集包": ("60", "分拨"),
    "退件": ("70", "派"),
    "转寄": ("80", "派"),
}
WEIGHINGS = {
    "网点秤": ("outlet_scale", "寄"),
    "分拨DWS": ("hub_dws", "分拨"),
    "分拨秤": ("hub_scale", "分拨"),
}


def network(**more: str) -> NetworkPublished:
    """The directory of the rating tests, published; `more`: texts of further TOML files by their names."""
    files = {**NETWORK_FILES, **{f"{name}.toml": content for name, content in more.items()}}
    return NetworkPublished(id=f"n-{version_of(files)}", time=START, version=version_of(files), files=files)


def tariff(files: dict[str, str] | None = None) -> TariffPublished:
    """A book, published."""
    book = dict(files or BOOK)
    return TariffPublished(
        id=f"t-{version_of(book)}", time=START, version=version_of(book), name="b", files=book
    )


def order(at: int = START, **changed: Any) -> Order:
    """上海C网点 → 西安D网点, the customer pays 12.00."""
    made = Order(
        id="order-1",
        time=at,
        waybill=WAYBILL,
        origin="SHC",
        destination="XAD",
        origin_city="310100",
        origin_province="310000",
        destination_city="610100",
        destination_province="610000",
        customer="C1",
        product="standard",
        declared_g=2000,
        payment_e4=120_000,
    )
    return msgspec.structs.replace(made, **changed)


def scan(name: str, at: int, **changed: Any) -> Scan:
    """An operation by its Chinese name."""
    operation, where = OPERATIONS[name]
    site, outlet = SITES[where]
    made = Scan(
        id=f"scan-{operation}",
        time=at,
        waybill=WAYBILL,
        operation=operation,  # type: ignore[arg-type]
        source="pda",
        code=name,
        site=site,
        outlet=outlet,
        city="",
        province="",
        device="P1",
    )
    return msgspec.structs.replace(made, **changed)


def weight(name: str, grams: int, at: int, **changed: Any) -> Weight:
    """A weighing by who weighed."""
    weight_class, where = WEIGHINGS[name]
    site, outlet = SITES[where]
    made = Weight(
        id=f"weight-{weight_class}",
        time=at,
        waybill=WAYBILL,
        weight_g=grams,
        length_mm=0,
        width_mm=0,
        height_mm=0,
        weight_class=weight_class,  # type: ignore[arg-type]
        source="dws",
        site=site,
        outlet=outlet,
        city="",
        province="",
        device="D1",
    )
    return msgspec.structs.replace(made, **changed)


def decision(word: str, at: int, **changed: Any) -> WeightDecided:
    """`改判2.8`: it weighs 2.8 kg; `确认网点秤`: that weight stays (`确认=own-a`: that event's)."""
    what, kilos = word[:2], word[2:]
    override = what == "改判"
    event = kilos.removeprefix("=") if kilos.startswith("=") else f"weight-{WEIGHINGS.get(kilos, ('',))[0]}"
    made = WeightDecided(
        id="decision",
        time=at,
        waybill=WAYBILL,
        decision="override" if override else "confirm",
        decided_by="王会计",
        weight_event="" if override else event,
        weight_g=int(Decimal(kilos) * 1000) if override else 0,
    )
    return msgspec.structs.replace(made, **changed)


def events_of(story: str) -> list[Event]:
    """Events of a story in words: `订单 揽收 网点秤2.6 签收 改判2.8`, an hour apart, in order of publication.

    `@` and a number after a word: it happened at that hour instead. Words with `#`: an id of their own.
    """
    events: list[Event] = []
    for hour, token in enumerate(story.split()):
        word, _, moment = token.partition("@")
        word, _, own = word.partition("#")
        at = START + int(moment or hour) * HOUR
        more = {"id": f"own-{own}"} if own else {}
        if word.startswith("订单"):
            kilos = word.removeprefix("订单")
            events.append(order(at, **more, **({"declared_g": int(Decimal(kilos) * 1000)} if kilos else {})))
        elif word.startswith(("改判", "确认")):
            events.append(decision(word, at, **more))
        elif word in OPERATIONS:
            events.append(scan(word, at, **more))
        else:
            name = next(known for known in WEIGHINGS if word.startswith(known))
            events.append(weight(name, int(Decimal(word.removeprefix(name)) * 1000), at, **more))
    return events


EACH = 1000
"""Offsets that a block has: its first record's is its number times this."""


class Book:
    """A lane without Bytewax and Kafka: events in, the rows of the tables out."""

    def __init__(
        self,
        tariffs: tuple[TariffPublished, ...] = (tariff(),),
        horizon: int = 3 * DAY,
        fees: Fees = FEES,
        directory: NetworkPublished | None = None,
    ) -> None:
        self._horizon, self._fees = horizon, fees
        self._begin()
        self.n = 0
        self.kafka_time = START
        """Kafka's time of the records."""
        self.rows = Rows()
        self.digests: list[tuple[str, str]] = []
        self.block(
            (topics.CONTROL.name, directory or network()), *((topics.CONTROL.name, book) for book in tariffs)
        )
        self.tick(START)

    def _begin(self) -> None:
        """A process with nothing in its memory."""
        self.lifecycle = Lifecycle(self._horizon, fees=self._fees)
        self.tables = Tables(self._fees, writes_documents=True)

    def segment(self) -> bytes:
        """The running epoch's segment, as the recovery store keeps it; the next epoch begins."""
        ring = self.lifecycle.ring
        return ring.segment(ring.epoch)

    def restart(self, *earlier: bytes) -> "Book":
        """The lane goes on in a new process, from the documents and segments: `earlier` ones, and the one of now."""
        segments, documents = [*earlier, self.segment()], self.lifecycle.save_documents()
        self._begin()
        revived(self.lifecycle, documents, segments)
        return self

    def take(self, *events: Event) -> "Book":
        """Orders, scans and weights in one block; time has passed to the latest of them."""
        self.tick(max([START, *(event.time for event in events)]))
        return self.block(*((topics.DEVICES.name, event) for event in events))

    def tick(self, at: int) -> "Book":
        """Time passes."""
        return self.block((topics.TICKS.name, Tick(id=f"tick-{at}", time=at)))

    def block(self, *records: tuple[str, Event | bytes]) -> "Book":
        """A block of records: (topic, event or bytes)."""
        self.n += 1
        inputs: dict[str, Records] = {}
        for offset, (topic, event) in enumerate(records):
            raw = event if isinstance(event, bytes) else msgspec.json.encode(event)
            held = inputs.setdefault(topic, Records(topic, 0, [], []))
            held.values.append(raw)
            held.offsets.append(self.n * EACH + offset)
        output = self.lifecycle.process(
            Block(self.n, list(inputs.values()), len(records), self.kafka_time, [], 0.0)
        )
        made = self.tables.make(output, self.n, self.lifecycle.rules.tariffs, self.lifecycle.directory)
        self.wrote(made)
        self.rows.add(made)
        self.digests += [(table.table, table.digest) for table in made]
        return self

    def wrote(self, made: list[Encoded]) -> None:
        """A block's rows, for those who want them elsewhere."""

    def standing(self) -> dict[tuple[str, ...], Decimal]:
        """What stands charged: fee, part, payer, payee, date, origin, destination and product → amount; no zeros."""
        names = ("fee", "part", "payer", "payee", "business_date", "origin", "destination", "product")
        sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for row in self.rows["charge"]:
            sums[tuple(str(text(row[name])) for name in names)] += row["amount"]
        return {key: amount for key, amount in sums.items() if amount}

    def books(self) -> dict[tuple[str, str, str, Any], Decimal]:
        """What stands in every book: (book, account, fee, business date) → debits less credits; no zeros."""
        sums: dict[tuple[str, str, str, Any], Decimal] = defaultdict(Decimal)
        for row in self.rows["journal"]:
            key = (text(row["book"]), text(row["account"]), text(row["fee"]), row["business_date"])
            sums[key] += row["amount"] if text(row["side"]) == "D" else -row["amount"]
        return {key: amount for key, amount in sums.items() if amount}

    def result_of(self, party: str) -> Decimal:
        """What a party has gained: revenue less expense (accounts 4…, 5… and 6…)."""
        return -sum(
            (
                amount
                for (book, account, *_), amount in self.books().items()
                if book == party and account[0] in "456"
            ),
            Decimal(0),
        )

    def net(self, fee: str) -> Decimal:
        """What stands charged for a fee."""
        return sum((row["amount"] for row in self.rows["charge"] if text(row["fee"]) == fee), Decimal(0))

    def waiting(self) -> dict[str, str]:
        """Dues that wait now, and why."""
        newest = {text(row["fee"]): text(row["reason"]) for row in self.rows["waiting"]}
        return {fee: reason for fee, reason in newest.items() if reason}

    def breaches(self) -> dict[str, str]:
        """Rules of scan chains that are or were broken, each with its newest status."""
        return {text(row["rule"]): text(row["status"]) for row in self.rows["chain_breach"]}

    def refused(self) -> list[str]:
        """Reasons of dead letters."""
        return [text(row["reason"]) for row in self.rows["dead_letter"]]


def text(value: str | bytes) -> str:
    """Words come as bytes or text, as Arrow likes."""
    return value.decode() if isinstance(value, bytes) else value
