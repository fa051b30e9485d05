"""The fees of a parcel and when they fall due.

A *due* is what is assessed as one: the delivery fee is one due and two charges, collected from the origin
outlet and paid on to the destination outlet.
"""

FREIGHT, WAYBILL, TRANSIT, DELIVERY = range(4)
"""Dues."""
DUES = ("freight", "waybill", "transit", "delivery")

COLLECTED, PAID = 3, 4
FEES = ("freight", "waybill", "transit", "delivery_collected", "delivery_paid")
"""Fees of charges; the first three have their due's number."""

FINISHED = 1 << WAYBILL | 1 << TRANSIT | 1 << DELIVERY
"""Dues that are booked once in every parcel's life, as a bit set; freight only where the customer pays."""

NO_ORDER, NO_WEIGHT, NO_PRICE, UNDECIDED = 1, 2, 3, 4
REASONS = ("", "no_order", "no_weight", "no_price", "weight_undecided")
"""Why a due waits; empty: it does not."""
WAIT_BITS = 4
"""Bits that a due's reason takes in `Parcel.waits`."""
