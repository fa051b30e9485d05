"""Rows of commands that can be killed and repeated: the store takes the same rows once."""

from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards.queries import rows


def insert_once(writer: Client, table: str, body: bytes, token: str, there: str, **asked: Any) -> bool:
    """Insert rows, JSON a line, that may be there already; whether they are there now.

    `token`: the same for the same rows; `there`: a question with how many of them there are, as `n`.
    """
    for again in ("", *(f"-again-{attempt}" for attempt in range(3))):
        settings = {"insert_deduplication_token": token + again, "max_insert_block_size": 10_000_000}
        writer.raw_insert(table, insert_block=body, fmt="JSONEachRow", settings=settings)
        if rows(writer, there, **asked)[0]["n"]:
            return True  # else the token has outlived its rows: the store was killed in between
    return False
