"""Payouts of a channel to the bank: on their way once, cleared once, asked about when they do not come."""

import random
from decimal import Decimal
from typing import Any

import pytest

from flows.reconciliation.payouts import MISSING, ORPHAN
from flows.reconciliation.rules import DEFAULT, read_matching
from schemas.money import parse_yuan
from schemas.payments import exception_id
from schemas.problems import DocumentError
from schemas.times import DAY, HOUR, MINUTE
from tests.bills.lane import parts, with_bills
from tests.bills.test_lane import line
from tests.payments.closes import close, day, noon
from tests.payments.world import GROUP, Books, decided, due, key, rules
from tests.rating.material import scenarios

CASES = scenarios("payouts.csv")
AGREED = '[[payout]]\nchannels = ["other"]\nbanks = ["other"]\nwords = ["财付通", "支付宝"]\n'
MATCHING = DEFAULT.read_text("utf-8") + AGREED
SILENT = with_bills('sorts = ["fund"]\nnotified = false').files["channels.toml"]
RULES = rules(channels=SILENT, matching=MATCHING)
ANOTHER = '[[payout]]\nchannels = ["till"]\nbanks = ["other"]\nwords = ["银联"]\n'
OF_TWO = rules(channels=SILENT, matching=MATCHING + ANOTHER)
"""The till's payouts are credited in other words."""


def events(step: str) -> list[Any]:
    """A step of a story: `提P1 11 100 [号V7]`, `撤P1 11`, `入C1 12 100 财付通提现`, `付B1 12 100`,
    `回R1 12 100 [P1|号V7]`, `单FR-1 100`, `认可P1 [100]`, `核C1→P1 100`, `退R1 100`, `复核认可P1`, `撤回认可P1`."""
    what, name = step[0], step[1:].split(maxsplit=1)[0]
    words = step.split()[1:]
    match what:
        case "提":
            order = words[2].removeprefix("号") if len(words) > 2 else ""
            out = line(name, words[1], order, kind="transfer", direction="out", time=noon(words[0]))
            return list(parts(day(words[0]), out, sort="fund", statement=name))
        case "撤" if not step.startswith("撤回"):
            return list(parts(day(words[0]), sort="fund", statement=name, corrects=1))
        case "入":
            credit = line(name, words[1], text=words[2], time=noon(words[0]) - 12 * HOUR)
            return list(parts(day(words[0]), credit, sort="fund", statement=name))
        case "付":
            debit = line(name, words[1], direction="out", text="充值", time=noon(words[0]) - 12 * HOUR)
            return list(parts(day(words[0]), debit, sort="fund", statement=name))
        case "回":
            named = words[2] if len(words) > 2 else ""
            facts = {"original": "" if named.startswith("号") else named, "order": named.partition("号")[2]}
            back = line(name, words[1], kind="transfer", time=noon(words[0]) - 12 * HOUR, **facts)
            return list(parts(day(words[0]), back, sort="fund", statement=name))
        case "单":
            return [due(name, words[0], time=noon("11") - DAY)]
    return [said(step)]


def said(step: str) -> Any:
    """A person's word, known by what it says: `认可P1`, `核C1→P1`."""
    about, *amount = step.split()
    if about.startswith(("复核", "撤回")):
        return decided("approve" if about[0] == "复" else "withdraw", about, by="wang", of=about[2:])
    if about.startswith("认可"):
        name = about.removeprefix("认可")
        kind = ORPHAN if name.startswith("R") else MISSING
        exception = exception_id(GROUP, kind, key(name, "transfer"))
        return decided(
            "accept", about, exception=exception, amount_e4=parse_yuan(amount[0] if amount else "100")
        )
    if about.startswith("退"):
        return decided("refund", about, payment=key(about[1:], "transfer"), amount_e4=parse_yuan(amount[0]))
    what, payout = about.removeprefix("核").split("→")
    payment = key(what, "transfer" if what.startswith("R") else "payment")
    of = key(payout, "payment" if payout.startswith("B") else "transfer")
    share = {"payment": payment, "document": of, "amount_e4": parse_yuan(amount[0])}
    return decided("match", about, shares=[share])


def played(books: Books, steps: str, *, shuffled: random.Random | None = None) -> Books:
    """A story; `shuffled`: its facts in another order, with restarts."""
    told = [one.strip() for one in steps.split("；")]
    books.until(noon("13"))
    if shuffled is not None:
        shuffled.shuffle(told)
    for step in told:
        if step.startswith("到"):
            books.until(noon(step.split()[1]) - 12 * HOUR + 11 * MINUTE)
        elif step == "重启":
            books.restart()
        else:
            if step[0] in "提入付回" or step.startswith("撤P"):
                books.until(noon(step.split()[1]) + 12 * HOUR)
            books.take(*events(step))
            if shuffled is not None:
                books.restart()
    return books


def transit(books: Books, account: str = "1817") -> str:
    """What is in transit, or on another account; empty: nothing."""
    units = books.balances().get(("HQ", account))
    return f"{units:.2f}" if units else ""


def matched(books: Books) -> str:
    """What is matched: `C1→P1 100.00`."""
    found = [
        f"{payment.rpartition('/')[2]}→{document.rpartition('/')[2]} {amount:.2f}"
        for (payment, document), (amount, _) in books.matches().items()
    ]
    return "；".join(sorted(found))


def stands(books: Books) -> dict[tuple[str, str], str]:
    """What is asked about, and how; whether it was told otherwise before depends on the order."""
    return {about: status.replace("changed", "opened") for about, status in books.exceptions().items()}


def asked(books: Books) -> str:
    """What people are asked about, but for money that only bills know."""
    return "；".join(
        f"{kind} {subject.rpartition('/')[2]} {amount:.2f}"
        for (kind, subject), (amount, *_) in sorted(books.evidence().items())
        if books.exceptions()[kind, subject] != "accepted"
    )


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    """One row of the table."""
    books = played(Books(RULES), case["经过"])
    assert (transit(books), asked(books), matched(books)) == (case["在途"], case["例外"], case["核销"])
    assert transit(books, "6303") == case["损失"]


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_the_order_does_not_matter(case: dict[str, str]) -> None:
    """Any order, with restarts between: the same books in the end."""
    steps = case["经过"].replace("；重启", "")
    facts = "；".join(one for one in steps.split("；") if not one.startswith("到"))
    wanted = played(Books(RULES), facts).until(noon("20"))
    for seed in range(3):
        other = played(Books(RULES), facts, shuffled=random.Random(seed)).until(noon("20"))
        assert other.final() == wanted.final()
        assert stands(other) == stands(wanted)


def test_without_a_rule_a_transfer_stays_in_suspense() -> None:
    """As its credit does."""
    books = played(Books(rules(channels=SILENT)), "提P1 11 100；入C1 12 100 财付通提现")
    assert (transit(books), matched(books)) == ("", "")


def test_a_rule_that_comes_later_takes_them() -> None:
    """And one that goes gives them back."""
    books = played(Books(rules(channels=SILENT)), "提P1 11 100；入C1 12 100 财付通提现；提P2 12 7")
    books.take(RULES)
    assert (transit(books), matched(books)) == ("7.00", "C1→P1 100.00；P1→P1 100.00；P2→P2 7.00")
    assert books.balances()[("HQ", "1815")] == Decimal("-7")


@pytest.mark.parametrize("steps", ["提P1 11 100；入C1 12 100 银联入账", "入C1 12 100 银联入账；提P1 11 100"])
def test_a_credit_in_another_rules_words_is_no_payout_of_this_one(steps: str) -> None:
    """It is another channel's; the payout that has not come is the one that is asked about."""
    books = played(Books(OF_TWO), f"{steps}；到 15")
    assert (transit(books), matched(books)) == ("100.00", "P1→P1 100.00")
    assert asked(books) == "payout_missing P1 100.00；unknown_payment C1 100.00"
    books.take(*events("入C2 14 100 财付通提现"))
    assert (transit(books), matched(books)) == ("", "C2→P1 100.00；P1→P1 100.00")


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ('words = ["财付通", "支付宝"]', "words = []", "words"),
        ('words = ["财付通", "支付宝"]', 'words = ["付"]', "words"),
        ('banks = ["other"]\n', "", "banks"),
        ("banks", "bank", "bank"),
        ("words", "days = 99\nwords", "days"),
    ],
)
def test_a_wrong_rule_is_refused(old: str, new: str, column: str) -> None:
    with pytest.raises(DocumentError) as error:
        read_matching(MATCHING.replace(AGREED, AGREED.replace(old, new, 1)))
    assert column in str(error.value)


def test_a_close_counts_a_payout_as_money_that_left_and_is_accounted_for() -> None:
    """It leaves nothing in suspense; where it has not come it has to be named."""
    books = played(Books(RULES), "提P1 11 100；到 15")
    books.take(close("C1", day("11"), time=books.work.ring.now))
    books.take(*events("认可P1"))
    books.take(close("C2", day("11"), time=books.work.ring.now))
    one, two = books.rows["close"]
    assert (one["status"], two["status"]) == ("refused", "closed")
    assert (two["paid_out"], two["matched_out"], two["suspense"]) == (100, 100, 0)


def test_a_close_counts_money_that_was_accepted_as_ours() -> None:
    """It is in suspense no more."""
    books = played(Books(RULES), "回R1 11 100；到 15")
    books.take(*events("认可R1"))
    books.take(close("C1", day("11"), time=books.work.ring.now))
    (row,) = books.rows["close"]
    assert (row["status"], row["received"], row["matched"], row["suspense"]) == ("closed", 100, 100, 0)
