"""What channels hear, and what Kafka then holds, exactly."""

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.payments import notification_id
from tests.receiver.harness import BANK, CHANNELS, LARGEST, PARTITIONS, Receiver, Shut, held, publish
from tests.servers.kafka import Kafka
from tests.servers.web import post

MANY = 200
"""Notifications at once."""


@pytest.fixture(scope="module")
def broker(lasting_kafka: Kafka) -> Kafka:
    """A Kafka that may be killed; it runs between tests."""
    lasting_kafka.emptied().create_topics(PARTITIONS)
    publish(lasting_kafka, CHANNELS)
    return lasting_kafka


@pytest.fixture(scope="module")
def receiver(broker: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver before it."""
    with Receiver(tmp_path_factory.mktemp("receiver"), broker) as server:
        yield server


@pytest.fixture(scope="module")
def client(receiver: Receiver) -> Iterator[httpx.Client]:
    """A channel's server."""
    with httpx.Client(base_url=receiver.url, verify=False, timeout=30) as made:
        yield made


WECHAT = {
    "Wechatpay-Serial": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
    "Wechatpay-Signature": "c2lnbmVk",
    "Wechatpay-Timestamp": "1762000000",
    "Wechatpay-Nonce": "fdasflkja484w",
    "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    "Content-Type": "application/json",
}


@pytest.mark.parametrize(
    ("channel", "group", "headers", "status", "heard"),
    [
        ("wechat", "centre", WECHAT, 200, '{"code":"SUCCESS","message":"成功"}'),
        ("alipay", "centre", {"Content-Type": "application/x-www-form-urlencoded"}, 200, "success"),
        ("unionpay", "centre", {}, 200, "ok"),
        ("other", "market", {"X-Shop-Signature": "ab12", "X-Shop-Time": "1"}, 202, '{"received":true}'),
    ],
)
def test_each_channel_is_answered_as_it_expects_and_written_as_it_is(
    broker: Kafka,
    client: httpx.Client,
    channel: str,
    group: str,
    headers: dict[str, str],
    status: int,
    heard: str,
) -> None:
    body = bytes(range(256)) + channel.encode()  # no text in any charset: nothing may look at it
    extra = {"Cookie": "session=1", "Authorization": "Basic eDp5", "X-Forwarded-For": "10.0.0.1"}
    answer = client.post(f"/notify/{channel}/{group}", content=body, headers=headers | extra)
    assert (answer.status_code, answer.text) == (status, heard)
    (found,) = [(key, event) for key, event in held(broker, channel) if event.body == body]
    key, event = found
    kept = {name.lower(): value for name, value in headers.items()}
    assert (key, event.channel, event.group, event.headers) == (group, channel, group, kept)
    assert event.id == notification_id(channel, kept, body)


def test_it_says_where_channels_find_it(receiver: Receiver) -> None:
    said = (receiver.directory / "server.log").read_text()
    assert f"takes notifications at {receiver.url}/notify/CHANNEL/GROUP, " in said


def test_who_is_not_expected_is_sent_away_and_nothing_is_written(
    broker: Kafka, receiver: Receiver, client: httpx.Client
) -> None:
    before = len(held(broker, "wechat"))
    for path, status in {
        "/notify/wechat/market": 404,
        "/notify/paypal/centre": 404,
        "/notify/wechat/centre/more": 404,
        "/notify/wechat/..%2Fmarket": 404,
        "/docs": 404,
    }.items():
        assert client.post(path, content=b"x").status_code == status, path
    assert client.get("/notify/wechat/centre").status_code == 405
    assert client.post("/notify/wechat/centre", content=b"x" * (LARGEST + 1)).status_code == 413

    def drops() -> Iterator[bytes]:  # without a length: it is counted as it comes
        for _ in range(LARGEST // 1024 + 1):
            yield b"x" * 1024

    assert client.post("/notify/wechat/centre", content=drops()).status_code == 413
    assert len(held(broker, "wechat")) == before
    told = receiver.metrics()
    assert 'waybook_notifications_received_total{channel="unknown",outcome="unknown"}' in told
    assert 'waybook_notifications_received_total{channel="wechat",outcome="too_large"} 2.0' in told
    assert "paypal" not in told
    assert client.post("/notify/wechat/centre", content=b"x" * LARGEST).status_code == 200


def test_who_leaves_in_the_middle_leaves_nothing(broker: Kafka, receiver: Receiver) -> None:
    before = len(held(broker, "wechat"))
    with socket.create_connection(("127.0.0.1", receiver.port)) as caller:
        caller.sendall(b"POST /notify/wechat/centre HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    while '"under_way":0' not in receiver.health()[1]:
        time.sleep(0.02)
    assert len(held(broker, "wechat")) == before


async def _knock(url: str, bodies: list[bytes], answered: asyncio.Event | None = None) -> list[int]:
    """Status of each; 0: no answer. `answered` is set when the first is taken."""
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=url, verify=False, timeout=60, limits=limits) as channel:

        async def one(body: bytes) -> int:
            try:
                status = (await channel.post("/notify/alipay/centre", content=body)).status_code
            except httpx.TransportError:
                return 0
            if answered and status == 200:
                answered.set()
            return status

        return await asyncio.gather(*map(one, bodies))


def test_many_at_once_are_all_there_once(broker: Kafka, receiver: Receiver) -> None:
    bodies = [b"many %d" % n for n in range(MANY)]
    assert asyncio.run(_knock(receiver.url, bodies)) == [200] * MANY
    found = [event.body for _, event in held(broker, "alipay") if event.body.startswith(b"many")]
    assert sorted(found) == sorted(bodies)


def test_a_publication_that_cannot_be_read_leaves_the_doors_as_they_are(
    broker: Kafka, receiver: Receiver, client: httpx.Client
) -> None:
    for text, says in (
        ("[[channel]", "not_toml"),
        ('[[channel]]\nname = "wechat"\n', "missing_setting"),
        (CHANNELS + BANK, "bank"),
    ):
        publish(broker, text)
        while says not in receiver.health()[1]:
            time.sleep(0.02)
        assert client.post("/notify/wechat/centre", content=b"known").status_code == 200
    assert client.post("/notify/bank/centre", content=b"new").status_code == 200


def test_without_kafka_nobody_hears_that_it_is_there(
    broker: Kafka, client: httpx.Client, tmp_path: Path
) -> None:
    broker.kill()
    with Shut(tmp_path, broker) as started:  # while nobody can tell who is expected
        assert post(f"{started.url}/notify/wechat/centre", content=b"x", timeout=30).status_code == 503
    answer = client.post("/notify/wechat/centre", content=b"while away")
    assert (answer.status_code, answer.json()["code"]) == (503, "FAIL")
    answer = client.post("/notify/other/market", content=b"while away")
    assert (answer.status_code, answer.text) == (500, "again")
    broker.start()
    while (answer := client.post("/notify/wechat/centre", content=b"it is back")).status_code == 503:
        time.sleep(0.02)
    assert answer.status_code == 200
    assert b"it is back" in [event.body for _, event in held(broker, "wechat")]


def test_whoever_was_told_so_is_there_though_both_are_killed_meanwhile(
    broker: Kafka, receiver: Receiver
) -> None:
    bodies = [b"killed %d" % n for n in range(MANY)]

    async def knocked() -> list[int]:
        answered = asyncio.Event()
        knocking = asyncio.create_task(_knock(receiver.url, bodies, answered))
        await answered.wait()
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(receiver.kill)
        return await knocking

    statuses = asyncio.run(knocked())
    broker.start()
    there = {event.body for _, event in held(broker, "alipay")}
    told = {body for body, status in zip(bodies, statuses, strict=True) if status == 200}
    assert told
    assert told <= there
    receiver.start()


def test_told_to_stop_it_answers_what_is_under_way(broker: Kafka, receiver: Receiver) -> None:
    bodies = [b"stopped %d" % n for n in range(MANY)]

    async def knocked() -> tuple[list[int], int | None]:
        answered = asyncio.Event()
        knocking = asyncio.create_task(_knock(receiver.url, bodies, answered))
        await answered.wait()
        code = await asyncio.to_thread(receiver.stop)
        return await knocking, code

    statuses, code = asyncio.run(knocked())
    there = {event.body for _, event in held(broker, "alipay")}
    told = {body for body, status in zip(bodies, statuses, strict=True) if status == 200}
    assert told <= there
    assert told
    assert set(statuses) <= {200, 503, 0}
    assert code == 0
    receiver.start()
