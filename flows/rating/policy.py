"""Which of a parcel's weights it is charged by: the adoption rule (采信规则), as a tariff book has it."""

import msgspec

AT_ONCE, WHEN_SIGNED, AFTER_SIGNED = "at_once", "when_signed", "after_signed"

ADOPTIONS: dict[str, str] = {
    AT_ONCE: "as soon as it is known",
    WHEN_SIGNED: "when the parcel is signed for and nothing better has come",
    AFTER_SIGNED: "some hours after the signature, if nothing better has come",
}
"""When a class of weight may be adopted."""


class WeightPolicy(msgspec.Struct, frozen=True):
    """Classes of weight from best to worst, each with the moment from which it may be adopted.

    The three first fields are aligned: the class c stands at place rank[c] of `adopt` and of `after_ms`.
    A weight of a lower rank replaces one of a higher rank whenever it comes; within a class the earliest
    weight (time, then id) wins. A class that is not listed is never adopted.
    """

    rank: dict[str, int]
    """Place of a weight class, 0 is the best."""
    adopt: tuple[str, ...]
    """By rank: a key of `ADOPTIONS`."""
    after_ms: tuple[int, ...]
    """By rank: milliseconds after the signature's own time for `after_signed`; 0 for the others."""
    difference_g: int
    difference_percent: int

    def differs(self, a_g: int, b_g: int) -> bool:
        """Whether two measured weights are too far apart to be the same parcel's.

        They are when they differ by more than `difference_g` and by more than `difference_percent` of the
        heavier one, whichever of them came first.
        """
        difference = abs(a_g - b_g)
        return difference > self.difference_g and difference * 100 > max(a_g, b_g) * self.difference_percent


NOTHING_ADOPTED = WeightPolicy({}, (), (), 0, 100)
"""The policy before any book is published: no weight is adopted, no difference is remarkable."""
