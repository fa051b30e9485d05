"""MQTT 5.0's packets, as far as the broker needs them (OASIS standard, sections 2 and 3)."""

from collections.abc import Iterator

import msgspec

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

SESSION_EXPIRY, RECEIVE_MAXIMUM = 0x11, 0x21

_FIXED = {
    1: (0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A),
    2: (0x13, 0x21, 0x22, 0x23),
    4: (0x02, 0x11, 0x18, 0x27),
}
_SIZES = {name: size for size, names in _FIXED.items() for name in names}
_TEXTS = (0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F)
_PAIR, _NUMBER = 0x26, 0x0B


class MalformedError(ValueError):
    """A packet that breaks the format; its connection is closed."""


class Connect(msgspec.Struct, frozen=True):
    """A client's first packet."""

    client_id: str
    clean_start: bool
    keep_alive: int
    expiry: int
    """Seconds that its session outlives the connection."""
    receive_maximum: int
    """Messages it takes before it acknowledges."""


class Publish(msgspec.Struct, frozen=True, gc=False):
    """A message from a client. `packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int


def number(value: int) -> bytes:
    """A variable byte integer (1.5.5)."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value: str) -> bytes:
    """A UTF-8 string with its length (1.5.4)."""
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def _read_number(data: bytes | bytearray, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 21:
            raise MalformedError("a number of more than four bytes")


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    if end > len(data):
        raise MalformedError("a string ends after its packet")
    return data[at + 2 : end].decode(), end


def _read_properties(data: bytes, at: int) -> tuple[dict[int, int], int]:
    """Numeric properties by their identifiers; others are passed over."""
    length, at = _read_number(data, at)
    end, found = at + length, dict[int, int]()
    while at < end:
        name = data[at]
        at += 1
        if (size := _SIZES.get(name)) is not None:
            found[name] = int.from_bytes(data[at : at + size], "big")
            at += size
        elif name == _NUMBER:
            found[name], at = _read_number(data, at)
        elif name == _PAIR:
            _, at = _read_text(data, at)
            _, at = _read_text(data, at)
        elif name in _TEXTS:
            at += 2 + int.from_bytes(data[at : at + 2], "big")
        else:
            raise MalformedError(f"unknown property {name}")
    return found, end


def split(buffer: bytearray) -> Iterator[tuple[int, int, bytes]]:
    """(type, flags, body) of each whole packet at the buffer's start; what is whole is removed from it."""
    at = 0
    try:
        while len(buffer) - at >= 2:
            try:
                length, start = _read_number(buffer, at + 1)
            except IndexError:
                break
            if len(buffer) < start + length:
                break
            first = buffer[at]
            body = bytes(buffer[start : start + length])
            at = start + length
            yield first >> 4, first & 15, body
    finally:
        del buffer[:at]


def read_connect(body: bytes) -> Connect:
    """CONNECT (3.1). Raises MalformedError for another protocol than MQTT 5."""
    protocol, at = _read_text(body, 0)
    if protocol != "MQTT" or body[at] != 5:
        raise MalformedError("only MQTT 5 is spoken here")
    flags, keep_alive = body[at + 1], int.from_bytes(body[at + 2 : at + 4], "big")
    properties, at = _read_properties(body, at + 4)
    client_id, _ = _read_text(body, at)
    return Connect(
        client_id,
        bool(flags & 2),
        keep_alive,
        properties.get(SESSION_EXPIRY, 0),
        properties.get(RECEIVE_MAXIMUM, 65535),
    )


def read_publish(flags: int, body: bytes) -> Publish:
    """PUBLISH (3.3)."""
    qos = flags >> 1 & 3
    if qos > 1:
        raise MalformedError("QoS 2 is not offered")
    topic, at = _read_text(body, 0)
    packet_id = 0
    if qos:
        packet_id = int.from_bytes(body[at : at + 2], "big")
        at += 2
    _, at = _read_properties(body, at)
    return Publish(topic, body[at:], qos, packet_id)


def read_subscribe(body: bytes) -> tuple[int, list[tuple[str, int]]]:
    """SUBSCRIBE (3.8): packet id, and filters with the most QoS wanted."""
    _, at = _read_properties(body, 2)
    filters = []
    while at < len(body):
        topic, at = _read_text(body, at)
        filters.append((topic, min(body[at] & 3, 1)))
        at += 1
    return int.from_bytes(body[:2], "big"), filters


def read_unsubscribe(body: bytes) -> tuple[int, list[str]]:
    """UNSUBSCRIBE (3.10)."""
    _, at = _read_properties(body, 2)
    filters = []
    while at < len(body):
        topic, at = _read_text(body, at)
        filters.append(topic)
    return int.from_bytes(body[:2], "big"), filters


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    """A packet with its fixed header (2.1)."""
    return bytes([kind << 4 | flags]) + number(len(body)) + body


def connack(session_present: bool, client_id: str) -> bytes:
    """CONNACK (3.2): what the broker offers."""
    offers = b"\x24\x01" + b"\x25\x00" + b"\x21" + (65535).to_bytes(2, "big") + b"\x12" + text(client_id)
    return packet(CONNACK, bytes([session_present, 0]) + number(len(offers)) + offers)


def publish(topic: bytes, payload: bytes, packet_id: int, again: bool) -> bytes:
    """PUBLISH (3.3); `topic` with its length in front. QoS 1 where there is a packet id."""
    if not packet_id:
        return packet(PUBLISH, topic + b"\0" + payload)
    body = topic + packet_id.to_bytes(2, "big") + b"\0" + payload
    return packet(PUBLISH, body, 2 | (8 if again else 0))


NOBODY_SUBSCRIBED = b"\x10"
"""Reason code of a PUBACK (3.4.2.1): taken, but nobody wants it."""


def acknowledge(kind: int, packet_id: int, codes: bytes = b"") -> bytes:
    """PUBACK, SUBACK or UNSUBACK with reason codes; without: success."""
    body = packet_id.to_bytes(2, "big")
    return packet(kind, body + b"\0" + codes if kind != PUBACK else body + codes)
