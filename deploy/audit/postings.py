"""The published fees and posting rules, as the auditor reads them from the tables `fee`, `posting_rule` and `account`.

That the rules themselves balance and mirror is asked in `rules.py`; what they lead to is computed again from here.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from deploy.audit.store import Store
from schemas.parties import HQ


class Leg(msgspec.Struct, frozen=True):
    """One journal row of a charge: in whose book (`payer`, `payee`), on which account and side."""

    of: str
    account: str
    side: str


Key = tuple[str, str, str, int, str]
"""Book, account, fee, business day, counterparty."""


class Fee(msgspec.Struct, frozen=True):
    """What a charge is for: the roles that it is between, and its legs."""

    name: str
    payer: str
    payee: str
    legs: tuple[Leg, ...]

    def posted(self, payer: str, payee: str, day: int, units: int) -> Iterator[tuple[Key, int]]:
        """What a charge comes to in the journal, debits less credits."""
        for leg in self.legs:
            book, other = (payer, payee) if leg.of == "payer" else (payee, payer)
            yield (book, leg.account, self.name, day, other), units if leg.side == "D" else -units


MOVED = "balance_moved"
"""In the place of a fee: open balances that went over with an outlet."""
COST = "carriage_cost"
"""In the place of a fee: what hubs and lines cost."""
MOVES_IN_PARTY = ("1101", "1102", "2101")
"""Accounts of a party's book whose balances go over."""
MOVES_IN_HQ = ("1001", "1002", "1003", "1004", "1005", "1006", "2001", "2002", "2003", "2005", "2006")
"""Accounts of headquarters' book where the counterparty changes."""
BETWEEN_PARTIES = "2501"
"""What the former party and the new one have against each other."""

TOLD = ("2101", "1102")
"""Accounts of a party's book whose rows the parcel flow tells the accounts flow."""

PREPAID = "1201"
"""And the one on which payments into virtual accounts, and out of them, stand."""

STAYS = ("stay_opened", "stay_day", "stay_closed")
"""Triggers of what is owed for goods in a store."""
MONTHS = ("stay_month", "parcel_month")
"""Of what is owed for a customer's month."""
STORES = (*STAYS, "hauled", *MONTHS)
"""And of what else is owed to stores, and for months; the rest belongs to parcels."""

PARTY = "party"


class MoneyLeg(msgspec.Struct, frozen=True):
    """One journal row of a command on virtual accounts: in the party's book or headquarters'."""

    fee: str
    of: str
    account: str
    side: str


MONEY_LEGS = (
    MoneyLeg("top_up", PARTY, "1201", "D"),
    MoneyLeg("top_up", PARTY, "1801", "C"),
    MoneyLeg("top_up", HQ, "1801", "D"),
    MoneyLeg("top_up", HQ, "2401", "C"),
    MoneyLeg("withdraw", HQ, "2401", "D"),
    MoneyLeg("withdraw", HQ, "1801", "C"),
    MoneyLeg("withdraw", PARTY, "1801", "D"),
    MoneyLeg("withdraw", PARTY, "1201", "C"),
    MoneyLeg("purchase", PARTY, "6901", "D"),
    MoneyLeg("purchase", PARTY, "1201", "C"),
    MoneyLeg("purchase", HQ, "2401", "D"),
    MoneyLeg("purchase", HQ, "4901", "C"),
    MoneyLeg("deposit_in", PARTY, "1202", "D"),
    MoneyLeg("deposit_in", PARTY, "1201", "C"),
    MoneyLeg("deposit_in", HQ, "2401", "D"),
    MoneyLeg("deposit_in", HQ, "2402", "C"),
    MoneyLeg("deposit_out", HQ, "2402", "D"),
    MoneyLeg("deposit_out", HQ, "2401", "C"),
    MoneyLeg("deposit_out", PARTY, "1201", "D"),
    MoneyLeg("deposit_out", PARTY, "1202", "C"),
)
"""What a command on a party's virtual accounts should post, in the party's book and in headquarters'."""
COMMANDS = tuple(dict.fromkeys(leg.fee for leg in MONEY_LEGS))
"""Journal rows of these fees stand for commands."""
DEDUCTION_LEGS = (
    MoneyLeg("deduct", PARTY, "2602", "D"),
    MoneyLeg("deduct", PARTY, "1201", "C"),
    MoneyLeg("deduct", HQ, "2401", "D"),
    MoneyLeg("deduct", HQ, "1816", "C"),
    MoneyLeg("give_back", HQ, "1816", "D"),
    MoneyLeg("give_back", HQ, "2401", "C"),
    MoneyLeg("give_back", PARTY, "1201", "D"),
    MoneyLeg("give_back", PARTY, "2602", "C"),
)
"""What a due that is deducted from a party's virtual account should post, and what should take it back."""
DEDUCTED = ("deduct", "give_back")
MONEY = (*COMMANDS, *DEDUCTED)
"""Journal rows of these fees stand for commands or deductions, not for charges."""
PAYMENTS = (
    *("payment_in", "payment_out", "channel_fee", "receivable", "payable"),
    *("receivable_paid", "receivable_refunded", "payable_paid", "payable_refunded"),
    *("receivable_written_off", "payable_written_off", "difference_kept", "difference_paid"),
    *(
        "account_topped_up",
        "account_paid_out",
        "payout_sent",
        "payout_arrived",
        "payout_returned",
        "payout_lost",
    ),
    *("refund_owed", "refund_recovered", "refund_lost"),
    *("deposit_sent", "deposit_arrived", "money_kept", "channel_short", "channel_over"),
)
"""Journal rows of these stand for dues, receipts and matches of the payments flow."""
OTHERS = (*MONEY, MOVED, COST, *PAYMENTS)
"""Journal rows of these stand for no charge."""


class Due(msgspec.Struct, frozen=True):
    """What is assessed as one, with the fees that are charged for it. See the table `fee` for the fields."""

    name: str
    place: int
    trigger: str
    source: str
    price: str
    required: bool
    needs: str
    parcels: str
    share_of: str
    blames: str
    rewards: str
    fees: tuple[Fee, ...]

    @property
    def plain(self) -> bool:
        """Whether the order alone tells who pays whom, and how often."""
        roles = {role for fee in self.fees for role in (fee.payer, fee.payee)}
        known = {"customer", "origin", "destination", "headquarters"}
        return self.trigger not in ("hub_passed", "bagged", "claimed") and roles <= known

    def live(self, priced: frozenset[str]) -> bool:
        """Whether it can come to anything when these fees have prices."""
        return self.required or self.source not in ("tariff", "share") or self.price in priced


def as_values(legs: tuple[MoneyLeg, ...]) -> str:
    """Legs as a table in SQL: fee, of, account, side."""
    rows = ", ".join(f"('{leg.fee}', '{leg.of}', '{leg.account}', '{leg.side}')" for leg in legs)
    return f"values('fee String, of String, account String, side String', {rows})"


class Postings(msgspec.Struct, frozen=True, dict=True):
    """The newest rules."""

    dues: tuple[Due, ...]
    """In their places."""

    def fee(self, name: str) -> tuple[Due, Fee]:
        """A fee and the due that it is for. Raises KeyError when there is none of the name."""
        return self._of_fee[name]

    @cached_property
    def _of_fee(self) -> dict[str, tuple[Due, Fee]]:
        return {fee.name: (due, fee) for due in self.dues for fee in due.fees}

    def priced_live(self, priced: frozenset[str], roles: Sequence[str] = (), trigger: str = "") -> bool:
        """Whether a due with one of these roles, or of this trigger, can come to anything."""
        return any(
            due.live(priced)
            and (
                (bool(trigger) and due.trigger == trigger)
                or any(fee.payer in roles or fee.payee in roles for fee in due.fees)
            )
            for due in self.dues
        )


def words(values: Sequence[str]) -> str:
    """Words as a list in SQL."""
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


NEWEST = "version = (SELECT argMax(version, (seq, line)) FROM $fee WHERE due != '')"
"""The rules that were published last."""
ROLES = f"(SELECT DISTINCT fee, toString(payer) AS pays, toString(payee) AS gets FROM $fee WHERE {NEWEST})"
"""By fee: the roles of payer and payee."""


def fees_of(triggers: Sequence[str]) -> str:
    """Fees of these triggers, in SQL."""
    return f"(SELECT DISTINCT toString(fee) FROM $fee WHERE trigger IN {words(triggers)})"


def dues_of(triggers: Sequence[str]) -> str:
    """The dues of these."""
    return f"(SELECT DISTINCT toString(due) FROM $fee WHERE trigger IN {words(triggers)})"


OF_STORES, DUES_OF_STORES = fees_of(STORES), dues_of(STORES)
"""Fees and dues of all that is owed to stores."""


def read_postings(store: Store) -> Postings:
    """The rules that were published last."""
    legs: dict[str, list[Leg]] = {}
    for row in store.rows(
        f"SELECT DISTINCT fee, leg, book, account, side FROM $posting_rule WHERE {NEWEST} ORDER BY fee, leg"
    ):
        legs.setdefault(row["fee"], []).append(Leg(row["book"], row["account"], row["side"]))
    fees: dict[str, list[Fee]] = {}
    rows: dict[str, Mapping[str, object]] = {}
    for row in store.rows(
        f"SELECT * FROM $fee WHERE {NEWEST} AND due != '' ORDER BY seq, line LIMIT 1 BY fee"
    ):
        fee = Fee(row["fee"], row["payer"], row["payee"], tuple(legs.get(row["fee"], ())))
        fees.setdefault(row["due"], []).append(fee)
        rows[row["due"]] = row
    names = [name for name in Due.__struct_fields__ if name not in ("name", "fees")]
    dues = [
        msgspec.convert({"name": name, "fees": fees[name], **{n: row[n] for n in names}}, Due, strict=False)
        for name, row in rows.items()
    ]
    return Postings(tuple(sorted(dues, key=lambda due: due.place)))
