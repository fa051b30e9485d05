"""The payments flow and the accounts flow, one beside the other: what each says reaches the other when a test likes."""

import random
from collections import deque
from decimal import Decimal
from typing import Any, Self

from flows.engine.messages import Letter
from flows.journal.deductions import bodies
from flows.journal.positions import Positions
from flows.parcels import letters
from flows.payments import SENDER
from flows.reconciliation.posting import POSTED
from schemas import topics
from schemas.events import BooksClosed, BooksReopened, Command, Event
from schemas.payments import DeductionAnswered, PaymentRulesPublished
from tests.channels.world import NOON
from tests.lifecycle.world import text
from tests.payments.world import Books
from tests.wallet.world import PARTITIONS, PARTY, Bank, Post, tick

LANE = 3000
Story = list[tuple[str, str]]


class Both:
    """`books`: a lane of payments, `bank`: one of accounts; what is between them, in order."""

    def __init__(
        self,
        terms: str = "",
        published: PaymentRulesPublished | None = None,
        books: Books | None = None,
        bank: Bank | None = None,
    ) -> None:
        self.books = books or Books(published)
        self.bank = bank or Bank(terms)
        self.bank.block((topics.TICKS.name, 0, tick(NOON)))
        rules = self.books.tables.posting.rules
        self._positions = Positions(rules, tuple(rules.rules), POSTED, PARTITIONS)
        self.said: deque[Letter] = deque()
        self.answered: deque[DeductionAnswered] = deque()
        self._had = 0
        self._heard: list[Letter] = []

    def take(self, *events: Event) -> Self:
        """A block of the payments flow."""
        self.books.take(*events)
        asked = bodies((one.ask for one in self.books.work.output.asked), PARTITIONS)
        self.said += letters(LANE, self.books.n, self.books.tables.booked, self._positions, SENDER, asked)
        return self

    def publish(self, event: BooksClosed | BooksReopened) -> Self:
        """Something that both read, each in a block of its own."""
        self.bank.block((topics.CONTROL.name, 0, event))
        return self.take(event)

    def ask(self, *happenings: Command | Post) -> Self:
        """Commands and postings, each in a block of the accounts flow."""
        self.bank.take(*happenings)
        return self._answers()

    def hear(self, most: int = 1_000) -> Self:
        """The accounts flow hears so many messages, in a block."""
        heard = [self.said.popleft() for _ in range(min(most, len(self.said)))]
        self._heard += heard
        if heard:
            self.bank.block(*((topics.POSTINGS.name, one.partition or 0, one.value) for one in heard))
        return self._answers()

    def _answers(self) -> Self:
        self.answered += self.bank.deducted[self._had :]
        self._had = len(self.bank.deducted)
        return self

    def answer(self, most: int = 1_000) -> Self:
        """The payments flow hears so many answers, in a block."""
        heard = [self.answered.popleft() for _ in range(min(most, len(self.answered)))]
        return self.take(*heard) if heard else self

    def again(self, r: random.Random) -> Self:
        """Answers and messages come again, as after a crash."""
        for letter in self._heard[-r.randint(1, 3) :]:
            self.bank.block((topics.POSTINGS.name, letter.partition or 0, letter.value))
        told = self.bank.deducted[: self._had]
        return self.take(*r.sample(told, r.randint(1, len(told)))) if told else self

    def settle(self) -> Self:
        """Until nobody has anything to say."""
        while self.said or self.answered:
            self.hear().answer()
        return self

    def restart(self) -> Self:
        """Both go on from their recovery stores."""
        self.books.restart()
        self.bank.restart()
        return self

    # What the books say

    def story(self) -> Story:
        """What the accounts flow has done, by document."""
        return [(text(row["document"]), text(row["status"])) for row in self.bank.rows["deduction"]]

    def in_transit(self) -> Decimal:
        """What is between the two flows."""
        return self.books.balances().get(("HQ", "1816"), Decimal(0)) + self.bank.position("HQ", "1816")

    def final(self) -> tuple[Any, ...]:
        """All that must be the same whatever the order in which facts came."""
        matches, *rest = self.books.final()
        named = sorted(
            (*(("account", one) if key.startswith("account/") else (key, one)), amount)
            for (key, one), amount in matches
        )
        return named, rest, self.bank.wallet(PARTY).free, self.bank.balances(PARTY)
