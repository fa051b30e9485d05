"""Views of where money is and through which channels it comes, against what was told."""

import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.live import lists
from deploy.reconciliation import closing
from schemas.payments import DeductionAnswered, Flow, Notification, Payment
from schemas.times import DAY, SECOND
from tests.audit.writer import Writer
from tests.channels.world import NOON, told, world
from tests.payments.test_views import rows
from tests.payments.world import decided, due, key
from tests.payments.written import Written, written
from tests.servers.store import Store

FIRST = date(2025, 11, 11)
YUAN = 10_000


def moved(channel: str, number: str, amount: int, day: int = 0, **facts: object) -> Payment:
    """A movement of so many yuan, so many days after the first, whose order nobody knows."""
    usual = {"amount_e4": amount * YUAN, "time": NOON + day * DAY, "order": "", "fee_e4": 0}
    return told(channel, number, **usual | facts)


def said(*payments: Payment) -> list[Notification]:
    """Their notifications."""
    return [world().signer.notification(one, one.time + SECOND) for one in payments]


@pytest.fixture(scope="module")
def books(lasting_store: Store) -> Written:
    """Two days' money through three accounts, some of it foreign, some matched a day later."""
    made = written(lasting_store)
    made.take(
        due("FR-1", "100.00"),
        *said(
            moved("other", "A1", 100, order="FR-1", fee_e4=6_000),
            moved("other", "A2", 50),
            moved("till", "T1", 50),
            moved("wechat", "W1", 7),
            moved("bank", "D1", 20, currency="USD"),
        ),
    )
    made.until(NOON + DAY)
    refund: dict[str, object] = {"kind": "refund", "direction": "out", "original": "A1", "fee_e4": None}
    made.take(*said(moved("other", "R1", 30, 1, **refund), moved("till", "T2", 60, 1)))
    made.until(NOON + 2 * DAY)
    made.take(
        due("FR-2", "50.00", time=NOON + DAY),
        decided(
            "match",
            "K1",
            time=NOON + 2 * DAY,
            shares=[{"payment": key("A2"), "document": "FR-2", "amount_e4": 50 * YUAN}],
        ),
    )
    return made


def test_what_stands_at_each_account(books: Written) -> None:
    """By ledger account, channel, merchant and currency, and of how much of it nobody knows what it is for."""
    assert rows(
        books.client,
        "SELECT account, channel, merchant, currency, balance, suspense FROM cash_position "
        "ORDER BY currency, channel, merchant",
    ) == [
        ("1815", "other", "SHOP-7", "CNY", Decimal("119.4"), Decimal(0)),
        ("1815", "till", "till-1", "CNY", Decimal(110), Decimal(110)),
        ("1811", "wechat", "1900000109", "CNY", Decimal(7), Decimal(7)),
        ("", "bank", "工行基本户", "USD", Decimal(20), Decimal(20)),
    ]


def test_a_channels_payments_are_listed_the_newest_first_page_by_page(
    books: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)

    def page(reason: str, number: int) -> tuple[list[str], bool]:
        found = lists.list_page(books.client, lists.LISTINGS["payments"], reason, number)
        return [row["payment"].rpartition("/")[2] for row in found["rows"]], found["more"]

    assert page("other", 1) == (["R1", "A1"], True)
    assert page("other", 2) == (["A2"], False)
    assert page("till", 1) == (["T2", "T1"], False)
    assert [page("", number) for number in (1, 2, 3, 4, 5)] == [
        (["R1", "T2"], True),
        (["D1", "A1"], True),
        (["A2", "T1"], True),
        (["W1"], False),
        ([], False),
    ]


def test_each_day_of_an_account(books: Written) -> None:
    """What came, went and was kept, and what stood there at its end; a day on which only a match was made, too."""
    found = rows(
        books.client,
        "SELECT business_date, account, money_in, money_out, fees, balance, suspense FROM cash_day "
        "WHERE channel = 'other' AND currency = 'CNY' ORDER BY business_date",
    )
    assert found[0] == (FIRST, "1815", 150, 0, Decimal("0.6"), Decimal("149.4"), 50)
    assert found[1:] == [
        (FIRST + timedelta(days=1), "1815", 0, 30, 0, Decimal("119.4"), 50),
        (FIRST + timedelta(days=2), "1815", 0, 0, 0, Decimal("119.4"), 0),
    ]


def test_money_of_accounts_is_the_ledgers(books: Written) -> None:
    """Added up by ledger account it is the trial balance."""
    balances = {account: amount for (_, account), amount in books.balances().items()}
    found = dict(
        rows(
            books.client,
            "SELECT account, sum(balance) FROM cash_position WHERE account != '' GROUP BY account",
        )
    )
    assert found == {account: amount for account, amount in balances.items() if account.startswith("181")}
    ((suspense,),) = rows(books.client, "SELECT sum(suspense) FROM cash_position WHERE account != ''")
    assert suspense == -balances["2601"]


def test_shares_come_to_all_of_a_day(books: Written) -> None:
    """What is left over goes to the largest remainders, and then by name."""
    assert rows(
        books.client,
        "SELECT business_date, of_group, channel, currency, payments, amount, basis_points FROM channel_share "
        "ORDER BY business_date, of_group, currency, channel",
    ) == [
        (FIRST, "centre", "wechat", "CNY", 1, 7, 10_000),
        (FIRST, "centre", "bank", "USD", 1, 20, 10_000),
        (FIRST, "north", "other", "CNY", 2, 150, 7_500),
        (FIRST, "north", "till", "CNY", 1, 50, 2_500),
        (FIRST + timedelta(days=1), "north", "till", "CNY", 1, 60, 10_000),
    ]


def test_fees_by_channel(books: Written) -> None:
    assert rows(
        books.client,
        "SELECT business_date, channel, currency, payments, money_in, money_out, kept, per_million FROM channel_fee "
        "WHERE channel IN ('other', 'bank') ORDER BY business_date, currency",
    ) == [
        (FIRST, "other", "CNY", 2, 150, 0, Decimal("0.6"), 4_000),
        (FIRST, "bank", "USD", 1, 20, 0, 0, 0),
        (FIRST + timedelta(days=1), "other", "CNY", 0, 0, 30, 0, None),
    ]


def test_what_is_deducted_is_at_no_channel_and_the_bank_account_has_none(
    store: Store,
) -> None:
    """Deductions from virtual accounts came through a channel before; commands on them move the bank's money."""
    made = written(store)
    made.take(due("FR-1", "40.00", settle="account"))
    asked = made.rows["deduction"][-1]
    answer = {
        "group": asked["group"],
        "document": "FR-1",
        "deduction": asked["deduction"],
        "party": "C-1",
    }
    made.take(DeductionAnswered(id="a1", time=NOON, amount_e4=40 * YUAN, accepted=True, **answer))
    assert made.balances()["HQ", "1816"] == 40
    row = {
        "book": "HQ",
        "account": "1801",
        "side": "D",
        "amount": 500 * YUAN,
        "counterparty": "440100-014",
    }
    taken = row | {"account": "1816", "side": "C", "amount": 40 * YUAN, "counterparty": "C-1"}
    Writer(made.client, 2000).by_hand({"journal": [row, taken]}, {})
    assert rows(made.client, "SELECT account, channel, merchant, balance, suspense FROM cash_position") == [
        ("1801", "", "", 500, 0)
    ]
    with pytest.raises(LookupError, match="group north has no business through any"):
        closing.accounts(made.client, asked["group"])
    for view in ("channel_share", "channel_fee"):
        assert rows(made.client, f"SELECT * FROM {view}") == []


ACCOUNTS = (("other", "SHOP-7"), ("till", "till-1"), ("wechat", "1900000125"))
"""Of one group."""


def test_views_are_what_was_told(store: Store) -> None:
    """Many movements: each day's shares and each account's days, worked out from them in Python."""
    r = random.Random(11)
    events: list[Payment] = []
    for n in range(120):
        channel, merchant = r.choice(ACCOUNTS)
        flow: Flow = "in" if r.random() < 0.8 or channel == "till" else "out"
        kind = "payment" if flow == "in" else "refund"
        facts: dict[str, object] = {"direction": flow, "kind": kind, "merchant": merchant, "group": "north"}
        events.append(moved(channel, f"N{n}", r.choice((1, 3, 7, 1_000)), r.randrange(4), **facts))
    made = written(store)
    for day in range(4):
        made.take(*said(*(one for one in events if one.time == NOON + day * DAY)))
        made.until(NOON + (day + 1) * DAY)
    _shares_agree(made.client, events)
    _days_agree(made.client, events)


def _day(one: Payment) -> date:
    return FIRST + timedelta(days=(one.time - NOON) // DAY)


def _shares_agree(client: Client, events: list[Payment]) -> None:
    came: dict[date, Counter[str]] = defaultdict(Counter)
    for one in events:
        if one.direction == "in":
            came[_day(one)][one.channel] += one.amount_e4
    expected = set()
    for day, amounts in came.items():
        total = sum(amounts.values())
        floors = {channel: amount * 10_000 // total for channel, amount in amounts.items()}
        order = sorted(amounts, key=lambda channel: (-(amounts[channel] * 10_000 % total), channel))
        for channel in order[: 10_000 - sum(floors.values())]:
            floors[channel] += 1
        expected |= {(day, channel, share) for channel, share in floors.items()}
    found = rows(client, "SELECT business_date, channel, basis_points FROM channel_share")
    assert len(found) == len(expected) == len(set(found))
    assert set(found) == expected


def _days_agree(client: Client, events: list[Payment]) -> None:
    moves: dict[str, Counter[date]] = defaultdict(Counter)
    for one in events:
        moves[one.channel][_day(one)] += one.amount_e4 if one.direction == "in" else -one.amount_e4
    expected = {
        (channel, day, Decimal(balance) / YUAN)
        for channel, days in moves.items()
        for day, balance in zip(sorted(days), accumulate(days[day] for day in sorted(days)), strict=True)
    }
    assert set(rows(client, "SELECT channel, business_date, balance FROM cash_day")) == expected
    newest = {channel: sum(days.values()) for channel, days in moves.items()}
    found = dict(rows(client, "SELECT channel, balance FROM cash_position"))
    assert found == {channel: Decimal(units) / YUAN for channel, units in newest.items()}
