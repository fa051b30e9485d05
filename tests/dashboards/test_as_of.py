"""Money moves while a page is made: all that one answer tells is as of one moment."""

import argparse
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from dashboards import accounts, payments
from dashboards.blocks import as_of_now
from dashboards.live import app
from dashboards.queries import Row, rows
from deploy.commands.payments import payments as command_payments
from schemas import topics
from schemas.times import HOUR
from tests.audit.conftest import client, empty, store
from tests.audit.test_accounts import Both
from tests.dashboards.data import WrittenPayments
from tests.dashboards.served import served
from tests.lifecycle.world import START
from tests.payments.world import due, paid
from tests.servers.store import Store
from tests.wallet.world import PARTY, command, tick

__all__ = ["client", "empty", "store"]


class Meanwhile:
    """Something that lands before each question of a module, after the first."""

    def __init__(self, land: Callable[[int], object]) -> None:
        self.land, self.questions = land, 0

    def rows(self, client: Client, sql: str, **parameters: Any) -> list[Row]:
        """Ask, when it has landed."""
        self.questions += 1
        if self.questions > 1:
            self.land(self.questions)
        return rows(client, sql, **parameters)


@pytest.fixture
def both(empty: Client) -> Both:
    """Books in which an outlet has paid 100 yuan in."""
    both = Both(empty)
    both.ask(command("top_up", "c1", amount_e4=1_000_000))
    both.books.block((topics.TICKS.name, 0, tick(START + HOUR)))
    return both


def test_a_partys_balance_is_its_statements_closing_balance(
    store: Store, both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile = Meanwhile(lambda n: both.ask(command("top_up", f"m{n}", amount_e4=48_000_000)))
    monkeypatch.setattr(accounts, "rows", meanwhile.rows)
    monkeypatch.setattr(app, "Poller", lambda *_: None)
    page = served(store, tmp_path, f"/party/{PARTY}")
    (card,) = re.findall(r"<b>([\d,.]+)</b>现金账户", page)
    (closing,) = re.findall(r'期末 closing</td><td class="n">([\d,.]+)</td>', page)
    assert (card, closing) == ("100.00", "100.00")
    assert meanwhile.questions > 5
    assert "m3" not in page


def test_figures_of_payments_add_up_while_money_comes(
    store: Store,
    empty: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Through views, too; in the terminal as on the page."""
    books = WrittenPayments(empty)
    books.take(due("FR-1", "100.00"), paid("A0", "40.00", "FR-1"))
    books.take(paid("A1", "5.00", "FR-9999"))
    meanwhile = Meanwhile(lambda n: books.take(paid(f"M{n}", "7.00", "FR-9999")))
    monkeypatch.setattr(payments, "rows", meanwhile.rows)
    asked = argparse.Namespace(url=store.url, home=None, what=None, name=None)
    assert command_payments(asked) == 0
    told = capsys.readouterr().out
    (came,) = re.findall(r"收 in +([\d.]+)", told)
    (of,) = re.findall(r"of ([\d.]+) yuan", told)
    (stands,) = re.findall(r"([\d.]+)  待核销", told)
    assert came == of == stands == "40.00", told
    assert meanwhile.questions == 7


def test_a_block_counts_when_all_of_it_is_there(both: Both, store: Store) -> None:
    """Its plan and some of its rows prove nothing; the next plan does."""
    both.ask(command("top_up", "c2", amount_e4=100))

    def cash() -> Decimal:
        found = accounts.balance(as_of_now(store.client()), PARTY)
        assert found is not None
        return Decimal(found.accounts["cash"])

    assert cash() == 100
    both.books.block((topics.TICKS.name, 0, tick(START + 2 * HOUR)))
    assert cash() == Decimal("100.01")
