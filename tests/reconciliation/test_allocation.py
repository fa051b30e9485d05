"""Exact allocation against every possibility."""

from collections.abc import Iterator
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.reconciliation.allocation import MOST_FOUND, TooComplexError, Work, allocations
from flows.reconciliation.rules import Rule

SMALL = st.lists(st.integers(1, 60), max_size=7)


def rule(**other: object) -> Rule:
    return Rule(name="r", label="r", kind="payer_and_amount", **{"documents": 40, "payments": 10, **other})  # type: ignore[arg-type]


def groups(length: int) -> chain[tuple[int, ...]]:
    return chain.from_iterable(combinations(range(length), size) for size in range(length + 1))


Way = tuple[tuple[int, ...], tuple[int, ...]]


def all_ways(
    amount: int, others: list[int], targets: list[int], documents: int, payments: int
) -> Iterator[Way]:
    """All allocations that fit."""
    for some in groups(len(others)):
        for chosen in groups(len(targets)):
            allowed = len(some) < payments and (len(chosen) <= documents or len(chosen) == len(targets))
            paid = amount + sum(others[n] for n in some)
            if chosen and allowed and paid == sum(targets[n] for n in chosen):
                yield some, chosen


def smallest(ways: set[Way]) -> set[Way]:
    """Those that contain no other."""
    return {
        one
        for one in ways
        if not any(
            other != one and set(other[0]) <= set(one[0]) and set(other[1]) <= set(one[1]) for other in ways
        )
    }


@settings(max_examples=400, deadline=None)
@given(
    st.integers(1, 120), st.lists(st.integers(1, 60), max_size=3), SMALL, st.integers(1, 5), st.integers(1, 4)
)
def test_as_all_possibilities_say(
    amount: int, others: list[int], targets: list[int], documents: int, payments: int
) -> None:
    expected = smallest(set(all_ways(amount, others, targets, documents, payments)))
    found = allocations(amount, others, targets, rule(documents=documents, payments=payments), Work(10**6))
    if len(expected) < MOST_FOUND and len(found) < MOST_FOUND:
        assert {(one.sources, one.targets) for one in found} == expected
        assert len(found) == len(expected)
    else:
        assert len(found) > 1
    assert all(one.over == 0 for one in found)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 120), SMALL, st.integers(1, 5))
def test_tolerance_counts_only_where_nothing_fits_exactly(
    amount: int, targets: list[int], tolerance: int
) -> None:
    found = allocations(amount, [], targets, rule(tolerance=tolerance), Work(10**6))
    sums = [amount - sum(targets[n] for n in chosen) for chosen in groups(len(targets)) if chosen]
    if 0 in sums:
        assert found
        assert all(one.over == 0 for one in found)
    else:
        assert bool(found) == any(abs(one) <= tolerance for one in sums)
        assert all(0 < abs(one.over) <= tolerance for one in found)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 120), st.lists(st.integers(1, 60), max_size=2), SMALL.filter(bool), st.integers(1, 5))
def test_ways_with_one_that_is_needed(
    amount: int, others: list[int], targets: list[int], documents: int
) -> None:
    bound = rule(documents=documents)
    for needed in range(len(targets)):
        fit = {
            (some, chosen)
            for some, chosen in all_ways(amount, others, targets, documents, 10)
            if needed in chosen
        }
        found = allocations(amount, others, targets, bound, Work(10**6), needed)
        if len(found) < MOST_FOUND:
            assert {(one.sources, one.targets) for one in found} == smallest(fit)


def test_no_greedy_failure() -> None:
    found = allocations(100, [], [10, 40, 60], rule(), Work(1000))
    assert [one.targets for one in found] == [(1, 2)]


def test_preferences_in_their_order() -> None:
    targets = [40, 60, 100, 100]
    assert len(allocations(100, [], targets, rule(), Work(1000))) == 3
    assert [a.targets for a in allocations(100, [], targets, rule(prefer=("oldest",)), Work(1000))] == [
        (0, 1)
    ]
    fewest = rule(prefer=("fewest_documents", "oldest"))
    assert [a.targets for a in allocations(100, [], targets, fewest, Work(1000))] == [(2,)]


def test_many_equal_ways_are_never_one() -> None:
    found = allocations(100, [], [50] * 30, rule(prefer=("oldest",)), Work(10**6))
    assert len(found) == MOST_FOUND


def test_the_bound_is_on_work() -> None:
    targets = [10_007 * n + n * n for n in range(1, 41)]
    with pytest.raises(TooComplexError):
        allocations(sum(targets[::2]), [], targets, rule(), Work(10_000))


def test_what_would_fit_by_accident_does_not_count() -> None:
    """Of thirty open items some group comes to nearly any amount; one item of the amount is evidence all the same."""
    targets = [100_000 + n * n * 1_300 + n * 700 for n in range(30)]
    total = targets[3] + targets[11] + targets[17] + targets[23]
    assert allocations(total, [], targets, rule(documents=6, chance=2000), Work(10**6)) == []
    assert [one.targets for one in allocations(targets[7], [], targets, rule(chance=2000), Work(10**6))] == [
        (7,)
    ]
    assert [
        len(one.targets)
        for one in allocations(sum(targets), [], targets, rule(documents=6, chance=2000), Work(10**6))
    ] == [30]
