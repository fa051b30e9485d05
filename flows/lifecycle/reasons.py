"""Why a due waits, as numbers; empty: it does not."""

NO_ORDER, NO_WEIGHT, NO_PRICE, NO_CLAIM, NO_PICKUP, ABANDONED = 1, 2, 3, 4, 5, 6
REASONS = ("", "no_order", "no_weight", "no_price", "no_claim", "no_pickup", "abandoned")
"""What is abandoned waits for nothing more: its parcel left unfinished."""
REASON_BITS = 3
"""Bits of a reason among the waits of a parcel's plain dues."""
REASON_MASK = (1 << REASON_BITS) - 1
assert len(REASONS) <= 1 << REASON_BITS
