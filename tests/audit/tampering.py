"""Tables that tests change: each has a copy, from which it is mended; and the hand-written books as such tables.

What one table is said to hold is enough where one look at it is tested: nothing is written then (`Told`).
"""

from collections.abc import Iterable
from typing import cast

from clickhouse_connect.driver.client import Client

from deploy.audit import run
from deploy.audit.chain import Sealed, read_log
from deploy.audit.store import Store
from sinks import tables
from sinks.tables import TABLES, Column, Table
from tests.audit import seed
from tests.audit.remembered import Remembered
from tests.audit.writer import Writer

_CHANGED = {
    tables.WORD: "concat({0}, 'x')",
    tables.TEXT: "concat({0}, 'x')",
    tables.ID: "toFixedString(concat(substring({0}, 1, 15), char(bitXor(ascii(substring({0}, 16)), 1))), 16)",
    tables.MONEY: "{0} + toDecimal64('0.0001', 4)",
    tables.TIME: "addMilliseconds({0}, 1)",
    tables.DATE: "{0} + 1",
    "Array(String)": "arrayMap(x -> concat(x, 'x'), {0})",
    "Array(UInt64)": "arrayMap(x -> x + 1, {0})",
    "Array(UInt32)": "arrayMap(x -> x + 1, {0})",
}
"""The least change of a cell, by its type; numbers grow by one."""


def least_change(table: Table, column: Column, where: str) -> str:
    """SQL for the rows of a table with the least change of some cells of a column."""
    other = _CHANGED.get(column.type, "{0} + 1").format(f"`{column.name}`")
    cell = f"CAST(if({where}, {other}, `{column.name}`) AS {column.type}) AS `{column.name}`"
    return f"SELECT * REPLACE ({cell}) FROM {table.name}"


class Told(Store):
    """A store as an audit reads it, of which one table is said to hold these rows (SQL)."""

    def __init__(self, kept: "Kept", table: Table, rows: str) -> None:
        super().__init__(kept.auditor)
        self._tables[table.name] = f"({rows})"


def unsealed(kept: "Kept", table: Table, rows: str) -> set[str]:
    """Names of the checks of blocks that a table does not pass when it is said to hold these rows (SQL)."""
    store = Told(kept, table, rows)
    sealed = Sealed(read_log(store))
    sealed.look_at(store, table)
    return {found.name for found in (sealed.rows, sealed.digests) if not found.check("").passed}


class Kept:
    """Tables as they are now. The copy of `charge` is the table `kept_charge`.

    Tables are filled anew from their copies: much faster than the store's own `ALTER TABLE … DELETE`. No table that is
    not kept may change any more.
    """

    def __init__(self, client: Client, names: Iterable[str]) -> None:
        self._client = client
        self._touched: set[str] = set()
        self._left: set[str] = set()
        """Touched by a test that has ended."""
        self._auditor = cast("Client", Remembered(client, self._touched))
        for name in names:
            client.command(f"CREATE OR REPLACE TABLE kept_{name} AS {name}")
            client.command(f"INSERT INTO kept_{name} SELECT * FROM {name}")

    @property
    def client(self) -> Client:
        """The store's."""
        self._put_back()
        return self._client

    @property
    def auditor(self) -> Client:
        """A client for audits."""
        self._put_back()
        return self._auditor

    def remove(self, table: str, where: str) -> None:
        """A table as it was kept, without some rows."""
        self._left.discard(table)
        self._touched.add(table)
        self._client.command(f"TRUNCATE TABLE {table}")
        self._fill(table, f"NOT ({where})")

    def add(self, table: str, where: str, replacing: str = "") -> None:
        """Add copies of rows, with something else in some columns: `'x' AS waybill, line + 1 AS line`."""
        if table in self._left:
            self.remove(table, "false")
        self._touched.add(table)
        self._fill(table, where, replacing)

    def change(self, table: str, where: str, replacing: str) -> None:
        """Put other rows in the place of some."""
        self.remove(table, where)
        self.add(table, where, replacing)

    def mend(self) -> None:
        """Everything is as it was kept."""
        self.leave()
        self._put_back()

    def leave(self) -> None:
        """A test has ended: everything is as it was kept when somebody looks, or changes the same tables again."""
        self._left |= self._touched

    def _put_back(self) -> None:
        for table in sorted(self._left):
            self.remove(table, "false")
            self._touched.discard(table)

    def _fill(self, table: str, where: str, replacing: str = "") -> None:
        columns = f"* REPLACE ({replacing})" if replacing else "*"
        self._client.command(
            f"INSERT INTO {table} SELECT {columns} FROM (SELECT * FROM kept_{table} WHERE {where})",
            settings={"insert_deduplicate": 0},
        )


class AsOf(Kept):
    """Tables that are audited as of a moment of data time."""

    def __init__(self, client: Client, names: Iterable[str], now: int) -> None:
        super().__init__(client, names)
        self._now = now

    def failing(self) -> set[str]:
        """Names of the checks that do not pass."""
        return {check.name for check in run(self.auditor, data_time=self._now).checks if not check.passed}


NEWEST = 10
"""The hand-written books' newest block."""


class Books(Kept):
    """The hand-written books."""

    def __init__(self, client: Client, closed: bool = False) -> None:
        writer, accounts, payments = Writer(client), Writer(client, 1000), Writer(client, 3000)
        with writer.held(), accounts.held(), payments.held():
            seed.write(writer)
            seed.write_accounts(accounts)
            seed.write_payments(payments)
            if closed:
                writer.close()
                accounts.close()
                payments.close()
        super().__init__(client, (table.name for table in TABLES))
