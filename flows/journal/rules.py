"""Posting rules as data: who pays whom for a fee, and which legs its entries have.

A rule set is refused unless every entry balances for every amount: each leg carries the whole charge, so in
each book there must be as many debits as credits.
"""

import csv
import hashlib
import io
import tomllib
from collections import Counter
from pathlib import Path
from typing import Literal

import msgspec

from schemas.problems import DocumentError, Problem

Role = Literal["customer", "origin", "destination", "headquarters", "party"]


class Leg(msgspec.Struct, frozen=True):
    """One row of an entry: in the payer's or the payee's book."""

    book: Literal["payer", "payee"]
    account: str
    side: Literal["D", "C"]


class Rule(msgspec.Struct, frozen=True):
    """How charges of one fee are posted."""

    name: str
    payer: Role
    payee: Role
    legs: tuple[Leg, ...]


class Account(msgspec.Struct, frozen=True):
    """A line of the chart of accounts."""

    account: str
    name: str
    english: str
    class_: str = msgspec.field(name="class")
    normal_side: Literal["D", "C"]


class TransferRules(msgspec.Struct, frozen=True):
    """Which open accounts go over with an outlet, by book, and the account between the two parties."""

    contra: str
    party: tuple[str, ...]
    headquarters: tuple[str, ...]


NO_TRANSFER = TransferRules("", (), ())


class PostingRules(msgspec.Struct, frozen=True):
    """A checked rule set with its chart of accounts. `version`: hash of both documents."""

    version: str
    rules: dict[str, Rule]
    accounts: dict[str, Account]
    transfer: TransferRules


def read_rules(posting: str, chart: str) -> PostingRules:
    """The rules of `posting.toml` and the accounts of `accounts.csv`. Raises DocumentError."""
    accounts = {row["account"]: msgspec.convert(row, Account) for row in csv.DictReader(io.StringIO(chart))}
    read = tomllib.loads(posting)
    rules = {rule.name: rule for rule in msgspec.convert(read["fee"], list[Rule])}
    transfer = msgspec.convert(read["transfer"], TransferRules) if "transfer" in read else NO_TRANSFER
    problems = [problem for rule in rules.values() for problem in _problems(rule, accounts)]
    problems += [
        Problem(
            "posting.toml", 0, "transfer", "unknown_account", f"there is no account {account} in the chart"
        )
        for account in (transfer.contra, *transfer.party, *transfer.headquarters)
        if account not in accounts and transfer is not NO_TRANSFER
    ]
    if problems:
        raise DocumentError(problems)
    version = hashlib.sha256(f"{posting}\0{chart}".encode()).hexdigest()[:16]
    return PostingRules(version, rules, accounts, transfer)


def own_rules() -> PostingRules:
    """The posting rules and chart of accounts that this version books by."""
    here = Path(__file__).parent
    return read_rules((here / "posting.toml").read_text("utf-8"), (here / "accounts.csv").read_text("utf-8"))


def _problems(rule: Rule, accounts: dict[str, Account]) -> list[Problem]:
    found = []
    balance: Counter[str] = Counter()
    for leg in rule.legs:
        balance[leg.book] += 1 if leg.side == "D" else -1
        if leg.account not in accounts:
            message = f"fee {rule.name}: there is no account {leg.account} in the chart"
            found.append(Problem("posting.toml", 0, "account", "unknown_account", message))
        if getattr(rule, leg.book) == "customer":
            message = f"fee {rule.name}: the customer has no book"
            found.append(Problem("posting.toml", 0, "book", "no_such_book", message))
    for book, difference in balance.items():
        if difference:
            message = f"fee {rule.name}: the entry in the {book}'s book has unequal debits and credits"
            found.append(Problem("posting.toml", 0, "legs", "unbalanced", message))
    return found
