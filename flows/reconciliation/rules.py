"""Reading `matching.toml`: rules in priority order, every setting checked, refused as a whole.

`default/matching.toml` explains the settings.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from flows.reconciliation.model import CURRENCY, VIRTUAL, Due
from flows.reconciliation.quoted import LEAST_LENGTH, MOST_LENGTH
from schemas.money import parse_yuan
from schemas.payments import DueKind, Flow
from schemas.problems import NOT_TOML, DocumentError, Problem, not_toml
from schemas.times import DAY, span

FILE = "matching.toml"
DEFAULT = Path(__file__).parent / "default" / FILE

RuleKind = Literal["order_number", "reference", "payer_and_amount", "oldest_first", "amount_in_window"]
BY_NUMBER: tuple[RuleKind, ...] = ("order_number", "reference")
Preference = Literal["fewest_payments", "fewest_documents", "oldest"]

DECIDED = "decided"
REFUND, CHARGEBACK = "refund", "chargeback"
ACCOUNT = "account"
"""Of what was deducted from a virtual account."""
RESERVED = (DECIDED, REFUND, CHARGEBACK, ACCOUNT)
"""Names in matches that no rule of the file may have."""

MOST_RULES = 50
MOST_DOCUMENTS = 40
MOST_PAYMENTS = 10
MOST_WORK = 5_000_000
MOST_ITEMS = 20_000
MOST_WINDOW = 3 * DAY
"""Of amount_in_window, before and after."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. Amounts in 0.0001 of the currency's unit, times in ms; None: without end."""

    name: str
    label: str
    kind: RuleKind
    direction: Flow | None = None
    """None: both."""
    before: int | None = None
    after: int | None = None
    tolerance: int | None = None
    permille: int | None = None
    documents: int = 1
    payments: int = 1
    prefer: tuple[Preference, ...] = ()
    chance: int = 0
    least: int = LEAST_LENGTH
    parties: frozenset[str] = frozenset()

    def covers(self, direction: Flow) -> bool:
        """Whether the rule is for such money."""
        return self.direction is None or self.direction == direction

    def of_party(self, party: str) -> bool:
        """Whether such a party pays on account."""
        return party in self.parties or "*" in self.parties

    def reaches(self, due: int, paid: int) -> bool:
        """Whether a due told at one time may be paid at the other."""
        age = paid - due
        if age >= 0:
            return self.before is None or age <= self.before
        return self.after is None or -age <= self.after

    def slack(self, amount: int) -> int:
        """How much may be missing or too much of an amount."""
        bounds = [] if self.tolerance is None else [self.tolerance]
        if self.permille is not None:
            bounds.append(amount * self.permille // 1000)
        return min(bounds, default=0)


class Agreement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dues that are deducted from their party's virtual account: a `[[deduct]]`. Empty: all."""

    groups: frozenset[str] = frozenset()
    kinds: frozenset[DueKind] = frozenset()
    parties: frozenset[str] = frozenset()

    def covers(self, group: str, kind: str, party: str) -> bool:
        """Whether such a due is meant."""
        asked = ((self.groups, group), (self.kinds, kind), (self.parties, party))
        return all(not some or one in some for some, one in asked)


class MatchingRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules and what bounds them. Amounts in 0.0001 yuan, times in ms."""

    rules: tuple[Rule, ...]
    patience: int = 0
    work: int = 200_000
    most: int = 2_000
    write_off: int = 0
    """What one person may give up of a due."""
    four_eyes: int = 0
    """What one person may decide about alone."""
    deduct: tuple[Agreement, ...] = ()

    def of(self, *kinds: RuleKind) -> tuple[Rule, ...]:
        """Rules of these kinds, in order."""
        return tuple(rule for rule in self.rules if rule.kind in kinds)

    def deducts(self, group: str, due: Due) -> bool:
        """Whether a due is deducted from its party's virtual account: as it says itself, or as agreed."""
        if due.direction != "in" or due.currency != CURRENCY or due.kind in VIRTUAL:
            return False
        if due.settle:
            return due.settle == "account"
        return any(one.covers(group, due.kind, due.party) for one in self.deduct)


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[rule]]` as it is written."""

    name: str
    label: str
    kind: RuleKind
    direction: Literal["in", "out", "both"] = "both"
    before: str = ""
    after: str = ""
    tolerance: str = ""
    permille: int = 0
    documents: int = 1
    payments: int = 1
    prefer: tuple[Preference, ...] = ()
    chance: int = 0
    least: int = LEAST_LENGTH
    parties: tuple[str, ...] = ()


class _Decisions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    write_off: str = "0"
    four_eyes: str = "0"


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rule: list[Any]
    deduct: tuple[Agreement, ...] = ()
    patience: str = ""
    work: int = 200_000
    most: int = 2_000
    decisions: _Decisions = _Decisions()


@cache
def default_rules() -> MatchingRules:
    """The rules that come with the package."""
    return read_matching(DEFAULT.read_text("utf-8"))


def read_matching(text: str) -> MatchingRules:
    """The rules of a `matching.toml`. Raises DocumentError with every problem."""
    try:
        document = msgspec.convert(tomllib.loads(text), _Document)
    except NOT_TOML as error:
        raise DocumentError([not_toml(FILE, error)]) from error
    except msgspec.ValidationError as error:
        raise DocumentError([Problem(FILE, 0, "", "wrong_setting", str(error))]) from error
    rows, problems = _rows(text), list(_wrong_bounds(document))
    if not 0 < len(document.rule) <= MOST_RULES:
        problems.append(Problem(FILE, 0, "rule", "wrong_number", f"there are 1 to {MOST_RULES} [[rule]]"))
        raise DocumentError(problems)
    found: list[Rule] = []
    for place, one in enumerate(document.rule):
        row = rows[place] if place < len(rows) else 0
        try:
            section = msgspec.convert(one, _Section)
        except msgspec.ValidationError as error:
            problems.append(Problem(FILE, row, "", "wrong_setting", str(error)))
            continue
        wrong = [*_wrong(section, found), *_missing(section)]
        problems += [
            Problem(FILE, row, column, rule, f"rule {section.name}: {message}")
            for column, rule, message in wrong
        ]
        if not wrong:
            found.append(_rule(section))
    if problems:
        raise DocumentError(problems)
    return MatchingRules(
        rules=tuple(found),
        patience=_span(document.patience) or 0,
        work=document.work,
        most=document.most,
        write_off=parse_yuan(document.decisions.write_off),
        four_eyes=parse_yuan(document.decisions.four_eyes),
        deduct=document.deduct,
    )


def _rule(section: _Section) -> Rule:
    return Rule(
        name=section.name,
        label=section.label,
        kind=section.kind,
        direction=None if section.direction == "both" else section.direction,
        before=_span(section.before),
        after=_span(section.after),
        tolerance=parse_yuan(section.tolerance) if section.tolerance else None,
        permille=section.permille or None,
        documents=section.documents,
        payments=section.payments,
        prefer=section.prefer,
        chance=section.chance,
        least=section.least,
        parties=frozenset(section.parties),
    )


def _span(text: str) -> int | None:
    """Milliseconds of `30m`, `72h`, `90d`; None of nothing. Raises ValueError for anything else."""
    return span(text) if text else None


def _amount(text: str) -> int:
    """Units of an amount that is not negative. Raises ValueError."""
    if (units := parse_yuan(text)) < 0:
        raise ValueError(f"{text!r} is negative")
    return units


def _wrong_bounds(document: _Document) -> Iterator[Problem]:
    for agreement in document.deduct:
        if never := sorted(agreement.kinds.intersection(VIRTUAL)):
            yield Problem(
                FILE, 0, "kinds", "wrong_kind", f"{', '.join(never)}: paid into an account, never from it"
            )
    for column, value, most in (("work", document.work, MOST_WORK), ("most", document.most, MOST_ITEMS)):
        if not 1 <= value <= most:
            yield Problem(FILE, 0, column, "out_of_range", f"{value} is not between 1 and {most}")
    texts = {
        "patience": (document.patience, _span),
        "write_off": (document.decisions.write_off, _amount),
        "four_eyes": (document.decisions.four_eyes, _amount),
    }
    for column, (text, read) in texts.items():
        try:
            read(text)
        except ValueError as error:
            yield Problem(FILE, 0, column, "unreadable", str(error))


def _wrong(section: _Section, before: list[Rule]) -> Iterator[tuple[str, str, str]]:
    """Column, broken rule and message of what is wrong with a rule's values."""
    if not _NAME.fullmatch(section.name) or section.name in RESERVED:
        yield "name", "wrong_name", "lower case letters, digits and _, and none of " + ", ".join(RESERVED)
    if section.name in {rule.name for rule in before}:
        yield "name", "repeated_rule", "stands twice"
    bounds = {
        "documents": (section.documents, 1, MOST_DOCUMENTS),
        "payments": (section.payments, 1, MOST_PAYMENTS),
        "permille": (section.permille, 0, 100),
        "chance": (section.chance, 0, 1_000_000),
        "least": (section.least, LEAST_LENGTH, MOST_LENGTH),
    }
    for column, (value, least, most) in bounds.items():
        if not least <= value <= most:
            yield column, "out_of_range", f"{value} is not between {least} and {most}"
    for column, text in (("before", section.before), ("after", section.after)):
        try:
            _span(text)
        except ValueError as error:
            yield column, "unreadable", str(error)
    try:
        _amount(section.tolerance or "0")
    except ValueError as error:
        yield "tolerance", "unreadable", str(error)
    if len(set(section.prefer)) < len(section.prefer):
        yield "prefer", "repeated", "each preference stands once"
    if section.kind in BY_NUMBER and any(rule.kind not in BY_NUMBER for rule in before):
        yield "kind", "out_of_place", "rules by number stand before all others"
    if section.kind != "amount_in_window" and any(rule.kind == "amount_in_window" for rule in before):
        yield "kind", "out_of_place", "amount_in_window stands after all others"


def _missing(section: _Section) -> Iterator[tuple[str, str, str]]:
    """The same, of what a kind of rule needs or cannot have."""
    if (section.kind == "oldest_first") != bool(section.parties):
        yield "parties", "wrong_setting", 'oldest_first, and only it, says for which parties; ["*"]: all'
    if section.kind == "oldest_first" and (section.documents > 1 or section.payments > 1 or section.prefer):
        yield "documents", "wrong_setting", "oldest_first takes what is open in its order, without a search"
    if section.kind == "amount_in_window":
        if section.tolerance or section.permille or section.documents > 1 or section.payments > 1:
            yield "documents", "wrong_setting", "amount_in_window is one payment, one due, one amount"
        for column, text in (("before", section.before), ("after", section.after)):
            try:
                if (window := _span(text)) is None or window > MOST_WINDOW:
                    yield column, "wrong_window", "amount_in_window needs both, three days at most"
            except ValueError:
                continue


def _rows(text: str) -> list[int]:
    """Lines of the rules' headers."""
    return [n for n, line in enumerate(text.splitlines(), 1) if line.strip().replace(" ", "") == "[[rule]]"]
