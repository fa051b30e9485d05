"""What devices hear over MQTT: the answers to their questions."""

from collections import deque
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from schemas.events import Answer
from schemas.settings import Settings
from schemas.topics import MQTT_ANSWERS


class Listener:
    """A device that listens for answers; `take` those that have come since."""

    def __init__(self, settings: Settings, site: str, device: str) -> None:
        self._heard: deque[Answer] = deque()
        self._topic = f"{MQTT_ANSWERS}/{site}/{device}"
        host, _, port = settings.mqtt.rpartition(":")
        self._client = paho.Client(CallbackAPIVersion.VERSION2, f"{site}-{device}", protocol=paho.MQTTv5)
        if settings.mqtt_user:
            self._client.username_pw_set(settings.mqtt_user, settings.mqtt_password)
        self._client.on_connect = self._connected
        self._client.on_message = self._received
        self._client.reconnect_delay_set(1, 5)
        self._client.connect_async(host, int(port), clean_start=True)
        self._client.loop_start()

    def take(self) -> list[Answer]:
        """Answers in order of their coming."""
        return [self._heard.popleft() for _ in range(len(self._heard))]

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, *_: Any) -> None:
        self._client.subscribe(self._topic, qos=1)

    def _received(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._heard.append(msgspec.json.decode(message.payload, type=Answer))
