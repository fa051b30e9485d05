"""People match what came with money that left: a payout, what went back beyond what was paid."""

from decimal import Decimal

import pytest

from dashboards.why import explained
from deploy.reconciliation.people import Answer
from schemas.money import YUAN
from schemas.payments import exception_id
from schemas.times import DAY
from tests.bills.lane import parts, with_bills
from tests.bills.test_lane import TODAY, line
from tests.channels.world import NOON
from tests.payments.test_chargebacks import event
from tests.payments.test_payouts import RULES, asked, matched, played, transit
from tests.payments.world import GROUP, Books, decided, due, key
from tests.payments.written import Written, written
from tests.servers.store import Store


@pytest.fixture
def store(lasting_store: Store) -> Written:
    """A payout of 100 that has not come, and 99 that nobody knows."""
    made = written(lasting_store, RULES)
    played(made, "提P1 11 100；入C1 12 99 货款；回R1 12 1；到 15")
    return made


@pytest.mark.parametrize(
    ("kind", "name"), [("payout_missing", key("C1")), ("unknown_payment", key("P1", "transfer"))]
)
def test_from_both_sides(store: Written, kind: str, name: str) -> None:
    """Whichever people are asked about, it is the same match; the rest can be accepted as lost."""
    answer = Answer(store.client, "li", "bank's fee")
    store.take(answer.match(store.exception(kind), [(name, 99 * YUAN)]))
    assert (transit(store), matched(store)) == ("1.00", "C1→P1 99.00；P1→P1 100.00")
    assert asked(store) == "payout_missing P1 1.00；return_orphan R1 1.00"
    told = "\n".join(one.zh for one in explained(store.client, key("P1", "transfer")))
    assert "提现 100.00，其中 99.00 已收到" in told
    store.take(answer.accept(store.exception("payout_missing"), YUAN))
    assert (transit(store), transit(store, "6303")) == ("", "1.00")
    assert asked(store) == "return_orphan R1 1.00"
    with pytest.raises(ValueError, match=r"no more than 1\.00 of .*P1 has to come back"):
        answer.match(store.exception("payout_missing"), [(key("R1", "transfer"), 2 * YUAN)])
    store.take(answer.match(store.exception("payout_missing"), [(key("R1", "transfer"), YUAN)]))
    assert (transit(store), transit(store, "6303"), asked(store)) == ("", "", "")


def test_what_came_back_names_its_payout_or_is_none(store: Written) -> None:
    """A person matches it, told why; or accepts it as ours, which books it as found over until it is matched."""
    answer = Answer(store.client, "li", "充值")
    lines = "\n".join(one.zh for one in explained(store.client, key("R1", "transfer")))
    assert "1.00，提现退回无对应提现：未指明在途的提现" in lines
    store.take(answer.accept(store.exception("return_orphan"), YUAN))
    assert transit(store, "6303") == "-1.00"
    assert unmatched(store, key("R1", "transfer")) == 0
    assert asked(store) == "payout_missing P1 100.00；unknown_payment C1 99.00"
    store.take(answer.match(store.exception("return_orphan"), [(key("P1", "transfer"), YUAN)]))
    assert (transit(store), asked(store)) == ("99.00", "payout_missing P1 99.00；unknown_payment C1 99.00")
    assert transit(store, "6303") == ""


@pytest.mark.parametrize("kind", ["return_orphan", "unknown_payment"])
def test_a_deposit_is_what_a_bank_paid(lasting_store: Store, kind: str) -> None:
    """All of it, whichever of both people are asked about; then nobody is asked about either, and nothing is in
    suspense or in transit."""
    store = written(lasting_store, RULES)
    played(store, "付B1 11 100；付B2 11 7；回R1 12 100；到 15")
    asked_of, other = key("R1", "transfer"), key("B1")
    if kind == "unknown_payment":
        asked_of, other = other, asked_of
    about = exception_id(GROUP, kind, asked_of)
    answer = Answer(store.client, "li", "充值")
    with pytest.raises(ValueError, match=r"a deposit is all of .*/B1: 100\.00"):
        answer.match(about, [(other, 99 * YUAN)])
    store.take(answer.match(about, [(other, 100 * YUAN)]))
    assert (transit(store), asked(store)) == ("", "unknown_payment B2 7.00")
    assert store.balances()["HQ", "2601"] == 7
    told = [one.zh for one in explained(store.client, key("B1"))]
    assert any("依据渠道充值（充值在途）" in one for one in told), told


def test_what_came_back_too_much_of_what_we_paid(lasting_store: Store) -> None:
    """Nobody knows what for: accepted, it is found over, and nothing is unmatched any more."""
    store = written(lasting_store, with_bills("notified = false"))
    store.until(NOON + 2 * DAY).take(due("PO-1", "100.00", direction="out", kind="invoice"))
    left, back = (
        line("A1", "100.00", "PO-1", direction="out"),
        line("R1", "130.00", kind="refund", original="A1"),
    )
    store.take(*parts(TODAY, left, back))
    assert store.evidence()["refund_over", key("R1", "refund")][0] == 30
    store.take(Answer(store.client, "li", "供应商多退").accept(store.exception("refund_over"), 30 * YUAN))
    assert (transit(store, "6303"), transit(store, "2601")) == ("-30.00", "")
    assert unmatched(store, key("R1", "refund")) == 0


def unmatched(store: Written, payment: str) -> Decimal:
    """What of a payment is for nothing, as people are shown it."""
    sql = "SELECT unmatched FROM payment_now WHERE payment = {payment:String}"
    ((found,),) = store.client.query(sql, parameters={"payment": payment}).result_rows
    assert isinstance(found, Decimal)
    return found


@pytest.mark.parametrize(
    ("name", "amount", "told"),
    [
        (key("C1"), 100, r"no more than 99\.00 of .*C1 is not matched"),
        (key("C1"), 101, r"no more than 100\.00 of .*P1 has to come back"),
        (key("P1", "transfer"), 1, "both left"),
        (key("C9"), 1, "no document"),
    ],
)
def test_what_would_change_nothing_is_not_said(store: Written, name: str, amount: int, told: str) -> None:
    with pytest.raises((ValueError, LookupError), match=told):
        Answer(store.client, "li").match(store.exception("payout_missing"), [(name, amount * YUAN)])


def test_what_went_back_beyond_what_was_paid(store: Written) -> None:
    """It is asked for, and cleared by what the channel gives back without saying of what."""
    store.take(due("CB-1000", "100.00"))
    for n, word in enumerate(("付100", "退100", "拒付100", "无名追回100"), 1):
        store.take(*event(word, n, 0))
    assert transit(store, "1221") == "100.00"
    over = store.exception("refund_over")
    store.take(Answer(store.client, "li").match(over, [(key("W0", "chargeback"), 100 * YUAN)]))
    assert transit(store, "1221") == ""
    assert ("refund_over", key("B0-3", "chargeback")) not in store.exceptions()


def test_a_payment_with_a_long_number_is_matched_by_people() -> None:
    """An Alipay refund's key has two numbers of 28 digits; it was more than a decision could name."""
    number = "/".join(["N" * 28] * 3)
    books = Books(with_bills("notified = false")).until(NOON + 2 * DAY).take(due("FR-1", "100.00"))
    books.take(*parts(TODAY, line(number, "100.00")))
    assert books.status("FR-1")[0] == "open"
    share = {"payment": key(number), "document": "FR-1", "amount_e4": 100 * YUAN}
    books.take(decided("match", "K1", shares=[share]))
    assert (books.rows["dead_letter"], books.status("FR-1")[0]) == ([], "paid")
