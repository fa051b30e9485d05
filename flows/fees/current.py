"""The fees of this version of Waybook: data that ships with the code and is read with it."""

from pathlib import Path

from flows.fees.read import read_fees
from schemas.shipped import shipped, texts_of

_DATA = Path(__file__).parents[1]
PATHS = tuple(_DATA / path for path in ("fees/fees.toml", "journal/posting.toml", "journal/accounts.csv"))
"""fees.toml, posting.toml and accounts.csv, in the order in which `read_fees` takes them."""

FEES = shipped(read_fees, *PATHS)
TEXTS = texts_of(*PATHS)
