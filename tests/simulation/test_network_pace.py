"""The network's pace: what it may send, given what Kafka holds and what the lanes have planned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.network.lag import merged
from sources.network.pace import RECORD_BYTES, Pace, Reading, Sent, Underway

PARTITIONS = 4
NAMES = [
    *(f"waybook.{topic}:{n}" for topic in ("orders", "devices", "dead-letters") for n in range(PARTITIONS)),
    "waybook.ticks:0",
]


def reading(ends: dict[str, int], upto: dict[str, int]) -> Reading:
    """A reading; what is not named is empty."""
    return Reading({f"waybook.{n}": e for n, e in ends.items()}, {f"waybook.{n}": u for n, u in upto.items()})


PACE = Pace(reading({"orders:0": 100, "devices:0": 1000}, {}), 10 * RECORD_BYTES, PARTITIONS)
"""Ten records may be on the way to a partition; the brokers held something before."""


@pytest.mark.parametrize(
    ("ends", "upto", "sent", "most"),
    [
        pytest.param({"orders:0": 100}, {"orders:0": 100}, Sent(0, 0), 0, id="nothing"),
        pytest.param({"orders:0": 104}, {"orders:0": 100}, Sent(4, 0), 4, id="in Kafka, not read"),
        pytest.param({"orders:0": 100}, {"orders:0": 100}, Sent(9, 0), 3, id="orders on their way to Kafka"),
        pytest.param(
            {"orders:0": 100, "devices:0": 1008},
            {"orders:0": 100, "devices:0": 1008},
            Sent(0, 8),
            0,
            id="read",
        ),
        pytest.param(
            {"orders:0": 100, "devices:0": 1004},
            {"orders:0": 100, "devices:0": 1002},
            Sent(0, 20),
            2 + 4,
            id="16 in MQTT, 2 in Kafka",
        ),
        pytest.param(
            {"orders:0": 100, "devices:0": 1004, "dead-letters:1": 16},
            {"orders:0": 100, "devices:0": 1004, "dead-letters:1": 16},
            Sent(0, 20),
            0,
            id="dead letters are what devices said, too",
        ),
        pytest.param(
            {"orders:0": 100, "devices:0": 1030},
            {"orders:0": 100, "devices:0": 1030},
            Sent(0, 20),
            0,
            id="written twice after a crash",
        ),
        pytest.param(
            {"orders:0": 100, "orders:1": 7, "devices:0": 1000},
            {"orders:0": 100, "devices:0": 1000},
            Sent(7, 0),
            7,
            id="a partition that no block names yet",
        ),
    ],
)
def test_what_is_on_the_way(ends: dict[str, int], upto: dict[str, int], sent: Sent, most: int) -> None:
    ends, upto = {"devices:0": 1000, **ends}, {"devices:0": 1000, **upto}
    assert PACE.most(reading(ends, upto), sent) == most


def test_the_budget_is_bytes_of_a_partition() -> None:
    held = reading({"orders:0": 110, "devices:0": 1000}, {"orders:0": 100, "devices:0": 1000})
    assert not PACE.behind(held, Sent(10, 0))
    assert PACE.behind(held, Sent(11, 0))


def test_heard_and_drained() -> None:
    before = reading({"orders:0": 100, "devices:0": 1000, "ticks:0": 5}, {"orders:0": 100, "devices:0": 1000})
    after = reading(
        {"orders:0": 102, "devices:0": 1002, "dead-letters:3": 1, "ticks:0": 6},
        {"orders:0": 102, "devices:0": 1002, "dead-letters:3": 1, "ticks:0": 6},
    )
    assert not PACE.heard(before)
    assert PACE.heard(after)
    assert not PACE.drained(before, Sent(0, 0)), "ticks are not read"
    assert PACE.drained(after, Sent(2, 3))
    assert not PACE.drained(after, Sent(3, 3))
    assert not PACE.drained(after, Sent(2, 4))


counts = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 10**6))


@given(counts, counts, st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(NAMES))
def test_reading_more_is_never_further_behind(
    ends: dict[str, int], upto: dict[str, int], orders: int, devices: int, name: str
) -> None:
    pace, sent = Pace(Reading({}, {}), 1 << 20, PARTITIONS), Sent(orders, devices)
    further = {**upto, name: upto.get(name, 0) + 1}
    assert pace.most(Reading(ends, further), sent) <= pace.most(Reading(ends, upto), sent)
    assert pace.most(Reading(ends, upto), Sent(orders + 1, devices)) >= pace.most(Reading(ends, upto), sent)
    if pace.drained(Reading(ends, upto), sent):
        assert pace.most(Reading(ends, upto), sent) == 0


def test_lanes_plans_are_merged() -> None:
    answer = (
        b'[["waybook.ticks:0","waybook.orders:0"],[7,100]]\n[["waybook.ticks:0","waybook.orders:1"],[5,90]]\n'
    )
    assert merged(answer) == {"waybook.ticks:0": 5, "waybook.orders:0": 100, "waybook.orders:1": 90}
    assert merged(b"") == {}


steps = st.lists(st.tuples(st.sampled_from("sb"), st.integers(0, 9)), max_size=40)


@given(steps)
def test_time_waits_for_the_oldest_message_that_is_not_booked(acts: list[tuple[str, int]]) -> None:
    """By ids: however often something is booked, it is the ones that are missing that count."""
    underway, sent, booked = Underway(), dict[str, int](), set[str]()
    for now, (act, number) in enumerate(acts):
        if act == "s":
            underway.sent(f"e{number}", now)
            if f"e{number}" not in sent or f"e{number}" in booked:
                sent[f"e{number}"] = now
            booked.discard(f"e{number}")
        else:
            underway.booked([f"e{number}", f"e{number}"])
            booked.add(f"e{number}")
        left = [at for name, at in sent.items() if name not in booked]
        assert underway.latest(100) == (min(left) + 100 if left else None)
        assert len(underway) == len(left)


def test_nothing_waits_for_what_nobody_can_foresee() -> None:
    underway = Underway()
    underway.sent("", 1)
    assert underway.latest(5) is None
