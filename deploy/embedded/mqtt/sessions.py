"""What clients are owed: sessions, subscriptions, and messages until they are acknowledged."""

from collections import deque
from collections.abc import Callable
from itertools import count

from deploy.embedded.mqtt import packets

Send = Callable[[bytes], None]


class Message:
    """A message for one session: the topic as it goes over the wire, the payload, the granted QoS."""

    __slots__ = ("payload", "qos", "shared", "topic")

    def __init__(self, topic: bytes, payload: bytes, qos: int, shared: str) -> None:
        self.topic, self.payload, self.qos, self.shared = topic, payload, qos, shared


class Session:
    """One client's: what is sent and not acknowledged, and what waits for room."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.expiry = 0
        self.room = 65535
        self.send: Send | None = None
        self.flight: dict[int, Message] = {}
        self.waiting: deque[Message] = deque()
        self._next = 0

    def take(self, message: Message) -> None:
        """Send a message, or keep it until the client is there and has room."""
        if self.send is None or len(self.flight) >= self.room or self.waiting:
            if message.qos:
                self.waiting.append(message)
        else:
            self._send(message)

    def acknowledged(self, packet_id: int) -> None:
        """The client has a message for good: there is room for another."""
        self.flight.pop(packet_id, None)
        self.catch_up()

    def resume(self, send: Send, room: int) -> None:
        """The client is back: first what it has not acknowledged, then what waited."""
        self.send, self.room = send, room
        for packet_id, message in self.flight.items():
            send(packets.publish(message.topic, message.payload, packet_id, again=True))
        self.catch_up()

    def catch_up(self) -> None:
        """Send what waited, as far as there is room."""
        while self.waiting and self.send is not None and len(self.flight) < self.room:
            self._send(self.waiting.popleft())

    def _send(self, message: Message) -> None:
        packet_id = 0
        if message.qos:
            packet_id = self._packet_id()
            self.flight[packet_id] = message
        assert self.send is not None
        self.send(packets.publish(message.topic, message.payload, packet_id, again=False))

    def _packet_id(self) -> int:
        while True:
            self._next = self._next % 65535 + 1
            if self._next not in self.flight:
                return self._next


def matches(wanted: list[str], topic: list[str]) -> bool:
    """Whether a topic's levels match a filter's, with `+` for one level and `#` for all that follow."""
    for level, want in enumerate(wanted):
        if want == "#":
            return True
        if level >= len(topic) or want not in ("+", topic[level]):
            return False
    return len(wanted) == len(topic)


class Sessions:
    """All sessions and who subscribed to what; `$share/group/filter` gives each message to one member."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._subscribers: dict[str, dict[str, int]] = {}
        self._routes: dict[str, list[str]] = {}
        self._turn = count()

    def open(self, connect: packets.Connect) -> tuple[Session, bool]:
        """A client's session, and whether it was there before."""
        if connect.clean_start:
            self.end(connect.client_id)
        session = self._sessions.get(connect.client_id)
        present = session is not None
        if session is None:
            session = self._sessions[connect.client_id] = Session(connect.client_id)
        session.expiry = connect.expiry
        return session, present

    def left(self, session: Session) -> None:
        """A connection ended: a session with an expiry stays, any other gives its shared messages to others."""
        session.send = None
        if not session.expiry:
            self.end(session.client_id)

    def end(self, client_id: str) -> None:
        """Forget a session; what it shared and did not acknowledge goes to the rest of the group."""
        session = self._sessions.pop(client_id, None)
        for subscribers in self._subscribers.values():
            subscribers.pop(client_id, None)
        if session is not None:
            for message in (*session.flight.values(), *session.waiting):
                if message.shared:
                    self._to_one(message.shared, message)

    def subscribe(self, session: Session, wanted: str, qos: int) -> None:
        """Add a subscription."""
        self._subscribers.setdefault(wanted, {})[session.client_id] = qos
        self._routes.clear()

    def unsubscribe(self, session: Session, wanted: str) -> None:
        """Take a subscription away."""
        self._subscribers.get(wanted, {}).pop(session.client_id, None)

    def publish(self, message: packets.Publish) -> bool:
        """Give a message to everyone who wants it. False: nobody does."""
        topic = packets.text(message.topic)
        for wanted in self._route(message.topic):
            if wanted.startswith("$share/"):
                self._to_one(wanted, Message(topic, message.payload, message.qos, wanted))
            else:
                for client_id, qos in list(self._subscribers[wanted].items()):
                    owed = Message(topic, message.payload, min(qos, message.qos), "")
                    self._sessions[client_id].take(owed)
        return any(self._subscribers[wanted] for wanted in self._route(message.topic))

    def _to_one(self, wanted: str, message: Message) -> None:
        """To a member that is connected, in turn; to one that will come back where none is."""
        members = [self._sessions[client_id] for client_id in self._subscribers.get(wanted, ())]
        if not members:
            return
        there = [member for member in members if member.send is not None] or members
        chosen = there[next(self._turn) % len(there)]
        chosen.take(message)

    def _route(self, topic: str) -> list[str]:
        """Filters that match a topic; remembered until subscriptions change."""
        if (known := self._routes.get(topic)) is not None:
            return known
        levels = topic.split("/")
        found = [
            wanted
            for wanted in self._subscribers
            if matches(wanted.split("/")[2:] if wanted.startswith("$share/") else wanted.split("/"), levels)
        ]
        if len(self._routes) > 100_000:
            self._routes.clear()
        self._routes[topic] = found
        return found
