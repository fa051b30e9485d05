"""Executes requests on chDB. One process owns a directory; within it every client has a connection of its own."""

import re
from pathlib import Path
from typing import Any

import chdb

from deploy.embedded.store import handshake
from deploy.embedded.store.request import Request

_FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*$", re.IGNORECASE)
_READS = re.compile(r"\s*(SELECT|WITH|\()", re.IGNORECASE)
_SETTINGS = re.compile(r"\bSETTINGS\s+\w+\s*=", re.IGNORECASE)
"""A clause, and not the table `system.settings`."""
_WORD = re.compile(r"\w+", re.ASCII)
_CODE = re.compile(r"Code: (\d+)")


class QueryError(RuntimeError):
    """ClickHouse refused a query; `code` is its number."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        found = _CODE.search(message)
        self.code = int(found.group(1)) if found else 1000


class Engine:
    """One client's connection to the directory."""

    def __init__(self, directory: Path, options: dict[str, str]) -> None:
        tail = "&".join(f"{name}={value}" for name, value in options.items())
        self._connection: Any = chdb.connect(f"{directory}?{tail}" if tail else str(directory))
        self._database = ""

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def execute(self, request: Request) -> bytes:
        """The result in the request's format; empty for an insert. Raises QueryError."""
        if request.protocol >= handshake.REVISION_WITH_BLOCK_INFO and request.sql.startswith(handshake.QUERY):
            return handshake.answer("chdb", chdb.engine_version, "UTC")
        try:
            if request.database and request.database != self._database:
                self._connection.query(f"USE `{request.database.replace('`', '')}`")
                self._database = request.database
            if request.data:
                return self._insert(request)
            sql = _FORMAT.sub("", request.sql)
            settings = _clause(request.settings)
            if settings and _READS.match(sql):
                sql += f" SETTINGS {settings}" if not _SETTINGS.search(sql) else f", {settings}"
            elif settings and re.match(r"\s*INSERT\s+INTO\b", sql, re.IGNORECASE):
                sql = _with_settings(sql, settings)
            result = self._connection.query(sql, request.format, params=request.parameters or None)
            return bytes(result.bytes())
        except (RuntimeError, chdb.ChdbError) as error:
            raise QueryError(str(error)) from error

    def _insert(self, request: Request) -> bytes:
        named = _FORMAT.search(request.sql)
        into = _FORMAT.sub("", request.sql)
        if settings := _clause(request.settings):
            into += f" SETTINGS {settings}" if not _SETTINGS.search(into) else f", {settings}"
        with self._connection.send_insert(into, named.group(1) if named else "Values") as insert:
            insert.append(request.data)
            insert.finish()
        return b""


def _clause(settings: dict[str, str]) -> str:
    """Settings as SQL; a name that is no word is ClickHouse's to refuse."""
    parts = []
    for name, value in settings.items():
        if not _WORD.fullmatch(name):
            raise QueryError(f"Code: 115. DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)")
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        parts.append(f"{name}={value}" if re.fullmatch(r"-?\d+", value) else f"{name}='{quoted}'")
    return ", ".join(parts)


def _with_settings(sql: str, settings: str) -> str:
    """An `INSERT INTO … SELECT` or `VALUES` with settings before its source."""
    found = re.search(r"\b(SETTINGS|VALUES|SELECT|WITH)\b", sql, re.IGNORECASE)
    if found is None:
        return f"{sql} SETTINGS {settings}"
    if found.group().upper() == "SETTINGS":
        return f"{sql[: found.end()]} {settings},{sql[found.end() :]}"
    return f"{sql[: found.start()]}SETTINGS {settings} {sql[found.start() :]}"
