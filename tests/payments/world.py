"""What the tests of the payments flow share: dues and signed notifications, a lane without Bytewax, its books."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any, Self

import msgspec
import pyarrow as pa

from flows.engine.block import Block, Records
from flows.payments import Door
from flows.reconciliation.output import Output
from flows.reconciliation.process import Payments
from flows.reconciliation.tables import Tables
from schemas import topics
from schemas.events import BooksClosed, BooksReopened, DeadLetterReplayed, Event, Tick
from schemas.identity import version_of
from schemas.money import parse_yuan
from schemas.payments import (
    BillComplete,
    BillLines,
    BillRefused,
    CloseAsked,
    DeductionAnswered,
    InvoiceRequested,
    Notification,
    OrderStatus,
    PaymentDecided,
    PaymentRulesPublished,
    Receivable,
    ReceivableCancelled,
    ReopenAsked,
)
from schemas.times import MINUTE, SECOND
from sinks.encode import Encoded
from tests.channels.world import NOON, TEXT, told, world
from tests.engine.reviving import revived

CHANNEL, GROUP = "other", "north"
"""A generic channel: signing and verifying costs little."""
INPUTS = (
    topics.CONTROL,
    topics.PAYMENT_CONTROL,
    topics.TICKS,
    topics.RECEIVABLES,
    *topics.NOTIFICATIONS,
    topics.BILLS,
    topics.DECISIONS,
    topics.DEDUCTIONS,
    topics.DEAD_LETTERS,
)


def rules(**files: str) -> PaymentRulesPublished:
    """The channels of the channels' tests; `files`: `channels`, `matching` and `payers`."""
    more = {"matching.toml": files.get("matching"), "payers.csv": files.get("payers")}
    given = {"channels.toml": files.get("channels", TEXT)} | {
        name: text for name, text in more.items() if text is not None
    }
    return PaymentRulesPublished(
        id=f"r-{version_of(given)}", time=NOON, version=version_of(given), files=given
    )


def tick(time: int) -> Tick:
    """Time passes."""
    return Tick(id=f"t-{time}", time=time)


def due(document: str, amount: str, **facts: Any) -> Receivable:
    """A receivable, told an hour before noon unless it says otherwise."""
    usual = {
        "id": f"{document}-1",
        "time": NOON - 60 * MINUTE,
        "group": GROUP,
        "document": document,
        "kind": "order",
        "party": "C-1",
        "amount_e4": parse_yuan(amount),
    }
    return msgspec.convert(usual | facts, Receivable)


def cancelled(document: str, time: int = NOON, by: str = "clerk") -> ReceivableCancelled:
    """A due is no more."""
    return ReceivableCancelled(id=f"{document}-x", time=time, group=GROUP, document=document, by=by)


def paid(number: str, amount: str, order: str = "", **facts: Any) -> Notification:
    """A signed notification of a payment at noon."""
    payment = told(CHANNEL, number, **{"amount_e4": parse_yuan(amount), "order": order, "fee_e4": 0, **facts})
    return world().signer.notification(payment, payment.time + SECOND)


def refunded(number: str, amount: str, original: str, order: str = "", **facts: Any) -> Notification:
    """A signed notification of a refund."""
    facts = {"kind": "refund", "direction": "out", "original": original, "fee_e4": None, **facts}
    return paid(number, amount, order, **facts)


def key(number: str, kind: str = "payment") -> str:
    """Key of a payment of this channel."""
    return f"{CHANNEL}/SHOP-7/{kind}/{number}"


def decided(decision: str, number: str, by: str = "li", **facts: Any) -> PaymentDecided:
    """A person's decision."""
    usual = {
        "id": number,
        "time": NOON + MINUTE,
        "group": GROUP,
        "decision": decision,
        "by": by,
        "reason": "customer called",
    }
    return msgspec.convert(usual | facts, PaymentDecided)


class Books:
    """A lane without Bytewax and Kafka: events in, rows of the tables out."""

    def __init__(self, published: PaymentRulesPublished | None = None) -> None:
        self.work = self._work()
        self.tables = Tables()
        self.segments: dict[int, bytes] = {}
        self.n = 0
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.statuses: list[OrderStatus] = []
        self.invoices: list[InvoiceRequested] = []
        self.digests: list[tuple[str, str]] = []
        self.take(published or rules(), tick(NOON))

    @staticmethod
    def _work() -> Payments:
        return Payments(partial(Door, world().directory), lambda _: 0)

    def take(self, *events: Event | bytes) -> Self:
        """A block with these records."""
        self.records(
            (topic_of(event), event if isinstance(event, bytes) else msgspec.json.encode(event))
            for event in events
        )
        return self

    def records(self, told: Iterable[tuple[str, bytes]]) -> Output:
        """A block with these records, by topic; what it leads to."""
        self.n += 1
        inputs = {topic.name: Records(topic.name, 0, [], []) for topic in INPUTS}
        for offset, (topic, raw) in enumerate(told):
            records = inputs.setdefault(topic, Records(topic, 0, [], []))
            records.values.append(raw)
            records.offsets.append(self.n * 1_000 + offset)
        output = self.work.process(Block(self.n, list(inputs.values()), 0, 0, [], 0.0))
        made = self.tables.make(output, 3000 << 32 | self.n)
        self.wrote(made)
        self.statuses += output.statuses
        self.invoices += output.invoices
        for table in made:
            self.digests.append((table.table, table.digest))
            self.rows[table.table] += pa.ipc.open_stream(table.body).read_all().to_pylist()
        return output

    def wrote(self, made: list[Encoded]) -> None:
        """A block's rows, for those who want them elsewhere."""

    def until(self, time: int) -> Self:
        """Time passes."""
        return self.take(tick(time))

    def restart(self) -> Self:
        """The epoch ends, and a new process goes on from the recovery store."""
        ring = self.work.ring
        epoch = ring.epoch
        self.segments[epoch % ring.size] = ring.segment(epoch)
        self.work = revived(self._work(), self.work.save_documents(), self.segments.values())
        return self

    # What the books say

    def matches(self) -> dict[tuple[str, str], tuple[Decimal, str]]:
        """What stands: by payment and document, how much and by which rule."""
        found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        rule: dict[tuple[str, str], str] = {}
        for row in self.rows["payment_match"]:
            if row["what"] == "match":
                pair = row["payment"], row["document"]
                found[pair] += row["amount"]
                rule[pair] = row["rule"]
        return {pair: (amount, rule[pair]) for pair, amount in found.items() if amount}

    def exceptions(self) -> dict[tuple[str, str], str]:
        """Open exceptions: by kind and subject, their newest status."""
        newest = {(row["kind"], row["subject"]): row["status"] for row in self.rows["payment_exception"]}
        return {one: status for one, status in newest.items() if status != "closed"}

    def evidence(self) -> dict[tuple[str, str], tuple[Decimal, str, str]]:
        """Of open exceptions: their amount, evidence and candidates."""
        newest = {(row["kind"], row["subject"]): row for row in self.rows["payment_exception"]}
        return {
            one: (row["amount"], row["evidence"], row["candidates"])
            for one, row in newest.items()
            if row["status"] != "closed"
        }

    def exception(self, kind: str) -> str:
        """The id of an exception of this kind."""
        rows = self.rows["payment_exception"]
        return next(str(row["exception_id"]) for row in rows if row["kind"] == kind)

    def status(self, document: str) -> tuple[str, Decimal, Decimal]:
        """The newest status of a document: its name, what is paid, what is refunded."""
        said = [row for row in self.rows["order_status"] if row["document"] == document]
        if not said:
            return "open", Decimal(0), Decimal(0)
        newest = max(said, key=lambda row: row["serial"])
        return newest["status"], newest["paid"], newest["refunded"]

    def over(self, document: str) -> int:
        """What the newest status of a document says is over, in 0.0001."""
        said = [(one.serial, one.over_e4) for one in self.statuses if one.document == document]
        return max(said, default=(0, 0))[1]

    def balances(self) -> dict[tuple[str, str], Decimal]:
        """Debits less credits by book and account, zeros left out; every entry balances."""
        entries: dict[bytes, Decimal] = defaultdict(Decimal)
        found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in self.rows["journal"]:
            signed = row["amount"] if row["side"] == "D" else -row["amount"]
            entries[row["entry_id"]] += signed
            found[row["book"], row["account"]] += signed
        assert not any(entries.values())
        return {account: amount for account, amount in found.items() if amount}

    def final(self) -> tuple[Any, ...]:
        """All that must be the same whatever the order in which facts came."""
        documents = sorted({row["document"] for row in self.rows["receivable"]})
        return (
            sorted(self.matches().items()),
            sorted(self.evidence().items()),
            [(document, self.status(document), self.over(document)) for document in documents],
            sorted(self.balances().items()),
        )


def topic_of(event: Event | bytes) -> str:
    """Where an event belongs; bytes are a notification."""
    match event:
        case Notification():
            return topics.notifications(event.channel).name
        case Tick():
            return topics.TICKS.name
        case DeadLetterReplayed():
            return topics.DEAD_LETTERS.name
        case BooksClosed() | BooksReopened():
            return topics.CONTROL.name
        case PaymentRulesPublished():
            return topics.PAYMENT_CONTROL.name
        case PaymentDecided() | CloseAsked() | ReopenAsked():
            return topics.DECISIONS.name
        case DeductionAnswered():
            return topics.DEDUCTIONS.name
        case BillLines() | BillComplete() | BillRefused():
            return topics.BILLS.name
        case bytes():
            return topics.notifications(CHANNEL).name
    return topics.RECEIVABLES.name


def in_order(events: Iterable[Event], blocks: int = 1) -> Books:
    """Books after these events, so many to a block, and the time in which all is told."""
    books, waiting = Books(), list(events)
    for start in range(0, len(waiting), blocks):
        books.take(*waiting[start : start + blocks])
    return books.until(NOON + 60 * MINUTE)
