"""MQTT as a sink that proves delivery: `flush` returns when the broker has everything, or raises."""

import logging
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from schemas.counted import counted
from schemas.settings import Settings
from sinks.kafka import DeliveryError

GIVE_UP = 60.0
"""Seconds that a broker which is away is waited for."""
BACK_OFF = 1, 10
"""Seconds between attempts to reach it: at first, at most."""


class Messages:
    """A client that publishes with QoS 1 and sends again, after a reconnect, what is not confirmed."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        if settings.mqtt_user:
            self._client.username_pw_set(settings.mqtt_user, settings.mqtt_password)
        self._client.enable_logger(logging.getLogger("waybook.mqtt"))
        self._client.reconnect_delay_set(*BACK_OFF)
        self._open: set[int] = set()
        self._early: set[int] = set()
        """Confirmed before `publish` had returned their numbers."""
        self._changed = threading.Condition()
        self._client.on_publish = self._confirmed
        host, _, port = settings.mqtt.rpartition(":")
        self._client.connect_async(host, int(port), clean_start=True)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message; whether anybody listens is not asked."""
        info = self._client.publish(topic, payload, qos=1)
        with self._changed:
            if info.mid in self._early:
                self._early.remove(info.mid)
            else:
                self._open.add(info.mid)

    def flush(self) -> None:
        """Wait until the broker has everything. Raises DeliveryError when it is away for too long."""
        until = time.monotonic() + GIVE_UP
        with self._changed:
            while self._open:
                if not self._changed.wait(max(0.0, until - time.monotonic())):
                    raise DeliveryError(f"MQTT has not taken {counted(len(self._open), 'message')}")

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _confirmed(self, _client: Any, _data: Any, number: int, _reason: Any, _more: Any) -> None:
        with self._changed:
            if number in self._open:
                self._open.remove(number)
            else:
                self._early.add(number)
            self._changed.notify_all()
