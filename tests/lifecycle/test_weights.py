"""Weights: which one counts, when differing ones become a case, and what people decide."""

from decimal import Decimal
from itertools import pairwise, permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.events import Event, Order, Weight
from schemas.times import DAY, HOUR, business_day, date_of
from tests.lifecycle.world import BOOK, START, WAYBILL, Book, decision, events_of, order, tariff
from tests.rating.material import scenarios
from tests.volume import examples

TOML = BOOK["book.toml"]
DWS = 'class = "hub_dws"\nadopt = "at_once"\n'
TREATED = "difference_percent = 10\non_difference = "
ENDS, PRODUCT = 'origin_province = "上海"\ndestination_province = "陕西"', 'product = "express"'
LINE = f"""
[[weight.policy]]
{ENDS}
difference_g = 100
difference_percent = 0
on_difference = "wait"

[[weight.policy.precedence]]
class = "hub_dws"
adopt = "at_once"
"""


def _with(old: str, new: str) -> str:
    assert old in TOML
    return TOML.replace(old, new, 1)


POLICIES = {
    "照计": TOML,
    "暂计": _with("difference_percent = 10", f'{TREATED}"provisional"'),
    "缓计": _with("difference_percent = 10", f'{TREATED}"wait"'),
    "取最后": _with(DWS, f'{DWS}choose = "latest"\n'),
    "取最重": _with(DWS, f'{DWS}choose = "largest"\n'),
    "限重": _with(DWS, f"{DWS}least_g = 5\nmost_g = 50000\n"),
    "线路": _with("[[table]]", f"{LINE}\n[[table]]"),
    "产品": _with("[[table]]", f"{LINE.replace(ENDS, PRODUCT)}\n[[table]]"),
}
CASES = scenarios("weights.csv")


def weighing(policy: str, **more: Any) -> Book:
    """A lane with a policy."""
    return Book((tariff({**BOOK, "book.toml": POLICIES[policy]}),), **more)


def case_now(book: Book) -> str:
    """The newest row of a case, in short."""
    if not book.rows["weight_case"] or book.rows["weight_case"][-1]["status"] == "closed":
        return ""
    row = book.rows["weight_case"][-1]
    provisional = (
        " provisional" if row["on_difference"] == "provisional" and row["status"] == "opened" else ""
    )
    return f"{row['status']} {row['weight_class']}/{row['other_class']}{provisional}".replace(
        "changed", "opened"
    )


def adopted(book: Book) -> str:
    """The weight in force."""
    rows = book.rows["adopted_weight"]
    return f"{rows[-1]['weight_class']} {rows[-1]['weight_g']}" if rows else ""


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    book = weighing(case["策略"])
    for event in events_of(case["经过"]):
        book.take(event)
    assert f"{book.net('transit'):.2f}" == f"{float(case['中转费']):.2f}"
    assert adopted(book) == case["采信"]
    assert case_now(book) == case["案件"]
    assert " ".join(f"{due}:{why}" for due, why in book.waiting().items()) == case["等待"]
    assert " ".join(row["kind"] for row in book.rows["anomaly"]) == case["异常"]


def test_a_weight_that_is_none_any_more_by_a_later_order_takes_its_charges_back_and_is_waited_for() -> None:
    """No row of `adopted_weight` says so: who asks whether its newest row is in force reads charges and waits, too."""
    book = weighing("产品")
    order_, *more = events_of("订单 揽收 网点秤2.5 签收")
    assert isinstance(order_, Order)
    book.take(order_, *more)
    assert adopted(book) == "outlet_scale 2500"
    assert book.net("transit") > 0
    book.take(msgspec.structs.replace(order_, id="order-2", time=order_.time + 1, product="express"))
    assert book.net("transit") == 0
    assert book.waiting() == {"transit": "no_weight"}
    assert adopted(book) == "outlet_scale 2500"


def test_a_case_tells_its_evidence_and_its_course() -> None:
    book = weighing("暂计")
    for event in events_of("订单 揽收 网点秤4 分拨DWS2.5 签收 改判3"):
        book.take(event)
    opened, decided = book.rows["weight_case"]
    assert (opened["status"], decided["status"]) == ("opened", "decided")
    assert (opened["weight_event"], opened["weight_g"]) == ("weight-hub_dws", 2500)
    assert (opened["other_event"], opened["other_g"]) == ("weight-outlet_scale", 4000)
    assert (opened["other_site"], opened["other_outlet"]) == ("SH-C", "SHC")
    assert (opened["difference_g"], opened["difference_percent"]) == (500, 10)
    assert (decided["decision"], decided["cause"]) == ("decision", "decision")
    (made,) = book.rows["weight_decision"]
    assert (made["decided_by"], made["decision"], made["weight_g"]) == ("王会计", "override", 3000)
    first, reversal, second = [row for row in book.rows["charge"] if row["fee"] == "transit"]
    assert first["amount"] == -reversal["amount"]
    assert (reversal["cause"], second["cause"], second["weight_class"]) == ("decision", "decision", "decided")


LONG = f"""{TOML}
[[table]]
fee = "transit"
kind = "surcharge"
name = "超长"
file = "long.csv"
shape = "flat"
effective_from = 2025-01-01

[[table]]
fee = "transit"
kind = "surcharge"
name = "旺季"
file = "season.csv"
shape = "flat"
effective_from = 2025-01-01
"""
SURCHARGED = {**BOOK, "book.toml": LONG, "long.csv": "longest_cm,price\n50..,10\n"}


@pytest.mark.parametrize(
    ("named", "day", "amount"),
    [
        ("weight-hub_dws", 0, "17.00"),
        ("weight-outlet_scale", 0, "7.00"),
        ("never-came", 2, "6.00"),
        ("", 2, "6.00"),
    ],
)
def test_a_corrected_weight_keeps_the_day_and_the_length_of_the_weighing_that_was_wrong(
    named: str, day: int, amount: str
) -> None:
    """Two days later: by the prices of its day, 1.00 more, with what it is charged for its length, 10.00 more."""
    today = business_day(START)
    book = Book((tariff({**SURCHARGED, "season.csv": f"date,price\n{date_of(today)},1\n"}),))
    for event in events_of("订单 揽收 网点秤4 分拨DWS2.5 签收"):
        long = isinstance(event, Weight) and event.weight_class == "hub_dws"
        book.take(msgspec.structs.replace(event, length_mm=800) if long else event)
    book.take(decision("改判3", START + 2 * DAY, weight_event=named))
    charged = [row for row in book.rows["charge"] if row["fee"] == "transit"][-1]
    assert f"{book.net('transit'):.2f}" == f"{charged['amount']:.2f}" == amount
    assert charged["business_date"] == date_of(today + day)
    assert adopted(book) == "decided 3000"


@pytest.mark.parametrize("named", ["weight-outlet_scale", "weight-hub_dws", "order-1"])
def test_what_corrects_a_weight_comes_into_force_when_the_weight_itself_would_have(named: str) -> None:
    """An outlet's scale with the signature, a hub's machine at once, the customer's word 36 hours after it."""
    story = [*events_of("订单3 揽收 网点秤4 分拨DWS2.5"), *events_of("签收@30")]
    said = START + 5 * HOUR
    for word in ("确认", "改判3"):
        book = Book().take(*story[:-1], decision(word, said, weight_event=named))
        assert bool(book.net("transit")) == (named == "weight-hub_dws")
        book.take(story[-1])
        book.tick(START + 70 * HOUR)
        charged = [row for row in book.rows["charge"] if row["fee"] == "transit"][-1]
        hours = {"weight-outlet_scale": 30, "weight-hub_dws": 3, "order-1": 66}[named]
        assert charged["event_time"].timestamp() * 1000 == START + hours * HOUR


def test_a_case_closes_when_the_policy_allows_more() -> None:
    book = weighing("缓计").take(*events_of("订单 揽收 网点秤4 分拨DWS2.5 签收"))
    assert book.waiting() == {"transit": "weight_undecided"}
    looser = {**BOOK, "book.toml": POLICIES["缓计"].replace("difference_g = 500", "difference_g = 5000")}
    book.block((topics.CONTROL.name, tariff(looser)))
    assert book.rows["weight_case"][-1]["status"] == "closed"
    assert book.waiting() == {}
    assert f"{book.net('transit'):.2f}" == "5.25"


@pytest.mark.parametrize(("policy", "kept"), [("照计", False), ("暂计", True), ("缓计", True)])
def test_parcels_are_kept_for_a_decision_that_charges_depend_on(policy: str, kept: bool) -> None:
    book = weighing(policy).take(*events_of("订单 揽收 网点秤4 分拨DWS2.5 签收"))
    book.tick(START + 30 * DAY)
    ring = book.lifecycle.ring
    for _ in range(ring.size + 1):
        ring.segment(ring.epoch)
    assert (WAYBILL in ring.records) is kept
    assert len(book.lifecycle.pending) == kept
    if kept:
        book.take(decision("改判4", START + 30 * DAY))
        assert f"{book.net('transit'):.2f}" == "7.50"


@pytest.mark.parametrize(
    "wrong",
    [
        decision("改判3", START, weight_g=0),
        decision("确认网点秤", START, weight_event=""),
    ],
)
def test_a_decision_that_says_too_little_is_refused(wrong: Event) -> None:
    assert Book().block((topics.ORDERS.name, wrong)).refused() == ["decision_incomplete"]


def test_the_same_decision_twice_changes_nothing_and_another_under_its_id_is_a_conflict() -> None:
    book = weighing("缓计").take(*events_of("订单 揽收 网点秤4 分拨DWS2.5 签收 改判3"))
    before = book.books()
    book.take(decision("改判3", START + 5 * HOUR), decision("改判5", START + 5 * HOUR))
    assert book.refused() == ["conflicting_duplicate"]
    assert book.books() == before


STORIES = [
    events_of("订单 揽收 网点秤4 分拨DWS2.5 签收 改判3"),
    events_of("订单 揽收 网点秤4 分拨DWS2.5 签收 确认网点秤@9 分拨秤1.2@30 改判2.2#二@40"),
    events_of("订单 揽收 分拨DWS2.5#一 分拨DWS4#二 分拨DWS66#三 签收 确认=own-二"),
    [*events_of("订单 揽收 网点秤2.8 分拨DWS2.5 签收"), order(START + HOUR, id="o2", destination="HZF")],
    events_of("揽收 网点秤4 分拨DWS2.5 签收 订单2.1"),
    events_of("订单2.5 揽收 签收 分拨DWS66 确认=order-1"),
    [
        *events_of("订单 揽收 网点秤4 分拨DWS2.5 签收"),
        decision("改判3", START + 30 * HOUR, weight_event="weight-hub_dws"),
    ],
]


@examples(60)
@given(st.data())
def test_any_order_and_repetition_ends_in_the_same_weight_case_and_books(data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from(sorted(POLICIES)))
    story = data.draw(st.sampled_from(STORIES))
    shuffled = data.draw(st.permutations(story))
    shuffled += data.draw(st.lists(st.sampled_from(story), max_size=4))
    cuts = data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4))
    expected, book = weighing(policy).take(*story), weighing(policy)
    for low, high in pairwise([0, *sorted(cuts), len(shuffled)]):
        book.take(*shuffled[low:high])
    for one in (expected, book):
        one.tick(START + 70 * HOUR)
    assert case_now(book) == case_now(expected)
    assert adopted(book) == adopted(expected)
    assert book.books() == expected.books()
    assert book.waiting() == expected.waiting()
    remarked = [sorted(row["event_id"] for row in one.rows["anomaly"]) for one in (book, expected)]
    assert remarked[0] == remarked[1]
    assert book.lifecycle.pending == expected.lifecycle.pending
    assert book.refused() == []


LARGER = BOOK["book.toml"].replace(
    'fee = "waybill"\nfile = "waybill.csv"\nshape = "flat"',
    'fee = "waybill"\nfile = "waybill.csv"\nshape = "flat"\nname = "每票"\neffective_from = 2025-01-01\n'
    '[[table]]\nfee = "waybill"\nfile = "kilos.csv"\nshape = "per_unit"\nname = "按重量"\nweight = "actual"',
)
"""The waybill's price is the larger of one for each and one by the weight."""


@pytest.mark.parametrize("story", [*permutations(["订单", "揽收", "网点秤9"])], ids=" ".join)
def test_the_larger_of_two_prices_waits_for_the_weight_that_tells_which(story: tuple[str, ...]) -> None:
    """Whatever comes first, and also while the declared weight says that it is the one for each."""
    book = Book((tariff({**BOOK, "book.toml": LARGER, "kilos.csv": "price\n0.50\n"}),))
    for event in events_of(" ".join(story)):
        book.take(event)
    assert book.waiting()["waybill"] == "no_weight"
    assert book.net("waybill") == 0
    book.take(*events_of("签收@30"))
    assert book.net("waybill") == Decimal("4.50")


@examples(20)
@given(st.data())
def test_a_restart_with_open_cases_changes_no_byte(data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from(sorted(POLICIES)))
    story = data.draw(st.sampled_from(STORIES))
    stop = data.draw(st.integers(1, len(story)))
    through, stopped = weighing(policy), weighing(policy)
    for event in story[:stop]:
        through.take(event)
        stopped.take(event)
    before = stopped.lifecycle
    stopped.restart()
    assert stopped.lifecycle.pending == before.pending
    assert msgspec.to_builtins(list(stopped.lifecycle.ring.records.values())) == msgspec.to_builtins(
        list(before.ring.records.values())
    )
    for one in (through, stopped):
        for event in story[stop:]:
            one.take(event)
        one.tick(START + 70 * HOUR)
    assert stopped.digests == through.digests
