"""Why a due waits, as numbers; empty: it does not."""

NO_ORDER, NO_WEIGHT, NO_PRICE, NO_CLAIM, UNDECIDED = 1, 2, 3, 4, 5
REASONS = ("", "no_order", "no_weight", "no_price", "no_claim", "weight_undecided")
"""Plain dues know all but `no_claim`, which is for claims."""
WAIT_BITS = 3
"""Bits that a plain due's reason takes in `Parcel.waits`."""

assert len(REASONS) <= 1 << WAIT_BITS
