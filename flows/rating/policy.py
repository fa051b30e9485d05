"""Which of a parcel's weights it is charged by: the adoption rule (采信规则), as a tariff book has it."""

from collections.abc import Container
from itertools import combinations

import msgspec

AT_ONCE, WHEN_SIGNED, AFTER_SIGNED = "at_once", "when_signed", "after_signed"

ADOPTIONS: dict[str, str] = {
    AT_ONCE: "as soon as it is known",
    WHEN_SIGNED: "when the parcel is signed for and nothing better has come",
    AFTER_SIGNED: "some hours after the signature, if nothing better has come",
}
"""When a class of weight may be adopted."""

EARLIEST, LATEST, LARGEST = "earliest", "latest", "largest"
CHOICES: dict[str, str] = {
    EARLIEST: "the first that was taken",
    LATEST: "the last that was taken",
    LARGEST: "the heaviest; among equals the first",
}
"""Which of several weights of one class counts; times, then ids decide."""

CHARGE, PROVISIONAL, WAIT = "charge", "provisional", "wait"
TREATMENTS: dict[str, str] = {
    CHARGE: "charge by the adopted weight; the case is there to be looked at",
    PROVISIONAL: "charge by the adopted weight, provisionally until someone decides",
    WAIT: "charge nothing that depends on the weight until someone decides",
}
"""What becomes of the charges while measured weights differ too much."""

Line = tuple[str, str, str]
"""Product, origin province, destination province by code; empty: any."""


class WeightPolicy(msgspec.Struct, frozen=True):
    """Classes of weight from best to worst, each with the moment from which it may be adopted.

    The three first fields are aligned: the class c stands at place rank[c] of `adopt` and of `after_ms`.
    A weight of a lower rank replaces one of a higher rank whenever it comes; within a class `choose` says which
    weight wins. A class that is not listed is never adopted, nor is a weight outside its class' limits.
    """

    rank: dict[str, int]
    """Place of a weight class, 0 is the best."""
    adopt: tuple[str, ...]
    """By rank: a key of `ADOPTIONS`."""
    after_ms: tuple[int, ...]
    """By rank: milliseconds after the signature's own time for `after_signed`; 0 for the others."""
    difference_g: int
    difference_percent: int
    choose: dict[str, str] = {}
    """By class, where it is not `earliest`: a key of `CHOICES`."""
    limits: dict[str, tuple[int, int]] = {}
    """By class, where there are any: the least and the most grams that are plausible."""
    on_difference: str = CHARGE
    """A key of `TREATMENTS`."""
    lines: dict[Line, "WeightPolicy"] = {}
    """Policies that take this one's place for a product or between provinces; they have no lines of their own."""

    def differs(self, a_g: int, b_g: int) -> bool:
        """Whether two measured weights are too far apart to be the same parcel's.

        They are when they differ by more than `difference_g` and by more than `difference_percent` of the
        heavier one, whichever of them came first.
        """
        difference = abs(a_g - b_g)
        return difference > self.difference_g and difference * 100 > max(a_g, b_g) * self.difference_percent

    def plausible(self, weight_class: str, grams: int) -> bool:
        """Whether a weight is within the limits of its class."""
        if not self.limits:
            return True
        least, most = self.limits.get(weight_class, (0, grams))
        return least <= grams <= most

    def of(self, product: str, origin_province: str, destination_province: str) -> "WeightPolicy":
        """The policy for a parcel: the one that names most of its product and provinces, or this one."""
        whole = (product, origin_province, destination_province)
        for named in _MOST_SPECIFIC_FIRST:
            found = self.lines.get(tuple(whole[n] if n in named else "" for n in range(3)))  # type: ignore[arg-type]
            if found is not None:
                return found
        return self


def undecided(one: Line, other: Line, lines: Container[Line]) -> bool:
    """Whether a parcel may match both lines, none of them the more specific, and no line names it better."""
    if sum(map(bool, one)) != sum(map(bool, other)):
        return False
    if any(a and b and a != b for a, b in zip(one, other, strict=True)):
        return False
    return one == other or tuple(a or b for a, b in zip(one, other, strict=True)) not in lines


_MOST_SPECIFIC_FIRST = [frozenset(named) for size in (3, 2, 1) for named in combinations(range(3), size)]

NOTHING_ADOPTED = WeightPolicy({}, (), (), 0, 100)
"""The policy before any book is published: no weight is adopted, no difference is remarkable."""
