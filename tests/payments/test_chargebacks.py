"""Money that a channel took back is owed again: lane, ledger and aging say the same of it, and so does the auditor."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from clickhouse_connect.driver.client import Client

from schemas.events import Event
from schemas.money import parse_yuan
from schemas.payments import exception_id
from schemas.times import DAY, MINUTE
from tests.bills.lane import parts
from tests.bills.test_lane import TODAY, line
from tests.channels.world import NOON
from tests.payments.world import GROUP, Books, cancelled, decided, due, key, paid, refunded
from tests.payments.written import Written, written
from tests.rating.material import scenarios
from tests.servers.store import Store

CASES = scenarios("chargebacks.csv")
OVERDUE = str(TODAY - timedelta(days=62))


def event(word: str, n: int, of: int) -> list[Event]:
    """A word of story number `of`: `付100`, `再付40`, `退30`, `凭单退30`, `退汇30`, `拒付70`, `追回70`, `无名追回70`,
    `核减10`, `取消`, and people's words: `核追回70`, `核多退70`, `认可70`, `认可退30`, `撤回认可`."""
    at, document, payment = NOON + n * MINUTE, f"CB-10{of:02d}", f"A{of}"
    what, amount = re.fullmatch(r"(\D+)([\d.]*)", word).groups()  # type: ignore[union-attr]
    match what:
        case "核追回" | "核多退":
            of_what = document if what == "核追回" else key(f"B{of}-3", "chargeback")
            share = {
                "payment": key(f"W{of}", "chargeback"),
                "document": of_what,
                "amount_e4": parse_yuan(amount),
            }
            return [decided("match", f"M{of}", shares=[share], time=at)]
        case "认可" | "认可退":
            over = key(f"B{of}-3", "chargeback") if what == "认可" else key(f"R{of}", "refund")
            exception = exception_id(GROUP, "refund_over", over)
            return [decided("accept", f"L{of}", exception=exception, amount_e4=parse_yuan(amount), time=at)]
        case "撤回认可":
            return [decided("withdraw", f"X{of}", of=f"L{of}", time=at)]
        case "退汇":
            back = line(f"Q{of}", amount, kind="refund", original=payment, time=at)
            return list(parts(TODAY - timedelta(days=1), back, statement=f"{of}/{n}"))
        case "追回" | "无名追回":
            original = payment if what == "追回" else ""
            won = line(f"W{of}", amount, kind="chargeback", original=original, time=at)
            return list(parts(TODAY - timedelta(days=1), won, statement=f"{of}/{n}"))
        case "付":
            return [paid(payment, amount, document, time=NOON)]
        case "再付":
            return [paid(f"N{of}", amount, document, time=at)]
        case "退" | "凭单退":
            return [refunded(f"R{of}", amount, payment if what == "退" else "", document, time=at)]
        case "拒付":
            back = line(f"B{of}-{n}", amount, kind="chargeback", direction="out", original=payment, time=at)
            return list(parts(TODAY - timedelta(days=1), back, statement=f"{of}/{n}"))
        case "核减":
            return [decided("write_off", f"K{of}", document=document, amount_e4=parse_yuan(amount), time=at)]
    return [cancelled(document, at)]


def played(books: Books, restarts: bool) -> None:
    """All stories, each of a party of its own."""
    for of, case in enumerate(CASES):
        books.take(due(f"CB-10{of:02d}", "100.00", party=f"C-{of}", due_day=OVERDUE))
        for n, word in enumerate(case["经过"].split(), 1):
            books.take(*event(word, n, of))
            if restarts:
                books.restart()
    books.until(NOON + DAY)


@pytest.fixture(scope="module")
def books(lasting_store: Store) -> Written:
    """All stories in a store."""
    made = written(lasting_store)
    played(made, restarts=False)
    return made


@pytest.mark.parametrize("of", range(len(CASES)), ids=[case["用例"] for case in CASES])
def test_scenario(books: Written, of: int) -> None:
    """One row of the table: status, aging and ledger."""
    case, document, client = CASES[of], f"CB-10{of:02d}", books.client
    wanted = case["状态"], Decimal(case["已付"]), Decimal(case["退款"])
    assert books.status(document) == wanted
    assert aging(client, document) == case["账龄"]
    signed = "if(side = 'D', 1, -1) * journal.amount"
    sql = f"SELECT sum({signed}) FROM journal WHERE account = '1122' AND counterparty = 'C-{of}'"
    assert f"{client.query(sql).result_rows[0][0]:.2f}" == case["账面"]
    for account, column in (("1221", "待追回"), ("6303", "损失")):
        sql = (
            f"SELECT sum({signed}) FROM journal WHERE account = '{account}' AND waybill IN {tuple(mine(of))}"
        )
        assert f"{client.query(sql).result_rows[0][0]:.2f}" == case[column]
    assert asked(books, of) == case["例外"]


def mine(of: int) -> list[str]:
    """Payments of a story of which people may be asked, but for the first."""
    back = [key(f"{one}{of}{n}", "chargeback") for one in "BW" for n in ("", "-2", "-3")]
    return [*back, key(f"R{of}", "refund"), key(f"N{of}")]


def asked(books: Books, of: int) -> str:
    """What people are asked about a story, but for money that only bills know."""
    return "；".join(
        f"{kind} {amount:.2f}"
        for (kind, subject), (amount, *_) in sorted(books.evidence().items())
        if subject in mine(of) and kind != "long" and books.exceptions()[kind, subject] != "accepted"
    )


def aging(client: Client, document: str) -> str:
    """The bucket of a document, and what is open of it; empty: nothing is."""
    sql = f"SELECT bucket, remains, due_day FROM open_receivable WHERE document = '{document}'"
    found = client.query(sql).result_rows
    assert all(str(day) == OVERDUE for *_, day in found)
    return " ".join(f"{bucket} {remains:.2f}" for bucket, remains, _ in found)


def test_a_lane_that_starts_again_says_the_same(books: Written) -> None:
    lane = Books()
    played(lane, restarts=True)
    assert lane.final() == books.final()


def test_what_is_owed_again_stays_with_the_lane_until_it_is_paid() -> None:
    """A settled due leaves after its horizon, one that is owed does not."""
    lane = Books().take(due("CB-1000", "100.00"), due("CB-1001", "100.00"))
    lane.take(*event("付100", 1, 0), *event("付100", 1, 1), *event("拒付100", 2, 0))
    for month in range(1, 6):
        lane.until(NOON + month * 30 * DAY)
    for _ in range(260):
        lane.restart()
    assert {one for one in lane.work.ring.records if one.startswith("d/")} == {"d/north/CB-1000"}
    lane.take(paid("N0", "100.00", "CB-1000", time=NOON + 150 * DAY))
    assert lane.status("CB-1000")[0] == "paid"


def test_the_stories_are_of_the_day_that_they_say() -> None:
    """What the table takes for granted."""
    assert date.fromisoformat(OVERDUE) == date(2025, 9, 10)
