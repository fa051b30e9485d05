"""MQTT 5 as a source: several clients on one shared subscription, acknowledged by whoever has processed.

Each client keeps a durable session, so what it has not acknowledged comes again after a reconnect, a restart of
the broker or of this process. A packet id has 16 bits: a session holds at most 65,535 messages in flight, so
more need more clients.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

IN_FLIGHT = 65_535
SESSION_EXPIRY = 7 * 24 * 3600
"""Seconds that the broker keeps a session for a client that is away."""


class Received(msgspec.Struct, frozen=True, gc=False):
    """A message, when it came (UTC ms), and what its acknowledgement needs."""

    topic: str
    payload: bytes
    at: int
    client: int
    session: int
    packet_id: int


class Subscriber:
    """Clients `name-0`, `name-1`… on `$share/name/filter`. `take` what came, `acknowledge` what is safe."""

    def __init__(
        self,
        address: str,
        name: str,
        topic_filter: str,
        clients: int,
        user: str = "",
        password: str = "",
        say: Callable[..., object] = lambda *_, **__: None,
    ) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._filter = f"$share/{name}/{topic_filter}"
        self._queue: deque[Received] = deque()
        self._arrived = threading.Event()
        self._say = say
        self._connections = [0] * clients
        """How often each client has connected: an old connection's packet ids mean nothing in a new one."""
        self._clients = [self._client(f"{name}-{n}", n, user, password) for n in range(clients)]
        self.connected = 0

    def start(self) -> None:
        """Connect, and go on trying while the broker is away."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = SESSION_EXPIRY
        properties.ReceiveMaximum = IN_FLIGHT
        for client in self._clients:
            client.connect_async(
                self._host, self._port, keepalive=30, clean_start=False, properties=properties
            )
            client.loop_start()

    def stop(self) -> None:
        """Leave; sessions stay."""
        for client in self._clients:
            client.disconnect()
            client.loop_stop()

    def take(self, most: int, seconds: float) -> list[Received]:
        """What has come: at most `most`, waiting at most `seconds` for the first."""
        if not self._queue:
            self._arrived.clear()
            if not self._queue:
                self._arrived.wait(seconds)
        popleft = self._queue.popleft
        return [popleft() for _ in range(min(most, len(self._queue)))]

    def acknowledge(self, messages: Sequence[Received]) -> None:
        """These are safe. Those of an earlier connection are left: they come again and are safe then."""
        for message in messages:
            if message.session == self._connections[message.client]:
                self._clients[message.client].ack(message.packet_id, 1)

    def _client(self, client_id: str, number: int, user: str, password: str) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5, manual_ack=True
        )
        if user:
            client.username_pw_set(user, password)
        client.reconnect_delay_set(1, 10)
        append, arrived, connections = self._queue.append, self._arrived, self._connections

        def on_connect(connected: paho.Client, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
            if reason.is_failure:
                self._say("mqtt refused", client=client_id, reason=str(reason))
                return
            connections[number] += 1
            self.connected += 1
            connected.subscribe(self._filter, qos=1)
            self._say("mqtt connected", client=client_id)

        def on_disconnect(_client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
            self.connected -= 1
            self._say("mqtt disconnected", client=client_id, reason=str(reason))

        def on_message(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
            at = int(time.time() * 1000)
            append(
                Received(message.topic, bytes(message.payload), at, number, connections[number], message.mid)
            )
            arrived.set()

        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_message = on_message
        return client
