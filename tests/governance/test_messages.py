"""The table of messages: each is read as it says."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.governance.normalise import MOST_RAW, normalise
from flows.governance.stores import Said
from schemas.events import AnyEvent, DeadLetter, Scan, Weight
from schemas.identity import content_id
from schemas.limits import MOST_REFERENCE
from schemas.topics import MQTT_ROOT
from tests.governance.material import DIALECTS, NETWORK

RECEIVED = 1_762_821_060_000


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """A row of the table."""

    name: str
    topic: str
    message: str
    event: dict[str, Any] | None = None
    refused: str | None = None
    unused: bool = False


CASES = msgspec.convert(
    tomllib.loads(Path(__file__).with_name("messages.toml").read_text("utf-8")), dict[str, list[Case]]
)["case"]


def read(topic: str, payload: bytes) -> Scan | Weight | Said | DeadLetter | None:
    """What becomes of a message."""
    return normalise(f"{MQTT_ROOT}/{topic}", payload, RECEIVED, NETWORK, DIALECTS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_table(case: Case) -> None:
    event = read(case.topic, case.message.encode())
    if case.unused:
        assert event is None
        return
    assert event is not None
    fields = msgspec.json.decode(msgspec.json.encode(event))
    if case.refused:
        assert fields["type"] == "dead_letter", fields
        assert (fields["reason"], fields["time"]) == (case.refused, RECEIVED)
        assert fields["topic"] == f"{MQTT_ROOT}/{case.topic}"
        assert event.raw == case.message.encode()  # type: ignore[union-attr]
        assert fields["detail"]
    else:
        assert case.event
        assert {name: fields.get(name) for name in case.event} == case.event
        assert msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) == event


def test_the_table_has_every_dialect() -> None:
    assert {case.topic.split("/")[0] for case in CASES if case.event} == set(DIALECTS.dialects)


PICKED_UP = b'{"BILL_CODE":"75123456789012","SCAN_TYPE":"50","SCAN_DATE":"20251111083000"}'


def test_an_event_without_an_id_has_that_of_its_content() -> None:
    one, again, other = (
        read("gate/JN001/g1", PICKED_UP),
        read("gate/JN001/g1", PICKED_UP),
        read("gate/JN001/g2", PICKED_UP),
    )
    assert isinstance(one, Scan)
    assert isinstance(other, Scan)
    assert one == again
    assert one.id != other.id
    assert one.id == content_id("gate", f"{MQTT_ROOT}/gate/JN001/g1", PICKED_UP)


@pytest.mark.parametrize("own", ['"a"', '"a "', "17", '"' + "x" * 500 + '"'])
def test_a_devices_own_id_is_the_events_whatever_else_it_says(own: str) -> None:
    def said(time: int) -> Scan | Weight | Said | DeadLetter | None:
        return read(
            "sorter/SZH1/b2", f'{{"seq":{own},"code":"YT7500000000001","event":"IN","t":{time}}}'.encode()
        )

    one, two = said(1_762_821_000_123), said(1_762_821_000_124)
    assert isinstance(one, Scan)
    assert isinstance(two, Scan)
    assert one.id == two.id
    assert one != two


@pytest.mark.parametrize("own", ["null", '""'])
def test_an_empty_own_id_is_none(own: str) -> None:
    event = read(
        "sorter/SZH1/b2", f'{{"seq":{own},"code":"YT7500000000001","event":"IN","t":1762821000123}}'.encode()
    )
    assert isinstance(event, Scan)
    assert len(event.id) == len("sorter-") + 32


def test_a_dead_letter_has_the_id_of_its_bytes() -> None:
    one, again = read("gate/JN001/g1", b"?"), read("gate/JN001/g1", b"?")
    assert isinstance(one, DeadLetter)
    assert one == again
    assert one.id == content_id("dl", f"{MQTT_ROOT}/gate/JN001/g1", b"?")


@pytest.mark.parametrize("length", [MOST_REFERENCE, MOST_REFERENCE + 1])
def test_a_photographs_reference_is_kept_whole_or_the_message_aside(length: int) -> None:
    said = {"Barcode": "YT7500000000001", "Weight": "2.350", "ScannedAt": "2025-11-11 08:30:00"}
    event = read("dws-cm/SZH1/line-3", msgspec.json.encode(said | {"Images": ["p" * length]}))
    if length > MOST_REFERENCE:
        assert isinstance(event, DeadLetter)
        assert (event.reason, event.detail) == ("identifier_too_long", "Images has 2049 characters")
    else:
        assert isinstance(event, Weight)
        assert msgspec.json.decode(msgspec.json.encode(event), type=Weight).photo == "p" * length


def test_a_dead_letter_fits_into_kafka_whatever_came() -> None:
    payload = b"\x00" * (5 * MOST_RAW)
    letter = read("gate/JN001/g1", payload)
    assert isinstance(letter, DeadLetter)
    assert len(msgspec.json.encode(letter)) < 1_000_000
    assert letter.raw == payload[:MOST_RAW]
    assert str(len(payload)) in letter.detail
    assert letter.id == content_id("dl", letter.topic, payload)


@pytest.mark.parametrize(
    ("earliest", "latest", "reason"),
    [(0, 0, ""), (1, 2, "time_too_old"), (-2, -1, "time_in_future"), (-1, 1, "")],
)
def test_a_reading_of_another_time_keeps_the_device_s_bytes(earliest: int, latest: int, reason: str) -> None:
    topic, payload = "waybook/devices/scale/JN001/s1", b'{"no":"YT7500000000001","kg":"1","ts":1762821000}'
    at = 1_762_821_000_000
    made = normalise(topic, payload, 5, NETWORK, DIALECTS, (at + earliest, at + latest))
    assert isinstance(made, DeadLetter) == bool(reason)
    if isinstance(made, DeadLetter):
        assert (made.reason, made.topic, made.raw, made.transport) == (reason, topic, payload, "mqtt")
