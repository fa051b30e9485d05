"""What each fee should post: the auditor's own statement, written down apart from the rules that it checks.

A new fee needs its lines here too. That is meant: an auditor who reads the same rules as the books would
agree with every mistake in them.
"""

import msgspec

from schemas.parties import CUSTOMER, HQ

ORIGIN, DESTINATION = "origin", "destination"


class Leg(msgspec.Struct, frozen=True):
    """One journal row of a charge: in whose book (`payer`, `payee`), on which account and side."""

    fee: str
    of: str
    account: str
    side: str


LEGS = (
    Leg("freight", "payee", "1101", "D"),
    Leg("freight", "payee", "5001", "C"),
    Leg("waybill", "payer", "6001", "D"),
    Leg("waybill", "payer", "2101", "C"),
    Leg("waybill", "payee", "1002", "D"),
    Leg("waybill", "payee", "4002", "C"),
    Leg("transit", "payer", "6002", "D"),
    Leg("transit", "payer", "2101", "C"),
    Leg("transit", "payee", "1001", "D"),
    Leg("transit", "payee", "4001", "C"),
    Leg("delivery_collected", "payer", "6003", "D"),
    Leg("delivery_collected", "payer", "2101", "C"),
    Leg("delivery_collected", "payee", "1003", "D"),
    Leg("delivery_collected", "payee", "2201", "C"),
    Leg("delivery_paid", "payer", "2201", "D"),
    Leg("delivery_paid", "payer", "2001", "C"),
    Leg("delivery_paid", "payee", "1102", "D"),
    Leg("delivery_paid", "payee", "5002", "C"),
)

PARTIES = {
    "freight": (CUSTOMER, ORIGIN),
    "waybill": (ORIGIN, HQ),
    "transit": (ORIGIN, HQ),
    "delivery_collected": (ORIGIN, HQ),
    "delivery_paid": (HQ, DESTINATION),
}
"""By fee: who pays whom. `origin` and `destination` stand for the parcel's outlets."""

CLEARING = "2201"
"""What is collected for the last mile and what is paid on meet here; nothing may remain."""

AGAINST_OUTLETS = ("1001", "1002", "1003", "2001", "2401", "2402")
"""Headquarters' accounts that mirror an outlet's."""
AGAINST_HQ = ("2101", "1102", "1201", "1202")
"""An outlet's accounts that mirror headquarters'."""

MOVED = "balance_moved"
"""In the place of a fee: open balances that went over with an outlet."""
MOVES_IN_PARTY = ("1101", "1102", "2101")
"""Accounts of a party's book whose balances go over."""
MOVES_IN_HQ = ("1001", "1002", "1003", "2001")
"""Accounts of headquarters' book where the counterparty changes."""
BETWEEN_PARTIES = "2301"
"""What the former party and the new one have against each other."""

TOLD = ("2101", "1102")
"""Accounts of a party's book whose rows the parcel flow tells the accounts flow."""

PARTY = "party"
MONEY_LEGS = (
    Leg("top_up", PARTY, "1201", "D"),
    Leg("top_up", PARTY, "1801", "C"),
    Leg("top_up", HQ, "1801", "D"),
    Leg("top_up", HQ, "2401", "C"),
    Leg("withdraw", HQ, "2401", "D"),
    Leg("withdraw", HQ, "1801", "C"),
    Leg("withdraw", PARTY, "1801", "D"),
    Leg("withdraw", PARTY, "1201", "C"),
    Leg("purchase", PARTY, "6901", "D"),
    Leg("purchase", PARTY, "1201", "C"),
    Leg("purchase", HQ, "2401", "D"),
    Leg("purchase", HQ, "4901", "C"),
    Leg("deposit_in", PARTY, "1202", "D"),
    Leg("deposit_in", PARTY, "1201", "C"),
    Leg("deposit_in", HQ, "2401", "D"),
    Leg("deposit_in", HQ, "2402", "C"),
    Leg("deposit_out", HQ, "2402", "D"),
    Leg("deposit_out", HQ, "2401", "C"),
    Leg("deposit_out", PARTY, "1201", "D"),
    Leg("deposit_out", PARTY, "1202", "C"),
)
"""What a command on a party's virtual accounts should post, in the party's book and in headquarters'."""
MONEY = tuple(dict.fromkeys(leg.fee for leg in MONEY_LEGS))
"""Journal rows of these fees stand for commands, not for charges."""

LEGS_OF = {fee: tuple(leg for leg in LEGS if leg.fee == fee) for fee in PARTIES}
"""By fee: its legs."""


def as_values(legs: tuple[Leg, ...] = LEGS) -> str:
    """Legs as a table in SQL: fee, of, account, side."""
    rows = ", ".join(f"('{leg.fee}', '{leg.of}', '{leg.account}', '{leg.side}')" for leg in legs)
    return f"values('fee String, of String, account String, side String', {rows})"


def words(values: tuple[str, ...]) -> str:
    """Words as a list in SQL."""
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"
