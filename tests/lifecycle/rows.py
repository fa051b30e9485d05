"""Rows that blocks made, by table; read when someone looks at them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from sinks.encode import Encoded


class Rows(Mapping[str, list[dict[str, Any]]]):
    """By table: its rows, none for a table that has none. Most tests look at few of them."""

    def __init__(self) -> None:
        self._made: dict[str, list[Encoded]] = defaultdict(list)
        self._read: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def add(self, made: Iterable[Encoded]) -> None:
        """What a block made."""
        for table in made:
            self._made[table.table].append(table)

    def __getitem__(self, table: str) -> list[dict[str, Any]]:
        for made in self._made.pop(table, ()):
            self._read[table] += pa.ipc.open_stream(made.body).read_all().to_pylist()
        return self._read[table]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._read, **self._made})

    def __len__(self) -> int:
        return len({**self._read, **self._made})
