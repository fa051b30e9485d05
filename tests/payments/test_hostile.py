"""Malformed and malicious records through a lane into a real store: each is a dead letter with its reason, or is taken.

What is signed may still be nonsense, business systems and people are not signed at all, and nothing of it may stop
the lane, be lost, grow without bound, or spoil the books.
"""

import copy
import csv
import io
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.payments import check_payments
from deploy.audit.store import Store as Tables
from schemas import topics
from schemas.events import Event
from schemas.identity import content_id
from schemas.money import MOST
from schemas.payments import BillLine, Notification, notification_id
from schemas.reasons import DEAD_LETTER
from schemas.times import DAY, MINUTE
from tests.audit.conftest import emptied
from tests.audit.test_payments import Written
from tests.bills.lane import not_believed, parts, with_bills
from tests.channels.test_hostile import ALTERATIONS
from tests.channels.world import NOON, world
from tests.payments.world import GROUP, cancelled, decided, due, key, paid, refunded, topic_of
from tests.servers.store import Store
from tests.volume import TIMES

RECORDS, BLOCK = 5_000 * TIMES, 1_000
DOCUMENTS = [f"FR-{n}" for n in range(1000, 1600)]
PAYMENTS = [f"A{n}" for n in range(600)]
TEXTS = (
    *("", " ", "\x00", "\ud800", "\u202e\u0000", "=cmd|' /C calc'!A0", "9" * 5000, "-1", "1e9", "NaN"),
    *("a" * 64, "a" * 65, "𝟙𝟚", "\n\r\t", "north/FR-1000", "d/north/FR-1000", "../../x", "﷽" * 300),
    *("4111 1111 1111 1111", "４１１１１１１１１１１１１１１１", "6222020200000000014", "tok-" + "a" * 32),
    *("0001-01-01", "9999-12-31", "1969-12-31", "2149-06-07", "2025-02-30", "CNY", "USD", "cny", "'; DROP TABLE x"),
)  # fmt: skip
NUMBERS = (
    *(0, -1, 1, MOST, MOST + 1, 2**31, 2**42 - 1, 2**42, 2**63 - 1, 2**63, 2**64, 10**30, 1.5, 1e308),
    *(NOON, NOON - 91 * DAY, NOON + DAY),
)
ODD: tuple[Any, ...] = (*TEXTS, *NUMBERS, None, True, [], {}, [[]], ["x"] * 3, {"a": {"b": 1}})


def _plain(r: random.Random) -> Event:
    """An event as it should be, about few documents and payments, three and three, that get into each other's way."""
    few = r.randrange(0, len(DOCUMENTS), 3)
    document, number = DOCUMENTS[few + r.randrange(3)], PAYMENTS[few + r.randrange(3)]
    amount = f"{r.randint(1, 40)}.00"
    time = NOON + r.randint(-50, 5) * MINUTE
    match r.randrange(8):
        case 0 | 1:
            facts: dict[str, Any] = {"due_day": date(2025, 11, 30), "references": (f"CO-{document}",)}
            return due(document, amount, id=f"{document}-{r.randrange(40)}", time=time, **facts)
        case 2:
            return msgspec.structs.replace(cancelled(document, time), id=f"{document}-{r.randrange(9)}")
        case 3:
            return refunded(f"R{number}", amount, number, document)
        case 4:
            share = {"payment": key(number), "document": document, "amount_e4": r.randint(1, 300_000)}
            return decided("match", f"K{r.randrange(10**6)}", shares=[share], time=time)
        case 5:
            kind = r.choice(("write_off", "refund", "ignore", "approve", "withdraw"))
            facts = {"document": document, "payment": key(number), "of": f"K{r.randrange(99)}"}
            facts |= {"exception": f"ex-{r.randrange(99)}", "until": time + DAY}
            return decided(kind, f"K{r.randrange(99)}", amount_e4=r.randint(1, 10**6), **facts)
        case 6:
            day = date(2025, 11, 9 + r.randrange(3))
            line = BillLine("payment", number, document, "", r.randint(0, 400_000), r.randint(0, 99), time)
            return r.choice((*parts(day, line, size=1), not_believed(day, f"b{r.randrange(99)}")))
    return paid(number, amount, document)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where something stands in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in list(inner):
        yield value, name
        yield from _places(one)


def _odd(r: random.Random, event: Event) -> bytes:
    """The event with odd values in places, or with places missing or too many of something."""
    told = msgspec.to_builtins(event)
    for _ in range(r.choice((1, 1, 2, 5))):
        places = [(holder, name) for holder, name in _places(told) if name != "type" or r.random() < 0.1]
        holder, name = r.choice(places)
        if isinstance(holder, dict) and name not in holder:
            continue
        if r.random() < 0.1 and isinstance(holder, dict):
            del holder[name]
        elif isinstance(holder, dict) or name < len(holder):
            many = isinstance(holder[name], list) and holder[name] and r.random() < 0.3
            holder[name] = holder[name] * 3_000 if many else copy.deepcopy(r.choice(ODD))
    return json.dumps(told).encode()  # half a character, and a number that is none, as they are


def _nonsense(r: random.Random) -> Notification:
    """What a channel really says, with nonsense in it: a form that is not signed, or CSV that is."""
    here = world()
    name, few = r.choice(("till", "other")), r.randrange(len(DOCUMENTS))
    number, order = r.choice((PAYMENTS[few], *TEXTS)), r.choice((*[DOCUMENTS[few]] * 9, *TEXTS))
    amount = r.choice(("1.00", "20.00", "20", "0.001", "1e3", "-1", "0", f"{MOST // 10_000}", "9" * 30))
    if name == "till":
        at = r.choice(("20251111115900", "20251111115900", "20251111116100", "0" * 14, "99991231235959"))
        told = {
            "no": number,
            "till": "till-1",
            "order": order,
            "yuan": amount,
            "remark": r.choice(TEXTS),
            "at": at,
        }
        body = urlencode(told, encoding="gbk", errors="replace").encode()
    else:
        at = r.choice((str(NOON), str(NOON), "0", "-1", str(2**42), "9" * 40))
        told = {"type": r.choice(("PAY", "PAY", "BACK", "")), "id": number, "shop": "SHOP-7", "order": order}
        told |= {"fen": amount.replace(".", ""), "fee": r.choice(("0", "1", "x", "")), "at": at}
        told |= {
            "status": r.choice(("OK", "OK", "WAIT", "?")),
            "user": r.choice(TEXTS),
            "paid": PAYMENTS[few],
        }
        text = io.StringIO()
        csv.writer(text).writerows((told, told.values()))
        body = text.getvalue().encode("utf-8", "replace")
    headers = here.signer.signed_generic(here.channels.channels[name], body, NOON)
    number = notification_id(name, headers, body)
    return Notification(id=number, time=NOON, channel=name, group=GROUP, headers=headers, body=body)


def hostile(r: random.Random) -> tuple[str, bytes]:
    """Topic and record."""
    event = _plain(r)
    topic, raw = topic_of(event), msgspec.json.encode(event)
    match r.randrange(8):
        case 0:
            return topic, raw
        case 1 | 2 | 3:
            return topic, _odd(r, event)
        case 4 | 5:
            event = _nonsense(r)
            return topic_of(event), msgspec.json.encode(event)
        case 6:
            return r.choice(TOPICS), raw
    return topic, r.choice(ALTERATIONS)(r, raw)


TOPICS = (
    topics.RECEIVABLES.name,
    topics.DECISIONS.name,
    topics.BILLS.name,
    topics.PAYMENT_CONTROL.name,
    *(topics.notifications(name).name for name in topics.CHANNELS),
)


@pytest.fixture(scope="module")
def client(lasting_store: Store) -> Client:
    """A store."""
    return emptied(lasting_store.client())


def test_hostile_records_are_refused_or_taken_and_nothing_stops(client: Client) -> None:
    r, books = random.Random(20_251_111), Written(client).take(with_bills(""))
    reasons, left = Counter[str](), set[str]()
    for _ in range(RECORDS // BLOCK):
        told = dict.fromkeys(hostile(r) for _ in range(BLOCK))
        letters = {content_id("dl", topic, raw) for topic, raw in told}
        before = len(books.rows["dead_letter"])
        output = books.records(told)
        refused = {row["dead_letter_id"] for row in books.rows["dead_letter"][before:]}
        assert refused <= letters - left
        taken = (
            len(output.heard)
            + len(output.said)
            + len(output.decided)
            + len(output.published)
            + len(output.bills)
            + len(output.lines)
            + output.repeats
        )
        assert len(told) == taken + len(refused) + len(letters & left)
        left |= refused
        reasons.update(row["reason"] for row in books.rows["dead_letter"][before:])
    assert reasons.keys() <= DEAD_LETTER.keys()
    assert reasons.keys() >= {
        "not_json",
        "wrong_type",
        "signature_wrong",
        "field_unreadable",
        "decision_refused",
    }
    books.until(NOON + 30 * MINUTE).until(NOON + DAY).writer.close()
    wrong = {check.name: check.examples for check in check_payments(Tables(client)) if not check.passed}
    assert wrong == {}
