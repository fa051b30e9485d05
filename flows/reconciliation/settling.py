"""Settling payments by a stage's rules as time passes: what a payment can pay when it comes, or when a due comes later.

A stage (numbers first, the pool of a payer then) plays its facts in order of their own time, so that it does not
matter when they arrived. What a search finds once is taken; what it finds several times waits until only one is
left, or until as many equal payments have come as there are equal dues.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from flows.reconciliation.allocation import MOST_FOUND, Allocation, TooComplexError, Work, allocations
from flows.reconciliation.refunds import comes_back, give_back, paid_with
from flows.reconciliation.rules import Rule
from flows.reconciliation.working import Book, Claim, Money
from schemas.money import yuan

TIMES = 3
"""Bounds of one search that all searches of a stage over one component may use up."""
MOST_TOGETHER = 12
"""Waiting payments that are tried together with another, the newest."""


class Stage(ABC):
    """One stage's rules over its facts."""

    def __init__(self, book: Book, rules: Sequence[Rule], nodes: int) -> None:
        self.book, self.rules = book, rules
        self._nodes = nodes
        self._of_all = TIMES * nodes
        """Nodes that all searches of the stage together may still visit."""
        self._because: Claim | None = None
        """The due that makes a payment be looked at again, if nothing else has changed for it."""
        self._waiting: dict[str, Money] = {}
        """Payments of this stage that came and have money left, in order of their time."""
        self._mine: set[str] = set()
        """All payments of this stage."""

    def play(self, claims: Sequence[Claim], payments: Sequence[Money], refunds: Sequence[Money]) -> None:
        """Everything in order: of one moment dues first, then payments, then refunds."""
        happened = [(claim.due.time, 0, claim.name) for claim in claims]
        happened += [(money.paid.time, 1, money.key) for money in payments]
        happened += [(self._after(money), 2, money.key) for money in refunds]
        book = self.book
        self._mine = {money.key for money in payments}
        for _, what, name in sorted(happened):
            if what == 0:
                claim = book.claims[name]
                claim.told = True
                if claim.open:
                    self._look_again(self.waiting_for(claim), claim)
            elif what == 1:
                self._waiting[name] = book.monies[name]
                self._settle(book.monies[name])
            else:
                self._give_back(book.monies[name])
        for money in refunds:
            if money.left and (of := paid_with(book, money)) is not None and comes_back(money, of):
                self._give_back(money)

    def _give_back(self, refund: Money) -> None:
        """A refund, or what comes back of one: what it changes is looked at again."""
        reopened = give_back(self.book, refund)
        for claim in reopened:
            self._look_again(self.waiting_for(claim), claim)
        self._clear({claim.name for claim in reopened})
        of = paid_with(self.book, refund)
        if of is not None and of.key in self._mine and of.left and comes_back(refund, of):
            self._waiting[of.key] = of
            self._settle(of)

    def _after(self, refund: Money) -> int:
        """A refund's time, which is never before its payment's."""
        of = self.book.monies.get(refund.paid.original)
        return refund.paid.time if of is None else max(refund.paid.time, of.paid.time)

    @abstractmethod
    def waiting_for(self, claim: Claim) -> list[Money]:
        """Payments that may pay a due that has become open, in order of their time."""

    @abstractmethod
    def try_rules(self, money: Money) -> None:
        """Settle what a payment has left, as far as it is clear."""

    def rivals(self, money: Money, may_pay: Callable[[Money], bool]) -> list[Money]:
        """Payments of the same money that wait, too, and may pay some of the same dues."""
        return [
            other
            for other in self._waiting.values()
            if other is not money
            and other.left
            and other.paid.direction == money.paid.direction
            and other.paid.currency == money.paid.currency
            and may_pay(other)
        ]

    def _look_again(self, monies: Sequence[Money], claim: Claim) -> None:
        for money in monies:
            if money.left:
                self._settle(money, None if money.unclear or money.complex else claim)

    def _settle(self, money: Money, because: Claim | None = None) -> None:
        money.unclear = ()
        money.complex = False
        self._because = because
        try:
            if self._of_all <= 0:
                raise TooComplexError
            self.try_rules(money)
        except TooComplexError:
            money.complex = True
            self.book.tell(money, "the search has reached its bound")
        if not money.left:
            self._waiting.pop(money.key, None)

    def spend(self, nodes: int) -> None:
        """Something else than a search has looked at so many dues."""
        self._of_all -= nodes

    def _clear(self, documents: set[str]) -> None:
        """Some dues are not what they were: what was unclear about them is looked at again."""
        for money in list(self._waiting.values()):
            if money.left and not documents.isdisjoint(money.unclear):
                self._settle(money)

    def search(
        self, money: Money, live: Sequence[Claim], others: Sequence[Money], rule: Rule, evidence: str
    ) -> bool:
        """Take the one allocation that fits. False: there is none; several: they are noted as unclear, and true."""
        book, because = self.book, self._because
        live = sorted(live, key=lambda claim: claim.age)
        others = others[-MOST_TOGETHER:] if rule.payments > 1 else ()
        work = Work(bound := min(self._nodes, self._of_all))
        needed = live.index(because) if because in live else None
        lefts, opens = [one.left for one in others], [one.open for one in live]
        try:
            found = allocations(money.left, lefts, opens, rule, work, needed)
        finally:
            self._of_all -= bound - work.left
        if not found:
            return False
        if len(found) == 1:
            self._take([money, *(others[n] for n in found[0].sources)], live, found[0], rule, evidence)
            return True
        money.unclear = tuple(sorted({live[n].name for one in found for n in one.targets}))
        book.tell(money, f"{rule.name}: {len(found)} ways fit equally well: {_ways(found, live)}")
        if len(found) < MOST_FOUND:
            self._all_together(money, rule)
        return True

    def _take(
        self, monies: Sequence[Money], live: Sequence[Claim], found: Allocation, rule: Rule, evidence: str
    ) -> None:
        claims = [live[place] for place in found.targets]
        if len(monies) > 1:
            evidence += f", {len(monies)} payments together"
        self._give_all(sorted(monies, key=lambda one: one.order), claims, rule, evidence)
        last = max(monies, key=lambda one: one.order)
        if found.over:
            claim = claims[-1] if found.over > 0 else next(one for one in claims if one.open)
            self.book.let_pass(last, claim, found.over, rule.name)
        self._finish(monies, claims)

    def _finish(self, monies: Sequence[Money], claims: Sequence[Claim]) -> None:
        for money in monies:
            money.unclear = ()
            if not money.left:
                self._waiting.pop(money.key, None)
        self._clear({claim.name for claim in claims})

    def _give_all(self, monies: Sequence[Money], claims: Sequence[Claim], rule: Rule, evidence: str) -> None:
        """Payments that pay dues together: equal amounts to each other, then the rest in order."""
        open_claims = list(claims)
        for money in monies if len(monies) > 1 else ():
            equal = next((claim for claim in open_claims if claim.open == money.left), None)
            if equal is not None:
                self.book.give(money, equal, money.left, rule.name, evidence)
                open_claims.remove(equal)
        for money in monies:
            for claim in open_claims:
                if amount := min(money.left, claim.open):
                    self.book.give(money, claim, amount, rule.name, evidence)

    def _all_together(self, money: Money, rule: Rule) -> None:
        """Equal payments of equal dues, as many as there are: it does not matter which pays which."""
        documents = set(money.unclear)
        claims = sorted((self.book.claims[name] for name in documents), key=lambda claim: claim.age)
        monies = [
            one for one in self._waiting.values() if one is money or not documents.isdisjoint(one.unclear)
        ]
        if (
            len(monies) == len(claims)
            and all(one.left == money.left and documents.issuperset(one.unclear) for one in monies)
            and all(claim.open == money.left for claim in claims)
        ):
            for one, claim in zip(sorted(monies, key=lambda each: each.order), claims, strict=True):
                evidence = f"{len(monies)} equal payments of as many equal dues"
                self.book.give(one, claim, one.left, rule.name, evidence)
            self._finish(monies, claims)


def _ways(found: Sequence[Allocation], live: Sequence[Claim]) -> str:
    shown = [" + ".join(f"{live[n].name} {yuan(live[n].open)}" for n in one.targets) for one in found[:5]]
    return "; ".join(shown) + ("; …" if len(found) > len(shown) else "")
