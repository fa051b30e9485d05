"""The second stage: payments without a number that leads to a due, against the open items of whoever paid."""

from collections.abc import Sequence

from flows.reconciliation.by_number import can_pay, why_not
from flows.reconciliation.rules import Rule
from flows.reconciliation.settling import Stage
from flows.reconciliation.working import Book, Claim, Money
from schemas.counted import counted
from schemas.money import yuan


class Pool(Stage):
    """Rules of the kinds payer_and_amount and oldest_first."""

    def __init__(self, book: Book, rules: Sequence[Rule], nodes: int) -> None:
        super().__init__(book, rules, nodes)
        self._by_party: dict[str, list[Claim]] = {}
        self._by_payer: dict[str, list[Claim]] = {}

    def run(self, claims: Sequence[Claim], payments: Sequence[Money], refunds: Sequence[Money]) -> None:
        """Settle payments by who paid; all in order of time."""
        for claim in claims:
            if claim.due.party:
                self._by_party.setdefault(claim.due.party, []).append(claim)
            if claim.due.payer:
                self._by_payer.setdefault(claim.due.payer, []).append(claim)
            claim.told = False
        self.play(claims, payments, refunds)

    def of_payer(self, money: Money) -> list[Claim]:
        """Dues of whoever paid, in order of their time, whatever their state."""
        found = (
            {claim.name: claim for claim in self._by_party.get(money.paid.party, ())}
            if money.paid.party
            else {}
        )
        if money.paid.payer:
            found |= {claim.name: claim for claim in self._by_payer.get(money.paid.payer, ())}
        return list(found.values())

    def waiting_for(self, claim: Claim) -> list[Money]:
        """Those of its payer that have come."""
        return [money for money in self._waiting.values() if _of(money, claim)]

    def try_rules(self, money: Money) -> None:
        """Rules in order; what is unclear by amounts only an agreed order of payment makes clear."""
        theirs = self.of_payer(money)
        self.spend(len(theirs))
        for rule in self.rules:
            if not rule.covers(money.paid.direction):
                continue
            live = [claim for claim in theirs if not claim.refunded and can_pay(claim, money, rule)]
            self._explain(money, rule, theirs, live)
            if rule.kind == "oldest_first":
                if self._on_account(money, live, rule):
                    return
            elif live and not money.unclear:
                self._by_amount(money, live, rule)
                if not money.left:
                    return

    def _by_amount(self, money: Money, live: Sequence[Claim], rule: Rule) -> None:
        others = self.rivals(
            money,
            lambda other: (
                any(_of(other, claim) for claim in live)
                and (rule.before is None or money.paid.time - other.paid.time <= rule.before)
            ),
        )
        if not self.search(money, live, others, rule, "payer and amount"):
            self.book.tell(money, f"{rule.name}: no group of them comes to {yuan(money.left)}")

    def _on_account(self, money: Money, live: Sequence[Claim], rule: Rule) -> bool:
        """Whether the party pays on account: then its oldest items are paid as far as the money goes."""
        if not (live and rule.of_party(live[0].due.party)):
            return False
        paid: list[Claim] = []
        for claim in sorted(live, key=lambda one: one.age):
            if not rule.of_party(claim.due.party):
                continue
            if money.left < claim.open and not claim.due.partial:
                break
            if amount := min(money.left, claim.open):
                self.book.give(money, claim, amount, rule.name, "oldest open items of the party")
                paid.append(claim)
        self._finish([money], paid)
        return True

    def _explain(self, money: Money, rule: Rule, theirs: Sequence[Claim], live: Sequence[Claim]) -> None:
        if self.book.note is None:
            return
        who = money.paid.party or money.paid.payer or "nobody known"
        self.book.tell(
            money, f"{rule.name}: {who} has {counted(len(theirs), 'due')}, {len(live)} can be paid"
        )
        for claim in theirs:
            if claim not in live:
                self.book.tell(money, f"{rule.name}: {claim.name} lost: {_why_not(claim, money, rule)}")


def _why_not(claim: Claim, money: Money, rule: Rule) -> str:
    if claim.refunded:
        return "it was refunded, and only its number leads to it"
    return why_not(claim, money, rule)


def _of(money: Money, claim: Claim) -> bool:
    """Whether who paid is, by party or token, whose due it is."""
    paid, due = money.paid, claim.due
    return bool((paid.party and paid.party == due.party) or (paid.payer and paid.payer == due.payer))
