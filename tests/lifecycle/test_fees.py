"""Fees as data: each fee's cases, any order of their events, a new fee without code, and rules that are refused."""

from decimal import Decimal
from functools import cache
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.fees.current import FEES, TEXTS
from flows.fees.model import MOST_PLAIN, Fees
from flows.fees.read import read_fees
from flows.rating.conditions import Condition
from flows.rating.factors import Named, When, Words
from flows.rating.services import services_in
from schemas import topics
from schemas.events import Claim, ClaimWithdrawn, TariffPublished, TariffWithdrawn
from schemas.problems import DocumentError
from schemas.times import DAY, HOUR
from tests.lifecycle.fees import (
    PRICES,
    network,
    priced,
    story_of,
    with_more,
    with_prices_of_more,
)
from tests.lifecycle.world import BOOK, START, WAYBILL, Book, events_of, order, scan, tariff, weight
from tests.rating.material import scenarios
from tests.volume import examples

CASES = scenarios("fees.csv")


def full(fees: Fees = FEES, prices: dict[str, str] | None = None) -> Book:
    """A lane where every fee has a price and a province has its share."""
    return Book((tariff(priced(PRICES if prices is None else prices)),), fees=fees, directory=network())


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    book = full()
    for event in story_of(case["经过"]):
        book.take(event)
    charged = [row for row in book.rows["charge"] if row["fee"] == case["费用"] and not any(row["reverses"])]
    last = (charged[-1]["payer"], charged[-1]["payee"]) if charged else ("", "")
    assert last == (case["付款方"], case["收款方"])
    assert book.net(case["费用"]) == Decimal(case["金额"])
    assert " ".join(f"{due}:{why}" for due, why in book.waiting().items()) == case["等待"]
    assert book.refused() == []
    check_books(book)


def check_books(book: Book) -> None:
    """Every entry balances, both books mirror, and nothing remains on a clearing account."""
    entries: dict[bytes, Decimal] = {}
    mutual: dict[bytes, Decimal] = {}
    clearing: dict[tuple[str, str], Decimal] = {}
    for row in book.rows["journal"]:
        signed = row["amount"] if row["side"] == "D" else -row["amount"]
        entries[row["entry_id"]] = entries.get(row["entry_id"], Decimal(0)) + signed
        nature = FEES.rules.accounts[row["account"]].nature
        if nature == "mutual":
            mutual[row["charge_id"]] = mutual.get(row["charge_id"], Decimal(0)) + signed
        elif nature == "clearing":
            key = row["book"], row["account"]
            clearing[key] = clearing.get(key, Decimal(0)) + signed
    for sums in (entries.values(), mutual.values(), clearing.values()):
        assert not any(sums)
    assert len({row["row_id"] for row in book.rows["journal"]}) == len(book.rows["journal"])
    assert len({row["charge_id"] for row in book.rows["charge"]}) == len(book.rows["charge"])


STORIES = [
    "订单+代收88.50+保价2000+上楼 揽收+张三 分拨到件 分拨DWS2.5 分拨发件 西安分拨到件 到件 派件 签收+承包区七 罚late+5",
    "订单+代收9 揽收+张三@3 揽收+李四#早@1 签收+王五@9 签收+赵六#七@7 分拨DWS4#二@5 分拨DWS2.5#一@4 订单+代收60#改@8",
    "订单+退件 揽收+张三 分拨到件@5 分拨到件#又@4 网点秤2.5 签收 罚damaged+责任XAD+受益SHC+30#甲 撤销#甲 罚late#乙",
    "罚late+5#甲 罚service_level+0.50#乙 撤销#丙 罚false_sign+7#丙 揽收+张三 订单+转寄+派往YLE#改 签收 订单+保价1",
]


@cache
def as_told(text: str) -> Book:
    """The books of a story in its own order; only looked at."""
    return full().take(*story_of(text)).tick(START + 70 * HOUR)


@pytest.mark.parametrize("text", STORIES)
@examples(30)
@given(data=st.data())
def test_any_order_and_repetition_ends_in_the_same_books(text: str, data: st.DataObject) -> None:
    story = story_of(text)
    shuffled = list(data.draw(st.permutations(story)))
    for again in data.draw(st.lists(st.sampled_from(story), max_size=5)):
        shuffled.insert(shuffled.index(again) + 1 + data.draw(st.integers(0, len(shuffled))), again)
    cuts = data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3))
    expected, book = as_told(text), full()
    for low, high in pairwise([0, *sorted(cuts), len(shuffled)]):
        book.take(*shuffled[low:high])
    book.tick(START + 70 * HOUR)
    assert book.refused() == []
    assert book.books() == expected.books()
    assert book.standing() == expected.standing()
    assert book.waiting() == expected.waiting()
    check_books(book)


@examples(15)
@given(data=st.data())
def test_a_restart_anywhere_changes_no_byte(data: st.DataObject) -> None:
    story = story_of(data.draw(st.sampled_from(STORIES)))
    story = list(data.draw(st.permutations(story)))
    stop = data.draw(st.integers(0, len(story)))
    through, stopped = full(), full()
    for event in story[:stop]:
        through.take(event)
        stopped.take(event)
    stopped.restart()
    for event in story[stop:]:
        through.take(event)
        stopped.take(event)
    assert stopped.tick(START + 70 * HOUR).digests == through.tick(START + 70 * HOUR).digests


@pytest.mark.parametrize("text", [STORIES[0], "订单 揽收+张三 分拨到件 西安分拨集包 网点秤2.5 签收+承包区七"])
def test_what_scans_say_is_remembered_while_no_book_pays_for_it(text: str) -> None:
    """Hubs, bags and couriers, once one has: it may come into force again."""
    expected, book, paying = as_told(text), full(), tariff(priced(PRICES))
    book.block((topics.CONTROL.name, tariff()))
    assert not book.lifecycle.rules.asks
    book.restart()
    book.take(*story_of(text))
    book.block((topics.CONTROL.name, msgspec.structs.replace(paying, id="again")))
    book.tick(START + 70 * HOUR)
    assert book.refused() == []
    assert book.books() == expected.books()
    assert book.standing() == expected.standing()


def test_a_service_that_no_book_knows_is_told() -> None:
    """It costs nothing, so it may be misspelt; without any book nobody can say."""
    orders = [order(START, services=("upstairs", "upstair", "address_change")), order(START, id="again")]
    book = full().take(*orders)
    assert [(row["kind"], row["event_id"], row["found"]) for row in book.rows["anomaly"]] == [
        ("service_unknown", "order-1", "upstair")
    ]
    assert not Book((), directory=network()).take(*orders).rows["anomaly"]


def test_services_are_known_by_rows_and_conditions() -> None:
    named: list[Named] = [
        Words("service", ("a", "b")),
        Words("channel", ("c",)),
        When(Condition("'d' in services || channel == 'e'")),
        When(Condition("channel == 'f'")),
    ]
    assert [*services_in(named)] == ["a", "b", "d", "e"]


MORE = 40
"""More fees than a 64-bit number has room for with all that they wait for."""


@cache
def many(more: int = MORE) -> tuple[Fees, tuple[TariffPublished, ...]]:
    """So many more fees than Waybook has, and a book that prices all."""
    return with_more(more), (tariff(with_prices_of_more(priced(PRICES), more)),)


def crowded() -> Book:
    """A lane with all of these."""
    fees, books = many()
    return Book(books, fees=fees, directory=network())


def test_many_more_fees_are_charged_posted_and_waited_for() -> None:
    book = crowded().take(*story_of("订单+保价5 揽收 签收"))
    at_once = {f"more_{n}" for n in range(1, MORE + 1) if n % 5 in (0, 1, 4) and n % 4 != 2 and n % 3}
    charged = {fee for fee, *_ in book.standing() if fee.startswith("more_")}
    assert charged == at_once
    by_weight = {f"more_{n}" for n in range(1, MORE + 1) if n % 5 in (0, 1, 4) and (n % 4 == 2 or not n % 3)}
    waiting = {due: why for due, why in book.waiting().items() if due.startswith("more_")}
    required = {f"more_{n}" for n in range(0, MORE + 1, 5) if n}
    assert waiting.keys() >= required & by_weight
    assert waiting.keys() <= by_weight
    assert set(waiting.values()) == {"no_weight"}
    book.restart().take(weight("分拨DWS", 3000, START + 5 * HOUR))
    assert not {due for due in book.waiting() if due.startswith("more_")}
    for name in by_weight:
        n = int(name.removeprefix("more_"))
        assert book.net(name) == Decimal(n + (0 if n % 3 else 2)) / 100, name
    book.take(order(START + 9 * HOUR, id="order-2", insured_e4=50_000, destination="YLE"))
    assert {payer for fee, _, payer, *_ in book.standing() if fee.startswith("more_")} == {"SHC", "YLE"}
    check_books(book)


@pytest.mark.parametrize("text", STORIES)
@examples(8)
@given(data=st.data())
def test_any_order_and_a_restart_end_in_the_same_books_of_many_fees(text: str, data: st.DataObject) -> None:
    story = story_of(text)
    shuffled = list(data.draw(st.permutations(story)))
    stop = data.draw(st.integers(0, len(shuffled)))
    expected = crowded().take(*story).tick(START + 70 * HOUR)
    book = crowded().take(*shuffled[:stop]).restart().take(*shuffled[stop:]).tick(START + 70 * HOUR)
    assert (book.books(), book.standing()) == (expected.books(), expected.standing())
    assert (book.waiting(), book.refused()) == (expected.waiting(), [])
    check_books(book)


def test_more_fees_than_a_record_has_places_for_are_refused() -> None:
    here = len(FEES.plain)
    assert len(with_more(MOST_PLAIN - here).plain) == MOST_PLAIN
    with pytest.raises(
        DocumentError, match=f"there are {MOST_PLAIN + 1} dues .* places for {MOST_PLAIN}"
    ) as no:
        with_more(MOST_PLAIN + 1 - here)
    (problem,) = no.value.problems
    assert (problem.file, problem.rule) == ("fees.toml", "too_many_dues")
    assert f"due more_{MOST_PLAIN + 1 - here}:" in problem.message


def test_the_last_place_is_as_good_as_the_first() -> None:
    """Of a full record, with a dead letter beside it, which is remembered like a parcel."""
    most = MOST_PLAIN - len(FEES.plain)
    fees, books = many(most)
    book = Book(books, fees=fees, directory=network())
    nonsense = ("waybook.devices", b"{}")
    book.block(nonsense, nonsense).take(*story_of("订单+保价5+代收5+退件 揽收 签收")).restart()
    assert book.block(nonsense).refused() == ["wrong_type"]
    book.take(weight("分拨DWS", 1000, START + 5 * HOUR))
    assert book.net(f"more_{most}") == Decimal(most) / 100
    assert book.lifecycle.ring.records[WAYBILL].done >> MOST_PLAIN == 0


def test_dues_are_added_at_the_end() -> None:
    """A lane with records goes on under more dues, and not under others in their places."""
    book = full().take(*story_of("订单+保价5 揽收"))
    book._fees, _ = many()
    book.restart().take(*story_of("订单+保价5 揽收 签收")[2:])
    assert book.net("delivery_paid") > 0
    moved = TEXTS[0].replace('name = "cod_fee"', 'name = "handed_in"')
    book._fees = read_fees(moved, TEXTS[1].replace('name = "cod_fee"', 'name = "handed_in"'), TEXTS[2])
    with pytest.raises(RuntimeError, match="delete the recovery store"):
        book.restart()


def test_what_waited_for_a_weight_waits_no_more_when_its_price_is_withdrawn() -> None:
    fees, _ = many()
    priced_by_weight = tariff(with_prices_of_more(BOOK, 6))
    book = Book((tariff(), priced_by_weight), fees=fees).take(*story_of("订单+保价5+代收5 揽收 签收"))
    assert book.waiting()["more_3"] == "no_weight"
    withdrawn = TariffWithdrawn(id="w", time=START, version=priced_by_weight.version, withdrawn_by="me")
    book.block(("waybook.control", withdrawn))
    assert "more_3" not in book.waiting()


def test_what_waits_for_a_weight_is_given_up_with_the_parcel() -> None:
    fees, _ = many(9)
    book = Book((tariff(with_prices_of_more(BOOK, 9)),), fees=fees).take(*story_of("订单 揽收"))
    assert book.waiting() == {"more_9": "no_weight"}
    for day in (30, 60, 90, 92):
        book.tick(START + day * DAY)
    assert book.waiting() == dict.fromkeys(("more_9", "transit", "delivery"), "abandoned")
    assert not any(book.lifecycle.waits[1:])


def test_without_an_order_nothing_is_due_for_it() -> None:
    """More exact weights and other prices are looked at; a price by weight makes all be assessed again."""
    fees, books = many()
    book = Book(books, fees=fees).take(*story_of("揽收 网点秤2 签收 分拨DWS2.5 改判3"))
    ordered = {due.name for due in FEES.dues if due.trigger == "ordered"}
    ordered |= {f"more_{n}" for n in range(4, MORE + 1, 4)}
    assert not ordered & (book.waiting().keys() | {fee for fee, *_ in book.standing()})
    book.take(order(START))
    assert {fee for fee, *_ in book.standing()} & ordered


def free_account(chart: str, highest: int) -> str:
    """A number that no account has, whatever was added to the chart."""
    used = {line.partition(",")[0] for line in chart.splitlines()}
    return next(number for number in map(str, range(highest, 0, -1)) if number not in used)


def test_a_new_fee_is_data_alone() -> None:
    """A due, a posting rule, two accounts and a price: charged, posted and mirrored, with its labels."""
    dues, posting, chart = TEXTS
    revenue, cost = (free_account(chart, highest) for highest in (4999, 6999))
    due = """[[due]]
name = "festival"
zh = "节日服务费"
en = "festival fee"
trigger = "signed"
needs = "insured"
"""
    rule = f"""[[fee]]
name = "festival"
zh = "节日服务费"
en = "festival fee"
payer = "destination"
payee = "headquarters"
legs = [
    {{ book = "payer", account = "{cost}", side = "D" }},
    {{ book = "payer", account = "2101", side = "C" }},
    {{ book = "payee", account = "1006", side = "D" }},
    {{ book = "payee", account = "{revenue}", side = "C" }},
]
"""
    dues, posting = f"{dues}\n{due}", f"{posting}\n{rule}"
    chart += f"{revenue},节日服务费收入,Festival revenue,revenue,C,own,owner\n"
    chart += f"{cost},节日服务费成本,Festival cost,expense,D,own,owner\n"
    fees = read_fees(dues, posting, chart)
    book = full(fees, {"festival": "0.88"}).take(*story_of("订单+保价5 揽收 签收"))
    assert book.net("festival") == Decimal("0.88")
    legs = {
        (row["book"], row["account"], row["side"], row["amount"])
        for row in book.rows["journal"]
        if row["fee"] == "festival"
    }
    amount = Decimal("0.88")
    assert legs == {
        ("XAD", cost, "D", amount),
        ("XAD", "2101", "C", amount),
        ("HQ", "1006", "D", amount),
        ("HQ", revenue, "C", amount),
    }
    assert fees.version != FEES.version
    published = {row["fee"]: row for row in book.rows["fee"]}
    assert (published["festival"]["zh"], published["festival"]["version"]) == ("节日服务费", fees.version)
    book.take(order(START + 5 * HOUR, id="order-2"))
    assert book.net("festival") == 0
    plain = full(fees, {}).take(*story_of("订单+保价5 揽收 签收"))
    assert plain.net("festival") == 0
    assert "festival" not in plain.waiting()


def test_the_first_four_dues_are_what_they_were() -> None:
    assert FEES.names[:5] == ("freight", "waybill", "transit", "delivery_collected", "delivery_paid")
    assert [due.name for due in FEES.dues[:4]] == ["freight", "waybill", "transit", "delivery"]
    assert all(zh and en for zh, en in FEES.labels.values())
    assert set(FEES.rules.rules) == set(FEES.names)


def test_the_seeds_accounts_are_there_by_name_and_number() -> None:
    seed = {
        "1001": "应收中转费",
        "1002": "应收面单费",
        "2001": "应付派费",
        "2002": "应付奖励金",
        "5001": "罚款收入",
        "6001": "罚款支出",
    }
    assert {number: FEES.rules.accounts[number].name for number in seed} == seed


def test_unpriced_networks_remember_neither_couriers_nor_hubs() -> None:
    book = Book().take(*story_of("订单 揽收+张三 分拨到件 签收+李四"))
    assert book.lifecycle.ring.records[WAYBILL].extra is None
    assert book.lifecycle.ring.records[WAYBILL].terms is None


def test_journal_rows_carry_line_product_and_cause() -> None:
    book = Book().take(*events_of("订单 揽收 网点秤9 签收 分拨DWS2.5"))
    rows = {(row["fee"], row["route"], row["product"], row["cause"]) for row in book.rows["journal"]}
    line = "310000-610000", "standard"
    assert rows == {
        ("freight", *line, "picked_up"),
        ("waybill", *line, "picked_up"),
        ("transit", *line, "weighed"),
        ("transit", *line, "reversed"),
        ("delivery_collected", *line, "signed"),
        ("delivery_paid", *line, "signed"),
    }


def test_another_product_is_another_line_of_business() -> None:
    book = (
        Book()
        .take(*events_of("订单 揽收 签收"))
        .take(order(START + 5 * HOUR, id="order-2", product="express"))
    )
    assert {key[-1] for key in book.standing()} == {"express"}


def test_claims_alone_leave_the_state_and_their_repeats_change_nothing() -> None:
    claim = Claim(id="c1", time=START, waybill=WAYBILL, kind="late", responsible="XAD", amount_e4=50_000)
    book = full().take(claim)
    before = dict(book.books())
    assert before
    ring = book.lifecycle.ring
    book.tick(START + 8 * DAY)
    for _ in range(ring.size + 1):
        ring.segment(ring.epoch)
    assert WAYBILL not in ring.records
    book.take(claim)
    assert book.books() == before
    assert book.refused() == ["time_too_old"]


REFUSED = [
    ("unknown_claim", Claim(id="c", time=START, waybill=WAYBILL, kind="theft", amount_e4=100)),
    (
        "unknown_party",
        Claim(id="c", time=START, waybill=WAYBILL, kind="late", responsible="NOWHERE", amount_e4=100),
    ),
    ("part_of_a_fen", Claim(id="c", time=START, waybill=WAYBILL, kind="late", amount_e4=150)),
    ("nobody_named", Claim(id="c", time=START, waybill=WAYBILL, kind="lost", amount_e4=100)),
    ("time_in_future", ClaimWithdrawn(id="c", time=START + 3 * DAY, waybill=WAYBILL, claim="x")),
    ("waybill_out_of_pattern", ClaimWithdrawn(id="c", time=START, waybill="??", claim="x")),
]


@pytest.mark.parametrize(("reason", "event"), REFUSED, ids=[reason for reason, _ in REFUSED])
def test_claims_that_break_a_rule_are_kept_aside(reason: str, event: Claim | ClaimWithdrawn) -> None:
    book = full()
    book.block(("waybook.orders", event), ("waybook.orders", event))
    assert book.refused() == [reason]
    assert not book.rows["charge"]


def test_the_same_claim_with_other_content_is_a_conflict() -> None:
    one, other = (
        Claim(id="c", time=START, waybill=WAYBILL, kind="late", responsible="XAD", amount_e4=n)
        for n in (100, 200)
    )
    assert full().take(one, one, other).refused() == ["conflicting_duplicate"]


DUES, POSTING, CHART = TEXTS
WRONG = [
    (
        DUES,
        POSTING.replace('account = "6101", side = "D"', 'account = "6101", side = "C"'),
        CHART,
        "unbalanced",
    ),
    (DUES, POSTING.replace('account = "1002"', 'account = "1101"'), CHART, "not_mirrored"),
    (DUES, POSTING.replace('account = "6101"', 'account = "9999"'), CHART, "unknown_account"),
    (DUES, POSTING.replace('payee = "headquarters"', 'payee = "customer"', 1), CHART, "no_such_book"),
    (DUES, POSTING.replace('payee = "headquarters"', 'payee = "nobody"', 1), CHART, "wrong_setting"),
    (DUES, POSTING + POSTING[POSTING.index("[[fee]]") : POSTING.index("[transfer]")], CHART, "repeated_fee"),
    (DUES, POSTING.replace('"2202"', '"4006"', 1), CHART, "not_cleared"),
    (DUES, POSTING, CHART + CHART.splitlines()[1], "repeated_account"),
    (DUES, POSTING, CHART.replace("asset,D", "asset,C", 1), "wrong_side"),
    (DUES, POSTING, CHART.replace("asset,D", "thing,D", 1), "wrong_value"),
    (DUES.replace('trigger = "signed"', 'trigger = "sold"', 1), POSTING, CHART, "wrong_setting"),
    (DUES.replace('zh = "运费"', 'zh = "运费"\ncolour = "red"', 1), POSTING, CHART, "unknown_setting"),
    (DUES.replace('name = "waybill"', 'name = "freight"', 1), POSTING, CHART, "repeated_due"),
    (DUES.replace('name = "late"', 'name = "too/late"\nfees = ["late"]', 1), POSTING, CHART, "wrong_name"),
    (DUES.replace('"delivery_paid"', '"delivered"', 1), POSTING, CHART, "unknown_fee"),
    (DUES.replace('"damage_paid"', '"loss_paid"', 1), POSTING, CHART, "repeated_fee"),
    (DUES.replace('share_of = "transit"', 'share_of = "transport"'), POSTING, CHART, "unknown_due"),
    (DUES.replace('share_of = "transit"', 'share_of = "handling"'), POSTING, CHART, "wrong_share"),
    (
        DUES.replace('share_of = "transit"', 'share_of = "transit"\nprice = "waybill"'),
        POSTING,
        CHART,
        "wrong_price",
    ),
    (DUES.replace('amount = "claim"', 'amount = "tariff"', 1), POSTING, CHART, "wrong_amount"),
    (
        DUES.replace('trigger = "hub_passed"', 'trigger = "hub_passed"\nblames = "origin"', 1),
        POSTING,
        CHART,
        "wrong_setting",
    ),
    ("[[due]\n", POSTING, CHART, "not_toml"),
    ("", POSTING, CHART, "no_dues"),
]


@pytest.mark.parametrize(
    ("dues", "posting", "chart", "rule"), WRONG, ids=[f"{n}-{rule}" for n, (*_, rule) in enumerate(WRONG)]
)
def test_rules_that_are_wrong_are_refused(dues: str, posting: str, chart: str, rule: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read_fees(dues, posting, chart)
    assert rule in {problem.rule for problem in refused.value.problems}


def test_a_weight_that_a_price_needs_is_waited_for() -> None:
    files = priced({"handling": "0.30"})
    files["book.toml"] = files["book.toml"].replace(
        'file = "handling.csv"\nshape = "flat"',
        'file = "handling.csv"\nshape = "first_continued"\nweight = "actual"\ncontinued_unit_kg = "exact"',
    )
    files["handling.csv"] = "first_kg,first_price,continued_price\n1,0.30,0.10\n"
    book = Book((tariff(files),), directory=network()).take(*story_of("订单 分拨到件"))
    assert book.waiting() == {"handling": "no_weight"}
    book.take(weight("分拨DWS", 2500, START + 5 * HOUR), scan("揽收", START))
    assert book.net("handling") == Decimal("0.45")
    assert book.waiting() == {}


def test_a_weight_by_which_a_zone_is_found_is_waited_for() -> None:
    files = priced({"handling": "0.30"})
    files["book.toml"] += '[[zones]]\nfactor = "zone"\nfile = "zones.csv"\neffective_from = 2025-01-01\n'
    files["zones.csv"] = "weight_kg,value\n2..,重\n"
    files["handling.csv"] = "zone,price\n,0.30\n重,0.45\n"
    book = Book((tariff(files),), directory=network()).take(*story_of("订单 分拨到件"))
    assert book.waiting() == {"handling": "no_weight"}
    book.take(weight("分拨DWS", 2500, START + 5 * HOUR), scan("揽收", START))
    assert book.net("handling") == Decimal("0.45")
    assert book.waiting() == {}


OF_RETURNS = """name = "退件"
[[table]]
fee = "return"
name = "甲"
file = "return.csv"
shape = "flat"
effective_from = 2025-01-01
"""
PER_KG = """[[table]]
fee = "return"
name = "乙"
file = "kg.csv"
shape = "per_unit"
weight = "actual"
effective_from = 2025-01-01
"""


@pytest.mark.parametrize(
    ("files", "fee"),
    [
        ({"book.toml": OF_RETURNS, "return.csv": "weight_kg,price\n..0.5,3\n2..,4\n"}, 4),
        ({"book.toml": OF_RETURNS + PER_KG, "return.csv": "price\n4\n", "kg.csv": "price\n1.50\n"}, 4),
    ],
    ids=["a row by weight", "of two prices the larger"],
)
@pytest.mark.parametrize("story", ["网点秤2.4", "网点秤2.4 网点秤0.3#a", "网点秤0.3#a 网点秤2.4"])
@pytest.mark.parametrize("declared_g", [300, 1_000])
def test_what_no_weight_is_adopted_for_is_not_guessed_by_one(
    files: dict[str, str], fee: int, story: str, declared_g: int
) -> None:
    """Of weights that a signature or time will decide between none counts before, the declared one neither."""
    back = order(direction="return", related="YT1", declared_g=declared_g)
    events = events_of(f"揽收@1 {story}")
    for arrived in ([back, *events], [*events, back]):
        book = Book((tariff(), tariff(files)))
        book.take(*arrived)
        assert book.waiting().get("return") == "no_weight"
        assert not [row for row in book.rows["charge"] if row["fee"] in ("return", b"return")]
    book.take(weight("分拨DWS", 2_400, START + 3 * HOUR))
    assert book.net("return") == fee
    assert "return" not in book.waiting()
