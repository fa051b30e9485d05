"""Agreements with parties and the price list of materials: two more files that a network directory may have.

`accounts.csv`   party,kind,credit_limit,low_balance    kind `prepaid` or `credit`; amounts in yuan
`materials.csv`  item,name,price    yuan a piece, at most four decimals
"""

from collections.abc import Container, Iterator, Mapping
from typing import Literal

import msgspec

from schemas.money import parse_yuan
from schemas.problems import DocumentError, Problem
from schemas.rows import rows_of

ACCOUNTS, MATERIALS = "accounts.csv", "materials.csv"
FILES: dict[str, tuple[str, ...]] = {
    ACCOUNTS: ("party", "kind", "credit_limit", "low_balance"),
    MATERIALS: ("item", "name", "price"),
}
NO_KEEPER = (
    "keeps no virtual accounts: outlets do, and of parties.csv provinces, customers, suppliers and carriers"
)


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """A party's terms. Amounts are units of 0.0001 yuan; prepaid parties have no credit limit."""

    kind: Literal["prepaid", "credit"] = "prepaid"
    credit_limit: int = 0
    low_balance: int = 0
    """Below what is available notice is given; 0: never."""

    @property
    def limit(self) -> int:
        """How far the party may owe."""
        return self.credit_limit if self.kind == "credit" else 0


class Material(msgspec.Struct, frozen=True):
    """A line of the price list. `price`: units of 0.0001 yuan a piece."""

    item: str
    name: str
    price: int


class Agreements(msgspec.Struct, frozen=True):
    """What the two files say; empty where a directory has none."""

    terms: dict[str, Terms] = {}
    materials: dict[str, Material] = {}


def read_agreements(files: Mapping[str, str], parties: Container[str]) -> Agreements:
    """The agreements in a directory's files. Raises DocumentError with every problem found."""
    problems: list[Problem] = []
    terms: dict[str, Terms] = {}
    materials: dict[str, Material] = {}
    for number, row in _rows(files, ACCOUNTS, problems):
        amounts = [_amount(ACCOUNTS, number, name, row, problems) for name in ("credit_limit", "low_balance")]
        party, kind = row["party"], row["kind"]
        if party not in parties:
            problems.append(_wrong(ACCOUNTS, number, "party", NO_KEEPER))
        if party in terms:
            problems.append(_wrong(ACCOUNTS, number, "party", "stands twice"))
        if kind == "credit":
            terms[party] = Terms("credit", *amounts)
        elif kind == "prepaid":
            if amounts[0]:
                problems.append(_wrong(ACCOUNTS, number, "credit_limit", "is 0 or empty for prepaid parties"))
            terms[party] = Terms("prepaid", *amounts)
        else:
            problems.append(_wrong(ACCOUNTS, number, "kind", "is prepaid or credit"))
    for number, row in _rows(files, MATERIALS, problems):
        if not row["item"] or row["item"] in materials:
            problems.append(_wrong(MATERIALS, number, "item", "is empty or stands twice"))
        told = len(problems)
        price = _amount(MATERIALS, number, "price", row, problems)
        if not price and len(problems) == told:
            problems.append(_wrong(MATERIALS, number, "price", "is above 0"))
        materials[row["item"]] = Material(row["item"], row["name"], price)
    if problems:
        raise DocumentError(problems)
    return Agreements(terms, materials)


def _amount(file: str, number: int, column: str, row: Mapping[str, str], problems: list[Problem]) -> int:
    try:
        units = parse_yuan(row[column] or "0")
        if units >= 0:
            return units
        message = "is not negative"
    except ValueError as error:
        message = str(error)
    problems.append(_wrong(file, number, column, message))
    return 0


def _wrong(file: str, row: int, column: str, message: str) -> Problem:
    return Problem(file, row, column, "wrong_value", f"{column} {message}")


def _rows(
    files: Mapping[str, str], name: str, problems: list[Problem]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Numbered rows of a file that may be missing."""
    return rows_of(files, name, FILES[name], problems) if name in files else iter(())
