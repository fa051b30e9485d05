"""Whatever order facts come in, and however few of them are looked at each time, the books end the same."""

import random
from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.reconciliation.model import Decisions, Due, Paid
from flows.reconciliation.outcome import outcome
from schemas.money import YUAN
from schemas.payments import Kind
from schemas.times import HOUR, MINUTE
from tests.reconciliation.lane import Lane
from tests.reconciliation.world import FIRST, LATER, rules

AMOUNTS = st.sampled_from([40 * YUAN, 40 * YUAN, 60 * YUAN, 100 * YUAN, 140 * YUAN, 101_500, 998_500])
TIMES = st.one_of(
    st.integers(0, 100).map(lambda n: FIRST + n * 7 * MINUTE),
    st.integers(0, 60).map(lambda n: FIRST + n * 9 * HOUR),
)
NUMBERS = ["FR-1001", "FR-1002", "FR-1003", "FR-1004", "FR-1005", "FR-1006", "C-20001", "C-20002"]
PARTIES = st.sampled_from(["", "甲", "甲"])
PAYERS = st.sampled_from(["", "", "tok-x", "tok-y"])

DUES = st.builds(
    Due,
    document=st.sampled_from(NUMBERS[:6]),
    kind=st.just("order"),
    party=st.sampled_from(["甲", "甲", "乙", "丙"]),
    amount=AMOUNTS,
    time=TIMES,
    direction=st.sampled_from(["in", "in", "in", "out"]),
    references=st.lists(st.sampled_from(NUMBERS[6:]), max_size=1).map(tuple),
    payer=PAYERS,
    partial=st.booleans(),
    cancelled=st.sampled_from([False, False, False, True]),
)
TEXTS = st.one_of(
    st.just(""), st.just("货款"), st.lists(st.sampled_from([*NUMBERS, "FR-1009"]), max_size=2).map(" ".join)
)


@st.composite
def payment(draw: st.DrawFn, number: int) -> Paid:
    kind: Kind = draw(st.sampled_from(["payment", "payment", "payment", "refund", "chargeback", "transfer"]))
    back = kind in ("refund", "chargeback")
    return Paid(
        key=f"P{number}",
        kind=kind,
        amount=draw(AMOUNTS),
        time=draw(TIMES),
        direction=draw(st.sampled_from(["out", "out", "in"] if back else ["in", "in", "in", "out"])),
        order=draw(st.one_of(st.just(""), st.just(""), st.sampled_from([*NUMBERS, "ZZ-99999"]))),
        original=draw(st.sampled_from(["", *(f"P{n}" for n in range(8) if n != number)])) if back else "",
        payer=draw(PAYERS),
        party=draw(PARTIES),
        text=draw(TEXTS),
    )


@st.composite
def facts(draw: st.DrawFn) -> list[Due | Paid]:
    """Some dues, told anew at times, and some payments, each with a number of its own, in any order."""
    dues = draw(st.lists(DUES, min_size=1, max_size=7))
    paid = [draw(payment(number)) for number in range(draw(st.integers(1, 7)))]
    return draw(st.permutations([*dues, *paid]))


def newest(facts: list[Due | Paid]) -> tuple[list[Due], list[Paid]]:
    """The last word of each document, and all payments."""
    dues = {fact.document: fact for fact in facts if isinstance(fact, Due)}
    return list(dues.values()), [fact for fact in facts if isinstance(fact, Paid)]


@settings(max_examples=150, deadline=None)
@given(facts(), st.sampled_from(["", "甲挂账", "容差0.05元"]), st.randoms(use_true_random=False))
def test_one_by_one_as_all_at_once(found: list[Due | Paid], name: str, chance: random.Random) -> None:
    dues, paid = newest(found)
    whole = outcome(dues, paid, Decisions(), rules(name), LATER)
    chance.shuffle(dues)
    chance.shuffle(paid)
    assert outcome(dues * 2, paid * 2, Decisions(), rules(name), LATER) == whole

    lane = Lane(rules(name), LATER)
    for fact in found:
        lane.take(fact)
    assert lane.booked() == (list(whole.matches), list(whole.exceptions), list(whole.differences))

    lane = Lane(rules(name), LATER)
    rest: list[Due | Paid] = [*dues, *paid]
    chance.shuffle(rest)
    while rest:
        several = chance.randint(1, 3)
        lane.take(*rest[:several])
        rest = rest[several:]
    assert lane.booked() == (list(whole.matches), list(whole.exceptions), list(whole.differences))


@settings(max_examples=150, deadline=None)
@given(facts(), st.sampled_from(["", "甲挂账", "容差0.05元"]))
def test_money_is_conserved(found: list[Due | Paid], name: str) -> None:
    dues, paid = newest(found)
    result = outcome(dues, paid, Decisions(), rules(name), LATER)
    of = {one.key: one for one in paid}
    owed = {due.document: due for due in dues}
    given_of: Counter[str] = Counter()
    given_to: Counter[str] = Counter()
    given_up: Counter[str] = Counter()
    for match in result.matches:
        assert match.amount > 0
        same = owed[match.document].direction == of[match.payment].direction
        back = of[match.payment].kind in ("refund", "chargeback") and not same
        given_of[match.payment] += match.amount
        given_to[match.document] += -match.amount if back else match.amount
        assert of[match.payment].kind != "transfer"
        assert not owed[match.document].cancelled
        assert back or same
    for move in result.transit:
        given_of[move.payment] += move.amount
        assert of[move.payment].kind in ("refund", "chargeback")
    for one in result.differences:
        given_of[one.payment] += max(one.amount, 0)
        assert abs(one.amount) <= 500
        given_up[one.document] -= min(one.amount, 0)
    for one_open in result.exceptions:
        about = one_open.amount
        if one_open.kind == "amount_under":
            named = [owed[document] for document in one_open.candidates if not owed[document].cancelled]
            open_ = sum(due.amount - given_to[due.document] - given_up[due.document] for due in named)
            about = open_ - one_open.amount
        given_of[one_open.subject] += 0 if one_open.subject in result.on_the_way else about
    for key, money in of.items():
        assert given_of[key] <= money.amount
        refunded = sum(other.amount for other in paid if other.original == key)
        if money.kind == "payment":
            assert given_of[key] + refunded >= money.amount
    for document, amount in given_to.items():
        assert 0 <= amount <= owed[document].amount


@settings(max_examples=150, deadline=None)
@given(DUES, payment(1), st.booleans(), st.sampled_from(["", "只收"]))
def test_one_due_and_one_payment_are_no_special_case(due: Due, paid: Paid, alike: bool, name: str) -> None:
    if alike:
        paid = msgspec.structs.replace(
            paid, order=due.document.lower(), amount=due.amount, direction=due.direction
        )
    short = outcome([due], [paid], Decisions(), rules(name), LATER)
    assert short == outcome([due], [paid], Decisions(), rules(name), LATER, lambda *_: None)
    assert outcome([due], [], Decisions(), rules(name), LATER).settled == (
        {due.document} if due.cancelled else set()
    )


def test_a_due_told_anew_changes_its_payment() -> None:
    lane = Lane(rules(), LATER)
    due = Due("FR-1001", "order", "甲", 100 * YUAN, FIRST)
    lane.take(due, Paid("P1", "payment", 100 * YUAN, FIRST + HOUR, order="FR-1001"))
    assert [match.amount for match in lane.booked()[0]] == [100 * YUAN]
    lane.take(msgspec.structs.replace(due, amount=70 * YUAN))
    assert [(one.kind, one.amount) for one in lane.booked()[1]] == [("amount_over", 30 * YUAN)]
    lane.take(msgspec.structs.replace(due, cancelled=True))
    assert lane.booked()[0] == []
    assert [one.kind for one in lane.booked()[1]] == ["cancelled_paid"]


def test_what_hangs_together_stays_small() -> None:
    """A thousand customers who pay by number are a thousand small components, also where each has others open."""
    lane = Lane(rules(), LATER)
    for n in range(1000):
        lane.take(Due(f"FR-{n:05d}", "order", f"客户{n % 50}", 100 * YUAN + n * 100, FIRST + n))
    asked = lane.seen
    for n in range(1000):
        lane.take(Paid(f"P{n}", "payment", 100 * YUAN + n * 100, FIRST + HOUR, order=f"FR-{n:05d}"))
    assert lane.seen - asked == 2000
    assert len(lane.booked()[0]) == 1000


def test_a_payer_with_hundreds_of_items_is_bounded() -> None:
    """Beyond the bound a person is asked; what numbers say is matched all the same."""
    chance = random.Random(1)
    dues = [
        Due(f"FR-{n:05d}", "order", "甲", chance.randint(30_000, 2_000_000) * 100, FIRST + n * HOUR)
        for n in range(300)
    ]
    unknown = [
        Paid(f"P{n}", "payment", chance.randint(30_000, 2_000_000) * 100, FIRST + n * HOUR, party="甲")
        for n in range(60)
    ]
    known = [
        Paid(f"N{n}", "payment", dues[n].amount, FIRST + n * HOUR, order=f"FR-{n:05d}") for n in range(50)
    ]
    result = outcome(dues, [*unknown, *known], Decisions(), rules(), LATER)
    assert {match.document for match in result.matches if match.payment.startswith("N")} == {
        due.document for due in dues[:50]
    }
    assert "too_complex" in {one.kind for one in result.exceptions}
    assert result == outcome(dues[::-1], [*known, *unknown], Decisions(), rules(), LATER)
