"""Dues that are deducted from virtual accounts: asked for, refused, taken, given back, whatever the order of things."""

import random
import re
from datetime import timedelta
from decimal import Decimal
from functools import cache

import msgspec
import pytest

from flows.reconciliation.rules import DEFAULT, read_matching
from schemas import topics
from schemas.events import Command, Event, NetworkPublished
from schemas.identity import version_of
from schemas.money import parse_yuan
from schemas.problems import DocumentError
from schemas.times import DAY, MINUTE
from sources.channels.read import read_channels
from tests.bills.lane import parts
from tests.bills.test_lane import TODAY, line
from tests.channels.world import NOON, TEXT
from tests.payments.both import Both
from tests.payments.test_pools import token
from tests.payments.world import cancelled, decided, due, key, paid, refunded, rules
from tests.rating.material import scenarios
from tests.storage.world import PARTIES
from tests.wallet.world import OTHER, PARTY, Post, agreement, command, happening, network, tick

CASES = scenarios("deductions.csv")
AGREED = rules(matching=DEFAULT.read_text("utf-8") + '[[deduct]]\ngroups = ["north"]\nkinds = ["order"]\n')
NEW = "NEW,customer,新客户,,,,,,\n"
SETTLED = {"": "account", "收款": "payment", "约定": ""}
STATUS = {"refused": "待", "taken": "扣", "returned": "退", "withdrawn": "撤"}


def event(word: str, n: int) -> Event | Post:
    """A word of a story: `单100@收款`, `改80`, `付40`, `充值100`…"""
    at = NOON + n * MINUTE
    if said := re.fullmatch(r"(单|改|另单)([\d.]+)(?:@(.+))?", word):
        document = "FR-2" if said[1] == "另单" else "FR-1"
        settle = SETTLED[said[3] or ""]
        return due(document, said[2], id=f"{document}-{n}", time=at, party=PARTY, settle=settle)
    if said := re.fullmatch(r"(付|渠道退|拒付|核减)([\d.]+)", word):
        if said[1] == "付":
            return paid("A1", said[2], "FR-1", time=at)
        if said[1] == "拒付":
            back = line("B1", said[2], kind="chargeback", direction="out", original="A1", time=at)
            return parts(TODAY - timedelta(days=1), back)[0]
        if said[1] == "渠道退":
            return refunded("R1", said[2], "A1", "FR-1", time=at)
        return decided("write_off", f"K{n}", document="FR-1", amount_e4=parse_yuan(said[2]), time=at)
    if word == "取消":
        return cancelled("FR-1", at)
    if said := re.fullmatch(r"费用(-[\d.]+)", word):
        return PARTY, "transit", parse_yuan(said[1]), 0
    return happening(word, f"c{n}")


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
@pytest.mark.parametrize("restarts", [False, True])
def test_scenario(case: dict[str, str], restarts: bool) -> None:
    both = Both(agreement(case["条件"]), AGREED)
    for n, word in enumerate(case["经过"].split()):
        said = event(word, n)
        if isinstance(said, Command | tuple):
            both.ask(said).settle()
        else:
            both.take(said).settle()
        if restarts:
            both.restart()
    status, amount, _ = both.books.status("FR-1")
    kinds = " ".join(sorted(kind for kind, _ in both.books.exceptions()))
    assert (status, amount, kinds) == (case["状态"], Decimal(case["已付"]), case["例外"])
    assert both.bank.wallet().available == int(case["可用"]) * 10_000
    assert " ".join(STATUS[status] for _, status in both.story()) == case["扣款"]
    assert both.in_transit() == 0


def account(document: str, amount: str, **facts: object) -> Event:
    """A due that is deducted from the party's account."""
    return due(document, amount, **{"party": PARTY, "settle": "account", **facts})


def late(document: str, amount: str, **facts: object) -> Event:
    """Another word about it."""
    return account(document, amount, id=f"{document}-2", time=NOON - MINUTE, **facts)


FACTS: list[Event] = [
    account("FR-1001", "100.00"),
    *(account("FR-1002", "50.00"), late("FR-1002", "70.00")),
    *(account("FR-1003", "30.00"), cancelled("FR-1003")),
    *(account("FR-1004", "40.00"), paid("A4", "40.00", "FR-1004")),
    *(account("FR-1005", "60.00"), paid("A5", "25.00", "FR-1005", time=NOON + MINUTE)),
    *(account("FR-1006", "20.00", settle="payment"), late("FR-1006", "20.00")),
    *(account("FR-1007", "55.00"), late("FR-1007", "55.00", settle="payment")),
    *(account("FR-1008", "90.00"), decided("write_off", "K1", document="FR-1008", amount_e4=200_000)),
    *(account("FR-1009", "33.00"), paid("A9", "33.00", "FR-1009")),
    refunded("R9", "33.00", "A9", "FR-1009", time=NOON + 2 * MINUTE),
    *(account("FR-1010", "15.00", kind="topup"), paid("A10", "15.00", "FR-1010")),
    *(account("FR-1011", "80.00"), late("FR-1011", "80.00", party=OTHER)),
    account("FR-1012", "8.00", party="NOBODY"),
    *(
        account("FR-1013", "9.00", currency="USD"),
        account("FR-1014", "7.00", direction="out", kind="invoice"),
    ),
]
MONEY: list[Command | Post] = [
    command("top_up", "c1", amount_e4=3_000_000),
    command("top_up", "c2", amount_e4=700_000),
    command("top_up", "c3", OTHER, amount_e4=900_000),
    (PARTY, "transit", -50_000, 0),
]


def ended(both: Both) -> Both:
    """Everything was heard, and the time has come in which all is told."""
    for time in (NOON + 30 * MINUTE, NOON + 24 * 60 * MINUTE):
        both.settle().take(tick(time))
    return both.settle()


@cache
def as_told() -> Both:
    """What the facts come to in their own order; only looked at."""
    return ended(Both().ask(*MONEY).take(*FACTS))


@pytest.mark.parametrize("seed", range(20))
def test_any_order_ends_in_the_same_books(seed: int) -> None:
    r = random.Random(seed)
    both = Both()
    facts, money = r.sample(FACTS, len(FACTS)) + r.sample(FACTS, 5), r.sample(MONEY, len(MONEY))
    while facts or money:
        match r.randrange(6):
            case 0 | 1:
                some = [facts.pop() for _ in range(min(r.choice([1, 2, 5]), len(facts)))]
                both.take(*some)
            case 2 if money:
                both.ask(money.pop())
            case 3:
                both.hear(r.randint(1, 3))
            case 4:
                both.answer(r.randint(1, 3)).again(r)
            case 5 if r.random() < 0.3:
                both.restart()
    ended(both)
    assert both.final() == as_told().final()
    assert both.in_transit() == 0
    assert both.books.rows.get("dead_letter", []) == []


def test_what_the_facts_come_to() -> None:
    both = as_told()
    paid_up = [f"FR-{number}" for number in (1001, 1002, 1004, 1005, 1006, 1008, 1010, 1011)]
    assert {both.books.status(document)[0] for document in paid_up} == {"paid"}
    assert both.books.status("FR-1003")[0] == "cancelled"
    assert both.books.status("FR-1009")[0] == "refunded"
    assert {both.books.status(f"FR-{number}")[0] for number in (1007, 1012, 1013, 1014)} == {"open"}
    assert both.books.exceptions() == {("deduction_refused", "FR-1012"): "opened"}
    assert both.bank.wallet().free == 850_000
    assert both.bank.wallet(OTHER).free == 100_000


def test_rules_that_are_published_later_ask_for_open_dues() -> None:
    both = Both().ask(command("top_up", "c1", amount_e4=1_000_000))
    both.take(account("FR-1", "60.00", settle=""), account("FR-2", "5.00", settle="payment")).settle()
    assert both.story() == []
    both.take(AGREED).settle()
    both.take(account("FR-3", "70.00", settle="")).settle()
    assert both.story() == [("FR-1", "taken"), ("FR-3", "refused")]
    both.restart().take(rules()).settle().ask(command("top_up", "c2", amount_e4=1_000_000)).settle()
    assert both.story()[2:] == [("FR-3", "withdrawn")], "what was deducted stays, what waits does not"
    assert [both.books.status(f"FR-{n}")[0] for n in (1, 2, 3)] == ["paid", "open", "open"]


def test_a_payment_without_a_number_is_never_for_a_due_that_is_deducted() -> None:
    payer = token("user-1")
    both = Both().take(account("FR-1", "60.00", payer=payer), due("FR-2", "60.00", payer=payer, party=PARTY))
    both.take(paid("A1", "60.00", payer="user-1")).settle()
    assert both.books.matches() == {(key("A1"), "FR-2"): (Decimal(60), "payer_and_amount")}


def test_a_party_that_is_not_known_waits_for_the_directory() -> None:
    both = Both().take(account("FR-1", "10.00", party="NEW")).settle()
    assert both.story() == [("FR-1", "refused")]
    (asked,) = both.books.rows["payment_exception"]
    assert asked["evidence"] == "unknown_party: NEW may spend 0.00"
    both.ask(command("top_up", "c1", "NEW", amount_e4=200_000)).settle()
    files = network().files | {"parties.csv": PARTIES + NEW}
    known = NetworkPublished(id="n-new", time=NOON, version=version_of(files), files=files)
    both.bank.block((topics.CONTROL.name, 0, known))
    both.ask(command("top_up", "c2", "NEW", amount_e4=100_000)).settle()
    assert both.story() == [("FR-1", "refused"), ("FR-1", "taken")]


def test_answers_to_what_was_never_asked_change_nothing() -> None:
    both = Both().ask(command("top_up", "c1", amount_e4=1_000_000)).take(account("FR-1", "60.00")).settle()
    (answer,) = both.bank.deducted
    before = both.final()
    both.take(msgspec.structs.replace(answer, document="FR-9"))
    both.take(msgspec.structs.replace(answer, deduction="ded-0"))
    both.take(msgspec.structs.replace(answer, accepted=False))
    assert both.final() == before
    both.take(account("FR-2", "5.00"))
    (ask,) = both.books.work.output.asked
    wrong = msgspec.structs.replace(answer, document="FR-2", deduction=ask.ask.deduction)
    both.take(wrong)
    assert [row["reason"] for row in both.books.rows["dead_letter"]] == ["unknown_deduction"]


def test_a_forgotten_deduction_leaves_with_its_due() -> None:
    both = Both().ask(command("top_up", "c1", amount_e4=1_000_000)).take(account("FR-1", "60.00")).settle()
    for day in range(1, 100):
        both.take(tick(NOON + day * DAY))
    for _ in range(300):
        both.books.restart()
    assert "d/north/FR-1" not in both.books.work.ring.records


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[[deduct]]\nkinds = ["topup"]\n', "wrong_kind"),
        ('[[deduct]]\nkind = ["order"]\n', "unknown_setting"),
        ('[[deduct]]\nkinds = ["orders"]\n', "wrong_setting"),
    ],
)
def test_agreements_that_make_no_sense_are_refused(text: str, wrong: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read_matching(DEFAULT.read_text("utf-8") + text)
    assert [problem.rule for problem in refused.value.problems] == [wrong]


def test_no_channel_may_be_called_account() -> None:
    with pytest.raises(DocumentError) as refused:
        read_channels({"channels.toml": TEXT.replace('name = "other"', 'name = "account"')})
    assert [problem.rule for problem in refused.value.problems] == ["reserved"]
