"""Tables that tests change: each gets a copy first, from which it is mended; and the hand-written books as such tables.

What one table is said to hold is enough where one look at it is tested: nothing is written then (`Told`, `Altered`).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from deploy.audit import run
from deploy.audit.chain import Sealed, read_log
from deploy.audit.store import Store
from sinks.tables import TABLES, Table
from tests.audit import seed
from tests.audit.alone import alone
from tests.audit.remembered import Remembered
from tests.audit.writer import Writer

UNIT = Decimal("0.0001")
"""Of money."""


def other(array: pa.Array, at: int, least: bool = True) -> pa.Array:
    """A column with the least change of one cell: a letter more, another bit, one more of the least unit.

    Not `least`: with none, made in the same way.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return other(array.cast(kind.value_type), at, least).dictionary_encode()
    if pa.types.is_timestamp(kind):
        return other(array.cast(pa.int64()), at, least).cast(kind)
    if pa.types.is_date32(kind):
        return other(array.cast(pa.int32()), at, least).cast(kind)
    values = array.to_pylist()
    if least:
        values[at] = _another(values[at], pa.types.is_fixed_size_binary(kind))
    return pa.array(values, kind)


def _another(value: Any, fixed: bool) -> Any:
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1]) if fixed else value + b"x"
    return value + (UNIT if isinstance(value, Decimal) else 1)


class Altered(Store):
    """A store as an audit reads it, of which one table has another cell: in its first row, or in a block's first.

    The table is asked for once for all of its cells, because the answer is remembered as it was.
    """

    def __init__(self, kept: "Kept", column: str, seq: int | None = None, least: bool = True) -> None:
        super().__init__(kept.auditor)
        self._column, self._seq, self._least = column, seq, least

    def arrow(self, sql: str, settings: Mapping[str, Any] | None = None, **parameters: Any) -> pa.Table:
        """Rows in order, of which one has another cell; other answers as they are."""
        rows = super().arrow(sql, settings, **parameters)
        if "line" not in rows.column_names:
            return rows
        at = 0 if self._seq is None else rows.column("seq").to_pylist().index(self._seq)
        place = rows.column_names.index(self._column)
        cells = other(rows.column(place).combine_chunks(), at, self._least)
        changed = rows.set_column(place, self._column, cells)
        return changed.sort_by([("seq", "ascending"), ("line", "ascending")])


class Told(Store):
    """A store as an audit reads it, of which one table is said to hold these rows (SQL)."""

    def __init__(self, kept: "Kept", table: Table, rows: str) -> None:
        super().__init__(kept.auditor)
        self._tables[table.name] = f"({rows})"


def unsealed(store: Store, table: Table) -> set[str]:
    """Names of the checks of blocks that a table does not pass."""
    sealed = Sealed(read_log(store))
    sealed.look_at(store, table)
    return {found.name for found in (sealed.rows, sealed.digests) if not found.check("").passed}


class Kept:
    """Tables as they are now. The copy of `charge`, made when it is touched first, is the table `kept_charge`.

    Tables are filled anew from their copies: much faster than the store's own `ALTER TABLE … DELETE`. None may change
    otherwise any more.
    """

    def __init__(self, client: Client, names: Iterable[str]) -> None:
        self._client = client
        self._touched: set[str] = set()
        self._left: set[str] = set()
        """Touched by a test that has ended."""
        self._auditor = cast("Client", Remembered(client, self._touched))
        self._not_kept = set(names)
        """Tables that may be touched, and have no copy yet."""

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
        self._touch(table)
        self._client.command(f"TRUNCATE TABLE {table}")
        self._fill(table, f"NOT ({where})")

    def add(self, table: str, where: str, replacing: str = "") -> None:
        """Add copies of rows, with something else in some columns: `'x' AS waybill, line + 1 AS line`."""
        if table in self._left:
            self.remove(table, "false")
        self._touch(table)
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

    def _touch(self, table: str) -> None:
        self._touched.add(table)
        if table in self._not_kept:
            self._client.command(f"CREATE OR REPLACE TABLE kept_{table} AS {table}")
            self._client.command(f"INSERT INTO kept_{table} SELECT * FROM {table}")
            self._not_kept.remove(table)

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

    def notices(self, check: str) -> bool:
        """Whether a check does not pass."""
        return not alone(self.auditor, check, self._now).passed


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
