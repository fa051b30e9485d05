"""Costs of hubs and lines: their entries, repeats and withdrawals in any order, and exact apportionment."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import costs
from deploy.costs import apportion, read_costs
from flows.governance.network import Network, Site
from schemas import topics
from schemas.events import CostIncurred, CostWithdrawn
from schemas.money import parse_yuan, yuan
from schemas.problems import DocumentError
from schemas.settings import Settings
from schemas.times import HOUR
from tests.lifecycle.fees import network
from tests.lifecycle.test_fees import check_books
from tests.lifecycle.world import START, Book
from tests.rating.material import scenarios

CASES = scenarios("costs.csv")
SETTINGS = Settings()


def cost(**changed: Any) -> CostIncurred:
    """上海分拨 → 西安分拨, 900.00 to a carrier."""
    made = CostIncurred(
        id="cost-1",
        time=START,
        place="SH-HUB",
        to="XA-HUB",
        day=date(2025, 11, 10),
        amount_e4=9_000_000,
        carrier="顺达物流",
        bill="B-7",
    )
    return msgspec.structs.replace(made, **changed)


def gone(**changed: Any) -> CostWithdrawn:
    """That cost was wrong."""
    made = CostWithdrawn(id="gone-1", time=START + HOUR, cost="cost-1", reason="重复账单")
    return msgspec.structs.replace(made, **changed)


def publish(*events: CostIncurred | CostWithdrawn) -> Book:
    """A lane that has read these, each in a block of its own."""
    book = Book(directory=network())
    for event in events:
        book.block((topics.CONTROL.name, event))
    return book


def hq(book: Book) -> dict[str, Decimal]:
    """What stands in headquarters' book, by account."""
    return {account: amount for (owner, account, *_), amount in book.books().items() if owner == "HQ"}


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    quantities = {word.split("=")[0]: int(word.split("=")[1]) for word in case["包裹"].split()}
    order = {"甲": "YT1", "乙": "YT2", "丙": "YT3"}
    shares = apportion(parse_yuan(case["成本"]), {order[name]: n for name, n in quantities.items()})
    wanted = {order[word.split("=")[0]]: parse_yuan(word.split("=")[1]) for word in case["分摊"].split()}
    assert shares == wanted
    assert sum(shares.values()) in (parse_yuan(case["成本"]), 0)


@given(
    st.integers(1, 10**12),
    st.dictionaries(st.text("YT019", min_size=1, max_size=4), st.integers(0, 10**9), max_size=40),
    st.randoms(),
)
def test_shares_add_up_and_are_fair_in_any_order(units: int, quantities: dict[str, int], luck: Any) -> None:
    shares = apportion(units, quantities)
    whole = sum(quantities.values())
    assert sum(shares.values()) == (units if whole else 0)
    for waybill, share in shares.items():
        assert abs(share * whole - units * quantities[waybill]) < whole
    shuffled = list(quantities.items())
    luck.shuffle(shuffled)
    assert apportion(units, dict(shuffled)) == shares


def test_a_cost_is_owed_to_its_carrier() -> None:
    book = publish(cost(), cost())
    assert hq(book) == {"6201": Decimal("900"), "2301": Decimal("-900")}
    assert {row["counterparty"] for row in book.rows["journal"]} == {"顺达物流"}
    assert len(book.rows["cost"]) == 1
    check_books(book)


@given(
    st.permutations(
        [cost(), gone(), cost(id="cost-2", amount_e4=100), gone(id="gone-2"), cost(id="cost-3", to="")]
    )
)
def test_withdrawn_in_any_order_only_what_stands_is_owed(events: list[CostIncurred | CostWithdrawn]) -> None:
    book = publish(*events, *events)
    assert hq(book) == {"6201": Decimal("900.01"), "2301": Decimal("-900.01")}
    assert book.refused() == []
    check_books(book)


WRONG = [
    ({"place": "SHC"}, "cost_refused"),
    ({"place": ""}, "cost_refused"),
    ({"to": "nowhere"}, "cost_refused"),
    ({"to": "SH-HUB"}, "cost_refused"),
    ({"day": date(2025, 11, 12)}, "cost_refused"),
    ({"day": date(2024, 9, 1)}, "cost_refused"),
]


@pytest.mark.parametrize(("changed", "reason"), WRONG)
def test_a_wrong_cost_is_refused(changed: dict[str, Any], reason: str) -> None:
    book = publish(cost(**changed))
    assert book.refused() == [reason] or changed == {"place": ""}
    assert len(book.refused()) == 1
    assert not book.rows["journal"]


def test_the_same_id_with_other_content_is_a_conflict() -> None:
    assert publish(cost(), cost(amount_e4=100)).refused() == ["conflicting_duplicate"]


def test_a_restart_forgets_no_cost() -> None:
    book = publish(cost(), gone(cost="cost-2", id="gone-2"))
    book.restart()
    for event in (cost(), gone(), cost(id="cost-2")):
        book.block((topics.CONTROL.name, event))
    assert hq(book) == {}
    assert book.refused() == []


def test_a_bill_is_read_whole_or_not_at_all() -> None:
    header = "place,to,day,amount,carrier,basis,bill\n"
    (made,) = read_costs(header + "SH-HUB,XA-HUB,2025-11-10,900.00,顺达物流,volume,B-7\n", START, "me")
    assert (made.basis, yuan(made.amount_e4), made.day) == ("volume", "900.00", date(2025, 11, 10))
    for wrong in (
        header + "SH-HUB,,2025-11-10,0,x,weight,\n",
        header + "SH-HUB,,then,1,x,weight,\n",
        header + "SH-HUB,,2025-11-10,1,x,weight,B-7,more\n",
        header + f"SH-HUB,,2025-11-10,1,{'x' * 200_000},weight,B-7\n",
        "place\n",
    ):
        with pytest.raises(DocumentError):
            read_costs(wrong, START, "me")


def test_a_row_that_stands_twice_in_a_bill_is_no_second_cost() -> None:
    """They have one id, so the second would be booked as a repeat: nothing."""
    row = "SH-HUB,XA-HUB,2025-11-10,900.00,顺达物流,volume,"
    text = f"place,to,day,amount,carrier,basis,bill\n{row}B-7\n{row}B-8\n{row}B-7\n"
    with pytest.raises(DocumentError) as refused:
        read_costs(text, START, "me")
    assert str(refused.value).startswith("costs.csv row 4 column bill: is row 2 once more; a cost of its own")
    assert len(read_costs(text.replace("B-7\n", "B-7/2\n", 1), START, "me")) == 3


def test_what_is_published_or_withdrawn_already_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so: it looked as if it had been."""
    said: list[CostIncurred | CostWithdrawn] = []
    monkeypatch.setattr(costs, "published", lambda _settings: list(said))
    monkeypatch.setattr(costs, "data_time", lambda _settings: START)
    monkeypatch.setattr(costs, "send_control", lambda _settings, *events: said.extend(events))
    text = "place,to,day,amount,carrier,basis,bill\nSH-HUB,,2025-11-10,900.00,顺达物流,volume,B-7\n"
    (first,) = costs.publish(SETTINGS, text, "me")
    assert first.endswith("900.00")
    assert costs.publish(SETTINGS, text, "other") == [f"{first} is published already: nothing is sent"]
    assert len(said) == 1
    with pytest.raises(LookupError, match=f"no cost {said[0].id}x is published; the nearest is {said[0].id}"):
        costs.withdraw(SETTINGS, f"{said[0].id}x", "", "me")
    assert costs.withdraw(SETTINGS, said[0].id, "", "me") == f"{said[0].id}: withdrawn"
    assert "was withdrawn and stays so" in costs.withdraw(SETTINGS, said[0].id, "again", "me")
    assert "was withdrawn and stays so" in costs.publish(SETTINGS, text, "me")[0]
    assert len(said) == 2


SITES = {
    "HUB1": Site(site="HUB1", name="", kind="hub", outlet="HQ", city="", province=""),
    "OUT1": Site(site="OUT1", name="", kind="outlet", outlet="OUT1", city="", province=""),
}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("NIX,,2025-11-10,1,x,weight,", "column place: place NIX is no hub of the directory"),
        (
            "HUB1,OUT1,2025-11-10,1,x,weight,",
            "column to: to OUT1 is no hub of the directory; the nearest is HUB1",
        ),
        (",,2025-11-10,1,x,weight,", "column place: place is empty; it says a hub's code"),
        ("HUB1,,2025-11-10,1,,weight,", "column carrier: carrier is empty; it says who billed it"),
        ("HUB1,,2025-11-10,1,x,foo,", "column basis: basis is 'foo'; it is one of weight, volume, piece"),
        ("HUB1,HUB1,2025-11-10,1,x,weight,", "column to: to is the place itself; a line ends at another hub"),
        ("HUB1,,2999-11-10,1,x,piece,", "column day: day is from 2024-10-07 to 2025-11-11, the business day"),
        ("HUB1,,2024-10-06,1,x,piece,", "column day: day is from 2024-10-07 to 2025-11-11, the business day"),
        ("HUB1,,11-10,1,x,piece,", "column day: day is '11-10'; a day is written as 2025-11-10"),
        ("HUB1,,20251110,1,x,piece,", "column day: day is '20251110'; a day is written as 2025-11-10"),
        ("HUB1,,2025-11-10,-1,x,piece,", "column amount: amount is more than 0 yuan"),
        ("HUB1,,2025-11-10,much,x,piece,", "column amount: amount 'much' is not an amount of yuan"),
        (
            "HUB1,,2025-11-10,0.001,x,piece,",
            "column amount: amount '0.001' has a part of a fen, which nobody",
        ),
        (f"HUB1,,2025-11-10,1,{'x' * 999},piece,", "column carrier: Expected `str` of length <="),
    ],
)
def test_what_is_wrong_with_a_bill_is_said_where_it_is(row: str, said: str) -> None:
    hubs = frozenset(code for code, site in SITES.items() if site.kind == "hub")
    network = Network("", SITES, {}, {}, {}, {}, hubs=hubs)
    good = "HUB1,,2025-11-10,1,x,piece,B-1"
    text = f"place,to,day,amount,carrier,basis,bill\n{good}\n{row}\n"
    with pytest.raises(DocumentError) as refused:
        read_costs(text, START, "me", "bill.csv", network)
    (problem,) = refused.value.problems
    assert str(problem).startswith(f"bill.csv row 3 {said}")
