"""Books of payments in a store, for those who ask it."""

from clickhouse_connect.driver.client import Client

from schemas.payments import PaymentRulesPublished
from sinks.encode import Encoded
from tests.audit.conftest import emptied
from tests.payments.world import Books
from tests.servers.store import Store

LANE = 3000


class Written(Books):
    """A lane of payments that writes into a store. `seals`: a later plan says that its newest block is complete."""

    seals = True

    def __init__(self, client: Client, published: PaymentRulesPublished | None = None) -> None:
        self.client = client
        super().__init__(published)

    def wrote(self, made: list[Encoded]) -> None:
        """Its rows."""
        for table in made:
            self.client.raw_insert(table.table, insert_block=bytes(table.body), fmt="ArrowStream")
        if self.seals:
            sealed = f'{{"lane": {LANE}, "n": {self.n + 1}}}'.encode()
            self.client.raw_insert("block", insert_block=sealed, fmt="JSONEachRow")


def written(store: Store, published: PaymentRulesPublished | None = None) -> Written:
    """Books in a store that is emptied."""
    return Written(emptied(store.client()), published)
