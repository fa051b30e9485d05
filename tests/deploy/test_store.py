"""The embedded ClickHouse: what clients of a server expect, nothing lost with any compression or kill."""

import gzip
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import httpx
import lz4.frame
import pytest
from backports import zstd
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.embedded.store import handshake
from deploy.embedded.store.request import BadRequestError, parse, unpack
from tests.servers.store import Store
from tests.servers.web import get, post

ROWS = 300_000


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that is left running, and in which tests make tables of their own."""
    with Store(tmp_path_factory.mktemp("store")) as made:
        assert isinstance(made, Store)
        yield made


@pytest.mark.parametrize("compression", [False, "lz4", "zstd", "gzip"])
def test_large_inserts_by_clickhouse_connect(opened: Store, compression: str | bool) -> None:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=opened.port, compress=compression)
    client.command(
        "CREATE OR REPLACE TABLE big (a UInt64, b LowCardinality(String), c String) ENGINE = MergeTree ORDER BY a"
    )
    data: list[list[Any]] = [list(range(ROWS)), ["x", "y"] * (ROWS // 2), [str(n) for n in range(ROWS)]]
    client.insert("big", data, column_names=["a", "b", "c"], column_oriented=True)
    found = client.query("SELECT count(), sum(a), uniqExact(c), countIf(b = 'x') FROM big").result_rows
    assert found == [(ROWS, ROWS * (ROWS - 1) // 2, ROWS, ROWS // 2)]
    assert client.query("SELECT {x:UInt8} + 1 AS y", parameters={"x": 3}).result_rows == [(4,)]


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("", lambda raw: raw),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", lambda raw: zstd.compress(raw[:99]) + zstd.compress(raw[99:])),
        ("lz4", lambda raw: lz4.frame.compress(raw[:1000]) + lz4.frame.compress(raw[1000:])),
    ],
)
def test_bodies_of_every_encoding_and_several_frames(encoding: str, pack) -> None:  # type: ignore[no-untyped-def]
    raw = bytes(range(256)) * 100
    assert unpack(pack(raw), encoding) == raw


@pytest.mark.parametrize(
    ("encoding", "body"), [("lz4", b"\x04\x22"), ("gzip", b"no"), ("zstd", b"no"), ("snappy", b"")]
)
def test_bodies_that_cannot_be_read_are_refused(encoding: str, body: bytes) -> None:
    with pytest.raises(BadRequestError):
        unpack(body, encoding)


def test_settings_of_the_url_reach_an_insert(opened: Store) -> None:
    client = opened.client()
    client.command(
        "CREATE TABLE once (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 9"
    )
    for _ in range(3):
        client.raw_insert(
            "once", insert_block=b'{"a":1}', fmt="JSONEachRow", settings={"insert_deduplication_token": "t"}
        )
    assert client.query("SELECT count() FROM once").result_rows == [(1,)]
    with pytest.raises(DatabaseError, match="nonsense"):
        client.raw_insert("once", insert_block=b'{"a":1}', fmt="JSONEachRow", settings={"nonsense": "1"})
    with pytest.raises(DatabaseError) as error:
        client.query("SELECT * FROM nowhere")
    assert error.value.code == 60


def test_settings_reach_a_question_about_settings(opened: Store) -> None:
    client = opened.client()
    asked = "SELECT value FROM system.settings WHERE name = 'max_threads'"
    assert client.query(asked, settings={"max_threads": 3}).result_rows == [("3",)]
    assert client.query(f"{asked} SETTINGS max_block_size = 9", settings={"max_threads": 4}).result_rows == [
        ("4",)
    ]


def test_http_as_clients_speak_it(opened: Store) -> None:
    assert get(f"{opened.url}/ping").text == "Ok.\n"
    answer = get(f"{opened.url}/", params={"query": "SELECT 1 AS a", "default_format": "JSONCompact"})
    assert answer.json()["data"] == [[1]]
    assert answer.headers["x-clickhouse-format"] == "JSONCompact"
    failed = post(f"{opened.url}/", content=b"SELEC 1")
    assert (failed.status_code, failed.headers["x-clickhouse-exception-code"]) == (400, "62")
    post(f"{opened.url}/", content=b"CREATE TABLE n (a UInt8, s String) ENGINE = Memory").raise_for_status()
    native = post(f"{opened.url}/", content=b"SELECT toUInt8(7) AS a, 'x' AS s FORMAT Native").content
    post(f"{opened.url}/", content=b"INSERT INTO n FORMAT Native\n" + native).raise_for_status()
    assert post(f"{opened.url}/", content=b"SELECT * FROM n").text == "7\tx\n"
    chunks = iter([b"INSERT INTO n FORMAT CSV\n", b"8,y\n", b"9,z\n"])
    post(f"{opened.url}/", content=chunks).raise_for_status()
    assert post(f"{opened.url}/", content=b"SELECT count() FROM n").text == "3\n"
    hello = post(f"{opened.url}/?client_protocol_version=54460", content=handshake.QUERY.encode()).content
    assert hello.startswith(b"\x01\x00\x02")


def test_a_query_is_read_from_the_url_or_the_body() -> None:
    request = parse("/?query=SELECT+1&database=d&param_x=3&max_threads=1&query_id=q", b"data")
    assert (request.sql, request.data, request.database) == ("SELECT 1", b"data", "d")
    assert (request.parameters, request.settings, request.query_id) == ({"x": "3"}, {"max_threads": "1"}, "q")


def test_parameters_that_are_too_long_for_a_url_come_as_a_form(opened: Store) -> None:
    client = opened.client()
    names = [f"运单 {n}\n'\\{n}" for n in range(20_000)]
    asked = client.query(
        "SELECT {names:Array(String)} AS a, {n:UInt8} AS n", parameters={"names": names, "n": 7}
    )
    assert asked.result_rows == [(names, 7)]
    assert client.query(
        "SELECT count() FROM event WHERE waybill IN {names:Array(String)}", {"names": names}
    ).result_rows


@pytest.mark.parametrize(
    "body", [b"", b"--x--", b"--x\r\nContent-Disposition: form-data\r\n\r\nSELECT 1\r\n--x--\r\n"]
)
def test_a_form_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="form"):
        parse("/", body, "multipart/form-data; boundary=x")


def test_reads_do_not_wait_for_long_queries(opened: Store) -> None:
    slow = threading.Thread(
        target=lambda: get(
            f"{opened.url}/",
            params={"query": "SELECT count() FROM numbers(60000000) WHERE sipHash64(number) = 1"},
            timeout=99,
        )
    )
    slow.start()
    time.sleep(0.2)
    assert get(f"{opened.url}/?query=SELECT+1").text == "1\n"
    assert slow.is_alive()
    slow.join()


def test_a_store_that_is_told_to_end_ends_well_whoever_is_connected(store: Store) -> None:
    client = store.client()
    client.command("INSERT INTO event (seq, line) VALUES (1, 0)")
    assert store.stop(30) == 0
    store.start()
    assert store.client().query("SELECT count() FROM event").result_rows == [(1,)]


def test_a_store_killed_during_inserts_opens_again_with_whole_blocks(store: Store) -> None:
    client = store.client()
    client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS fsync_after_insert = 0")
    body = "".join(f'{{"a":{n}}}\n' for n in range(20_000)).encode()
    for _ in range(4):

        def insert() -> None:
            try:
                for _ in range(50):
                    post(f"{store.url}/?query=INSERT+INTO+t+FORMAT+JSONEachRow", content=body, timeout=9)
            except httpx.TransportError:
                pass

        running = threading.Thread(target=insert)
        running.start()
        time.sleep(0.3)
        store.kill()
        running.join()
        store.start()
        assert int(get(f"{store.url}/?query=SELECT+count()+FROM+t").text) % 20_000 == 0
