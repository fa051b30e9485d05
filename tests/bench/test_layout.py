"""The benchmark of readers asks the journal's real table: it must go with it."""

from clickhouse_connect.driver.client import Client

from tests.audit.conftest import emptied
from tests.bench.layout import FILL, QUESTIONS, ask
from tests.servers.store import Store

ROWS = 3_600


def test_it_fills_the_journal_and_every_question_is_answered(lasting_store: Store) -> None:
    client: Client = emptied(lasting_store.client())
    client.command(FILL, parameters={"first": 0, "count": ROWS, "rows": ROWS})
    assert client.query("SELECT count(), uniqExact(route) > 5 FROM journal").result_rows == [(ROWS, 1)]
    for sql in QUESTIONS.values():
        ask(client, sql, ROWS)
