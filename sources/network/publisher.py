"""MQTT clients that stand for all devices: QoS 1, and what the broker did not take for someone is sent again."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

MOST_UNCONFIRMED = 4_000
"""Messages that the broker has not acknowledged, of all clients: each keeps a copy of its own."""
IN_FLIGHT = 1_000
"""Of one client."""
AGAIN = 0.5
"""Seconds until a message is sent again that had no subscriber, or that the broker refused."""


class Publisher:
    """Several clients; a topic always uses the same one, so that a device's messages stay in order.

    Not thread-safe: one thread publishes. The clients' own threads only report.
    """

    def __init__(self, address: str, user: str = "", password: str = "", clients: int = 4) -> None:
        host, _, port = address.rpartition(":")
        self._reports: deque[tuple[int, int, bool]] = deque()
        self._reported = threading.Event()
        self._open: list[dict[int, tuple[str, bytes]]] = [{} for _ in range(clients)]
        """By client: packet id → message."""
        self._again: deque[tuple[float, str, bytes]] = deque()
        self._clients = [self._client(number, user, password) for number in range(clients)]
        for client in self._clients:
            client.connect_async(host, int(port), clean_start=True)
            client.loop_start()

    def publish(self, topic: str, payload: bytes, give_up: Callable[[], bool] = lambda: False) -> None:
        """Send a message; waits while the broker is away or too much is unconfirmed, until `give_up` says so."""
        client = self._clients[self._number(topic)]
        while (self.unconfirmed >= MOST_UNCONFIRMED or not client.is_connected()) and not give_up():
            self._wait()
        self._send(topic, payload)
        self._look()

    def settle(self, give_up: Callable[[], bool]) -> bool:
        """Wait until all is confirmed; whether it is."""
        while self.unconfirmed and not give_up():
            self._wait()
        return not self.unconfirmed

    @property
    def unconfirmed(self) -> int:
        """Messages that are not safe with the broker."""
        return sum(map(len, self._open)) + len(self._again)

    def close(self) -> None:
        """Leave."""
        for client in self._clients:
            client.disconnect()
        for client in self._clients:
            client.loop_stop()

    def _send(self, topic: str, payload: bytes) -> None:
        number = self._number(topic)
        info = self._clients[number].publish(topic, payload, qos=1)
        self._open[number][info.mid] = topic, payload

    def _number(self, topic: str) -> int:
        return sum(topic.encode()) % len(self._clients)

    def _wait(self) -> None:
        self._reported.wait(0.02)
        self._reported.clear()
        self._look()

    def _look(self) -> None:
        """Take the clients' reports, and send again what must be."""
        while self._reports:
            number, packet_id, taken = self._reports.popleft()
            message = self._open[number].pop(packet_id)
            if not taken:
                self._again.append((time.monotonic() + AGAIN, *message))
        while self._again and self._again[0][0] < time.monotonic():
            _, topic, payload = self._again.popleft()
            self._send(topic, payload)

    def _client(self, number: int, user: str, password: str) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, f"network-{number}", protocol=paho.MQTTv5)
        if user:
            client.username_pw_set(user, password)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.reconnect_delay_set(1, 5)

        def on_publish(_client: Any, _data: Any, packet_id: int, reason: Any, _more: Any) -> None:
            self._reports.append((number, packet_id, reason.value == 0))  # 16: nobody has subscribed
            self._reported.set()

        client.on_publish = on_publish
        return client
