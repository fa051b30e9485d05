"""What the payments flow is told in its crash test, and what stands in the end: whatever is killed, the same rows.

Three groups of merchants on two lanes; dues, payments, refunds, disordered and repeated; bills of four days with
everything wrong in them that can be; decisions that need another person, and get one, or not, or are withdrawn.
Then the days whose bills have come are closed, what comes late is booked on later days, and a day is opened and closed
again; in the end the books are closed, which holds for dues, too.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client
from confluent_kafka import Producer

from schemas import topics
from schemas.events import BooksClosed, Event
from schemas.money import parse_yuan
from schemas.payments import (
    BillComplete,
    BillLine,
    BillLines,
    CloseAsked,
    Named,
    Payment,
    PaymentRulesPublished,
    ReopenAsked,
)
from schemas.times import DAY, MINUTE, SECOND
from sources.channels.read import read_channels
from sources.channels.signing import Signer
from tests.bills.lane import HEADER, OTHER, not_believed, parts
from tests.channels.world import NOON, TEXT, world
from tests.payments.closes import close
from tests.payments.test_any_order import FACTS
from tests.payments.world import CHANNEL, Books, decided, due, rules, tick, topic_of
from tests.storage.world import network

DUES = 44
"""In each group, besides the facts of which each stands for itself."""
SHOPS = {"north": "SHOP-7", "south": "SHOP-8", "west": "SHOP-9"}
"""Groups and their merchants; the first lies on the one lane, the others on the other."""
TODAY = date(2025, 11, 11)
LATER = (30 * MINUTE, DAY, 5 * DAY)
"""Ticks after the facts, in ms after noon; the bills come then."""
LAST = 6 * DAY
BILLED = [TODAY + timedelta(n) for n in range(4)]
"""Days of which there are bills, and which are then closed."""
_MORE = "".join(
    f'[[channel.merchant]]\nnumber = "{shop}"\ngroup = "{group}"\n\n' for group, shop in [*SHOPS.items()][1:]
)
_SHAPE = "[[channel.shape]]\nwhen = { type"
_AGREED = f'{HEADER}fee = "0.006"\n'
CHANNELS = (
    TEXT.replace(_SHAPE, _MORE + _SHAPE, 1)
    .replace(HEADER, _AGREED)
    .replace(OTHER, f"[channel.bills]\ngrace_days = 2\n{OTHER}", 1)
)
RULES: PaymentRulesPublished = rules(channels=CHANNELS)


class Group:
    """What happens in one group."""

    def __init__(self, name: str, r: random.Random, signer: Signer) -> None:
        self.name, self.shop, self.r, self.signer = name, SHOPS[name], r, signer
        self.facts: list[Event] = []
        self.days: dict[int, list[BillLine]] = {n: [] for n in range(len(BILLED))}
        """Bills' lines by days after the first."""

    def key(self, number: str) -> str:
        """Key of a payment."""
        return f"{CHANNEL}/{self.shop}/payment/{number}"

    def owed(self, document: str, amount: str, **more: Any) -> None:
        """A due."""
        self.facts.append(due(document, amount, group=self.name, **more))

    def paid(self, number: str, amount: str, order: str = "", time: int = NOON, **more: Any) -> None:
        """A payment, notified; its bill has it as it should, or not quite."""
        usual = {"channel": CHANNEL, "merchant": self.shop, "group": self.name, "kind": "payment"}
        facts = {"number": number, "amount_e4": parse_yuan(amount), "time": time, "order": order, **more}
        payment = msgspec.convert({**usual, "state": "success", **facts}, Payment)
        lot = self.r.random()
        if lot > 0.03:  # a few are only in the bill
            self.facts.append(self.signer.notification(payment, time + SECOND))
        units, day = payment.amount_e4, 0
        if lot > 0.97:
            return  # and a few only notified
        if lot > 0.93:
            day = 1
        if lot > 0.90:
            units += self.r.choice((-100, 100))
        line = BillLine("payment", number, order, "", units, _fee(payment.amount_e4, lot), time)
        self.days[day].append(line)
        if lot < 0.04:
            self.days[day].append(line)

    def large(self) -> None:
        """Decisions about large amounts: with another person's word, without it, taken back."""
        for n, then in enumerate(("approve", "own", "withdraw", "nobody")):
            document, number, decision = f"FR-9{n}-{self.name}", f"L{n}", f"K{n}-{self.name}"
            self.owed(document, "2600.00")  # of no amount by which a rule would match it
            self.paid(number, f"25{n}1.00")
            share = {"payment": self.key(number), "document": document, "amount_e4": 25_000_000}
            self.decide("match", decision, shares=[share])
            if then in ("approve", "withdraw"):
                self.decide("approve", f"A{n}-{self.name}", "wang", of=decision)
            if then == "own":
                self.decide("approve", f"A{n}-{self.name}", of=decision)
            if then == "withdraw":
                self.decide("withdraw", f"W{n}-{self.name}", "zhao", of=decision)
                self.decide("withdraw", f"V{n}-{self.name}", of=decision)
        self.paid("L9", "3000.00")
        self.decide("refund", f"K9-{self.name}", payment=self.key("L9"), amount_e4=30_000_000)
        self.decide("approve", f"A9-{self.name}", "wang", of=f"K9-{self.name}")

    def decide(self, what: str, number: str, by: str = "li", **more: Any) -> None:
        """A person's word."""
        self.facts.append(decided(what, number, by, group=self.name, **more))

    def usual(self) -> None:
        """Dues that are paid, in part, twice or not at all; some of it into an outlet's virtual account."""
        for number in range(DUES):
            document, amount = f"FR-{20_000 + number}-{self.name}", self.r.randint(1, 500)
            topup = {"kind": "topup", "party": "SHA"} if self.r.random() < 0.2 else {}
            self.owed(document, f"{amount}.00", **topup)
            for part in range(self.r.choice((0, 1, 1, 1, 2))):
                share = f"{amount}.00" if part == 0 else "5.00"
                self.paid(f"P{number}-{part}", share, document, NOON + part)

    def bills(self) -> Iterator[Event]:
        """Bills of all days, one of them refused at first."""
        for day, lines in self.days.items():
            of = TODAY + timedelta(day)
            here = {"group": self.name, "merchant": self.shop}
            for event in (*parts(of, *lines, size=40), not_believed(of, f"x-{self.name}")):
                bill = f"{self.name}-{event.bill}"
                changed = here | {"bill": bill, "id": f"{self.name}-{event.id}"}
                if isinstance(event, (BillLines, BillComplete)) or day == 1:
                    yield msgspec.structs.replace(event, **changed)


def _signer() -> Signer:
    keys = world().directory
    return Signer(read_channels({"channels.toml": CHANNELS}), keys, keys.parent / "private")


def _fee(units: int, lot: float) -> int:
    """0.6 %, to the fen; now and then ten fen more."""
    return (units * 6 // 1_000 + 50) // 100 * 100 + (1_000 if 0.85 < lot < 0.9 else 0)


def facts() -> tuple[list[Event], list[Event]]:
    """What is said until noon, disordered and repeated; and the bills."""
    r, signer = random.Random(12), _signer()
    groups = [Group(name, r, signer) for name in SHOPS]
    said: list[Event] = list(FACTS)
    for group in groups:
        group.usual()
        group.large()
        said += group.facts
    said += r.sample(said, 60)
    r.shuffle(said)
    bills = [event for group in groups for event in group.bills()]
    bills += r.sample(bills, 6)
    r.shuffle(bills)
    return said, bills


def afterwards(books: Books) -> Iterator[list[Event]]:
    """What is said then, each part when all before it is booked, as it is in `books`."""
    yield [closing(day, group, books) for group in SHOPS for day in BILLED]
    yield [*said_late(BILLED[0], "1"), *(reopening(BILLED[-1], group) for group in SHOPS)]
    yield said_late(BILLED[-1], "2")
    yield [closing(BILLED[-1], group, books, "again-", "wang") for group in SHOPS]
    yield said_late(BILLED[-1], "3")
    yield [BooksClosed(id="books", time=NOON + LAST, through=BILLED[-1] + timedelta(1), by="li")]
    yield said_late(BILLED[0], "4")


def closing(day: date, group: str, books: Books, prefix: str = "", by: str = "li") -> CloseAsked:
    """A day is to be closed; all that is open is named."""
    return close(
        f"{prefix}{day}-{group}",
        day,
        by,
        "day",
        *(Named(item, "以后再查") for item in open_items(books, group)),
        group=group,
        merchant=SHOPS[group],
        time=NOON + LAST,
    )


def reopening(day: date, group: str) -> ReopenAsked:
    """It is opened again, by another person."""
    of = f"{day}-{group}"
    here = {"group": group, "channel": CHANNEL, "merchant": SHOPS[group]}
    return ReopenAsked(id=f"re-{of}", time=NOON + LAST, of=of, by="zhao", reason="更正", **here)


def open_items(books: Books, group: str) -> list[str]:
    """What people are asked about in a group."""
    rows = [row for row in books.rows["payment_exception"] if row["group"] == group]
    return sorted(
        item
        for item, status in {row["exception_id"]: row["status"] for row in rows}.items()
        if status != "closed"
    )


def said_late(day: date, number: str) -> list[Event]:
    """In each group a payment of a day with its due, and another amount of a due that has been paid."""
    signer, made = _signer(), list[Event]()
    for group, shop in SHOPS.items():
        usual = {"channel": CHANNEL, "merchant": shop, "group": group, "kind": "payment", "state": "success"}
        at = NOON + (day - TODAY).days * DAY
        facts = {
            "number": f"LATE-{number}",
            "amount_e4": parse_yuan("77.00"),
            "time": at,
            "order": f"FR-L{number}",
        }
        payment = msgspec.convert(usual | facts, Payment)
        made += (
            due(f"FR-L{number}", "77.00", group=group, time=NOON + LAST),
            signer.notification(payment, at + SECOND, received=NOON + LAST),
            due(
                f"FR-2000{number}-{group}", "1.00", id=f"late-{number}-{group}", group=group, time=NOON + LAST
            ),
        )
    return made


def fill(out: Producer) -> None:
    """Documents, time and all of it."""
    encode = msgspec.json.encode
    out.produce(topics.CONTROL.name, encode(network()), partition=0)
    out.produce(topics.PAYMENT_CONTROL.name, encode(RULES), partition=0)
    _pass(out, NOON)
    said, bills = facts()
    say_all(out, said)
    for later in LATER:
        _pass(out, NOON + later)
    say_all(out, bills)
    _pass(out, NOON + LAST)


def say_all(out: Producer, events: Sequence[Event]) -> None:
    """Events, some of them at a time."""
    for n, event in enumerate(events):
        out.produce(topic_of(event), msgspec.json.encode(event), getattr(event, "group", ""))
        if n % 50 == 0:
            out.flush(30)
    out.flush(30)


def _pass(out: Producer, time: int) -> None:
    out.produce(topics.TICKS.name, msgspec.json.encode(tick(time)), partition=0)
    out.flush(30)


STANDING = {
    "receivable": "SELECT * EXCEPT (seq, line, partition, offset) FROM receivable",
    "notification": "SELECT * EXCEPT (seq, line, partition, offset) FROM notification",
    "bill": "SELECT * EXCEPT (seq, line, partition, offset) FROM bill",
    "bill_line": "SELECT * EXCEPT (seq, line, partition, offset) FROM bill_line",
    "payment_decision": "SELECT * EXCEPT (seq, line, partition, offset) FROM payment_decision",
    "decision_state": "SELECT `group`, event_id, argMax(state, (seq, line)) AS newest FROM decision_state "
    "GROUP BY `group`, event_id",
    "payment": "SELECT payment, argMax(tuple(* EXCEPT (seq, line, cause)), (seq, line)) FROM payment GROUP BY payment",
    "payment_match": "SELECT what, `group`, payment, document, party, posting, event_time, sum(amount) AS a "
    "FROM payment_match GROUP BY ALL HAVING a != 0",
    "rule": "SELECT what, payment, document, argMax((rule, evidence), (seq, line)) FROM payment_match "
    "GROUP BY what, payment, document HAVING argMax(reversal, (seq, line)) = 0",
    "payment_exception": "SELECT exception_id, argMax((`group`, kind, subject, amount, evidence, candidates, "
    "severity, owner, action, status != 'closed'), (seq, line)) AS newest FROM payment_exception "
    "GROUP BY exception_id HAVING newest.10",
    "order_status": "SELECT `group`, document, argMax((status, due, paid, refunded, overpaid, payments), serial) "
    "AS newest FROM order_status GROUP BY `group`, document HAVING newest.1 != 'open'",
    "books_close": "SELECT DISTINCT * EXCEPT (seq, line) FROM books_close",
    "close": "SELECT * EXCEPT (seq, line, partition, offset) FROM close",
    "journal": "SELECT book, account, counterparty, waybill, fee, event_time, business_date, "
    "sum(if(side = 'D', amount, -amount)) AS a FROM journal GROUP BY ALL HAVING a != 0",
}
"""What stands, by table. Left out are columns of places and of data time, what tells which fact came first, and
documents that are open again: whether they ever were not depends on what was read first."""


def standing(client: Client) -> dict[str, list[tuple[Any, ...]]]:
    """All that stands, row by row, in order."""
    return {
        table: [tuple(row) for row in client.query(f"SELECT * FROM ({sql}) ORDER BY ALL").result_rows]
        for table, sql in STANDING.items()
    }
