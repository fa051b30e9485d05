"""Reading `matching.toml`: rules in priority order, every setting checked, refused as a whole.

`default/matching.toml` explains the settings.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from flows.reconciliation.model import CURRENCY, VIRTUAL, Due, Paid
from flows.reconciliation.quoted import LEAST_LENGTH, MOST_LENGTH
from schemas.documents import Document
from schemas.money import parse_yuan
from schemas.payments import DueKind, Flow
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
PAYOUT, DEPOSIT = "payout", "deposit"
"""Of what a channel pays out to a bank, and of what a bank pays into a channel's balance."""
RESERVED = (DECIDED, REFUND, CHARGEBACK, ACCOUNT, PAYOUT, DEPOSIT)
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


class Payout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Transfers that leave these channels are on their way to the bank: a `[[payout]]`."""

    channels: Annotated[tuple[str, ...], Meta(min_length=1)]
    banks: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Channels on which they are credited."""
    words: Annotated[tuple[Annotated[str, Meta(min_length=2)], ...], Meta(min_length=1)]
    """Of which a credit's text has one: 财付通, 支付宝."""
    days: Annotated[int, Meta(ge=0, le=31)] = 3
    """Business days after which people are asked where the money is."""

    def credited_by(self, payment: Paid) -> bool:
        """Whether money that came may be one of these payouts."""
        if payment.kind != "payment" or payment.direction != "in" or payment.currency != CURRENCY:
            return False
        channel = payment.key.partition("/")[0]
        return channel in self.banks and any(word in payment.text for word in self.words)


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
    payout: tuple[Payout, ...] = ()

    def pays_out(self, payment: Paid) -> Payout | None:
        """The agreement by which a movement is a payout; None: it is none."""
        if payment.kind != "transfer" or payment.direction != "out" or payment.currency != CURRENCY:
            return None
        channel = payment.key.partition("/")[0]
        return next((one for one in self.payout if channel in one.channels), None)

    def receives(self, payment: Paid) -> bool:
        """Whether money that came may be a payout."""
        return any(one.credited_by(payment) for one in self.payout)

    def comes_back(self, payment: Paid) -> bool:
        """Whether money may be a payout that came back to its channel (提现退回)."""
        if payment.kind != "transfer" or payment.direction != "in" or payment.currency != CURRENCY:
            return False
        return any(payment.key.partition("/")[0] in one.channels for one in self.payout)

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


Span = Annotated[str, Meta(extra={"wants": 'a time in quotation marks, as "30m", "72h" or "90d"'})]
Yuan = Annotated[str, Meta(extra={"wants": 'an amount of yuan in quotation marks, as "50.00"'})]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[rule]]` as it is written."""

    name: str
    label: str
    kind: RuleKind
    direction: Literal["in", "out", "both"] = "both"
    before: Span = ""
    after: Span = ""
    tolerance: Yuan = ""
    permille: Annotated[int, Meta(ge=0, le=100)] = 0
    documents: Annotated[int, Meta(ge=1, le=MOST_DOCUMENTS)] = 1
    payments: Annotated[int, Meta(ge=1, le=MOST_PAYMENTS)] = 1
    prefer: tuple[Preference, ...] = ()
    chance: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    least: Annotated[int, Meta(ge=LEAST_LENGTH, le=MOST_LENGTH)] = LEAST_LENGTH
    parties: tuple[str, ...] = ()


class _Decisions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    write_off: Yuan = "0"
    four_eyes: Yuan = "0"


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file; its rules are read one by one, so that each can be told what it contradicts."""

    rule: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1, max_length=MOST_RULES)]
    deduct: tuple[Agreement, ...] = ()
    payout: tuple[Payout, ...] = ()
    patience: Span = ""
    work: Annotated[int, Meta(ge=1, le=MOST_WORK)] = 200_000
    most: Annotated[int, Meta(ge=1, le=MOST_ITEMS)] = 2_000
    decisions: _Decisions = _Decisions()


@cache
def default_rules() -> MatchingRules:
    """The rules that come with the package."""
    return read_matching(DEFAULT.read_text("utf-8"))


def read_matching(text: str) -> MatchingRules:
    """The rules of a `matching.toml`. Raises DocumentError with every problem."""
    document = Document(FILE, text)
    whole = document.read(_File)
    _read_texts(document)
    for n in range(document.count("deduct")):
        kinds = document.at("deduct", n, "kinds")
        if isinstance(kinds, list) and (never := sorted(set(VIRTUAL).intersection(map(str, kinds)))):
            message = f"{', '.join(never)}: paid into an account, never from it"
            document.wrong("wrong_kind", message, "deduct", n, "kinds")
    sections: list[_Section] = []
    for n in range(document.count("rule")):
        section = document.read(_Section, "rule", n)
        if section is not None:
            for column, rule, message in (*_wrong(section, sections), *_missing(section)):
                document.wrong(rule, f"rule {section.name}: {message}", "rule", n, column)
            sections.append(section)
    document.refuse()
    assert whole is not None
    return MatchingRules(
        rules=tuple(map(_rule, sections)),
        patience=_span(whole.patience) or 0,
        work=whole.work,
        most=whole.most,
        write_off=parse_yuan(whole.decisions.write_off),
        four_eyes=parse_yuan(whole.decisions.four_eyes),
        deduct=whole.deduct,
        payout=whole.payout,
    )


def _read_texts(document: Document) -> None:
    """Times and amounts, which are texts, wherever they stand."""
    places: list[tuple[tuple[str | int, ...], Callable[[str], object]]] = [
        (("patience",), _span),
        (("decisions", "write_off"), _amount),
        (("decisions", "four_eyes"), _amount),
    ]
    for n in range(document.count("rule")):
        places += [(("rule", n, "before"), _span), (("rule", n, "after"), _span)]
        places.append((("rule", n, "tolerance"), lambda text: _amount(text or "0")))
    for path, read in places:
        if isinstance(text := document.at(*path), str):
            try:
                read(text)
            except ValueError as error:
                document.wrong("unreadable", str(error), *path)


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


def _wrong(section: _Section, before: Sequence[_Section]) -> Iterator[tuple[str, str, str]]:
    """Column, broken rule and message of what is wrong with a rule's values."""
    if not _NAME.fullmatch(section.name) or section.name in RESERVED:
        yield "name", "wrong_name", "lower case letters, digits and _, and none of " + ", ".join(RESERVED)
    if section.name in {rule.name for rule in before}:
        yield "name", "repeated_rule", "stands twice"
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
