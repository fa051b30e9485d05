"""Statements of parties without virtual accounts: couriers by their own books, customers and carriers by others'."""

from datetime import timedelta
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from dashboards.claims import claims
from dashboards.queries import rows
from dashboards.words import FIRST_DAY, LAST_DAY
from deploy import statements
from tests.audit import world
from tests.audit.conftest import client, empty, store
from tests.audit.test_flow import WHOLE, play
from tests.payments.world import due, paid
from tests.payments.written import written
from tests.servers.store import Store

__all__ = ["client", "empty", "store"]

COURIERS = """
SELECT book, sumIf(if(side = 'D', amount, -amount), account = '1104') AS owed, min(business_date) AS begins,
       max(business_date) AS ends
FROM journal GROUP BY book HAVING countIf(account = '1104') > 0 ORDER BY book"""


def test_a_couriers_statement_is_its_book(empty: Client) -> None:
    play(empty, WHOLE, [(0, world.tariff("one", rich=True))], rich=True)
    couriers = rows(empty, COURIERS)
    assert len(couriers) > 1
    for courier in couriers:
        party, day = courier["book"], courier["begins"]
        whole = claims(empty, party, FIRST_DAY, LAST_DAY, causes=True)
        assert whole is not None
        assert whole.opening == 0
        assert whole.closing == courier["owed"]
        assert sum(row["gained"] for row in whole.causes) == whole.closing
        before, after = (
            claims(empty, party, *span)
            for span in ((FIRST_DAY, day), (day + timedelta(days=1), courier["ends"]))
        )
        assert before is not None
        assert after is not None
        assert (before.closing, after.closing) == (after.opening, whole.closing)
    assert whole is not None
    text = statements.statement(empty, party, FIRST_DAY, LAST_DAY, lines=True)
    first, head, *_, last = text.splitlines()
    assert first.startswith(party)
    assert "应收（负：应付） owed to it" in head
    assert "期末 closing" in last
    assert last.endswith(f"{whole.closing:,.2f}")
    assert text.count("  YT") == len(whole.causes)


def test_a_customers_statement_is_what_it_owes_and_pays(lasting_store: Store) -> None:
    books = written(lasting_store)
    books.take(due("FR-1001", "100.00"), due("FR-1002", "30.00"), paid("A1", "100.00", "FR-1001"))
    found = claims(books.client, "C-1", FIRST_DAY, LAST_DAY)
    assert found is not None
    assert sorted(row["amount"] for row in found.movements) == [Decimal(-130), Decimal(100)]
    assert found.closing == -30
    assert statements.statement(books.client, "C-9", FIRST_DAY, LAST_DAY, lines=True) == ""
