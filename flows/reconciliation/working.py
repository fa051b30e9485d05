"""Dues and payments while they are matched: what is open, what is left, and what was given."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from flows.reconciliation.model import Difference, Due, Match, Paid
from flows.reconciliation.quoted import calls, numbers_of_due, numbers_of_payment
from schemas.money import yuan
from schemas.payments import Kind
from schemas.times import business_day

Note = Callable[[str, str], None]
"""Told what a payment met: its key, and a line for people."""


class Claim:
    """A due in work. Amounts in 0.0001 of its currency's unit."""

    __slots__ = ("age", "due", "name", "open", "paid", "refunded", "told", "wanted")

    def __init__(self, due: Due, written_off: int) -> None:
        self.due, self.name = due, due.document
        self.wanted = self.open = 0 if due.cancelled else max(due.amount - written_off, 0)
        self.paid = 0
        """What payments gave, less what was taken back."""
        self.refunded = False
        """Whether we gave money back for it: then only its number leads to it again."""
        self.told = False
        """Whether its time has come."""
        self.age = (due.due_day or business_day(due.time), due.time, due.document)

    def pay(self, amount: int) -> None:
        """So much more is paid; negative: taken back."""
        self.paid += amount
        self.open = max(self.wanted - self.paid, 0)


class Money:
    """A payment or refund in work."""

    __slots__ = (
        "called",
        "charged",
        "complex",
        "doubted",
        "given",
        "gone",
        "key",
        "left",
        "numbers",
        "paid",
        "returned",
        "taken_back",
        "unclear",
    )

    def __init__(self, paid: Paid) -> None:
        self.paid, self.key, self.left = paid, paid.key, paid.amount
        self.numbers = numbers_of_payment(paid)
        self.called: list[Claim] = []
        """Dues that its numbers name, whatever their state."""
        self.doubted: list[Claim] = []
        """Dues that its numbers name, but that are another's and of another amount."""
        self.given: dict[str, int] = {}
        """By document, less what was taken back."""
        self.charged: Counter[tuple[Kind, str]] = Counter()
        """Of those what refunds, and what chargebacks, took and nobody gave back, by kind and document."""
        self.gone: Counter[Kind] = Counter()
        """Likewise of what was not matched."""
        self.returned = 0
        self.taken_back: set[str] = set()
        """Documents that it is not given to again, because a refund took it from them."""
        self.unclear: tuple[str, ...] = ()
        """Documents of several allocations that are equally good."""
        self.complex = False

    @property
    def order(self) -> tuple[int, str]:
        """When it happened; the key decides between equals."""
        return self.paid.time, self.key

    def fits(self, due: Due) -> bool:
        """Whether the money is of the due's currency and direction."""
        return self.paid.currency == due.currency and self.paid.direction == due.direction


class Expected:
    """Money that left, and has to come back to us: a payout until it is credited, what went back beyond what was paid.
    Amounts in 0.0001 of its currency's unit."""

    __slots__ = ("amount", "evidence", "money", "rest", "rule")

    def __init__(self, money: Money, amount: int, rule: str, evidence: str) -> None:
        self.money, self.amount, self.rest = money, amount, amount
        self.rule, self.evidence = rule, evidence

    def may_be_met_by(self, money: Money) -> bool:
        """Whether it is other money, of its currency and the other way."""
        of = self.money.paid
        other = money.key != self.money.key and money.paid.direction != of.direction
        return other and money.paid.currency == of.currency


class Given(NamedTuple):
    """What makes matches one: added up they are told as one."""

    payment: str
    document: str
    rule: str
    evidence: str


class Book:
    """Everything in work, and what was matched so far."""

    def __init__(
        self, dues: Iterable[Due], payments: Iterable[Paid], written_off: dict[str, int], note: Note | None
    ) -> None:
        ordered = sorted(dues, key=lambda due: (due.time, due.document, due.event))
        self.claims = {due.document: Claim(due, written_off.get(due.document, 0)) for due in ordered}
        self.monies = {
            paid.key: Money(paid) for paid in sorted(payments, key=lambda one: (one.time, one.key))
        }
        self.note = note
        self.by_number: dict[str, list[Claim]] = {}
        for claim in self.claims.values():
            for number in numbers_of_due(claim.due):
                self.by_number.setdefault(number, []).append(claim)
        for money in self.monies.values():
            self._call(money)
        self.expected: dict[str, Expected] = {}
        """By the payment that left."""
        self._given: dict[Given, int] = {}
        self._met: dict[Given, int] = {}
        self._passed: list[Difference] = []

    def _call(self, money: Money) -> None:
        """Find the dues that a payment's numbers name."""
        called: dict[str, Claim] = {}
        doubted: dict[str, Claim] = {}
        for number in money.numbers:
            for claim in self.by_number.get(number, ()):
                (called if calls(money.paid, number, claim.due) else doubted)[claim.name] = claim
        money.called = list(called.values())
        money.doubted = [claim for name, claim in doubted.items() if name not in called]
        for claim in money.doubted:
            self.tell(money, f"its number names {claim.name}, which is another's and of another amount")

    def give(self, money: Money, claim: Claim, amount: int, rule: str, evidence: str) -> None:
        """So much of a payment is for a due."""
        money.left -= amount
        claim.pay(amount)
        money.given[claim.name] = money.given.get(claim.name, 0) + amount
        self._write(Given(money.key, claim.name, rule, evidence), amount)

    def take_back(self, refund: Money, claim: Claim, amount: int, of: Money | None, evidence: str) -> None:
        """So much of a refund is taken from a due, which is open again as far as it was paid with it."""
        refund.left -= amount
        claim.pay(-amount)
        claim.refunded = claim.refunded or refund.paid.kind == "refund"
        if of is not None:
            of.given[claim.name] -= amount
            of.taken_back.add(claim.name)
            of.charged[refund.paid.kind, claim.name] += amount
        self._write(Given(refund.key, claim.name, refund.paid.kind, evidence), amount)

    def decide(self, money: Money, claim: Claim, amount: int, rule: str, evidence: str) -> None:
        """A person's word: whatever the due of its currency, as far as the money goes. What was refunded or charged
        back and comes back itself pays the due again."""
        if money.paid.currency != claim.due.currency:
            self.tell(money, f"paid in {money.paid.currency}, due in {claim.due.currency}")
            return
        if (amount := min(amount, money.left)) <= 0:
            return
        if money.paid.kind in ("payment", "transfer") or money.paid.direction == claim.due.direction:
            self.give(money, claim, amount, rule, evidence)
        else:
            money.left -= amount
            claim.pay(-amount)
            claim.refunded = True
            self._write(Given(money.key, claim.name, rule, evidence), amount)

    def pay_again(self, back: Money, claim: Claim, amount: int, of: Money, evidence: str) -> None:
        """So much of what was taken from a due comes back: it pays the due again, as if the payment did."""
        back.left -= amount
        claim.pay(amount)
        of.given[claim.name] += amount
        of.charged[back.paid.kind, claim.name] -= amount
        self._write(Given(back.key, claim.name, back.paid.kind, evidence), amount)

    def expect(self, money: Money, rule: str, evidence: str) -> None:
        """All that is left of money that left has to come back."""
        known = self.expected.get(money.key)
        if known is None:
            self.expected[money.key] = Expected(money, money.left, rule, evidence)
        else:
            known.amount += money.left
            known.rest += money.left
        money.left = 0

    def meet(self, money: Money, of: Expected, amount: int, rule: str, evidence: str) -> None:
        """So much of what had to come back has come."""
        money.left -= amount
        of.rest -= amount
        given = Given(money.key, of.money.key, rule, evidence)
        self._met[given] = self._met.get(given, 0) + amount
        self.tell(money, f"{rule}: {yuan(amount)} for {of.money.key} ({evidence})")

    def let_pass(self, money: Money, claim: Claim, amount: int, rule: str) -> None:
        """A difference within tolerance: positive: too much was paid; negative: so much is missing."""
        if amount > 0:
            money.left -= amount
        else:
            claim.wanted += amount
            claim.pay(0)
        self._passed.append(Difference(money.key, claim.name, amount, rule))

    def tell(self, money: Money, line: str) -> None:
        """A line for whoever asks why."""
        if self.note is not None:
            self.note(money.key, line)

    def _write(self, given: Given, amount: int) -> None:
        self._given[given] = self._given.get(given, 0) + amount
        if self.note is not None:
            self.note(given.payment, f"{given.rule}: {yuan(amount)} for {given.document} ({given.evidence})")

    def matches(self) -> tuple[Match, ...]:
        """What was given and taken back, in order."""
        return tuple(
            sorted(
                Match(given.payment, given.document, amount, given.rule, given.evidence)
                for given, amount in self._given.items()
            )
        )

    def transit(self) -> tuple[Match, ...]:
        """What has to come back, each for itself, and what has come of it, in order."""
        expected = [
            Match(key, key, one.amount, one.rule, one.evidence)
            for key, one in self.expected.items()
            if one.amount
        ]
        met = [
            Match(given.payment, given.document, amount, given.rule, given.evidence)
            for given, amount in self._met.items()
        ]
        return tuple(sorted((*expected, *met)))

    def differences(self) -> tuple[Difference, ...]:
        """What was let pass, in order."""
        return tuple(sorted(self._passed))
