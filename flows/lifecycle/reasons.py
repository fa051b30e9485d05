"""Why a due waits, as numbers; empty: it does not."""

NO_ORDER, NO_WEIGHT, NO_PRICE, NO_CLAIM = 1, 2, 3, 4
REASONS = ("", "no_order", "no_weight", "no_price", "no_claim")
"""Plain dues know the first four, two bits each; the last one is for claims."""
