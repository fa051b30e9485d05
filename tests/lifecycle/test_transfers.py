"""Outlets change hands: in whose books charges stand, whatever comes first, and how open balances go over."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.events import (
    BalanceMoved,
    Event,
    HandoverWithdrawn,
    NetworkPublished,
    OpenBalance,
    PartiesMerged,
    PartyTransferred,
)
from schemas.identity import version_of
from schemas.times import DAY, HOUR, date_of, day_of
from tests.lifecycle.world import NETWORK_FILES, START, Book, events_of, order, text
from tests.rating.material import scenarios
from tests.volume import examples

LATER = day_of(date(2025, 11, 20))
TRANSFERS, ADDRESSES = scenarios("transfers.csv"), scenarios("addresses.csv")
COUNTIES = (
    "310115,浦东新区,county,310000\n310104,徐汇区,county,310000\n610103,碑林区,county,610000\n"
    "610104,莲湖区,county,610000\n610113,雁塔区,county,610000\n"
)
FILES = {
    **NETWORK_FILES,
    "places.csv": NETWORK_FILES["places.csv"].rstrip() + "\n" + COUNTIES,
    "areas.csv": "outlet,county\nSHC,310115\nSHA,310104\nXAD,610103\nXAD,610113\nXAB,610113\n",
    "parties.csv": "party,kind,name,parent,legal_entity,settlement_account,customer_level,from,to\n"
    "HQ,headquarters,总部,,总部有限公司,,,,\n"
    "无锡,outlet,无锡承接公司,HQ,无锡承接有限公司,6222021234567890123,,2025-01-01,\n"
    "旧公司,outlet,已注销,HQ,,,,,2025-10-31\n"
    "小王,courier,快递员王,无锡,,,,2025-01-01,\n"
    "C1,customer,大客户,,,,A,2025-01-01,2025-12-31\n"
    "C1,customer,大客户,,,,B,2026-01-01,\n",
}


def world() -> Book:
    """A book whose network has parties and areas."""
    published = NetworkPublished(id="n2", time=START, version=version_of(FILES), files=FILES)
    return Book().block((topics.CONTROL.name, published))


Hand = PartyTransferred | PartiesMerged | HandoverWithdrawn


def change(token: str) -> Hand:
    """`转让:SHC>无锡:11-12` or `合并:SHC>SHA:11-12`; `撤回:转让:SHC>无锡:11-12`, 16 hours later with `撤回@16:`."""
    if token.startswith("撤回"):
        when, _, taken_back = token.partition(":")
        time = START + int(when.partition("@")[2] or 0) * HOUR
        return HandoverWithdrawn(id=f"w-{token}", time=time, handover=change(taken_back).id)
    what, parties, day = token.split(":")
    outlet, _, party = parties.partition(">")
    first = date.fromisoformat(f"2025-{day}")
    if what == "转让":
        return PartyTransferred(id=f"t-{token}", time=START, outlet=outlet, party=party, from_day=first)
    return PartiesMerged(id=f"m-{token}", time=START, absorbed=outlet, into=party, from_day=first)


def steps(story: str) -> list[Event]:
    """A story with changes of hands, in order of arrival."""
    tokens = story.split()
    facts = iter(events_of(" ".join(token for token in tokens if ":" not in token)))
    return [change(token) if ":" in token else next(facts) for token in tokens]


def play(book: Book, events: list[Event]) -> Book:
    """One after the other, each in a block of its own."""
    for event in events:
        if isinstance(event, Hand | BalanceMoved):
            book.block((topics.CONTROL.name, event))
        else:
            book.take(event)
    return book


@pytest.mark.parametrize("case", TRANSFERS, ids=[case["用例"] for case in TRANSFERS])
def test_scenario(case: dict[str, str]) -> None:
    book = play(world(), steps(case["经过"]))
    seen = {"甲网点毛利": "SHC", "承接方毛利": "无锡", "并入方毛利": "SHA", "派件网点毛利": "XAD"}
    assert {name: book.result_of(party) for name, party in seen.items()} == {
        name: Decimal(case[name]) for name in seen
    }
    assert " ".join(book.refused()) == case["死信"]
    _in_order(book)


def _in_order(book: Book) -> None:
    """Every entry balances, reversals stand with the parties that they reverse, both books mirror."""
    entries: dict[bytes, Decimal] = defaultdict(Decimal)
    mirror: dict[bytes, Decimal] = defaultdict(Decimal)
    for row in book.rows["journal"]:
        signed = row["amount"] if text(row["side"]) == "D" else -row["amount"]
        entries[row["entry_id"]] += signed
        if text(row["account"]) in ("1001", "1002", "1003", "1102", "2001", "2101", "2501"):
            mirror[row["charge_id"]] += signed
    assert not any(entries.values())
    assert not any(mirror.values())
    assert len({row["row_id"] for row in book.rows["journal"]}) == len(book.rows["journal"])
    charges = {row["charge_id"]: row for row in book.rows["charge"]}
    for row in book.rows["charge"]:
        if any(row["reverses"]):
            taken_back = charges[row["reverses"]]
            assert (row["payer"], row["payee"]) == (taken_back["payer"], taken_back["payee"])


@pytest.mark.parametrize("case", ADDRESSES, ids=[case["用例"] for case in ADDRESSES])
def test_addresses(case: dict[str, str]) -> None:
    book = world().take(order(origin_county=case["寄件区县"], destination_county=case["收件区县"]))
    assert " ".join(text(row["kind"]) for row in book.rows["anomaly"]) == case["异常"]
    assert " ".join(book.refused()) == case["死信"]


def test_counties_are_not_judged_where_the_directory_has_none() -> None:
    book = Book().take(order(origin_county="310199"))
    assert book.refused() == []
    assert book.rows["anomaly"] == []


STORIES = [
    "订单 揽收@1 网点秤9@2 签收@3 转让:SHC>无锡:11-12 分拨DWS2.5@20",
    "订单 揽收@1 合并:SHC>SHA:11-12 转让:SHA>无锡:11-13 分拨DWS2.5@20 签收@40",
    "订单 揽收@20 转让:SHC>无锡:11-12 转让:SHC>SHA:11-13 转让:XAD>无锡:11-12 分拨秤3@17 分拨DWS2.5@40 签收@30",
    "订单@16 揽收@20 揽收#早@15 转让:SHC>无锡:11-12 签收@30 签收#晚@14 分拨DWS2.5@21",
    "订单 揽收@1 网点秤9@20 转让:SHC>无锡:11-12 撤回:转让:SHC>无锡:11-12 转让:SHC>SHA:11-12 签收@30 分拨DWS2.5@21",
    "订单@16 揽收@20 合并:SHC>SHA:11-12 转让:SHA>无锡:11-13 撤回:合并:SHC>SHA:11-12 签收@40 分拨DWS2.5@21",
]


def ended(book: Book) -> Book:
    """Days later."""
    book.tick(START + 70 * HOUR)
    _in_order(book)
    return book


@cache
def _told_in_order(story: tuple[Event, ...]) -> Book:
    return ended(play(world(), list(story)))


@examples(50)
@given(st.data())
def test_any_order_around_a_transfer_ends_in_the_same_books(data: st.DataObject) -> None:
    """Parcels' events in any order and repeated; the topic of control keeps its own order."""
    story = steps(data.draw(st.sampled_from(STORIES)))
    if data.draw(st.booleans()):
        story.append(order(START + 2 * HOUR, id="order-2", origin="SHA", destination="XAB"))
    shuffled = data.draw(st.permutations(story))
    hands = iter([event for event in story if isinstance(event, Hand)])
    mixed = [next(hands) if isinstance(event, Hand) else event for event in shuffled]
    for again in data.draw(st.lists(st.sampled_from(mixed), max_size=4)):
        mixed.insert(mixed.index(again) + 1 + data.draw(st.integers(0, len(mixed))), again)
    expected, book = _told_in_order(tuple(story)), ended(play(world(), mixed))
    assert book.books() == expected.books()
    assert book.waiting() == expected.waiting()
    assert book.refused() == []


@examples(20)
@given(st.data())
def test_a_restart_anywhere_changes_no_byte(data: st.DataObject) -> None:
    story = steps(data.draw(st.sampled_from(STORIES)))
    moved = _moved(play(world(), story))
    story = [*data.draw(st.permutations(story[:-1])), story[-1], *moved]
    stop = data.draw(st.integers(0, len(story)))
    through, stopped = play(world(), story[:stop]), play(world(), story[:stop])
    stopped.restart()
    play(through, story[stop:]).tick(START + 70 * HOUR)
    play(stopped, story[stop:]).tick(START + 70 * HOUR)
    assert stopped.digests == through.digests


def open_balances(book: Book, outlet: str, party: str, days: tuple[date, date]) -> tuple[OpenBalance, ...]:
    """What stands open for an outlet with a party from charges of the days before the second."""
    origin = {
        row["charge_id"]: text(row["destination" if text(row["fee"]) == "delivery_paid" else "origin"])
        for row in book.rows["charge"]
    }
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for row in book.rows["journal"]:
        if origin.get(row["charge_id"]) != outlet or not days[0] <= row["business_date"] < days[1]:
            continue
        account, other = text(row["account"]), text(row["counterparty"])
        signed = row["amount"] if text(row["side"]) == "D" else -row["amount"]
        if text(row["book"]) == party and account in ("1101", "1102", "2101"):
            sums["party", account, other] += signed
        if text(row["book"]) == "HQ" and other == party and account in ("1001", "1002", "1003", "2001"):
            sums["headquarters", account, other] += signed
    return tuple(
        OpenBalance(book=where, account=account, counterparty=other, amount_e4=int(amount * 10_000))  # type: ignore[arg-type]
        for (where, account, other), amount in sorted(sums.items())
    )


def _moved(book: Book) -> list[Event]:
    """The moves that belong to a book's first change of hands, if it is SHC's from the 12th on."""
    for one in book.lifecycle.operators.handovers():
        if (one.outlet, one.former) == ("SHC", "SHC"):
            return [move(book, "m1", one.party)]
    return []


def move(book: Book, name: str, party: str = "无锡", **changed: Any) -> BalanceMoved:
    """SHC's open balances go to another party, published two days later."""
    made = BalanceMoved(
        id=name,
        time=START + 2 * DAY,
        outlet="SHC",
        from_day=date(2025, 11, 12),
        former="SHC",
        party=party,
        day=date(2025, 11, 12),
        balances=open_balances(book, "SHC", "SHC", (date(2025, 1, 1), date(2025, 11, 12))),
        by="会计",
    )
    return msgspec.structs.replace(made, **changed)


def stands(book: Book, party: str, *accounts: str) -> dict[str, Decimal]:
    """What stands on some accounts of a party's book; no zeros."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (owner, account, *_), amount in book.books().items():
        if owner == party and account in accounts:
            sums[account] += amount
    return {account: amount for account, amount in sums.items() if amount}


OPEN = ("1101", "1102", "2101", "2501")


def test_open_balances_go_over_by_visible_entries_and_late_charges_follow() -> None:
    book = play(world(), steps("订单 揽收@1 网点秤9@2 签收@3 转让:SHC>无锡:11-12"))
    assert stands(book, "SHC", *OPEN) == {"1101": Decimal(12), "2101": Decimal("-17.20")}
    first = move(book, "m1")
    play(book, [first, first])
    assert stands(book, "SHC", *OPEN) == {"2501": Decimal("-5.20")}
    assert stands(book, "无锡", *OPEN) == {
        "1101": Decimal(12),
        "2101": Decimal("-17.20"),
        "2501": Decimal("5.20"),
    }
    assert book.result_of("SHC") == Decimal("-5.20")
    assert book.result_of("无锡") == 0
    play(book, steps("分拨DWS2.5@2"))
    assert stands(book, "SHC", "2101") == {"2101": Decimal("9.75")}, "15.00 are taken back, 5.25 charged"
    again = move(book, "m2", day=date(2025, 11, 13))
    play(book, [again, msgspec.structs.replace(again, id="m3")])
    assert stands(book, "SHC", *OPEN) == {"2501": Decimal("4.55")}
    assert stands(book, "无锡", "1101", "2101") == {"1101": Decimal(12), "2101": Decimal("-7.45")}
    _in_order(book)
    moves = [row for row in book.rows["journal"] if text(row["fee"]) == "balance_moved"]
    assert {row["business_date"] for row in moves} == {date(2025, 11, 12), date(2025, 11, 13)}
    assert {text(row["move_id"]) for row in book.rows["balance_moved"]} == {"m1", "m2"}
    assert book.refused() == []


BROKEN: dict[str, dict[str, Any]] = {
    "no such handover": {"from_day": date(2025, 11, 13), "day": date(2025, 11, 13)},
    "another party": {"party": "SHA"},
    "before the date": {"day": date(2025, 11, 11)},
    "after the open day": {"day": date(2025, 11, 14)},
    "another account": {
        "balances": (OpenBalance(book="party", account="5001", counterparty="CUSTOMER", amount_e4=1),)
    },
    "the books differ": {
        "balances": (OpenBalance(book="party", account="2101", counterparty="HQ", amount_e4=1),)
    },
    "another's balance": {
        "balances": (
            OpenBalance(book="party", account="2101", counterparty="HQ", amount_e4=-1),
            OpenBalance(book="headquarters", account="1001", counterparty="SHA", amount_e4=1),
        )
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_move_that_breaks_a_rule_is_refused(name: str) -> None:
    book = play(world(), steps("订单 揽收@1 签收@3 转让:SHC>无锡:11-12"))
    before = dict(book.books())
    play(book, [move(book, "m1", **BROKEN[name])])
    assert book.refused() == ["move_refused"]
    assert book.books() == before
    assert not book.rows["balance_moved"]


def test_the_same_id_with_another_content_is_a_conflict() -> None:
    one = change("转让:SHC>无锡:11-12")
    assert isinstance(one, PartyTransferred)
    other = msgspec.structs.replace(one, party="SHA")
    book = play(world(), [one, one, other])
    assert book.refused() == ["conflicting_duplicate"]
    assert [text(row["party"]) for row in book.rows["operator"]] == ["无锡"]


def test_what_is_withdrawn_leaves_no_trace_but_its_rows() -> None:
    """Also of what was charged to the other party already."""
    facts = "订单@16 揽收@20 分拨DWS2.5@21 签收@30"
    book = play(world(), steps(f"转让:SHC>无锡:11-12 {facts}"))
    assert stands(book, "无锡", *OPEN) != {}
    play(book, steps("撤回:转让:SHC>无锡:11-12"))
    assert stands(book, "无锡", *OPEN) == {}
    assert ended(book).books() == ended(play(world(), steps(facts))).books()
    assert book.lifecycle.operators.handovers() == []
    rows = [
        (text(row["kind"]), text(row["outlet"]), text(row["party"]), row["first_day"])
        for row in book.rows["operator"]
    ]
    about = ("SHC", "无锡", date(2025, 11, 12))
    assert rows == [("party_transferred", *about), ("handover_withdrawn", *about)]


def test_what_was_withdrawn_and_is_said_again_does_not_come_back() -> None:
    once = steps("转让:SHC>无锡:11-12 撤回:转让:SHC>无锡:11-12")
    book = play(world(), [*once, *once])
    assert book.refused() == []
    assert book.lifecycle.operators.handovers() == []
    (wrong, gone) = once
    assert isinstance(wrong, PartyTransferred)
    play(book, [msgspec.structs.replace(wrong, id="anew")])
    assert [one.party for one in book.lifecycle.operators.handovers()] == ["无锡"]
    play(book, [msgspec.structs.replace(gone, id="w-late", time=START + HOUR)])
    assert book.refused() == ["handover_withdrawn"]


def test_no_balance_goes_over_by_what_was_withdrawn() -> None:
    book = play(world(), steps("订单 揽收@1 网点秤9@2 签收@3 转让:SHC>无锡:11-12"))
    wrong = move(book, "m1")
    play(book, [*steps("撤回:转让:SHC>无锡:11-12"), wrong])
    assert book.refused() == ["move_refused"]
    assert stands(book, "无锡", *OPEN) == {}


@pytest.mark.parametrize("gives_away", ["转让:SHA>无锡:11-12", "转让:SHA>SHC:11-12", "合并:SHA>XAB:11-12"])
def test_who_took_an_outlet_over_changes_hands_with_it_unless_balances_are_there(gives_away: str) -> None:
    absorbed = "订单 揽收@1 网点秤9@2 签收@3 合并:SHC>SHA:11-12"
    later = msgspec.structs.replace(change(gives_away), time=START + DAY)
    both = play(world(), [*steps(absorbed), later])
    assert both.refused() == []
    assert both.lifecycle.operators.of("SHC", LATER) == both.lifecycle.operators.of("SHA", LATER) != "SHA"
    book = play(world(), steps(absorbed))
    play(book, [move(book, "m1", party="SHA", time=START + DAY), later])
    assert book.refused() == ["transfer_refused"]
    assert stands(book, "SHA", "1101", "2101") == {"1101": Decimal(12), "2101": Decimal("-17.20")}
    assert isinstance(later, PartyTransferred | PartiesMerged)
    play(book, [msgspec.structs.replace(later, id="next", from_day=date(2025, 11, 13))])
    assert len(book.refused()) == 1
    assert [(one.former, date_of(one.day)) for one in book.lifecycle.operators.handovers()][-1] == (
        "SHA",
        date(2025, 11, 13),
    )


def test_a_transfer_before_any_directory_is_refused() -> None:
    book = Book()
    book.lifecycle = type(book.lifecycle)(3 * DAY)
    published = NetworkPublished(id="n2", time=START, version=version_of(FILES), files=FILES)
    book.block((topics.CONTROL.name, change("转让:SHC>无锡:11-12")), (topics.CONTROL.name, published))
    assert book.refused() == ["transfer_refused"]


def test_published_parties_and_areas_are_rows_without_full_account_numbers() -> None:
    book = world()
    rows = {(text(row["party"]), row["first_day"]): row for row in book.rows["party"]}
    assert text(rows["无锡", date(2025, 1, 1)]["settlement_account"]) == "****0123"
    assert [text(row["customer_level"]) for row in book.rows["party"] if text(row["party"]) == "C1"] == [
        "A",
        "B",
    ]
    served = {(text(row["county"]), text(row["outlet"])) for row in book.rows["area"]}
    assert ("610104", "") in served
    assert ("610113", "XAB") in served
    assert b"6222021234567890123" not in b"".join(bytes(str(rows), "utf-8") for rows in book.rows.values())
