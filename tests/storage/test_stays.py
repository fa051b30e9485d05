"""Stays in a store: what each day costs, what is charged at entry and exit, whatever the order of what is heard."""

import json
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.words import FEES as LABELS
from flows.rating.explain import explain
from flows.stays import storage_of
from schemas.events import DeadLetterReplayed, StayEvent, StoreEvent, TariffWithdrawn
from schemas.identity import version_of
from schemas.partition import partition_of
from schemas.parts import parts_of
from schemas.reasons import WAITING
from schemas.settings import Settings
from schemas.times import DAY
from tests.lifecycle.world import tariff as published
from tests.rating.material import scenarios
from tests.storage.world import (
    BOOK,
    Store,
    happening,
    haul,
    holds_together,
    moment,
    month,
    network,
    story,
    tariff,
    tick,
    yuan,
)
from tests.volume import examples

CASES = scenarios("stays.csv")


def month_of(customer: str) -> StoreEvent:
    """A word about a customer's month."""
    return month("10", "5", at="1日00:00", customer=customer)


def haul_of(number: str) -> StoreEvent:
    """A haul with this number."""
    return msgspec.structs.replace(haul("1日00:00 提货"), haul=number)


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    store = Store(tariff())
    for event in story(case["经过"]):
        store.until_moment(event.time).take(event)
    agrees(store.until(case["到"]), case)


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario_heard_late_and_backwards(case: dict[str, str]) -> None:
    store = Store(tariff(), patient=True)
    last = max(event.time for event in story(case["经过"]))
    store.until_moment(min(last, moment("13日12:00")))
    for event in reversed(story(case["经过"])):
        store.until_moment(event.time).take(event, event)
    agrees(store.until(case["到"]), case)


def agrees(store: Store, case: dict[str, str]) -> None:
    """The books say what the case says."""
    assert store.refused() == []
    assert store.days() == yuan(case["逐日仓储费"])
    for fee, label in (("cold_in", "入库装卸费"), ("cold_out", "出库装卸费")):
        assert store.fee(fee) == (Decimal(case[label]) if case[label] else None)
    assert store.parts("cold_out") == yuan(case["分批装卸费"])
    told = {f"{LABELS[due][0]}={WAITING[reason]}" for due, reason in store.waits().items()}
    assert told == set(case["等待"].split())
    holds_together(store)


WORDS = (
    "11日08:00 入库 按体积 5板 7.5方 3000公斤 60件 冷冻 库区B1",
    "11日08:10 入库 C-MEAT 按重量 5板 7.5方 3000公斤 60件 冷冻 库区B1",
    "11日08:20 计量 2800公斤",
    "12日23:59 移库 库区A1 冷藏",
    "13日00:00 计量 4板 6方",
    "14日12:00 计量 1200公斤",
    "14日12:00 移库 库区A2",
    "15日18:00 出库",
    "15日19:00 出库",
    "14日18:00 分批出库 3板 1000公斤 40件",
    "15日09:00 分批出库 5方",
)
DEARER = "billing,price,included,overage_price\nweight,0,100,0.09\n"
STEPS = st.lists(
    st.one_of(
        st.sampled_from(WORDS),
        st.sampled_from(["11日09:00", "12日00:00", "13日06:00", "16日00:00"]),
        st.just("restart"),
        st.sampled_from(["book", "dearer"]),
    ),
    max_size=24,
)


@examples(20)
@given(st.sets(st.sampled_from(WORDS)), STEPS, st.randoms(use_true_random=False))
def test_any_order_and_repetition_end_in_the_same_books(
    heard: set[str], steps: list[str], chance: random.Random
) -> None:
    """The same events end in the same books, in order or not, again and again, with time passing in between."""
    in_order = Store(tariff(), patient=True)
    for words in sorted(heard):
        in_order.take(happening(words))
    in_order.until("17日00:00")
    other = Store(tariff(), patient=True)
    rest = sorted(heard)
    chance.shuffle(rest)
    for step in (*steps, *rest):
        if step == "restart":
            other.restart()
        elif step in ("book", "dearer"):
            other.take(tariff() if step == "book" else tariff(weight=DEARER))
        elif step in heard:
            other.take(happening(step))
        elif step not in WORDS:
            other.until(step)
    other.take(tariff()).until("17日00:00")
    assert other.refused() == in_order.refused() == []
    assert other.charged() == in_order.charged()
    assert other.waits() == in_order.waits()
    assert other.books() == in_order.books()
    holds_together(other)


def test_a_restart_in_every_place_changes_no_row() -> None:
    def rows(restarts: bool) -> dict[str, list[dict[str, object]]]:
        store = Store(tariff())
        for event in story(
            "11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1；15日15:00 计量 8板；18日10:00 出库"
        ):
            store.until_moment(event.time).take(event)
            if restarts:
                store.restart()
        return dict(store.until("20日00:00").rows)

    assert rows(restarts=True) == rows(restarts=False)


def test_many_days_pass_at_once_or_one_by_one() -> None:
    stay = happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1")
    slow, fast = (Store(tariff()).until("11日09:00").take(stay) for _ in range(2))
    slow.until("40日00:00")
    fast.take(tick(moment("40日00:00")))
    assert fast.charged() == slow.charged()
    assert len(fast.days()) == 29


def test_a_day_is_charged_when_it_has_passed_and_not_before() -> None:
    store = Store(tariff()).until("11日09:00")
    store.take(happening("11日08:00 入库 按托盘 1板 700公斤 常温 库区B1"))
    assert store.days() == []
    store.take(tick(moment("11日23:59:59.999")))
    assert store.days() == []
    assert store.take(tick(moment("12日00:00"))).days() == [0]
    (row,) = [row for row in store.rows["charge"] if row["fee"] == "storage"]
    assert row["part"] == str(row["business_date"]) == "2025-11-11"


def test_another_customer_pays_from_the_first_day() -> None:
    store = Store(tariff()).until("11日09:00")
    store.take(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1")).until("15日08:00")
    store.take(happening("11日08:30 入库 C-FRUIT 按托盘 12板 9000公斤 冷冻 库区B1"))
    assert {payer for payer, _ in store.charged().values()} == {"C-FRUIT"}
    assert store.days() == yuan("0×3 54.00")
    holds_together(store)


def test_a_price_that_comes_late_is_charged_for_the_days_that_waited() -> None:
    store = Store().until("11日09:00")
    store.take(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1")).until("15日08:00")
    assert store.waits() == {"storage": "no_price"}
    assert store.days() == []
    store.take(tariff())
    assert store.waits() == {}
    assert store.days() == yuan("0×3 54.00")


def test_other_prices_correct_what_is_in_the_store_and_a_withdrawal_takes_them_back() -> None:
    dearer = "billing,temperature,..3,3..30,30..\npallet,frozen,1,5.00,4\n"
    store = Store(tariff()).until("11日09:00")
    store.take(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1")).until("15日08:00")
    other = tariff(pallets=dearer)
    store.take(other)
    assert store.days() == yuan("12.00×3 60.00")
    holds_together(store)
    store.take(TariffWithdrawn(id="w", time=moment("15日08:00"), version=other.version))
    assert store.days() == yuan("0×3 54.00")
    holds_together(store)


def test_books_of_one_block_take_each_other_s_place() -> None:
    """What waited is charged by the first, and by the second at once: each row names the book that it is from."""
    dearer = "billing,temperature,..3,3..30,30..\npallet,frozen,1,5.00,4\n"
    store = Store().until("11日09:00")
    store.take(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1")).until("15日08:00")
    first, second = tariff(), tariff(pallets=dearer)
    store.take(first, second)
    assert store.days() == yuan("12.00×3 60.00")
    books = {row["book_version"] for row in store.rows["charge"] if row["book_version"]}
    assert books == {first.version, second.version}
    holds_together(store)


def test_free_hours() -> None:
    """Two days free, then by the hour begun."""
    book = tariff()
    files = {
        **book.files,
        "weight.csv": "billing,price,included,overage_price\nweight,0,48,1.50\n",
        "book.toml": book.files["book.toml"].replace('measure = "kg_days"', 'measure = "hours"'),
    }
    store = Store(msgspec.structs.replace(book, files=files, version=version_of(files))).until("11日09:00")
    store.take(happening("11日08:00 入库 按重量 1000公斤 冷冻")).until("14日11:00")
    assert store.take(happening("14日10:01 出库")).days() == yuan("0×2 24.00 16.50")
    holds_together(store)


def test_a_price_that_falls_with_time_gives_money_back() -> None:
    """A whole price per day that becomes less: the total is right on every day."""
    whole = tariff()
    files = {
        **whole.files,
        "pallets.csv": "billing,..3,3..\npallet,9,5\n",
        "book.toml": whole.files["book.toml"].replace('shape = "graduated"', 'shape = "tier_whole"', 1),
    }
    store = Store(msgspec.structs.replace(whole, files=files, version=version_of(files))).until("11日09:00")
    store.take(happening("11日08:00 入库 按托盘 2板 700公斤 常温 库区B1")).until("16日00:00")
    assert store.days() == yuan("18.00×3 -14.00 10.00")
    holds_together(store)


REFUSED: dict[str, dict[str, Any]] = {
    "unknown_site": {"site": "NOWHERE"},
    "unknown_outlet": {"site": "SH-HUB"},
    "unknown_party": {"customer": "NOBODY"},
    "time_too_old": {"time": moment("1日00:00") - 3 * DAY - 1},
    "time_in_future": {"time": moment("1日00:11")},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_refused(reason: str) -> None:
    store = Store(tariff())
    opened = happening("1日00:00 入库 按托盘 1板")
    bad = msgspec.structs.replace(opened, **REFUSED[reason])
    assert store.take(bad, bad).refused() == [reason]
    assert store.rows["stay_event"] == []
    assert store.charged() == {}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "not_json"),
        (b"", "not_json"),
        (msgspec.json.encode(tick(moment("1日00:00"))), "unknown_type"),
        (
            msgspec.json.encode(happening("1日00:00 入库 按托盘 1板"))[:-1] + b',"customer":"C-MEAT"}',
            "name_twice",
        ),
        (b'{"type":"stay_closed","id":"a","time":1,"stay":"","site":"SH-A","source":"g"}', "wrong_type"),
        (b'{"type":"stay_opened","id":"a","time":1,"stay":"S","site":"SH-A","source":"g"}', "wrong_type"),
    ],
)
def test_what_is_no_event_is_kept_aside(raw: bytes, reason: str) -> None:
    assert Store().take(raw).restart().take(raw).refused() == [reason]


@pytest.mark.parametrize("make", [lambda key: happening("1日00:00 入库 按托盘 1板", key), month_of, haul_of])
def test_what_lies_on_another_lanes_partition_is_refused(make: Callable[[str], StoreEvent]) -> None:
    store = Store(tariff())
    store.storage = storage_of(Settings(partitions=4))
    store.take(network(), tick(moment("1日00:00"))).take(tariff())
    keys = [f"C-{n}" for n in range(8)]
    wrong = [key for key in keys if partition_of(key, 4) != 0]
    assert 0 < len(wrong) < len(keys)
    for key in keys:
        store.take(make(key))
    assert [
        row["detail"].split("'")[1] for row in store.rows["dead_letter"] if row["reason"] == "wrong_partition"
    ] == wrong


def test_what_is_refused_again_after_a_replay_is_open_again() -> None:
    store = Store(tariff())
    bad = msgspec.structs.replace(happening("1日00:00 入库 按托盘 1板"), customer="NOBODY")
    (letter,) = store.take(bad, bad).rows["dead_letter"]
    note = DeadLetterReplayed(id="dl-n1", time=1, dead_letter=letter["dead_letter_id"], replayed_by="me")
    other = DeadLetterReplayed(id="dl-n2", time=1, dead_letter="dl-of-another-lane")
    store.take(note, note, other).restart().take(note, bad, bad)
    assert [row["status"] for row in store.rows["dead_letter"]] == ["open", "replayed", "open"]


@pytest.mark.parametrize("freed", [False, True])
def test_a_letter_that_was_forgotten_is_nobodys_whenever_its_memory_is_freed(freed: bool) -> None:
    store = Store(tariff())
    bad = msgspec.structs.replace(happening("1日00:00 入库 按托盘 1板"), customer="NOBODY")
    (letter,) = store.take(bad).until("12日00:00").rows["dead_letter"]
    ring = store.storage.ring
    for _ in range(ring.size + 1 if freed else 1):
        ring.segment(ring.epoch)
    store.take(DeadLetterReplayed(id="dl-n1", time=1, dead_letter=letter["dead_letter_id"]))
    assert [row["status"] for row in store.rows["dead_letter"]] == ["open"]


def test_the_same_id_with_other_content_is_a_conflict() -> None:
    store, opened = Store(tariff()), happening("1日00:00 入库 按托盘 1板 700公斤 常温")
    other = msgspec.structs.replace(opened, customer="C-MEAT")
    assert store.take(opened, other).refused() == ["conflicting_duplicate"]
    assert {payer for payer, _ in store.charged().values()} == {"C-FISH"}


def test_a_finished_stay_is_forgotten_and_no_repeat_is_booked_again() -> None:
    store = Store(tariff()).until("11日09:00")
    events = story("11日08:00 入库 按托盘 1板 700公斤 冷冻；14日09:00 出库")
    for event in events:
        store.until_moment(event.time).take(event)
    before = store.until("17日08:00").take(*events).charged()
    assert store.refused() == []
    store.until("25日00:00").restart()
    assert store.take(*events).refused() == ["time_too_old"] * 2
    assert store.charged() == before


def test_goods_in_the_store_are_never_given_up() -> None:
    store = Store(tariff()).until("11日09:00")
    store.take(happening("11日08:00 入库 按托盘 1板 700公斤 常温 库区B1")).until("160日00:00")
    assert len(store.days()) == 149
    assert store.take(happening("159日09:00 出库")).fee("cold_out") == Decimal("35.00")


def test_an_exit_without_an_entry_is_given_up_visibly() -> None:
    store = Store(tariff()).until("14日10:00").take(happening("14日09:00 出库")).until("20日00:00")
    assert store.waits() == {"storage": "no_opening"}
    assert store.until("110日00:00").waits() == {"storage": "abandoned"}


def test_what_is_charged_explains_itself() -> None:
    store = Store(tariff()).until("11日09:00")
    store.take(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区A1")).until("16日00:00")
    row = next(row for row in store.rows["charge"] if row["part"] == "2025-11-15")
    last, *_, first = reversed(json.loads(row["steps"]))
    assert (last["kind"], last["amount"], last["total"]) == ("accrued", "59.40", "59.40")
    assert first["factors"]["area"] == "A1"
    told = [step.text_zh for step in explain({**row, "amount": str(row["amount"])})]
    assert any("此前各天已计 59.40 元，本日 59.40 元" in text for text in told), told


def test_a_rounded_weight_is_told_with_what_was_measured() -> None:
    store = Store(tariff()).until("11日09:00")
    row = store.take(happening("11日08:00 入库 按重量 12板 2488公斤 冷冻")).rows["charge"][0]
    told = {step.label_zh: step.text_zh for step in explain({**row, "amount": str(row["amount"])})}
    assert row["fee"] == "cold_in"
    assert told["计费重量"] == "实际 2488 公斤，按价格表取整，计 2500 公斤"
    assert "采信重量" not in told


def test_more_grams_than_a_column_holds_are_told_by_the_steps_alone() -> None:
    small = BOOK["book.toml"].replace('weight = "actual"', 'weight = "larger"\ndivisor = 100')
    store = Store(published({**BOOK, "book.toml": small})).until("11日09:00")
    row = store.take(happening("11日08:00 入库 按重量 12板 4000方 2488公斤 冷冻")).rows["charge"][0]
    assert (row["actual_g"], row["volumetric_g"], row["chargeable_g"]) == (0, 0, 0)
    assert "40000000 公斤" in str([step.text_zh for step in explain({**row, "amount": str(row["amount"])})])


def test_free_days_are_told_with_their_price() -> None:
    store = Store(tariff()).until("11日09:00")
    store.take(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻")).until("12日00:00")
    row = next(row for row in store.rows["charge"] if row["part"] == "2025-11-11")
    told = str([(step.text_zh, step.text_en) for step in explain({**row, "amount": str(row["amount"])})])
    assert "阶梯 1 天 × 0.00 元 = 0.00 元" in told
    assert "tier 1 day × 0.00 yuan = 0.00 yuan" in told


def test_stays_of_one_block_do_not_mix() -> None:
    store = Store(tariff()).until("11日09:00")
    events: list[StayEvent] = []
    for number in range(20):
        events += story(f"11日08:00 入库 按托盘 {number + 1}板 700公斤 常温 库区B1", f"S{number}")
    store.take(*events).until("15日00:00")
    assert [store.days(f"S{n}")[3] for n in range(20)] == [Decimal(2 * (n + 1)) for n in range(20)]
    holds_together(store)


def test_a_book_that_comes_in_parts_is_in_force_with_the_last_one() -> None:
    """Over a restart, junk and repeats in between, too."""
    first, *others = parts_of(tariff(), 200)
    case = CASES[0]
    store = Store().take(*reversed(others)).restart()
    junk = msgspec.structs.replace(others[0], content=b"junk")
    for event in story(case["经过"])[:1]:
        store.until_moment(event.time).take(event)
    assert store.charged() == {}
    store.take(junk, first, *others).restart().take(first)
    for event in story(case["经过"])[1:]:
        store.until_moment(event.time).take(event)
    agrees(store.until(case["到"]), case)
    assert [one.version for one in store.storage.books] == [tariff().version]
