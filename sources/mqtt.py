"""MQTT 5 as a source: clients with durable sessions, acknowledged by whoever has processed.

What a client has not acknowledged comes again after a reconnect, a restart of the broker or of this process. A
packet id has 16 bits, so a session holds at most 65,535 messages in flight: more need more clients, which then
share one subscription. A session that nobody resumes keeps its messages to itself: never run with fewer clients
than before without ending the others' sessions at the broker.

Mosquitto before 2.0.12 forgets shared subscriptions when it restarts: what is published until the first client
is back is lost. There, run a single client, whose subscription is an ordinary one.
"""

import logging
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
BACK_OFF = 1, 10
"""Seconds between attempts to reach a broker that is away: at first, at most."""
LAST_ANSWER = 5
"""Seconds to wait for the broker's answer before leaving."""

Say = Callable[..., object]


class SubscriptionError(RuntimeError):
    """No more messages will come: the broker refuses the subscription, or a client has failed."""


class Received(msgspec.Struct, frozen=True, gc=False):
    """A message, when it came (UTC ms), and what its acknowledgement needs."""

    topic: str
    payload: bytes
    at: int
    client: int
    connection: int
    packet_id: int
    """0: it came with QoS 0 and wants no acknowledgement."""


class Subscriber:
    """Clients `name-0`, `name-1`… on `$share/group/filter`, or one on `filter`.

    `take` what came, `acknowledge` what is safe. Several processes that share need names and at least two
    clients each; a name belongs to one process at a time.
    """

    def __init__(
        self,
        address: str,
        topic_filter: str,
        group: str,
        name: str,
        clients: int,
        user: str = "",
        password: str = "",
        say: Say = lambda *_, **__: None,
    ) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._queue: deque[Received] = deque()
        self._arrived = threading.Event()
        filters = [topic_filter, f"$share/{group}/{topic_filter}"]
        if clients > 1:
            filters.reverse()
        self._clients = [
            _Client(f"{name}-{n}", n, filters, self._queue, self._arrived, say) for n in range(clients)
        ]
        if user:
            for client in self._clients:
                client.username_pw_set(user, password)

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
        """Leave when the broker has dealt with the acknowledgements that were given; sessions stay.

        What the broker still sends is not read: the connection ends with a reset, at which a broker may forget
        what it has not read either. So its answer to a last question is waited for.
        """
        questions = [(client, client.ask()) for client in self._clients if client.here]
        until = time.monotonic() + LAST_ANSWER
        while any(client.waits_for(question) for client, question in questions) and time.monotonic() < until:
            time.sleep(0.005)
        for client in self._clients:
            client.disconnect()
        for client in self._clients:
            client.loop_stop()

    @property
    def size(self) -> int:
        """Clients."""
        return len(self._clients)

    @property
    def connected(self) -> int:
        """Clients that are connected."""
        return sum(client.here for client in self._clients)

    @property
    def waiting(self) -> int:
        """Messages that have come and were not taken."""
        return len(self._queue)

    def take(self, most: int, seconds: float) -> list[Received]:
        """What has come: at most `most`, waiting at most `seconds` for the first. Raises SubscriptionError."""
        for client in self._clients:
            if client.failure:
                raise SubscriptionError(client.failure)
        if not self._queue:
            self._arrived.clear()
            if not self._queue:
                self._arrived.wait(seconds)
        popleft = self._queue.popleft
        return [popleft() for _ in range(min(most, len(self._queue)))]

    def acknowledge(self, messages: Sequence[Received]) -> None:
        """These are safe. Those of an earlier connection are left: they come again and are safe then."""
        for message in messages:
            client = self._clients[message.client]
            if message.packet_id and message.connection == client.connection:
                client.ack(message.packet_id, 1)


class _Client(paho.Client):
    """One session. Its callbacks run in its own network thread."""

    def __init__(
        self,
        client_id: str,
        number: int,
        filters: Sequence[str],
        queue: deque[Received],
        arrived: threading.Event,
        say: Say,
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5, manual_ack=True
        )
        self.reconnect_delay_set(*BACK_OFF)
        self.enable_logger(logging.getLogger("waybook.mqtt"))
        self.name, self.number = client_id, number
        self.wanted, self.unwanted = filters
        """Both are durable: what another number of clients subscribed to must go."""
        self.queue, self.arrived, self.say = queue, arrived, say
        self.here = False
        self.connection = 0
        """Counts connections: an old one's packet ids may mean other messages in a new one."""
        self.failure = ""
        self.answered: int | None = None
        """The question that the broker answered last, by its packet id."""
        self.on_connect = self._connected
        self.on_connect_fail = self._away
        self.on_disconnect = self._disconnected
        self.on_subscribe = self._subscribed
        self.on_unsubscribe = self._unsubscribed
        self.on_message = self._received

    def loop_forever(self, *arguments: Any, **more: Any) -> Any:
        """The network thread; it must not end unseen."""
        try:
            return super().loop_forever(*arguments, **more)
        except Exception as error:
            self.failure = f"{self.name}: {error!r}"
            raise

    def ask(self) -> int | None:
        """Ask for what changes nothing; a broker answers in order. The question's packet id, None: nobody is there."""
        return self.unsubscribe(self.unwanted)[1]

    def waits_for(self, question: int | None) -> bool:
        """Whether the answer may still come."""
        return self.here and question is not None and self.answered != question

    def _connected(self, _client: Any, _data: Any, flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            self.say("mqtt refused", client=self.name, reason=str(reason))
            return
        self.here = True
        self.say("mqtt connected", client=self.name, session_present=flags.session_present)
        self.subscribe(self.wanted, qos=1)
        self.unsubscribe(self.unwanted)

    def _subscribed(self, _client: Any, _data: Any, _id: Any, reasons: Any, _more: Any) -> None:
        for reason in reasons:
            if reason.is_failure:
                self.failure = f"{self.name}: the subscription {self.wanted} is refused: {reason}"
                return
        self.say("mqtt subscribed", client=self.name)

    def _unsubscribed(self, _client: Any, _data: Any, question: int, _reasons: Any, _more: Any) -> None:
        self.answered = question

    def _away(self, _client: Any, _data: Any) -> None:
        self.say("mqtt away", client=self.name)

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        self.here = False
        self.connection += 1
        self.say("mqtt disconnected", client=self.name, reason=str(reason))

    def _received(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # not every broker minds; whoever reads it will know no such topic
            topic = ""
        packet_id = message.mid if message.qos else 0
        self.queue.append(
            Received(
                topic,
                bytes(message.payload),
                int(time.time() * 1000),
                self.number,
                self.connection,
                packet_id,
            )
        )
        self.arrived.set()
