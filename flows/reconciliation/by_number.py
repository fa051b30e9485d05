"""The first stage: payments that name a due of ours, as their order's number or in their text."""

from collections.abc import Iterator, Sequence

from flows.reconciliation.quoted import calls, numbers_of_due, order_of
from flows.reconciliation.rules import Rule
from flows.reconciliation.settling import Stage
from flows.reconciliation.working import Book, Claim, Money
from schemas.counted import counted
from schemas.money import yuan


class ByNumber(Stage):
    """Rules of the kinds order_number and reference."""

    def __init__(self, book: Book, rules: Sequence[Rule], nodes: int) -> None:
        super().__init__(book, rules, nodes)
        self._callers: dict[str, list[Money]] = {}

    def run(self, payments: Sequence[Money], refunds: Sequence[Money]) -> None:
        """Settle payments that name dues; all in order of time."""
        for money in payments:
            for claim in money.called:
                self._callers.setdefault(claim.name, []).append(money)
        self.play(list(self.book.claims.values()), payments, refunds)

    def waiting_for(self, claim: Claim) -> list[Money]:
        """Those that have come and name it."""
        return [money for money in self._callers.get(claim.name, ()) if money.key in self._waiting]

    def try_rules(self, money: Money) -> None:
        """The first rule that finds a due of the payment's numbers open decides."""
        for rule in self.rules:
            if not rule.covers(money.paid.direction):
                continue
            named, called = self._called(money, rule)
            live = _live(called, money, rule)
            self._explain(money, rule, called, live)
            if not live:
                continue
            closer = _live(named, money, rule)
            if not self._exactly(money, closer, rule) and (
                len(closer) == len(live) or not self._exactly(money, live, rule)
            ):
                self._in_part(money, closer or live, rule)
            return

    def _called(self, money: Money, rule: Rule) -> tuple[list[Claim], list[Claim]]:
        """Dues whose document a rule's numbers are; and those that also have one as a further reference."""
        found: dict[str, Claim] = {}
        closer: dict[str, Claim] = {}
        for number in _numbers(money, rule):
            for claim in self.book.by_number.get(number, ()):
                if not calls(money.paid, number, claim.due):
                    self.book.tell(
                        money, f"{rule.name}: {claim.name} lost: it is another's, and of another amount"
                    )
                    continue
                found[claim.name] = claim
                if numbers_of_due(claim.due)[0] == number:
                    closer[claim.name] = claim
        return list(closer.values()), list(found.values())

    def _exactly(self, money: Money, live: Sequence[Claim], rule: Rule) -> bool:
        """One allocation fits, or several do and it is unclear."""
        if not live:
            return False
        names = {claim.name for claim in live}
        others = self.rivals(
            money,
            lambda other: any(
                claim.name in names and claim.name not in other.taken_back for claim in other.called
            ),
        )
        return self.search(money, live, others, rule, _evidence(money, live, rule))

    def _in_part(self, money: Money, live: Sequence[Claim], rule: Rule) -> None:
        """More than everything it names: that is paid. Less than the one due it names: that is paid in part."""
        total = sum(claim.open for claim in live)
        evidence = _evidence(money, live, rule)
        if money.left < total and (len(live) > 1 or not live[0].due.partial):
            why = "several are named" if len(live) > 1 else "it may not be paid in parts"
            self.book.tell(money, f"{rule.name}: {yuan(money.left)} is less than {yuan(total)}, and {why}")
            return
        for claim in sorted(live, key=lambda one: one.age):
            if amount := min(money.left, claim.open):
                self.book.give(money, claim, amount, rule.name, evidence)
        self._finish([money], live)

    def _explain(self, money: Money, rule: Rule, called: Sequence[Claim], live: Sequence[Claim]) -> None:
        if self.book.note is None:
            return
        if not (numbers := " ".join(_numbers(money, rule))):
            self.book.tell(money, f"{rule.name}: it has no such number")
            return
        self.book.tell(
            money, f"{rule.name}: {numbers} names {counted(len(called), 'due')}, {len(live)} can be paid"
        )
        for claim in called:
            if claim not in live:
                self.book.tell(money, f"{rule.name}: {claim.name} lost: {why_not(claim, money, rule)}")


def _numbers(money: Money, rule: Rule) -> Iterator[str]:
    order = order_of(money.paid)
    if rule.kind == "order_number":
        if order:
            yield order
    else:
        yield from (number for number in money.numbers if number != order and len(number) >= rule.least)


def _evidence(money: Money, live: Sequence[Claim], rule: Rule) -> str:
    if rule.kind == "order_number":
        return f"order number {money.paid.order}"
    numbers = [
        number for number in _numbers(money, rule) if any(number in numbers_of_due(c.due) for c in live)
    ]
    return "reference " + ", ".join(numbers) + " in the text"


def _live(claims: Sequence[Claim], money: Money, rule: Rule) -> list[Claim]:
    return [claim for claim in claims if can_pay(claim, money, rule)]


def can_pay(claim: Claim, money: Money, rule: Rule) -> bool:
    """Whether a payment can pay a due by a rule, as far as one can tell without amounts."""
    return (
        claim.told
        and claim.open > 0
        and money.fits(claim.due)
        and claim.name not in money.taken_back
        and rule.reaches(claim.due.time, money.paid.time)
    )


def why_not(claim: Claim, money: Money, rule: Rule) -> str:
    """Why a payment cannot pay a due by a rule; empty: it can."""
    due, paid = claim.due, money.paid
    reasons = (
        (not claim.told, "it was told later"),
        (due.cancelled, "it is cancelled"),
        (due.direction != paid.direction, f"its money goes {due.direction}"),
        (due.currency != paid.currency, f"it is in {due.currency}"),
        (not claim.open, "nothing of it is open"),
        (claim.name in money.taken_back, "a refund of this payment took it back"),
        (not rule.reaches(due.time, paid.time), "it is outside of the window"),
    )
    return next((why for holds, why in reasons if holds), "")
