"""Exact allocation: which payments together pay which dues together, to the unit. Whole numbers, no greed, no guess.

A search goes over all groups within a rule's bounds: one to one, one to several, several to one, several to several.
Sums of dues are met in the middle: those of one half are looked up for those of the other. The bound is on nodes,
so a search ends the same way everywhere.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import comb, gcd
from typing import NamedTuple

from flows.reconciliation.rules import Preference, Rule
from schemas.money import FEN

MOST_FOUND = 64
"""Allocations that are looked at; as many are ambiguous whatever else there is."""
_PPM = 1_000_000
ACCIDENT = 10
"""Several payments are believed to pay together where so many times as many sums were possible as groups were tried."""


class TooComplexError(Exception):
    """The bound on work is reached."""


class Work:
    """Nodes that a search may still visit."""

    def __init__(self, nodes: int) -> None:
        self._left = nodes

    @property
    def left(self) -> int:
        """Nodes that are left."""
        return max(self._left, 0)

    def spend(self, nodes: int = 1) -> None:
        """Raises TooComplexError when there are none left."""
        self._left -= nodes
        if self._left < 0:
            raise TooComplexError


class Allocation(NamedTuple):
    """Places in the sequences that were searched, ascending; `over` is what is paid beyond the dues' sum."""

    sources: tuple[int, ...]
    targets: tuple[int, ...]
    over: int


def allocations(
    amount: int,
    others: Sequence[int],
    targets: Sequence[int],
    rule: Rule,
    work: Work,
    needed: int | None = None,
) -> list[Allocation]:
    """How a payment, alone or together with others, pays some targets exactly: all ways that are equally good.

    None contains another. Of more than `MOST_FOUND` ways some, and no preference is heard. Only where nothing fits
    exactly does the rule's tolerance count. `targets` are in order of age; `needed`: only ways with this one of them.
    Raises TooComplexError.
    """
    found = _within(amount, others, targets, rule, work, needed, exact=True)
    if not found and (rule.tolerance or rule.permille):
        found = _within(amount, others, targets, rule, work, needed, exact=False)
    for preference in rule.prefer if len(found) < MOST_FOUND else ():
        found = _PREFERRED[preference](found)
    return found


def _within(
    amount: int,
    others: Sequence[int],
    targets: Sequence[int],
    rule: Rule,
    work: Work,
    needed: int | None,
    *,
    exact: bool,
) -> list[Allocation]:
    found: list[Allocation] = []
    wanted = _Targets(targets, needed)
    for together in range(min(rule.payments - 1, len(others)) + 1):
        ways = comb(len(others), together)
        for sources in combinations(range(len(others)), together):
            work.spend()
            more = [others[place] for place in sources]
            paid = amount + sum(more)
            slack = 0 if exact else rule.slack(paid)
            grain = gcd(wanted.grain, amount, *more) if more else 0
            for chosen in _groups(paid, slack, wanted, rule, ways, grain, work):
                found.append(Allocation(sources, chosen, paid - sum(targets[place] for place in chosen)))
                if len(found) == MOST_FOUND:
                    return found
        if found and "fewest_payments" in rule.prefer:
            break
    return _minimal(found)


class _Targets:
    """Dues, ready to be asked for groups."""

    def __init__(self, amounts: Sequence[int], needed: int | None) -> None:
        self.amounts, self.needed = amounts, needed
        self.total, self.grain = sum(amounts), gcd(*amounts)
        """Their sum, and what all of them are multiples of."""
        self._ordered = sorted((amount, place) for place, amount in enumerate(amounts))
        self._keys = [amount for amount, _ in self._ordered]

    def fitting(self, high: int) -> int:
        """How many are not larger than an amount."""
        return bisect_right(self._keys, high)

    def single(self, low: int, high: int) -> list[int]:
        """Places of those between two amounts, in order of age."""
        found = self._ordered[bisect_left(self._keys, low) : bisect_right(self._keys, high)]
        return sorted(place for _, place in found)


def _groups(
    paid: int, slack: int, targets: _Targets, rule: Rule, ways: int, grain: int, work: Work
) -> Iterator[tuple[int, ...]]:
    """Groups of targets that come to an amount, give or take the slack."""
    work.spend()
    low, high, needed = paid - slack, paid + slack, targets.needed
    count = targets.fitting(high)
    size = _believable(paid, slack, count, rule, ways, grain)
    if needed is None:
        yield from _chosen((), low, high, targets, size, work)
    elif size and (mine := targets.amounts[needed]) <= high:
        if mine >= low:
            yield (needed,)
        else:
            yield from _chosen((needed,), low - mine, high - mine, targets, size - 1, work)
    everything = len(targets.amounts) > max(size, 1) and count == len(targets.amounts)
    if everything and low <= targets.total <= high and (ways == 1 or size):
        yield tuple(range(count))


def _chosen(
    first: tuple[int, ...], low: int, high: int, targets: _Targets, size: int, work: Work
) -> Iterator[tuple[int, ...]]:
    """Some places, and with them each group of 1 to `size` others that comes to `low` … `high`."""
    if size == 1:
        yield from (tuple(sorted((*first, n))) for n in targets.single(low, high) if n not in first)
    elif size > 1:
        work.spend(len(targets.amounts))
        places = [n for n, amount in enumerate(targets.amounts) if amount <= high and n not in first]
        amounts = [targets.amounts[n] for n in places]
        for chosen in _meeting(amounts, low, high, size, work):
            yield tuple(sorted((*first, *(places[n] for n in chosen))))


def _believable(paid: int, slack: int, targets: int, rule: Rule, ways: int, grain: int) -> int:
    """How large a group may be so that few of its size would fit by accident. One to one always counts.

    `grain`: what all amounts are multiples of, where several payments are to pay together: whole hundreds come to the
    same sum ten thousand times as often as fen do. 0: it is not asked, since who pays several documents at once pays
    what they come to.
    """
    most = min(rule.documents, targets)
    if not rule.chance:
        return most
    tries, size = 0, 0
    bound = rule.chance * paid
    while size < most:
        tries += comb(targets, size + 1) * ways * (2 * slack // FEN + 1)
        if tries * FEN * _PPM > bound or tries * grain > paid // ACCIDENT:
            break
        size += 1
    return max(size, 1) if ways == 1 and most else size


def _meeting(amounts: Sequence[int], low: int, high: int, size: int, work: Work) -> Iterator[tuple[int, ...]]:
    """Groups of 1 to `size` places whose amounts come to `low` … `high`."""
    half = len(amounts) // 2
    left = _sums(amounts, range(half), high, size, work)
    right = sorted(_sums(amounts, range(half, len(amounts)), high, size, work))
    keys = [one[0] for one in right]
    for total, places in left:
        work.spend()
        first, last = bisect_left(keys, low - total), bisect_right(keys, high - total)
        for _, more in right[first:last]:
            work.spend()
            if 0 < len(places) + len(more) <= size:
                yield places + more


def _sums(
    amounts: Sequence[int], places: range, high: int, size: int, work: Work
) -> list[tuple[int, tuple[int, ...]]]:
    """All groups of up to `size` of some places with their sums, as far as these are not beyond `high`."""
    sums: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    for place in places:
        amount = amounts[place]
        more = [
            (total + amount, (*chosen, place))
            for total, chosen in sums
            if len(chosen) < size and total + amount <= high
        ]
        work.spend(len(more))
        sums += more
    return sums


def _minimal(found: list[Allocation]) -> list[Allocation]:
    """Those that do not contain another: what is paid together need not be looked at together with more."""
    sets = [(set(one.sources), set(one.targets)) for one in found]
    return [
        one
        for one, (sources, targets) in zip(found, sets, strict=True)
        if not any((s, t) != (sources, targets) and s <= sources and t <= targets for s, t in sets)
    ]


def _fewest_payments(found: list[Allocation]) -> list[Allocation]:
    least = min((len(one.sources) for one in found), default=0)
    return [one for one in found if len(one.sources) == least]


def _fewest_documents(found: list[Allocation]) -> list[Allocation]:
    least = min((len(one.targets) for one in found), default=0)
    return [one for one in found if len(one.targets) == least]


def _oldest(found: list[Allocation]) -> list[Allocation]:
    """The one whose oldest due is the oldest, then its next one: targets are given in order of age."""
    return [min(found, key=lambda one: (one.targets, one.sources))] if found else []


_PREFERRED: dict[Preference, Callable[[list[Allocation]], list[Allocation]]] = {
    "fewest_payments": _fewest_payments,
    "fewest_documents": _fewest_documents,
    "oldest": _oldest,
}
