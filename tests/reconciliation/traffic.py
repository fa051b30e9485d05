"""Labelled traffic: what customers truly meant, made first, and then what the books hear of it.

Nothing here knows the matcher. A story invents what is owed and who pays what for what; its label says which documents
a payment is for, and whether that can be told from the facts. Where only amounts can tell, every group of the payer's
open items is counted, one by one: only where one group alone comes to the amount it can be told.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from flows.reconciliation.model import Due, Paid
from schemas.money import FEN, YUAN
from schemas.times import DAY, HOUR, MINUTE

START = 20_403 * DAY
DAYS = 28
COUNTER = "by amount in the window"
STORIES_OF_ONE = 125
"""As many stories as there are for each customer who pays by bank transfer and whose account is known."""


@dataclass
class Label:
    """What a payment truly is for. `amounts`: by document; empty: for nothing that is known."""

    kind: str
    amounts: dict[str, int]
    decidable: bool = True


@dataclass
class Company:
    """A customer with open items: what each has left, by document."""

    name: str
    token: str
    round: bool
    open: dict[str, int] = field(default_factory=dict)
    doubtful: dict[str, int] = field(default_factory=dict)
    """Items that were paid, but nobody could tell: who only sees the facts takes them for open."""


@dataclass
class Traffic:
    """Facts in order of their time, and what is true of each payment."""

    dues: list[Due] = field(default_factory=list)
    payments: list[Paid] = field(default_factory=list)
    labels: dict[str, Label] = field(default_factory=dict)


class Town:
    """Invents stories. The same seed gives the same traffic."""

    def __init__(self, seed: int, companies: int) -> None:
        self.chance = random.Random(seed)
        self.traffic = Traffic()
        self.companies = [
            Company(f"客户{n:04d}", f"tok-company-{n}", self.chance.random() < 0.05) for n in range(companies)
        ]
        self._documents = 0
        self._payments = 0

    def amount(self, company: Company | None = None) -> int:
        """Of a consumer some yuan; of a company hundreds to thousands, of some always whole hundreds."""
        if company is None:
            return self.chance.randint(1_000, 60_000) * FEN
        if company.round:
            return self.chance.randint(3, 90) * 100 * YUAN
        return self.chance.randint(30_000, 2_000_000) * FEN

    def due(self, party: str, amount: int, time: int, *, told: bool = True, **other: object) -> Due:
        """A new document, in the order of numbers; `told`: whether the books hear of it."""
        self._documents += 1
        document = f"FR-2511{self._documents:07d}"
        due = Due(document, "order", party, amount, time, **other)  # type: ignore[arg-type]
        if told:
            self.traffic.dues.append(due)
        return due

    def pay(self, label: Label, amount: int, time: int, **other: object) -> Paid:
        """A payment and what it truly is for."""
        self._payments += 1
        paid = Paid(f"ch/m/payment/{self._payments}", "payment", amount, time, **other)  # type: ignore[arg-type]
        self.traffic.payments.append(paid)
        self.traffic.labels[paid.key] = label
        return paid

    def back(self, label: Label, amount: int, time: int, original: str, **other: object) -> None:
        """A refund and what it truly takes back."""
        self._payments += 1
        facts = {"direction": "out", "original": original, **other}
        refund = Paid(f"ch/m/refund/{self._payments}", "refund", amount, time, **facts)  # type: ignore[arg-type]
        self.traffic.payments.append(refund)
        self.traffic.labels[refund.key] = label

    def written(self, document: str) -> str:
        """A number as people write it."""
        digits = document[3:]
        return self.chance.choice(
            [
                document,
                document.lower(),
                f"FR{digits}",
                f"fr {digits}",
                f"ＦＲ－{digits}",
                f"FR_{digits}",
                f"{document}运费",
                f"付{document}",
                f"货款 {document}，谢谢",
            ]
        )

    def mistyped(self, document: str) -> str:
        """A number with one digit wrong, left out, or two exchanged: often somebody else's number."""
        digits = list(document[3:])
        place = self.chance.randrange(5, len(digits) - 1)
        match self.chance.randrange(3):
            case 0:
                digits[place] = self.chance.choice([d for d in "0123456789" if d != digits[place]])
            case 1:
                del digits[place]
            case _:
                digits[place], digits[place + 1] = digits[place + 1], digits[place]
        return "FR-" + "".join(digits)


def told_by_amount(amount: int, company: Company, documents: Sequence[str]) -> bool:
    """Whether one group alone of a customer's open items comes to an amount, and it is this one."""
    return _groups(amount, company) == [tuple(sorted(documents))]


def _groups(amount: int, company: Company) -> list[tuple[str, ...]]:
    """Groups of items that are open, or seem so, and come to an amount."""
    items = company.open | company.doubtful
    return [
        group
        for size in range(1, len(items) + 1)
        for group in combinations(sorted(items), size)
        if sum(items[name] for name in group) == amount
    ]


Story = Callable[[Town, int], None]


def by_order(town: Town, time: int) -> None:
    """Somebody pays an order in the app."""
    due = town.due("散客", town.amount(), time, payer=town.chance.choice(["", "tok-someone"]))
    town.pay(
        Label("by order number", {due.document: due.amount}), due.amount, time + MINUTE, order=due.document
    )


def order_told_late(town: Town, time: int) -> None:
    """The payment happened before the order was told."""
    due = town.due("散客", town.amount(), time + town.chance.randint(1, 48) * HOUR)
    town.pay(
        Label("order after its payment", {due.document: due.amount}), due.amount, time, order=due.document
    )


def in_parts(town: Town, time: int) -> None:
    """An order is paid in two or three parts, sometimes not to its end."""
    due = town.due("散客", town.amount(), time)
    first = due.amount // 3
    for n in range(town.chance.randint(1, 3)):
        amount = first if n < 2 else due.amount - 2 * first
        town.pay(Label("part-payment", {due.document: amount}), amount, time + n * HOUR, order=due.document)


def too_much(town: Town, time: int) -> None:
    """More than the order."""
    due = town.due("散客", town.amount(), time)
    label = Label("over-payment", {due.document: due.amount})
    town.pay(label, due.amount + town.chance.randint(1, 5_000) * FEN, time + MINUTE, order=due.document)


def twice(town: Town, time: int) -> None:
    """The same order paid twice."""
    due = town.due("散客", town.amount(), time)
    town.pay(Label("duplicate", {due.document: due.amount}), due.amount, time + MINUTE, order=due.document)
    town.pay(Label("duplicate", {}), due.amount, time + 5 * MINUTE, order=due.document)


def combined(town: Town, time: int) -> None:
    """Several orders under one number, paid at once."""
    number = f"C-{town.chance.randrange(10**9):09d}"
    dues = [
        town.due("散客", town.amount(), time, references=(number,)) for _ in range(town.chance.randint(2, 5))
    ]
    label = Label("combined order", {due.document: due.amount for due in dues})
    town.pay(label, sum(due.amount for due in dues), time + MINUTE, order=number)


def refunded(town: Town, time: int) -> None:
    """Paid and given back, in full or in part; sometimes the payment is never heard of."""
    due = town.due("散客", town.amount(), time)
    back = town.chance.choice([due.amount, due.amount // 2])
    if town.chance.random() < 0.1:
        town.back(
            Label("refund without its payment", {}),
            back,
            time + HOUR,
            "ch/m/payment/unheard",
            order=due.document,
        )
        return
    paid = town.pay(
        Label("refunded", {due.document: due.amount}), due.amount, time + MINUTE, order=due.document
    )
    town.back(Label("refund", {due.document: back}), back, time + HOUR, paid.key, order=due.document)


def called_off(town: Town, time: int) -> None:
    """Paid although it was cancelled."""
    due = town.due("散客", town.amount(), time, cancelled=True)
    town.pay(Label("cancelled", {}), due.amount, time + MINUTE, order=due.document)


def never_paid(town: Town, time: int) -> None:
    """An order that nobody pays."""
    town.due("散客", town.amount(), time)


def unknown_order(town: Town, time: int) -> None:
    """A payment for an order that is never told."""
    due = town.due("散客", town.amount(), time, told=False)
    town.pay(Label("order missing", {}), due.amount, time, order=due.document)


def at_the_counter(town: Town, time: int) -> None:
    """The customer scans a code on the counter and types the amount; nothing says who it is."""
    due = town.due("散客", town.amount(), time)
    later = time + town.chance.randint(1, 20) * MINUTE
    label = Label(COUNTER, {due.document: due.amount})
    town.pay(label, due.amount, later, payer=f"tok-{town.chance.randrange(10**9)}")


def invoiced(town: Town, time: int) -> None:
    """A company gets an invoice."""
    company = town.chance.choice(town.companies)
    if len(company.open) + len(company.doubtful) < 9:
        due = town.due(company.name, town.amount(company), time)
        company.open[due.document] = due.amount


def equal_invoices(town: Town, time: int) -> None:
    """A company gets two invoices of one amount."""
    company = town.chance.choice(town.companies)
    if len(company.open) + len(company.doubtful) < 8:
        amount = town.amount(company)
        for n in range(2):
            due = town.due(company.name, amount, time + n * HOUR)
            company.open[due.document] = due.amount


def _owing(town: Town, least: int = 1) -> Company | None:
    for _ in range(20):
        company = town.chance.choice(town.companies)
        if len(company.open) >= least:
            return company
    return None


def _settle(company: Company, documents: Sequence[str], decidable: bool = True) -> dict[str, int]:
    paid = {name: company.open.pop(name) for name in documents}
    if not decidable:
        company.doubtful.update(paid)
    return paid


def by_reference(town: Town, time: int) -> None:
    """A company pays one or several invoices and writes their numbers, each as it likes."""
    if company := _owing(town):
        most = min(3, len(company.open))
        documents = town.chance.sample(sorted(company.open), town.chance.randint(1, most))
        amounts = _settle(company, documents)
        text = "、".join(town.written(name) for name in documents)
        label = Label("by reference", amounts)
        town.pay(label, sum(amounts.values()), time, text=text, payer=company.token, party=company.name)


def with_a_typo(town: Town, time: int) -> None:
    """The same with one invoice whose number is mistyped: amount and payer must tell."""
    if company := _owing(town):
        document = town.chance.choice(sorted(company.open))
        decidable = told_by_amount(company.open[document], company, [document])
        label = Label("typo in the reference", _settle(company, [document], decidable), decidable)
        amount = sum(label.amounts.values())
        text = town.mistyped(document)
        town.pay(label, amount, time, text=text, payer=company.token, party=company.name)


def without_reference(town: Town, time: int) -> None:
    """A company pays one to four invoices and writes nothing."""
    if company := _owing(town):
        size = town.chance.choices([1, 2, 3, 4], [6, 2, 1, 1])[0]
        documents = town.chance.sample(sorted(company.open), min(size, len(company.open)))
        amount = sum(company.open[name] for name in documents)
        decidable = told_by_amount(amount, company, documents)
        kind = "payer and amount" if len(documents) == 1 else "merged payment"
        label = Label(kind, _settle(company, documents, decidable), decidable)
        town.pay(
            label,
            amount,
            time,
            text=town.chance.choice(["", "货款"]),
            payer=company.token,
            party=company.name,
        )


def split(town: Town, time: int) -> None:
    """A company pays one invoice in two transfers within a day and writes nothing."""
    if company := _owing(town):
        document = town.chance.choice(sorted(company.open))
        amount = company.open[document]
        first = town.chance.randint(1, amount // FEN - 1) * FEN
        clear = told_by_amount(amount, company, [document]) and not (
            _groups(first, company) or _groups(amount - first, company)
        )
        _settle(company, [document], clear)
        for n, part in enumerate((first, amount - first)):
            label = Label("split payment", {document: part}, clear)
            town.pay(label, part, time + n * HOUR, payer=company.token, party=company.name)


def unmarked_part(town: Town, time: int) -> None:
    """A company pays a part of an invoice and writes nothing: nobody can tell."""
    if company := _owing(town):
        document = town.chance.choice(sorted(company.open))
        amount = company.open[document] * town.chance.randint(20, 80) // 100 // FEN * FEN
        town.pay(Label("part without a word", {}), amount, time, payer=company.token, party=company.name)


def ahead(town: Town, time: int) -> None:
    """A company pays a day or two before its invoice is told."""
    company = town.chance.choice(town.companies)
    if len(company.open) + len(company.doubtful) < 9:
        amount = town.amount(company)
        due = town.due(company.name, amount, time + town.chance.randint(1, 2) * DAY)
        label = Label("invoice after its payment", {due.document: amount}, decidable=False)
        town.pay(label, amount, time, payer=company.token, party=company.name)


def for_nothing(town: Town, time: int) -> None:
    """A company pays what the books never hear of."""
    company = town.chance.choice(town.companies)
    town.pay(
        Label("for nothing known", {}), town.amount(company), time, payer=company.token, party=company.name
    )


STORIES: dict[Story, int] = {
    by_order: 500,
    order_told_late: 20,
    in_parts: 20,
    too_much: 10,
    twice: 10,
    combined: 20,
    refunded: 20,
    called_off: 5,
    never_paid: 20,
    unknown_order: 5,
    at_the_counter: 15,
    invoiced: 330,
    equal_invoices: 8,
    by_reference: 90,
    with_a_typo: 10,
    without_reference: 80,
    split: 12,
    unmarked_part: 1,
    ahead: 5,
    for_nothing: 2,
}
"""How often each story happens, of all together."""


def traffic(stories: int, seed: int, companies: int = 0) -> Traffic:
    """So many stories over four weeks."""
    town = Town(seed, companies or max(stories // STORIES_OF_ONE, 20))
    chosen = town.chance.choices(list(STORIES), list(STORIES.values()), k=stories)
    moments = sorted(town.chance.randrange(DAYS * DAY) for _ in chosen)
    for story, time in zip(chosen, moments, strict=True):
        story(town, START + time)
    _only_ones(town.traffic)
    return town.traffic


def _only_ones(traffic: Traffic) -> None:
    """At the counter a payment can be told where its amount is the only one around, on both sides."""
    near = 2 * HOUR
    owed = Counter(
        (due.amount, (due.time + step) // near) for due in traffic.dues for step in (-near, 0, near)
    )
    came = Counter(
        (paid.amount, (paid.time + step) // near)
        for paid in traffic.payments
        if not (paid.party or paid.order)
        for step in (-near, 0, near)
    )
    for paid in traffic.payments:
        if (label := traffic.labels[paid.key]).kind == COUNTER:
            place = (paid.amount, paid.time // near)
            label.decidable = owed[place] == came[place] == 1
