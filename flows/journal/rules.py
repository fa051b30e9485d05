"""Posting rules as data: who pays whom for a fee, and which legs its entries have.

A rule set is refused unless every entry balances for every amount and both sides mirror: each leg carries the
whole charge, so in each book there must be as many debits as credits, and what one book says about the mutual
accounts the other book says with the opposite sign.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from schemas.documents import Document
from schemas.problems import DocumentError, Problem
from schemas.rows import rows_of

Role = Literal[
    "customer",
    "origin",
    "destination",
    "headquarters",
    "origin_province",
    "destination_province",
    "picked_by",
    "signed_by",
    "responsible",
    "beneficiary",
    "storer",
    "party",
]
"""Who a party is to a charge; `party` is whoever asks for something on its virtual accounts."""
WITHOUT_BOOK = ("customer",)
"""Roles whose parties keep no book here."""
NORMAL_SIDE = {"asset": "D", "expense": "D", "liability": "C", "revenue": "C"}


class Leg(msgspec.Struct, frozen=True):
    """One row of an entry: in the payer's or the payee's book."""

    book: Literal["payer", "payee"]
    account: str
    side: Literal["D", "C"]

    @property
    def sign(self) -> int:
        """1 for a debit, -1 for a credit."""
        return 1 if self.side == "D" else -1


class Rule(msgspec.Struct, frozen=True):
    """How charges of one fee are posted. `zh`, `en`: the fee's name for people."""

    name: str
    payer: Role
    payee: Role
    legs: tuple[Leg, ...]
    zh: str = ""
    en: str = ""


class Account(msgspec.Struct, frozen=True):
    """A line of the chart of accounts.

    `nature`: mutual (往来: held against the other party, whose book mirrors it), clearing (清算: nothing may
    remain) or own. `seen_by`: owner (of the book, and headquarters) or parties (both that it is between).
    """

    account: str
    name: str
    english: str
    class_: Literal["asset", "liability", "revenue", "expense"] = msgspec.field(name="class")
    normal_side: Literal["D", "C"]
    nature: Literal["own", "mutual", "clearing"] = "own"
    seen_by: Literal["owner", "parties"] = "owner"


class TransferRules(msgspec.Struct, frozen=True):
    """Which open accounts go over with an outlet, by book, and the account between the two parties."""

    contra: str
    party: tuple[str, ...]
    headquarters: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every account that is named."""
        return tuple(filter(None, (self.contra, *self.party, *self.headquarters)))


NO_TRANSFER = TransferRules("", (), ())


class PostingRules(msgspec.Struct, frozen=True):
    """A checked rule set with its chart of accounts. `version`: hash of the documents."""

    version: str
    rules: dict[str, Rule]
    accounts: dict[str, Account]
    transfer: TransferRules = NO_TRANSFER


POSTING, CHART = "posting.toml", "accounts.csv"
COLUMNS = ("account", "name", "english", "class", "normal_side", "nature")
SECTIONS = ("fee", "transfer", "clearing")


def read_rules(posting: str, chart: str, *others: str, file: str = POSTING) -> PostingRules:
    """The rules of `posting.toml` (`file`: or another one of its kind) and the accounts of `accounts.csv`.

    `others`: documents that the version covers, too. Raises DocumentError with every problem, each with its line.
    """
    problems: list[Problem] = []
    accounts = _chart(chart, problems)
    try:
        listed, transfer = _rules(Document(file, posting), accounts)
    except DocumentError as error:
        raise DocumentError([*problems, *error.problems]) from error
    if problems:
        raise DocumentError(problems)
    version = hashlib.sha256("\0".join((posting, chart, *others)).encode()).hexdigest()[:16]
    return PostingRules(version, {rule.name: rule for rule in listed}, accounts, transfer)


def _chart(text: str, problems: list[Problem]) -> dict[str, Account]:
    accounts: dict[str, Account] = {}
    for row, cells in rows_of({CHART: text}, CHART, COLUMNS, problems, others=True):
        try:
            account = msgspec.convert(cells, Account)
        except msgspec.ValidationError as error:
            said, _, column = str(error).partition(" - at `$.")
            problems.append(Problem(CHART, row, column.rstrip("`"), "wrong_value", said))
            continue
        if account.account in accounts:
            problems.append(Problem(CHART, row, "account", "repeated_account", "stands twice"))
        if account.normal_side != NORMAL_SIDE[account.class_]:
            right = f"{account.class_} accounts grow on side {NORMAL_SIDE[account.class_]}"
            problems.append(Problem(CHART, row, "normal_side", "wrong_side", right))
        accounts[account.account] = account
    return accounts


def _rules(document: Document, accounts: dict[str, Account]) -> tuple[list[Rule], TransferRules]:
    """The rules, and what goes over with an outlet. Raises DocumentError."""
    document.require(SECTIONS, ("fee",))
    read = [document.read(Rule, "fee", n) for n in range(document.count("fee"))]
    transfer = NO_TRANSFER
    if document.at("transfer") is not None:
        transfer = document.read(TransferRules, "transfer") or NO_TRANSFER
    document.refuse()
    listed = [rule for rule in read if rule is not None]
    for n, rule in enumerate(listed):
        if rule.name in {other.name for other in listed[:n]}:
            document.wrong("repeated_fee", "a fee has one rule, not several", "fee", n, "name")
        for column, name, message in _wrong(rule, accounts):
            document.wrong(name, f"fee {rule.name}: {message}", "fee", n, column)
    for column, found in (
        ("contra", (transfer.contra,)),
        ("party", transfer.party),
        ("headquarters", transfer.headquarters),
    ):
        for account in found:
            if account and account not in accounts:
                message = f"there is no account {account} in the chart"
                document.wrong("unknown_account", message, "transfer", column)
    document.refuse()
    return listed, transfer


def _wrong(rule: Rule, accounts: dict[str, Account]) -> Iterator[tuple[str, str, str]]:
    """Column, name and message of the rules that a posting rule breaks."""
    balance: Counter[str] = Counter()
    mutual: Counter[str] = Counter()
    holding: set[str] = set()
    for leg in rule.legs:
        balance[leg.book] += leg.sign
        account = accounts.get(leg.account)
        if account is None:
            yield "account", "unknown_account", f"there is no account {leg.account} in the chart"
        elif account.nature == "mutual":
            mutual[leg.book] += leg.sign
            holding.add(leg.book)
        if getattr(rule, leg.book) in WITHOUT_BOOK:
            yield "book", "no_such_book", f"the {getattr(rule, leg.book)} has no book"
    for book, difference in balance.items():
        if difference:
            yield "legs", "unbalanced", f"the entry in the {book}'s book has unequal debits and credits"
    for book in ("payer", "payee"):
        if getattr(rule, book) not in WITHOUT_BOOK and book not in balance:
            yield "legs", "missing_entry", f"the {book} has a book, and there is no entry in it"
    if mutual["payer"] + mutual["payee"]:
        yield "legs", "not_mirrored", "the mutual accounts of the two books do not mirror each other"
    if len(balance) == 2 and len(holding) < 2:
        yield "legs", "not_mirrored", "each book needs a mutual account: what one party owes the other"
