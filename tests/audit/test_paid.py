"""Payments in the books against who really paid what."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.paid import DUE, check_paid, paid, true_cash, true_exceptions
from deploy.audit.sent import BillLine, DecisionLine, PaymentLine
from deploy.audit.store import Store
from deploy.demo import own
from tests.audit.writer import Writer

TRUTH = (
    PaymentLine(payment="a", amount_e4=500, told=True, shares={"D1": 500}),
    PaymentLine(
        payment="b", amount_e4=900, told=True, shares={"D2": 400, "D3": 400}, exception="amount_over"
    ),
    PaymentLine(payment="c", amount_e4=100, told=False, shares={"D4": 100}),
    PaymentLine(payment="d", amount_e4=300, told=True, shares={"D5": 300}),
    PaymentLine(payment="e", amount_e4=200, told=True, shares={"D6": 200}, decidable=False),
)
MATCHES = (("a", "D1", 500), ("b", "D2", 400), ("b", "D3", 400))


@pytest.fixture
def writer(empty: Client, tmp_path: Path) -> Writer:
    """Books in which all is as it should be: `d` and `e` are open, and nobody has heard of `c`."""
    (tmp_path / "payments.jsonl").write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in TRUTH))
    (tmp_path / "decisions.jsonl").write_bytes(b'{"event_id":"K1"}\n')
    made = Writer(empty, 3000)
    told = [_payment(one.payment, one.amount_e4) for one in TRUTH if one.told]
    raised = {"exception_id": "x1", "kind": "amount_over", "status": "opened"}
    closed = {"exception_id": "x2", "kind": "unknown_payment", "status": "closed"}
    letter = {"dead_letter_id": "dl-1", "topic": "waybook.notifications.bank", "status": "open"}
    matches = [_match(*one) for one in MATCHES]
    made.by_hand(
        {
            "payment": told,
            "payment_match": matches,
            "payment_exception": [raised, closed],
            "dead_letter": [letter],
            "payment_decision": [{"event_id": "K1", "decision": "refund"}],
            "journal": [_received(one.payment, one.amount_e4) for one in TRUTH if one.told],
        },
        {},
    )
    return made


def _payment(key: str, amount: int, state: str = "success") -> dict[str, Any]:
    return {"payment": key, "amount": amount, "state": state}


def _received(place: str, amount: int, **facts: Any) -> dict[str, Any]:
    usual = {"book": "HQ", "account": "1815", "side": "D", "counterparty": place, "amount": amount}
    return usual | facts


def _match(payment: str, document: str, amount: int) -> dict[str, Any]:
    return {"what": "match", "payment": payment, "document": document, "amount": amount}


def _failed(client: Client, truth: Path) -> set[str]:
    return {check.name for check in check_paid(Store(client), truth) if not check.passed}


def test_what_is_known_of_it(writer: Writer, tmp_path: Path) -> None:
    result = paid(Store(writer.client), tmp_path)
    assert (result.happened, result.told, result.booked) == (5, 4, 4)
    assert (result.matched, result.open, result.wrong, result.missing) == (2, 1, (), ())
    assert (result.refused, result.exceptions) == (1, {"amount_over": (1, 1)})
    assert (result.decisions, result.undecided) == (1, ())
    assert result.cash == {"a": (500, 500), "b": (900, 900), "d": (300, 300), "e": (200, 200)}
    assert not _failed(writer.client, tmp_path)


def test_as_many_deductions_are_asked_about_as_accounts_refused(writer: Writer, tmp_path: Path) -> None:
    refused = [{"deduction": one, "status": "refused"} for one in ("K1", "K2")]
    asked = {"exception_id": "x3", "kind": "deduction_refused", "status": "opened"}
    writer.by_hand({"deduction": refused, "payment_exception": [asked]}, {})
    result = paid(Store(writer.client), tmp_path)
    assert (result.waiting, result.exceptions["deduction_refused"]) == (2, (1, 2))


def test_a_bill_may_tell_what_was_not_notified_and_a_decision_what_could_not_be_known(
    writer: Writer, tmp_path: Path
) -> None:
    rows = [_match("e", "D6", 200), _match("d", "D5", 100), _match("d", "D5", 200)]
    heard = {"payment": [_payment("c", 100)], "journal": [_received("c", 100)]}
    writer.by_hand({**heard, "payment_match": rows}, {})
    result = paid(Store(writer.client), tmp_path)
    assert (result.booked, result.matched, result.open, result.wrong, result.missing) == (5, 4, 1, (), ())


@pytest.mark.parametrize(
    ("table", "row", "checks"),
    [
        ("payment", _payment("f", 100), "truth_payments"),
        ("payment", _payment("a", 501), "truth_payments"),
        ("payment", _payment("a", 500, "closed"), "truth_payments truth_cash"),
        ("journal", _received("a", 1), "truth_cash"),
        ("journal", _received("a", 1, account="1811", side="C", fee="payment_out"), "truth_cash"),
        ("journal", _received("a", 1, account="1811", side="C", fee="channel_fee"), ""),
        ("journal", _received("a", 1, account="2601"), ""),
        ("journal", _received("z", 1), "truth_cash"),
        ("payment_match", _match("d", "D1", 300), "truth_matches"),
        ("payment_match", _match("b", "D2", 1), "truth_matches"),
        ("payment_match", _match("e", "D5", 200), "truth_matches"),
    ],
)
def test_what_is_wrong_is_noticed(
    writer: Writer, tmp_path: Path, table: str, row: dict[str, Any], checks: str
) -> None:
    writer.by_hand({table: [row]}, {})
    assert _failed(writer.client, tmp_path) == set(checks.split())


def test_what_goes_out_and_other_currencies_count_as_such() -> None:
    went = PaymentLine(
        payment="bank/1/refund/2", amount_e4=30, told=True, shares={}, direction="out", currency="CNY"
    )
    there = msgspec.structs.replace(went, payment="bank/1/payment/1", amount_e4=70, direction="in")
    dollars = msgspec.structs.replace(there, currency="USD")
    assert true_cash([there, went, dollars]) == {"bank/1": 40}


def test_a_decision_that_is_not_there_is_noticed(writer: Writer, tmp_path: Path) -> None:
    (tmp_path / "decisions.jsonl").write_bytes(b'{"event_id":"K1"}\n{"event_id":"K2"}\n')
    assert _failed(writer.client, tmp_path) == {"truth_decisions"}


DAY = 86_400_000
GIVEN = [BillLine("wechat/1", 10, believed=True), BillLine("wechat/1", 11, believed=True)]


@pytest.mark.parametrize(
    ("facts", "bills", "now", "kinds"),
    [
        ({"billed_on": 10}, GIVEN, 0, {}),
        ({"billed_on": 10, "billed": "bill_fee"}, GIVEN, 0, {"bill_fee": 1}),
        ({"billed_on": 10, "billed": "bill_fee"}, [], 0, {}),
        (
            {"billed_on": 10, "exception": "amount_over", "billed": "bill_fee"},
            GIVEN,
            0,
            {"amount_over": 1, "bill_fee": 1},
        ),
        ({"billed_on": -1}, GIVEN[:1], 0, {"cut_off": 1}),
        ({"billed_on": -1}, GIVEN, 0, {"short": 1}),
        ({"billed_on": 11}, GIVEN[:1], 0, {"cut_off": 1}),
        ({"told": False, "billed_on": 10}, GIVEN, 0, {"long": 1}),
        ({"told": False, "billed_on": 12}, GIVEN, 0, {}),
        ({"billed_on": 10}, [], 10 * DAY + DUE, {"bill_missing": 1}),
        ({"billed_on": 10}, [], 9 * DAY + DUE, {}),
        ({"billed_on": 10}, [BillLine("wechat/1", 10, believed=False)], 0, {"bill_refused": 1}),
        ({"billed_on": 10}, [BillLine("wechat/1", 10, believed=False), *GIVEN], 0, {}),
        ({"billed_on": 10, "original": "wechat/1/payment/8"}, GIVEN, 0, {"refund_orphan": 1}),
    ],
)
def test_what_is_truly_open_depends_on_the_bills_that_were_given(
    facts: dict[str, Any], bills: list[BillLine], now: int, kinds: dict[str, int]
) -> None:
    usual: dict[str, Any] = {
        "payment": "wechat/1/payment/9",
        "amount_e4": 1,
        "told": True,
        "shares": {},
        "day": 10,
    }
    unheard = PaymentLine(
        payment="wechat/1/payment/8", amount_e4=1, told=False, shares={}, day=10, billed_on=99
    )
    assert true_exceptions([PaymentLine(**usual | facts), unheard], bills, [], now) == kinds


def _moved(key: str, way: str, **facts: Any) -> PaymentLine:
    """A movement that only a bill tells."""
    usual: dict[str, Any] = {"amount_e4": 1, "told": False, "shares": {"wechat/1/transfer/1": 1}, "day": 10}
    return PaymentLine(payment=f"wechat/1/{key}", direction=way, billed_on=10, **usual | facts)


OUT = "wechat/1/transfer/1"


@pytest.mark.parametrize(
    ("movements", "kinds"),
    [
        ([_moved("transfer/1", "out")], {"payout_missing": 1}),
        ([_moved("transfer/1", "out"), _moved("transfer/2", "in", original=OUT)], {}),
        (
            [_moved("transfer/1", "out"), msgspec.structs.replace(_moved("transfer/2", "in"), billed_on=99)],
            {"payout_missing": 1},
        ),
        ([_moved("transfer/2", "in", shares={}, exception="return_orphan")], {"return_orphan": 1, "long": 1}),
    ],
)
def test_a_payout_is_missing_until_something_is_known_of_it(
    movements: list[PaymentLine], kinds: dict[str, int]
) -> None:
    assert true_exceptions(movements, GIVEN, [], 0) == kinds


def test_what_came_of_a_payout_that_nobody_knows_is_nobodys() -> None:
    out = msgspec.structs.replace(_moved("transfer/1", "out"), billed_on=99)
    back, credit = _moved("transfer/2", "in", original=OUT), _moved("payment/3", "in", original=OUT)
    wanted = {"return_orphan": 1, "unknown_payment": 1, "long": 2}
    assert true_exceptions([out, back, credit], GIVEN, [], 0) == wanted


def test_a_decision_may_be_asked_about() -> None:
    said = [DecisionLine("K1"), DecisionLine("K2", "decision_idle")]
    assert true_exceptions([], [], said, 0) == {"decision_idle": 1}


def _decision(event_id: str, **facts: Any) -> dict[str, Any]:
    return {"event_id": event_id, "decision": "match", "shares": "[]", **facts}


def _shares(payment: str, document: str, amount: int) -> str:
    return msgspec.json.encode([{"payment": payment, "document": document, "amount_e4": amount}]).decode()


def test_what_whoever_runs_it_has_decided_is_not_compared_with_the_truth(
    writer: Writer, tmp_path: Path
) -> None:
    """`d` was given to a document of `b`, by which `b` is matched otherwise, too."""
    mine = _decision("mine", shares=_shares("d", "D3", 300))
    moved = [_match("d", "D3", 300), _match("b", "D3", -400), _match("b", "D9", 400)]
    writer.by_hand({"payment_match": moved, "payment_decision": [mine]}, {})
    result = paid(Store(writer.client), tmp_path)
    assert (result.own, sorted(result.aside), result.wrong, result.open) == (1, ["b", "d"], (), 0)
    assert not _failed(writer.client, tmp_path)
    said, names = own(result)
    assert said == "  your own      1 decision; 2 payments matched by them, not compared with the truth"
    assert sorted(names.strip().split(", ")) == ["b", "d"]


@pytest.mark.parametrize(
    ("decision", "aside"),
    [
        (_decision("K2", payment="e", decision="refund"), []),
        (_decision("K2", document="D5", decision="write_off"), ["d"]),
        (_decision("K2", of="K1", decision="withdraw"), []),
        (_decision("K1", shares=_shares("d", "D1", 300)), []),
    ],
)
def test_what_has_nothing_to_do_with_it_is_compared(
    writer: Writer, tmp_path: Path, decision: dict[str, Any], aside: list[str]
) -> None:
    """A decision of the simulated people excuses nothing, and one of whoever runs it only what hangs together."""
    writer.by_hand({"payment_match": [_match("d", "D1", 300)], "payment_decision": [decision]}, {})
    result = paid(Store(writer.client), tmp_path)
    assert list(result.aside) == aside
    assert [line.partition(":")[0] for line in result.wrong] == ([] if aside else ["d"])


def test_a_decision_that_is_refused_because_of_ones_own_is_none_that_is_lost(
    writer: Writer, tmp_path: Path
) -> None:
    file = tmp_path / "decisions.jsonl"
    file.write_bytes(file.read_bytes() + b'{"event_id":"K2"}\n')
    letter = {
        "topic": "waybook.payment-decisions",
        "status": "open",
        "event_id": "K2",
        "dead_letter_id": "dl-2",
    }
    writer.by_hand({"dead_letter": [letter]}, {})
    assert _failed(writer.client, tmp_path) == {"truth_decisions"}
    writer.by_hand({"payment_decision": [_decision("mine", payment="d")]}, {})
    assert not _failed(writer.client, tmp_path)
