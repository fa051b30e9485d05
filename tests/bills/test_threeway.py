"""Three-way comparison: a table of cases, and that the order in which things come to be known never shows."""

from collections.abc import Iterator
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.reconciliation.accounts import Account, Bill, Sums, Terms, settlement_day
from flows.reconciliation.model import Open
from flows.reconciliation.threeway import Billed, Told, agrees, billed_with, findings, payment_of
from schemas.money import parse_yuan
from schemas.payments import BillLine, Kind, Sort
from schemas.reasons import EXCEPTION
from schemas.times import DAY, HOUR, MINUTE, SHANGHAI_OFFSET, day_of
from tests.rating.material import scenarios

CASES = scenarios("bills.csv")
KINDS: dict[str, Kind] = {"支付": "payment", "退款": "refund"}
KEY = "wechat/1900000001/payment/42"


def day(text: str) -> int:
    """Days since 1970-01-01 of `11-30`."""
    month, _, number = text.partition("-")
    return day_of(date(2025, int(month), int(number)))


def at(text: str, clock: str) -> int:
    """UTC ms of a day and a time in Shanghai."""
    hour, minute = map(int, clock.split(":"))
    return day(text) * DAY + hour * HOUR + minute * MINUTE - SHANGHAI_OFFSET


def told_of(kind: Kind, text: str) -> Told | None:
    """`11-11 10:00 100.00 [待定] [清算11-12] [手续费0.60]`."""
    if not text:
        return None
    when, clock, amount, *more = text.split()
    fee = [parse_yuan(word.removeprefix("手续费")) for word in more if word.startswith("手续费")]
    settled = [day(word.removeprefix("清算")) for word in more if word.startswith("清算")]
    told = Told(kind, parse_yuan(amount), "pending" if "待定" in more else "success", at(when, clock))
    return msgspec.structs.replace(told, settled=sum(settled), fee=fee[0] if fee else None)


def lines_of(kind: Kind, text: str) -> Iterator[tuple[str, int, Sort, BillLine]]:
    """`[资金] 11-11 100.00 [失败|待定] [手续费0.60] [USD]; …`: bill, day, sort, line."""
    for part in filter(None, text.split(";")):
        words = part.split()
        sort: Sort = "fund" if words[0] == "资金" else "trade"
        when, amount, *more = words[sort == "fund" :]
        fee = sum(parse_yuan(word.removeprefix("手续费")) for word in more if word.startswith("手续费"))
        line = BillLine(
            kind,
            "42",
            "",
            "",
            parse_yuan(amount),
            fee,
            at(when, "12:00"),
            state="failed" if "失败" in more else "pending" if "待定" in more else "success",
            currency="USD" if "USD" in more else "CNY",
        )
        yield f"{sort} {when}", day(when), sort, line


def terms_of(text: str) -> Terms:
    """`费率0.6% 宽限1天 日切23点 不通知 资金账单`."""
    said: dict[str, object] = {"sorts": ("trade",)}
    for word in text.split():
        if word.startswith("费率"):
            said["rate_ppm"] = parse_yuan(word[2:-1])
        elif word.startswith("宽限"):
            said["grace_days"] = int(word[2:-1])
        elif word.startswith("日切"):
            said["cut_off"] = int(word[2:-1]) * HOUR
        elif word == "不通知":
            said["notified"] = False
        elif word == "资金账单":
            said["sorts"] = ("trade", "fund")
    return Terms(**said)  # type: ignore[arg-type]


def closed(account: Account, text: str) -> None:
    """Bills that have come as wholes: `11-11 资金11-11`."""
    for word in text.split():
        account.close("fund" if word.startswith("资金") else "trade", day(word.removeprefix("资金")))


def found_of(case: dict[str, str], *, backwards: bool = False) -> list[Open]:
    """What does not agree in a case of the table."""
    kind, terms = KINDS[case["种类"]], terms_of(case["约定"])
    account = Account(terms)
    closed(account, case["到齐的账单"])
    lines = list(lines_of(kind, case["账单"]))
    billed: tuple[Billed, ...] = ()
    for line in lines[::-1] if backwards else lines:
        billed = billed_with(billed, *line)
    return findings(KEY, told_of(kind, case["通知"]), billed, terms, account)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["场景"])
def test_case(case: dict[str, str]) -> None:
    """One row of the table."""
    kind, terms = KINDS[case["种类"]], terms_of(case["约定"])
    lines = list(lines_of(kind, case["账单"]))
    told = told_of(kind, case["通知"])
    for backwards in (False, True):
        found = found_of(case, backwards=backwards)
        assert [one.kind for one in found] == case["例外"].split()
        assert [one.amount for one in found] == list(map(parse_yuan, case["差额"].split()))
        assert {one.kind for one in found} <= EXCEPTION.keys()
    if len(lines) == 1 and told is not None and agrees(told, *lines[0][2:], terms):
        assert not found


def test_every_kind_of_the_comparison_has_its_case() -> None:
    """The table shows each exception that can come of a comparison."""
    kinds = {kind for case in CASES for kind in case["例外"].split()}
    assert kinds == {
        *("long", "short", "cut_off", "bill_amount", "bill_status", "bill_fee", "bill_duplicate"),
        *("bill_currency", "fee_alone"),
    }


FACTS = st.lists(
    st.tuples(
        st.sampled_from(["told", "line", "close"]),
        st.integers(0, 5),
        st.integers(0, 5),
        st.sampled_from([90, 100]),
    ),
    max_size=40,
)


class Lane:
    """As small a lane as can be: facts in any order, and the exceptions that are open after each."""

    def __init__(self) -> None:
        self.terms = Terms(("trade",))
        self.account = Account(self.terms)
        self.told: dict[str, Told] = {}
        self.billed: dict[str, tuple[Billed, ...]] = {}
        self.seen: set[tuple[object, ...]] = set()
        self.open: dict[str, list[Open]] = {}

    def take(self, fact: tuple[str, int, int, int]) -> None:
        """A fact; a repeat changes nothing."""
        what, number, when, amount = fact
        key = f"wechat/1/payment/{number}"
        if what == "close":
            for changed in self.account.close("trade", when):
                self.look(changed)
            return
        if what == "told":
            self.told.setdefault(
                key, Told("payment", 100, "success", at("11-11", "12:00") - day("11-11") * DAY + number * DAY)
            )
        elif fact not in self.seen:
            line = BillLine("payment", str(number), "", "", amount, 0, 0)
            self.billed[key] = billed_with(self.billed.get(key, ()), f"bill-{when}", when, "trade", line)
        self.seen.add(fact)
        if key in self.told:
            day_ = settlement_day(self.told[key].time, 0, self.terms)
            (self.account.has if key in self.billed else self.account.expect)(key, day_)
        self.look(key)

    def look(self, key: str) -> None:
        """Judge a movement again."""
        found = findings(key, self.told.get(key), self.billed.get(key, ()), self.terms, self.account)
        self.open[key] = found


@given(FACTS, st.randoms(use_true_random=False))
def test_the_order_of_bills_and_notifications_does_not_matter(
    facts: list[tuple[str, int, int, int]], random: object
) -> None:
    """Any order and any repetition of the same facts ends in the same exceptions."""
    shuffled = [*facts, *facts]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Lane(), Lane()
    for fact in facts:
        one.take(fact)
    for fact in shuffled:
        other.take(fact)
    assert one.open == other.open


WRONG = 7


@given(st.permutations([1, 2, 3, 3, 0, 0]), st.sampled_from([6, WRONG]))
def test_a_bill_is_whole_when_its_end_and_all_its_parts_have_come_and_agree(
    order: list[int], fee: int
) -> None:
    """In any order, with repeats; 0 is the end, which says what the fees come to."""
    bill, new = Bill(), 0
    for at_, part in enumerate(order):
        if part:
            new += bill.is_new(part, [BillLine("payment", str(part), "", "", 10 * part, part, 0)])
        else:
            bill.end(3, Sums(3, 60, 0, fee))
        assert (bill.is_whole or bill.is_wrong) == (set(order[: at_ + 1]) == {0, 1, 2, 3})
        assert not (bill.is_whole if fee == WRONG else bill.is_wrong)
    assert new == 3


def test_a_line_that_nobody_notified_is_a_payment_all_the_same() -> None:
    """It has the key that its notification would have had."""
    line = BillLine("refund", "R1", "O1", "T1", 100, -1, 5, payer="tok-1")
    paid = payment_of("wechat", "19", "g", line, date(2025, 11, 11))
    assert paid.key == "wechat/19/refund/R1"
    assert (paid.amount_e4, paid.order, paid.original, paid.fee_e4) == (100, "O1", "T1", -1)
