"""What people are asked in the terminal, what they answer, and why a payment was matched."""

from collections.abc import Iterator
from datetime import date

import pytest

from deploy.reconciliation.people import Answer, became, explained, listing, showing
from deploy.reconciliation.trail import trail
from schemas.money import YUAN
from schemas.times import DAY
from tests.channels.world import NOON
from tests.payments.world import due, key, paid
from tests.payments.written import Written, written


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """Books in a store."""
    with written(tmp_path_factory.mktemp("store")) as made:
        yield made


def test_from_the_question_to_the_answer(store: Written) -> None:
    store.take(
        due("FR-1001", "2000.00"),
        due("FR-1002", "30.00"),
        paid("A1", "2000.00", "FR-7777"),
        paid("A2", "29.00", "FR-1002"),
    ).until(NOON + DAY)
    unknown = store.exception("unknown_payment")
    lines = [line for line in listing(store.client) if unknown in line]
    assert len(lines) == 1
    assert "来款无对应单据" in lines[0]
    assert f"{key('A1')}  2,000.00  " in lines[0]
    shown = "\n".join(showing(store.client, unknown))
    assert "2,000.00" in shown
    assert "opened" in shown

    made = Answer(store.client, "li", "customer called").match(unknown, [("FR-1001", 2000 * YUAN)])
    store.take(made)
    assert store.status("FR-1001")[0] == "open", "above the four-eyes amount another person has to agree"
    store.take(Answer(store.client, "li").approve(made.id))
    assert store.status("FR-1001")[0] == "open", "that is the same person"
    store.take(Answer(store.client, "wang").approve(made.id))
    assert store.status("FR-1001")[0] == "paid"
    assert not [line for line in listing(store.client) if unknown in line]
    assert any("decided" in line for line in explained(store.client, key("A1")))

    store.take(Answer(store.client, "wang").withdraw(made.id))
    assert store.status("FR-1001")[0] == "open"
    assert store.balances()["HQ", "2601"] == -2000


def test_an_exception_sleeps_and_wakes(store: Written) -> None:
    store.take(paid("A5", "3.00", "FR-8888")).until(NOON + 2 * DAY)
    number = next(line.split()[0] for line in listing(store.client) if key("A5") in line)
    store.take(Answer(store.client, "li").ignore(number, date(2025, 11, 20)))
    assert not [line for line in listing(store.client) if number in line]
    assert [line for line in listing(store.client, ignored=True) if number in line]
    store.until(NOON + 10 * DAY)
    assert [line for line in listing(store.client) if number in line]
    for days, there in ((8, True), (10, False)):
        assert any(number in line for line in listing(store.client, age=days * DAY)) == there


def test_why(store: Written) -> None:
    store.take(due("FR-1010", "40.00"), paid("A10", "40.00", "FR-1010"))
    told = "\n".join(explained(store.client, key("A10")))
    assert "matched: 40.00 for FR-1010 by order_number" in told
    with pytest.raises(LookupError, match="no payment"):
        explained(store.client, key("A99"))
    with pytest.raises(LookupError, match="no open exception"):
        list(showing(store.client, "ex-1"))


def test_from_a_payment_or_a_document_down_to_the_notification(store: Written) -> None:
    store.take(due("FR-1030", "40.00"), paid("A30", "40.00", "FR-1030", fee_e4=2_400))
    store.take(due("FR-1030", "30.00", id="FR-1030-2", time=NOON))
    told = list(trail(store.client, key("A30")))
    shown = "\n".join(told)
    assert sum(line.startswith("核销") for line in told) == 3, shown
    assert "taken back" in shown
    assert "多付 amount_over" in shown
    assert "1815 借 40.00  payment_in" in shown
    assert told[-1].startswith("通知 notification")
    assert "waybook evidence ntf-" in told[-1]
    document = "\n".join(trail(store.client, "FR-1030"))
    assert "over_paid" in document
    assert key("A30") in document
    assert "receivable" in document
    with pytest.raises(LookupError, match="no payment and no document"):
        list(trail(store.client, "FR-404"))


def test_large_refunds_need_another_person(store: Written) -> None:
    store.take(paid("A40", "5000.00", "FR-8889"), paid("A41", "50.00", "FR-8890")).until(NOON + 20 * DAY)
    numbers = [
        line.split()[0]
        for payment in ("A40", "A41")
        for line in listing(store.client)
        if key(payment) in line
    ]
    for number, state in zip(numbers, ("waiting", "in_force"), strict=True):
        made = Answer(store.client, "li").refund(number)
        assert became(store.client, made, 0).startswith("no lane has taken it")
        store.take(made)
        assert store.rows["payment_decision"][-1]["state"] == state
        said = became(store.client, made)
        assert ("another person" in said) == (state == "waiting"), said
        assert said.endswith("opened" if state == "waiting" else "closed"), said


def test_what_goes_beyond_what_people_may_decide_is_told(store: Written) -> None:
    store.take(paid("A50", "7.00", "FR-8891")).until(NOON + 21 * DAY)
    number = next(line.split()[0] for line in listing(store.client) if key("A50") in line)
    made = Answer(store.client, "li").write_off(number, "FR-1001", 51 * YUAN)
    store.take(made)
    assert "refused decision_refused" in became(store.client, made)
