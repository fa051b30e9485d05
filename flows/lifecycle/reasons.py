"""Why a due waits, as numbers; empty: it does not."""

NO_ORDER, NO_WEIGHT, NO_PRICE, NO_CLAIM, NO_PICKUP, ABANDONED, UNDECIDED = 1, 2, 3, 4, 5, 6, 7
REASONS = ("", "no_order", "no_weight", "no_price", "no_claim", "no_pickup", "abandoned", "weight_undecided")
"""What is abandoned waits for nothing more: its parcel left unfinished."""
REASON_BITS = 3
REASON_MASK = (1 << REASON_BITS) - 1
assert len(REASONS) <= 1 << REASON_BITS

Waits = tuple[int, ...]
"""What waits of a parcel's plain dues: for each its place and, in the last `REASON_BITS`, the reason; in order."""


def reason_of(waits: Waits, place: int) -> int:
    """Why the due in this place waits; 0: it does not.

    >>> reason_of((2 << REASON_BITS | NO_WEIGHT, 40 << REASON_BITS | NO_PRICE), 40)
    3
    """
    for one in waits:
        if one >> REASON_BITS == place:
            return one & REASON_MASK
    return 0


def with_reason(waits: Waits, place: int, reason: int) -> Waits:
    """The same when the due in this place waits for this reason; 0: it waits no more.

    >>> with_reason((40 << REASON_BITS | NO_PRICE,), 2, NO_WEIGHT) == (2 << 3 | 2, 40 << 3 | 3)
    True
    """
    others = [one for one in waits if one >> REASON_BITS != place]
    return tuple(sorted([*others, place << REASON_BITS | reason] if reason else others))
