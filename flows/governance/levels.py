"""Service levels: what a month earns an outlet, or costs it, by the share of its parcels that broke no rule.

`levels.csv` of the network directory, optional; a row is a step of a level:
level,rule,from_percent,due,amount,per,from,to
    rule            of chains.toml: a parcel is late for an outlet when that outlet was responsible for a breach of it
    from_percent    the step holds from this share in time, at most two decimals, up to the level's next step
    due             a due of fees.toml that claims make due: a reward to the outlet, a penalty that it pays, or nothing
    amount, per     yuan for each parcel, for each late one, or for the month; together rounded to the fen
    from, to        the step holds for months whose first day lies between; empty: without end
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from flows.fees.current import FEES
from flows.governance.chains import Rule
from schemas.limits import MOST_IDENTIFIER
from schemas.money import half_up, parse_yuan
from schemas.problems import Problem
from schemas.rows import A_DAY, ALWAYS, FOR_EVER, day_in, rows_of, wrong
from schemas.times import day_of

FILE = "levels.csv"
COLUMNS = ("level", "rule", "from_percent", "due", "amount", "per", "from", "to")
ALL_BP = 10_000
Per = Literal["parcel", "late", "month"]
PERS: tuple[Per, ...] = ("parcel", "late", "month")


class Step(msgspec.Struct, frozen=True):
    """A row. `amount` in 0.0001 yuan; `from_bp`: the share in basis points."""

    level: str
    rule: str
    from_bp: int
    due: str
    amount: int
    per: Per
    first_day: int = ALWAYS
    last_day: int = FOR_EVER

    def holds(self, month: date) -> bool:
        """Whether it is for a month, given by its first day."""
        return self.first_day <= day_of(month) <= self.last_day

    def units(self, parcels: int, late: int) -> int:
        """What a month comes to, rounded to the fen."""
        return half_up(self.amount * {"parcel": parcels, "late": late, "month": 1}[self.per])


def read_levels(
    files: Mapping[str, str], chains: Sequence[Rule], problems: list[Problem]
) -> tuple[Step, ...]:
    """The steps of a directory, none where it has no file. What is wrong goes to `problems`."""
    if FILE not in files:
        return ()
    rules = {rule.name for rule in chains}
    found: list[Step] = []
    for number, row in rows_of(files, FILE, COLUMNS, problems):
        share, amount = _basis_points(row["from_percent"]), _amount(row["amount"])
        first, last = day_in(row["from"], ALWAYS), day_in(row["to"], FOR_EVER)
        known = {one.level: one.rule for one in found}
        for column, is_right, message in (
            ("level", 0 < len(row["level"]) <= MOST_IDENTIFIER, f"has 1 to {MOST_IDENTIFIER} characters"),
            ("rule", row["rule"] in rules, f"{row['rule']!r} is no rule of chains.toml"),
            (
                "rule",
                known.get(row["level"], row["rule"]) == row["rule"],
                "is another than above for this level",
            ),
            ("from_percent", share is not None, "is no share from 0 to 100 with at most two decimals"),
            (
                "from_percent",
                not any(
                    (one.level, one.from_bp) == (row["level"], share)
                    and one.first_day <= (last or 0)
                    and (first or 0) <= one.last_day
                    for one in found
                ),
                "stands twice in this level for the same months",
            ),
            ("due", row["due"] in ("", *CHARGED), f"is none of {', '.join(CHARGED)}"),
            ("amount", amount is not None, "is no amount of yuan"),
            ("per", row["per"] in PERS, f"is none of {', '.join(PERS)}"),
            ("from", first is not None, f"{A_DAY}, not {row['from']!r}"),
            ("to", last is not None, f"{A_DAY}, not {row['to']!r}"),
        ):
            if not is_right:
                problems.append(wrong(FILE, number, column, message))
        if share is not None and amount is not None and first is not None and last is not None:
            per: Per = next((per for per in PERS if per == row["per"]), "month")
            found.append(Step(row["level"], row["rule"], share, row["due"], amount, per, first, last))
    return tuple(found)


def reached(steps: Sequence[Step], parcels: int, late: int) -> Step | None:
    """The step of a level that a month reaches; None: it is below all of them."""
    below = [one for one in steps if one.from_bp * parcels <= ALL_BP * (parcels - late)]
    return max(below, key=lambda one: one.from_bp, default=None)


def is_reward(due: str) -> bool:
    """Whether the outlet gets it; otherwise it pays it."""
    return due in _REWARDS


def _basis_points(text: str) -> int | None:
    try:
        share = Decimal(text) * 100
    except InvalidOperation:
        return None
    return int(share) if share.is_finite() and share == int(share) and 0 <= share <= ALL_BP else None


def _amount(text: str) -> int | None:
    try:
        units = parse_yuan(text or "0")
    except ValueError:
        return None
    return units if units >= 0 else None


def _dues(payer: str, payee: str) -> tuple[str, ...]:
    """Dues of claims whose charges are all between these roles."""
    rules = FEES.rules.rules
    return tuple(
        due.name
        for due in FEES.dues
        if due.trigger == "claimed"
        and all((rules[fee].payer, rules[fee].payee) == (payer, payee) for fee in due.fees)
    )


_REWARDS = _dues("headquarters", "beneficiary")
CHARGED = (*_REWARDS, *_dues("responsible", "headquarters"))
"""Dues that a level may have."""
