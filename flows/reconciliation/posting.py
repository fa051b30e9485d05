"""Payments, dues and matches as entries of the journal: which posting rule, on which account of a channel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flows.journal.post import Booked, ChargeColumns, Poster, charge_ids
from flows.journal.rules import PostingRules, read_rules
from flows.reconciliation.model import VIRTUAL
from flows.reconciliation.output import Entry
from schemas.documents import Document
from schemas.parties import HQ
from schemas.payments import Flow, Kind
from schemas.problems import hint
from schemas.shipped import shipped
from sinks import columns
from sinks.columns import Made, Vocabulary

FILE = "payments.toml"
CLEARING = "1810"
"""Stands in the rules for the account of the payment's channel."""
PAYOUT_SENT, PAYOUT_ARRIVED, PAYOUT_RETURNED = "payout_sent", "payout_arrived", "payout_returned"
"""Posting rules of what is on its way from a channel to the bank."""
DEPOSIT_SENT, DEPOSIT_ARRIVED = "deposit_sent", "deposit_arrived"
"""And the other way."""
REFUND_OWED, REFUND_RECOVERED = "refund_owed", "refund_recovered"
"""Posting rules of what went back beyond what was paid, and has to come back."""
LOST = {"payout_missing": "payout_lost", "refund_over": "refund_lost"}
"""Posting rules of what people gave up of either, by the exception that they accepted."""
KEPT = {"return_orphan": "money_kept", "refund_over": "money_kept"}
"""Likewise of money that came, and that is ours for all that people know."""
CHANNEL_SHORT, CHANNEL_OVER = "channel_short", "channel_over"
"""Likewise of what a channel notified, and its bills have not, or otherwise: it has less than is booked, or more."""
ELSEWHERE = "1815"
"""The account of a channel that has none of its own."""
POSTED = frozenset({"1102", "1201", "2101"})
"""Accounts of a party's book that count towards its virtual accounts where payments are posted."""


def payment_rules() -> tuple[PostingRules, dict[str, str]]:
    """The posting rules of payments with the chart of accounts, and the accounts of channels."""
    data = Path(__file__).parent.parent / "journal"
    return shipped(read_payment_rules, data / "payments.toml", data / "accounts.csv")


def read_payment_rules(posting: str, chart: str) -> tuple[PostingRules, dict[str, str]]:
    """`payments.toml` and `accounts.csv`. Raises DocumentError."""
    rules = read_rules(posting, chart, file=FILE)
    document = Document(FILE, posting)
    clearing: Any = document.at("clearing")
    if not isinstance(clearing, dict):
        document.wrong(
            "missing_setting", "needs a section [clearing], the account of each channel", "clearing"
        )
        document.refuse()
    found: dict[str, str] = clearing
    for channel, account in found.items():
        if not isinstance(account, str) or account not in rules.accounts:
            message = f"{account!r} is no account of the chart{hint(str(account), list(rules.accounts))}"
            document.wrong("unknown_account", message, "clearing", channel)
    document.refuse()
    return rules, found


def rule_of_payment(direction: Flow) -> str:
    """The posting rule of money that came or left."""
    return "payment_in" if direction == "in" else "payment_out"


def rule_of_due(kind: str, direction: Flow) -> str:
    """The posting rule of a due; empty: it is none that is posted."""
    if kind in VIRTUAL:
        return ""
    return "receivable" if direction == "in" else "payable"


def rule_of_match(kind: str, due: Flow, money: Flow) -> str:
    """The posting rule by which money that goes one way settles a due that goes this or the other way."""
    if kind in VIRTUAL:
        return "account_topped_up" if money == "in" else "account_paid_out"
    name = "receivable" if due == "in" else "payable"
    return f"{name}_paid" if due == money else f"{name}_refunded"


def rule_of_transit(kind: Kind, of: Kind, *, itself: bool) -> str:
    """The posting rule of money that left and has to come back (`itself`), or of what came of it. `kind`: the
    movement's; `of`: that of what left."""
    if of == "payment":
        return DEPOSIT_SENT if itself else DEPOSIT_ARRIVED
    if of != "transfer":
        return REFUND_OWED if itself else REFUND_RECOVERED
    if itself:
        return PAYOUT_SENT
    return PAYOUT_RETURNED if kind == "transfer" else PAYOUT_ARRIVED


def rule_of_write_off(direction: Flow) -> str:
    """The posting rule of what is given up."""
    return "receivable_written_off" if direction == "in" else "payable_written_off"


def rule_of_difference(kind: str, due: Flow, money: Flow, amount: int) -> str:
    """The posting rule of what a tolerance let pass: kept when it is positive, or else given up."""
    if amount < 0:
        return rule_of_write_off(due) if kind not in VIRTUAL else ""
    return "difference_kept" if money == "in" else "difference_paid"


class Posting:
    """Turns a lane's entries into the journal's columns."""

    def __init__(self) -> None:
        self.rules, self._clearing = payment_rules()
        names = tuple(self.rules.rules)
        self.poster = Poster(self.rules, names, names)
        self.parties = Vocabulary((HQ,))
        self._pays = {name: rule.payer != "headquarters" for name, rule in self.rules.rules.items()}
        self._accounts: list[int] = []
        """Of each party, as far as it is a channel's merchant: the code of its account."""

    def booked(self, entries: Sequence[Entry]) -> Booked | None:
        """What is to be posted of these entries; None: nothing."""
        posted = [entry for entry in entries if entry.rule]
        if not posted:
            return None
        party = self.parties.codes([entry.party for entry in posted])
        hq = np.full(len(posted), self.parties[HQ], np.int32)
        pays = np.array([self._pays[entry.rule] for entry in posted])
        return Booked(
            self.poster,
            self.parties,
            ChargeColumns(
                charge_ids(entry.name for entry in posted),
                self.poster.fees.codes([entry.rule for entry in posted]),
                np.where(pays, party, hq),
                np.where(pays, hq, party),
                columns.ints([entry.amount for entry in posted]),
                columns.ints([entry.time for entry in posted]),
                columns.ints([entry.day for entry in posted]),
                columns.strings([entry.payment or entry.document for entry in posted]),
                reversals=columns.ints([entry.reversal for entry in posted]),
            ),
        )

    def journal(self, booked: Booked | None) -> dict[str, Made] | None:
        """The journal's columns."""
        legs = self.poster.legs(booked.charges) if booked is not None and booked.charges is not None else None
        if legs is None:
            return None
        clearing = self.poster.accounts[CLEARING]
        of_party = self._of_channels()
        legs.accounts = np.where(legs.accounts == clearing, of_party[legs.counterparties], legs.accounts)
        return self.poster.columns(legs, self.parties)

    def _of_channels(self) -> columns.Ints:
        new = list(self.parties)[len(self._accounts) :]
        for party in new:
            account = self._clearing.get(party.partition("/")[0], ELSEWHERE)
            self._accounts.append(self.poster.accounts[account])
        return np.array(self._accounts, np.int32)
