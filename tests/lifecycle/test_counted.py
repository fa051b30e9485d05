"""Every lane counts what it refuses by the broken rule, and how often the same came again."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from flows.lifecycle import counts as of_parcels
from flows.reconciliation import counts as of_payments
from flows.storage import counts as of_stays
from flows.wallet import counts as of_accounts
from schemas import topics
from tests.lifecycle.world import Book
from tests.payments.world import Books
from tests.storage.world import Store
from tests.wallet.world import Bank

BAD = b"{ no JSON"


def parcels() -> Callable[[], None]:
    """Takes the record in a block, and counts it."""
    book = Book()

    def take() -> None:
        life = book.block((topics.ORDERS.name, BAD)).lifecycle
        of_parcels.count(7, life.output, life.waits, life.watch.open)

    return take


def stays() -> Callable[[], None]:
    """Likewise."""
    store = Store()
    return lambda: of_stays.count(store.take(BAD).storage.output)


def accounts() -> Callable[[], None]:
    """Likewise."""
    bank = Bank()
    return lambda: of_accounts.count(bank.block((topics.COMMANDS.name, 0, BAD)).wallets.output)


def payments() -> Callable[[], None]:
    """Likewise."""
    books = Books()
    return lambda: of_payments.count(books.records([(topics.RECEIVABLES.name, BAD)]))


def counted() -> tuple[float, float]:
    """Dead letters, and how often known ones came again."""
    letters = REGISTRY.get_sample_value("waybook_dead_letters_total", {"reason": "not_json"})
    return letters or 0, REGISTRY.get_sample_value("waybook_dead_letters_repeated_total") or 0


@pytest.mark.parametrize("flow", [parcels, stays, accounts, payments])
def test_what_is_refused_is_counted_once_and_its_repeats_apart(
    flow: Callable[[], Callable[[], None]],
) -> None:
    take = flow()
    letters, again = counted()
    take()
    assert counted() == (letters + 1, again)
    take()
    take()
    assert counted() == (letters + 1, again + 2)
