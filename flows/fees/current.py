"""The fees of this version of Waybook: data that ships with the code and is read with it."""

from pathlib import Path

from flows.fees.read import read_fees

TEXTS = tuple(
    (Path(__file__).parents[1] / path).read_text("utf-8")
    for path in ("fees/fees.toml", "journal/posting.toml", "journal/accounts.csv")
)
"""fees.toml, posting.toml and accounts.csv, in the order in which `read_fees` takes them."""

FEES = read_fees(*TEXTS)
