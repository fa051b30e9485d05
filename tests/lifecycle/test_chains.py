"""Scan chains: what opens, closes and ends a breach, whatever the order in which scans come."""

import random
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.events import Event, Scan
from schemas.times import DAY, HOUR
from tests.lifecycle.world import SITES, START, WAYBILL, Book, events_of, network, order, scan
from tests.rating.material import scenarios
from tests.volume import examples

RULES = """
[[rule]]
name = "sent"
label = "揽收后未发件"
when = "10"
then = ["20", "30", "40", "50"]
hours = 24

[[rule]]
name = "transit"
label = "发件后未到件"
when = "20"
then = ["30", "40", "50"]
hours = 48
responsible = "destination"

[[rule]]
name = "delivered"
label = "到件后未签收"
when = "30"
at = "outlet"
then = ["50"]
hours = 24

[[rule]]
name = "arrived"
label = "无到件签收"
when = "50"
need = ["30"]
hours = 6
"""
CASES = scenarios("chains.csv")


def watched(rules: str = RULES, **more: Any) -> Book:
    """A lane that watches scan chains."""
    return Book(directory=network(chains=rules), **more)


def now(book: Book) -> dict[str, tuple[str, str]]:
    """By rule: the newest status and who answers."""
    return {
        row["rule"]: (row["status"], row["outlet"])
        for row in msgspec.convert(book.rows["chain_breach"], list[dict[str, Any]])
    }


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    """`/30` in a story: thirty hours have passed before what follows is known."""
    book = watched()
    before, _, after = case["经过"].partition("/")
    book.take(*events_of(before))
    if after:
        hour, _, rest = after.partition(" ")
        book.tick(START + int(hour) * HOUR)
        book.take(*events_of(rest))
    book.tick(START + int(case["过了几小时"]) * HOUR)
    found = " ".join(f"{rule}:{status}@{outlet}" for rule, (status, outlet) in now(book).items())
    assert found == case["寄件或派件网点收到的违规"]


def test_a_network_without_rules_writes_and_keeps_nothing() -> None:
    book = Book().take(*events_of("订单 揽收")).tick(START + 60 * HOUR)
    assert not book.rows["chain_breach"]
    assert not book.rows["chain_rule"]
    parcel = book.lifecycle.ring.records[WAYBILL]
    assert parcel.trail is None
    assert not len(book.lifecycle.watch.timers)


def test_a_breach_tells_its_age_and_what_closed_it() -> None:
    book = watched().take(*events_of("订单 揽收@1")).tick(START + 26 * HOUR).take(*events_of("发件@27"))
    opened, closed = book.rows["chain_breach"]
    assert (opened["age_ms"], closed["age_ms"]) == (25 * HOUR, 26 * HOUR)
    assert (opened["cause"], closed["cause"]) == ("", "scan-20")
    assert opened["site"] == SITES["寄"][0]
    assert (opened["due"] - opened["since"]).total_seconds() == 24 * 3600
    assert book.lifecycle.watch.open["sent"] == 0


def test_published_rules_can_be_read_and_others_take_their_place() -> None:
    book = watched().take(*events_of("订单 揽收@1")).tick(START + 13 * HOUR)
    assert now(book) == {}
    assert len(book.rows["chain_rule"]) == 4
    shorter = network(chains=RULES.replace("hours = 24", "hours = 12"))
    book.block((topics.CONTROL.name, shorter))
    assert now(book) == {"sent": ("open", "SHC")}
    book.block((topics.CONTROL.name, network(chains=RULES)))
    assert now(book) == {"sent": ("closed", "SHC")}
    book.block((topics.CONTROL.name, shorter)).block((topics.CONTROL.name, network()))
    assert now(book) == {"sent": ("closed", "SHC")}
    assert book.lifecycle.ring.records[WAYBILL].trail is None
    book.block((topics.CONTROL.name, network(chains=RULES))).tick(START + 60 * HOUR)
    assert now(book) == {"sent": ("closed", "SHC")}, "its earlier scans are not known any more"


def test_a_parcel_that_leaves_the_state_leaves_no_open_breach_behind() -> None:
    book = watched().take(*events_of("订单 揽收 网点秤2.5 发件 派件 签收"))
    book.tick(START + 20 * HOUR)
    assert now(book) == {"arrived": ("open", "XAD")}
    book.tick(START + 30 * DAY)
    assert now(book) == {"arrived": ("final", "XAD")}
    ring = book.lifecycle.ring
    for _ in range(ring.size + 1):
        ring.segment(ring.epoch)
    assert WAYBILL not in ring.records
    assert not +book.lifecycle.watch.open


BROKEN = [
    ("name = 1", "not_toml", ""),
    ('[[rule]]\nname = "a"\nlabel = "a"\nwhen = "11"\nthen = ["20"]\nhours = 1', "wrong_setting", "when"),
    ('[[rule]]\nname = "a"\nlabel = "a"\nwhen = "10"\nhours = 1', "wrong_setting", "then"),
    ('[[rule]]\nname = "a"\nlabel = "a"\nwhen = "10"\nthen = ["10"]\nhours = 1', "wrong_setting", "then"),
    ('[[rule]]\nname = "a"\nlabel = "a"\nwhen = "10"\nneed = []\nhours = 1', "wrong_setting", "need"),
    ('[[rule]]\nname = "a"\nlabel = "a"\nwhen = "10"\nthen = ["20"]\nhours = 1.5', "wrong_setting", "hours"),
    ('[[rule]]\nname = "a"\nlabel = "a"\nwhen = "10"\nthen = ["20"]', "wrong_setting", "hours"),
    ('[[rule]]\nname = ""\nlabel = "a"\nwhen = "10"\nthen = ["20"]\nhours = 1', "wrong_setting", "name"),
    (
        '[[rule]]\nname = "a"\nlabel = "a"\nwhen = "10"\nthen = ["20"]\nhours = 1\nat = "sea"',
        "wrong_setting",
        "at",
    ),
    (
        '[[rule]]\nname = "a"\nlabel = "a"\nwhen = "10"\nthen = ["20"]\nhours = 1\nwho = "x"',
        "wrong_setting",
        "who",
    ),
    (RULES.replace('"transit"', '"sent"'), "repeated_rule", "name"),
    ("rules = 1", "unknown_setting", "rules"),
    ("rule = 1", "wrong_setting", "rule"),
]


@pytest.mark.parametrize(
    ("rules", "rule", "column"), BROKEN, ids=[f"{n}-{b[1]}" for n, b in enumerate(BROKEN)]
)
def test_a_directory_with_a_wrong_rule_is_refused_whole(rules: str, rule: str, column: str) -> None:
    wrong = rules if rule != "not_toml" else "name ="
    book = watched().block((topics.CONTROL.name, network(chains=wrong)))
    assert book.refused() == ["network_refused"]
    detail = str(book.rows["dead_letter"][0]["detail"])
    assert f"[{rule}]" in detail
    assert "chains.toml" in detail
    assert column in detail
    book.take(*events_of("订单 揽收@1")).tick(START + 60 * HOUR)
    assert now(book) == {"sent": ("open", "SHC")}


def _story(luck: random.Random) -> list[Event]:
    """Scans of all kinds at unlucky times and sites; an order, perhaps two."""
    events: list[Event] = [
        scan(
            luck.choice(("揽收", "发件", "到件", "派件", "签收")),
            START + luck.randrange(0, 60) * HOUR + luck.choice((0, 0, 1)),
            id=f"s{n}",
            **dict(zip(("site", "outlet"), luck.choice(list(SITES.values())), strict=True)),
        )
        for n in range(luck.randrange(1, 9))
    ]
    events += [
        order(START + n * HOUR, id=f"o{n}", destination=luck.choice(("XAD", "YLE")))
        for n in range(luck.randrange(3))
    ]
    return events


def _expected(story: list[Event], at: int) -> dict[str, tuple[str, int]]:
    """By rule that is broken at a time: status and since, said plainly and without regard to cost."""
    scans = sorted((event for event in story if isinstance(event, Scan)), key=lambda one: one.time)

    def times(*operations: str) -> list[int]:
        return [one.time for one in scans if one.operation in operations]

    hubs = {SITES["分拨"][0]}
    signed = times("50")
    end = signed[0] + 3 * DAY if signed else at + 1
    found: dict[str, tuple[str, int]] = {}
    for rule, when, others, hours in (
        ("sent", "10", ("20", "30", "40", "50"), 24),
        ("transit", "20", ("30", "40", "50"), 48),
        ("delivered", "30", ("50",), 24),
    ):
        for one in scans:
            if one.operation != when or (rule == "delivered" and one.site in hubs):
                continue
            if not any(time >= one.time for time in times(*others)):
                if one.time + hours * HOUR <= at and one.time + hours * HOUR < end:
                    found[rule] = ("open", one.time)
                break
    if signed and not any(time <= signed[0] for time in times("30")) and signed[0] + 6 * HOUR <= at:
        found["arrived"] = ("open", signed[0])
    if at >= end:
        found = {rule: ("final", since) for rule, (_, since) in found.items()}
    return found


@examples(75)
@given(st.integers(0, 2**32), st.data())
def test_open_breaches_are_a_function_of_the_scans_and_of_data_time(seed: int, data: st.DataObject) -> None:
    luck = random.Random(seed)
    story = _story(luck)
    shuffled = data.draw(st.permutations(story))
    shuffled += data.draw(st.lists(st.sampled_from(story), max_size=3))
    cuts = data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4))
    book = watched()
    for low, high in pairwise([0, *sorted(cuts), len(shuffled)]):
        book.take(*shuffled[low:high])
        book.tick(book.lifecycle.ring.now + data.draw(st.integers(0, 4)) * HOUR)
    at = max(book.lifecycle.ring.now, START + data.draw(st.integers(60, 200)) * HOUR)
    book.tick(at)
    rows = {row["rule"]: row for row in book.rows["chain_breach"]}
    there = {
        rule: (row["status"], round(row["since"].timestamp() * 1000))
        for rule, row in rows.items()
        if row["status"] != "closed"
    }
    expected = _expected(story, at)
    if at < min((e.time for e in story if isinstance(e, Scan) and e.operation == "50"), default=at) + 3 * DAY:
        assert there == expected
    assert {rule for rule, (status, _) in there.items() if status == "open"} == {
        rule for rule, (status, _) in expected.items() if status == "open"
    }
    opened = [row["rule"] for row in book.rows["chain_breach"] if row["status"] == "open"]
    assert sum(book.lifecycle.watch.open.values()) == len(
        [rule for rule in there if there[rule][0] == "open"]
    ), opened


@examples(20)
@given(st.integers(0, 2**32), st.integers(0, 8), st.integers(1, 3))
def test_a_restart_anywhere_changes_no_row(seed: int, stop: int, epochs: int) -> None:
    luck = random.Random(seed)
    story = _story(luck)
    through, stopped = watched(), watched()
    for event in story[:stop]:
        through.take(event)
        stopped.take(event)
    segments = []
    for _ in range(epochs):
        segments.append(stopped.segment())
        for book in (stopped, through):
            book.tick(book.lifecycle.ring.now + 7 * HOUR)
    before = stopped.lifecycle
    stopped.restart(*segments)
    assert +stopped.lifecycle.watch.open == +before.watch.open
    for event in story[stop:]:
        through.take(event)
        stopped.take(event)
    for hours in (70, 200):
        through.tick(START + hours * HOUR)
        stopped.tick(START + hours * HOUR)
    assert stopped.digests == through.digests
