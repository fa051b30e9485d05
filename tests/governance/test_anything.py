"""Whatever comes, in whatever topic: an event that keeps the wire's rules, a dead letter with a rule's name, or
nothing; never an exception, which would stop the flow at the same message again and again."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.governance.dialects import WeightDialect
from flows.governance.normalise import normalise
from schemas.events import AnyEvent, DeadLetter
from schemas.reasons import DEAD_LETTER
from schemas.topics import MQTT_ROOT
from tests.governance.material import DIALECTS, NETWORK

topics = st.one_of(
    st.text(),
    st.builds(
        lambda *levels: "/".join((MQTT_ROOT, *levels)),
        st.sampled_from([*DIALECTS.dialects, "robot"]),
        st.sampled_from([*NETWORK.sites, "XX999"]),
        st.text(max_size=80),
    ),
)
words = st.one_of(
    st.text(),
    st.sampled_from([code for _, code in DIALECTS.operations]),
    st.sampled_from(
        ["YT7500000000001", "noread", "2025-11-11 08:30:00", "20251111083000", "9999-99-99 99:99:99"]
    ),
    st.decimals().map(str),
    st.datetimes().map(str),
)
numbers = st.one_of(
    st.integers(),
    st.integers(min_value=0, max_value=2**41),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([10**40, -(10**40), 10**300]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), words, numbers),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


def fields_of(name: str) -> list[str]:
    """What a dialect looks at."""
    dialect = DIALECTS.dialects[name]
    fields = [dialect.waybill, dialect.time, dialect.id or "id"]
    if isinstance(dialect, WeightDialect):
        return [*fields, dialect.weight, *(dialect.sides or ()), dialect.photo or "photo"]
    return [*fields, dialect.operation]


@st.composite
def nearly_right(draw: st.DrawFn) -> tuple[str, bytes]:
    """A message of a known dialect with some of its fields as they should be, and some not."""
    name = draw(st.sampled_from(sorted(DIALECTS.dialects)))
    dialect = DIALECTS.dialects[name]
    right: dict[str, Any] = {
        dialect.waybill: "YT7500000000001",
        dialect.time: {"epoch_ms": 1762821000123, "epoch_s": 1762821000, "local": "2025-11-11 08:30:00"}.get(
            dialect.time_format, "20251111083000"
        ),
    }
    if isinstance(dialect, WeightDialect):
        right[dialect.weight] = "2"
    else:
        right[dialect.operation] = draw(
            st.sampled_from([code for source, code in DIALECTS.operations if source == dialect.source])
        )
    wrong = draw(st.dictionaries(st.sampled_from(fields_of(name)), values, max_size=2))
    topic = f"{MQTT_ROOT}/{name}/{draw(st.sampled_from(sorted(NETWORK.sites)))}/d"
    return topic, json.dumps(right | wrong, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def check(topic: str, payload: bytes) -> None:
    """The promise."""
    event = normalise(topic, payload, 1_762_821_060_000, NETWORK, DIALECTS)
    assert event == normalise(topic, payload, 1_762_821_060_000, NETWORK, DIALECTS)
    if event is None:
        return
    assert msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) == event
    if isinstance(event, DeadLetter):
        assert event.reason in DEAD_LETTER
        assert event.raw == payload


@given(topics, st.one_of(st.binary(), values.map(lambda value: json.dumps(value).encode("utf-8", "replace"))))
def test_anything(topic: str, payload: bytes) -> None:
    check(topic, payload)


@settings(max_examples=500)
@given(nearly_right())
@example((f"{MQTT_ROOT}/gate/JN001/g", b'{"BILL_CODE":"7512345678901\xff"}'))
def test_nearly_right(message: tuple[str, bytes]) -> None:
    check(*message)


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'{"no":"YT7500000000001","kg":1e999999,"ts":1762821000}',
        b'{"no":"YT7500000000001","kg":1e9999999999999999999999,"ts":1762821000}',
        b'{"no":"YT7500000000001","kg":"1e999999","ts":1762821000}',
        b'{"no":"YT7500000000001","kg":"NaN","ts":1762821000}',
        b'{"no":"YT7500000000001","kg":"sNaN","ts":1762821000}',
        b'{"no":"YT7500000000001","kg":"Infinity","ts":1762821000}',
        b'{"no":"YT7500000000001","kg":1,"ts":1e999999}',
        b'{"no":"YT7500000000001","kg":1,"ts":"sNaN"}',
        b'{"no":"YT7500000000001","kg":1,"ts":' + b"9" * 4_000 + b"}",
        b'{"no":' + b"9" * 100_000 + b',"kg":1,"ts":1762821000}',
        b'{"no":"\\ud800","kg":1,"ts":1762821000}',
        b'{"no":"YT7500000000001\\u0000","kg":1,"ts":1762821000}',
        b'{"no":"' + "１２３４５６７８９０".encode() + b'","kg":1,"ts":1762821000}',
        b'{"no":true,"kg":true,"ts":true}',
        b"\xef\xbb\xbf{}",
        b"",
        b"null",
    ],
    ids=lambda payload: payload[:44].decode("latin-1"),
)
def test_poison(payload: bytes) -> None:
    topic = f"{MQTT_ROOT}/scale/JN001/s"
    assert isinstance(normalise(topic, payload, 1, NETWORK, DIALECTS), DeadLetter)
