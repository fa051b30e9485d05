"""Penalties that final breaches of scan chains cost by themselves: cases, any order, withdrawals, restarts."""

from decimal import Decimal
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.events import Claim, ClaimWithdrawn, Event
from schemas.times import DAY, HOUR
from tests.lifecycle.fees import PRICES, priced, story_of
from tests.lifecycle.test_fees import check_books
from tests.lifecycle.world import START, WAYBILL, Book, network, tariff
from tests.rating.material import scenarios
from tests.volume import examples

RULES = """
[[rule]]
name = "sent"
label = "揽收后未发件"
when = "10"
then = ["20", "30", "40", "50"]
hours = 24
due = "late"
amount = "2.50"

[[rule]]
name = "delivered"
label = "到件后未签收"
when = "30"
then = ["50"]
hours = 12
due = "late"

[[rule]]
name = "arrived"
label = "无到件签收"
when = "50"
need = ["30"]
hours = 6
due = "false_sign"
amount = "6.00"
"""
CASES = scenarios("penalties.csv")


def punishing(rules: str = RULES) -> Book:
    """A lane whose rules have dues; a book with prices for some of them."""
    return Book((tariff(priced(PRICES)),), directory=network(chains=rules))


def story(text: str) -> list[Event]:
    """Words of `story_of`, and `免罚sent@25`: the penalty for breaking that rule is withdrawn."""
    events: list[Event] = []
    for token in text.split():
        if token.startswith("免罚"):
            rule, _, hour = token.removeprefix("免罚").partition("@")
            back = ClaimWithdrawn(
                id=f"excused-{rule}",
                time=START + int(hour) * HOUR,
                waybill=WAYBILL,
                claim=f"breach:{rule}",
                reason="系统故障",
            )
            events.append(back)
        else:
            events += story_of(token if "@" in token else f"{token}@{len(events)}")
    return events


def penalties(book: Book) -> list[str]:
    """What stands charged for breaches: fee, who pays, date, amount."""
    return sorted(
        f"{fee} {payer} {day} {amount:.2f}"
        for (fee, part, payer, _, day, *_), amount in book.standing().items()
        if part.startswith("breach:")
    )


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    """`/30` in a story: thirty hours have passed before what follows is known."""
    book = punishing()
    before, *rest = case["经过"].split("/")
    book.take(*story(before))
    for later in rest:
        hour, _, words = later.partition(" ")
        book.tick(START + int(hour) * HOUR)
        book.take(*story(words))
    book.tick(START + int(case["过了几小时"]) * HOUR)
    assert "; ".join(penalties(book)) == case["罚款"]
    assert " ".join(f"{due}:{why}" for due, why in book.waiting().items()) == case["等待"]
    assert book.refused() == []
    check_books(book)


def test_the_claim_names_the_rule_and_the_scan() -> None:
    book = punishing().take(*story("订单 揽收 网点秤2.5 发件@2 派件@22 签收@24")).tick(START + 97 * HOUR)
    (claim,) = book.rows["claim"]
    assert (claim["claim"], claim["status"], claim["kind"]) == ("breach:arrived", "breached", "false_sign")
    assert claim["evidence"] == "chain arrived: 50 签收 XA-D 2025-11-12T00:00:00.000Z"
    (charge,) = [row for row in book.rows["charge"] if row["fee"] == "false_sign"]
    assert (charge["cause"], charge["part"], charge["payee"]) == ("breach:arrived", "breach:arrived", "HQ")
    assert (charge["event_time"] - claim["event_time"]).total_seconds() == 0


def test_a_scan_that_comes_too_late_all_the_same_takes_the_penalty_back() -> None:
    book = punishing().take(*story("订单 揽收 发件@2 派件@22 签收@24")).tick(START + 97 * HOUR)
    assert penalties(book) == ["false_sign XAD 2025-11-12 6.00"]
    book.take(*story("到件@20"))
    assert penalties(book) == []
    assert [row["status"] for row in book.rows["claim"]] == ["breached", "mended"]
    assert book.breaches() == {"arrived": "closed"}
    back = [row for row in book.rows["charge"] if row["fee"] == "false_sign"][-1]
    assert back["cause"] == "scan-30"
    check_books(book)


def test_a_parcel_that_is_given_up_pays_for_what_is_still_broken() -> None:
    book = punishing().take(*story("订单 揽收")).tick(START + 30 * HOUR)
    assert (book.breaches(), penalties(book)) == ({"sent": "open"}, [])
    for days in (30, 60, 91, 92):
        book.tick(START + days * DAY)
    assert (book.breaches(), penalties(book)) == ({"sent": "final"}, ["late SHC 2025-11-12 2.50"])
    assert not +book.lifecycle.watch.open


def test_another_order_moves_the_penalty_to_another_outlet() -> None:
    rules = RULES.replace("hours = 6", 'hours = 6\nresponsible = "destination"')
    book = punishing(rules).take(*story("订单 揽收 发件@2 派件@22 签收@24")).tick(START + 97 * HOUR)
    book.take(*story_of("订单+派往YLE#改@97"))
    assert penalties(book) == ["false_sign YLE 2025-11-12 6.00"]
    check_books(book)


def test_other_rules_change_no_penalty_that_is_final() -> None:
    book = punishing().take(*story("订单 揽收 发件@2 派件@22 签收@24")).tick(START + 97 * HOUR)
    for other in (RULES.replace("6.00", "60.00"), RULES.replace("hours = 6", "hours = 60"), ""):
        book.block((topics.CONTROL.name, network(**({"chains": other} if other else {}))))
        book.tick(book.lifecycle.ring.now + HOUR)
        assert penalties(book) == ["false_sign XAD 2025-11-12 6.00"]
    book.take(*story("免罚arrived@99"))
    assert penalties(book) == []


def test_claims_in_the_name_of_breaches_are_refused() -> None:
    book = punishing()
    book.take(
        Claim(id="breach:sent", time=START, waybill=WAYBILL, kind="late", responsible="SHC", amount_e4=100)
    )
    assert book.refused() == ["reserved_id"]


WRONG = [
    ('due = "late"', 'due = "transit"', "due"),
    ('due = "late"', 'due = "service_level"', "due"),
    ('due = "late"', 'due = "unheard_of"', "due"),
    ('amount = "2.50"', "amount = 2.5", "amount"),
    ('amount = "2.50"', 'amount = "0"', "amount"),
    ('amount = "2.50"', 'amount = "-1"', "amount"),
    ('amount = "2.50"', 'amount = "1.00001"', "amount"),
    ('amount = "2.50"', 'amount = "1.001"', "amount"),
    ('due = "late"\namount = "2.50"', 'amount = "2.50"', "amount"),
    ('name = "sent"', f'name = "{"s" * 58}"', "name"),
]


@pytest.mark.parametrize(("old", "new", "column"), WRONG)
def test_a_directory_whose_rule_has_a_wrong_penalty_is_refused(old: str, new: str, column: str) -> None:
    book = punishing().block((topics.CONTROL.name, network(chains=RULES.replace(old, new, 1))))
    assert book.refused() == ["network_refused"]
    detail = str(book.rows["dead_letter"][0]["detail"])
    assert "chains.toml" in detail
    assert f"column {column}:" in detail


STORIES = [
    "订单 揽收@1 网点秤2.5@1 发件@2 派件@22 签收@24 免罚arrived@25",
    "订单 揽收@1 发件@30 到件@31 到件#再@60 签收@44 签收#早@43 网点秤2.5@30",
    "订单 揽收@1 网点秤2.5@1 派件@22 签收@24 罚false_sign+责任XAD+3@30 订单+派往YLE#改@9",
    "揽收@1 到件@20 派件@22 签收@50 免罚delivered@52 免罚sent@52 订单@3",
]


@cache
def as_told(text: str) -> Book:
    """The books of a story in its own order; only looked at."""
    book = punishing().take(*story(text)).tick(START + 130 * HOUR)
    check_books(book)
    return book


@pytest.mark.parametrize("text", STORIES)
@examples(30)
@given(data=st.data())
def test_any_order_and_repetition_ends_in_the_same_books(text: str, data: st.DataObject) -> None:
    events = story(text)
    shuffled = list(data.draw(st.permutations(events)))
    shuffled += data.draw(st.lists(st.sampled_from(events), max_size=4))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    book, straight = punishing(), as_told(text)
    for low, high in pairwise([0, *cuts, len(shuffled)]):
        book.take(*shuffled[low:high])
        book.tick(book.lifecycle.ring.now + data.draw(st.integers(0, 5)) * HOUR)
    check_books(book.tick(START + 130 * HOUR))
    assert penalties(book) == penalties(straight)
    assert book.waiting() == straight.waiting()
    total = sum((Decimal(line.split()[-1]) for line in penalties(book)), Decimal(0))
    assert total == -sum(
        (
            amount
            for (owner, account, *_), amount in book.books().items()
            if (owner, account) == ("HQ", "5001")
        ),
        Decimal(0),
    ) - (Decimal(3) if "罚false_sign" in text else 0)


@examples(25)
@given(st.sampled_from(STORIES), st.integers(0, 8))
def test_a_restart_anywhere_changes_no_row(text: str, stop: int) -> None:
    events = story(text)
    through, stopped = punishing(), punishing()
    for event in events[:stop]:
        through.take(event)
        stopped.take(event)
    for hours in (60, 130 if stop % 2 else 60):
        through.tick(START + hours * HOUR)
        stopped.tick(START + hours * HOUR)
    stopped.restart()
    for event in events[stop:]:
        through.take(event)
        stopped.take(event)
    through.tick(START + 140 * HOUR)
    stopped.tick(START + 140 * HOUR)
    assert stopped.digests == through.digests
