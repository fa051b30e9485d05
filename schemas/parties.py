"""Parties whose names the code must know; all others are data."""

HQ = "HQ"
"""Headquarters, and the outlet of every hub."""

CUSTOMER = "CUSTOMER"
"""Whoever pays the origin outlet for a parcel; has no book of its own."""
