"""The vocabulary: money, times, settings, and the published contract."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.devices import known_dialects
from schemas import devices, events, money, publish, topics
from schemas.identity import content_id, version_of
from schemas.settings import Settings, from_environment, to_environment
from schemas.times import business_day, date_of, iso

SAMPLES = Path(__file__).parents[1] / "governance" / "messages.toml"


def test_the_published_contract_is_that_of_the_structs() -> None:
    """Run `make schemas` after a change."""
    assert {name: (publish.HERE / name).read_bytes() for name in publish.documents()} == publish.documents()


def test_every_reference_of_the_contract_leads_somewhere() -> None:
    document = publish.asyncapi()

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    assert references(document)
    for reference in references(document):
        node = document
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
    assert set(publish.CARRIES) == {topic.name for topic in topics.TOPICS}


def test_every_topic_and_dialect_is_in_the_contract() -> None:
    document = publish.asyncapi()
    assert {topic.name for topic in topics.TOPICS} < set(document["channels"])
    channel = document["channels"][devices.CHANNEL]
    assert channel["address"] == topics.MQTT_ROOT + "/{dialect}/{site}/{device}"
    names = set(known_dialects().dialects)
    assert set(channel["parameters"]["dialect"]["enum"]) == names
    assert set(channel["messages"]) == {f"device.{name}" for name in names}
    assert {channel["protocol"] for channel in document["servers"].values()} == {"kafka", "mqtt"}
    assert {operation["action"] for operation in document["operations"].values()} == {"receive", "send"}
    scan = document["components"]["messages"]["Scan"]
    assert scan["bindings"]["kafka"]["key"]["description"] == "waybill"
    assert "key" not in document["channels"]["waybook.devices"]["bindings"]["kafka"]


def test_sample_messages_of_devices_have_the_fields_that_the_contract_asks_for() -> None:
    read = 0
    messages = devices.messages()
    for sample in tomllib.loads(SAMPLES.read_text("utf-8"))["case"]:
        if "event" not in sample:
            continue
        schema = messages[f"device.{sample['topic'].partition('/')[0]}"]["payload"]
        body = msgspec.json.decode(sample["message"])
        assert set(schema["required"]) <= set(body), sample
        read += 1
    assert read > 5


@pytest.mark.parametrize("kind", ["Order", "Scan", "Weight"])
def test_a_waybill_has_its_pattern_on_the_wire(kind: str) -> None:
    waybill = publish.json_schema()["$defs"][kind]["properties"]["waybill"]
    assert re.search(waybill["pattern"], "YT7500000000001")
    assert not re.search(waybill["pattern"], "dl-EVIL")
    weights = publish.json_schema()["$defs"]["Weight"]["properties"]["weight_class"]["enum"]
    assert "declared" not in weights


def test_every_event_says_its_type_first_and_comes_back_the_same() -> None:
    tick = events.Tick(id="t", time=5)
    assert msgspec.json.encode(tick) == b'{"type":"tick","id":"t","time":5}'
    letter = events.DeadLetter(
        id="dl-d", time=1, reason="not_json", detail="", transport="mqtt", topic="t", raw=b"\xff\0"
    )
    for event in (tick, letter):
        assert msgspec.json.decode(msgspec.json.encode(event), type=events.AnyEvent) == event
    assert all(kind.__struct_config__.frozen for kind in get_args(events.AnyEvent))


@given(st.integers(-(10**14), 10**14))
def test_rounding_to_the_fen_is_that_of_an_accountant(units: int) -> None:
    exact = (Decimal(units) / 100).quantize(Decimal(1), "ROUND_HALF_UP")
    assert money.half_up(units) == int(exact) * 100


@given(st.integers(-(10**14), 10**14))
def test_yuan_are_written_and_read_exactly(units: int) -> None:
    assert money.parse_yuan(money.yuan(units)) == units


NO_AMOUNTS = (
    "",
    "abc",
    "1.00001",
    "1e20",
    "NaN",
    "sNaN",
    "Infinity",
    "１,0",
    "１２",
    "1_000",
    "1e999999999",
    "-1e999999999",
    "1e-999999999",
)


@pytest.mark.parametrize(
    "text", [*NO_AMOUNTS, "1." + "0" * 40 + "1", "9" * 10_000], ids=lambda text: text[:20]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"yuan|decimals"):
        money.parse_yuan(text)


def test_business_days_are_shanghais() -> None:
    midnight = 1_762_790_400_000
    assert iso(midnight) == "2025-11-10T16:00:00.000Z"
    assert str(date_of(business_day(midnight))) == "2025-11-11"
    assert str(date_of(business_day(midnight - 1))) == "2025-11-10"


def test_identity_is_of_the_content_and_its_parts() -> None:
    assert content_id("a", "x", b"y") == content_id("a", b"x", "y")
    assert content_id("a", "ab", "c") != content_id("a", "a", "bc")
    assert version_of({"a": "1", "b": "2"}) == version_of({"b": "2", "a": "1"}) != version_of({"a": "12"})


def test_settings_come_from_the_environment_and_secrets_from_files(tmp_path: Any) -> None:
    secret = tmp_path / "password"
    secret.write_text("hidden\n")
    given_ = {
        "WAYBOOK_CLICKHOUSE_PASSWORD_FILE": str(secret),
        "WAYBOOK_LANES": "3",
        "WAYBOOK_KAFKA_OPTIONS": '{"a":"b"}',
    }
    settings = from_environment(given_)
    assert (settings.clickhouse_password, settings.lanes, settings.kafka_options) == ("hidden", 3, {"a": "b"})
    assert from_environment(to_environment(settings)) == settings
    assert from_environment({}) == Settings()
    with pytest.raises(msgspec.ValidationError, match="lanes"):
        from_environment({"WAYBOOK_LANES": "many"})


@pytest.mark.parametrize(
    ("name", "key", "of_payments"),
    [
        ("waybook.orders", "waybill", False),
        ("waybook.notifications.wechat", "group", True),
        ("waybook.notifications.shop-9", "group", True),
        ("waybook.payment-control", "", True),
        ("waybook/devices/scanner/A/1", "", False),
    ],
)
def test_a_topic_is_known_by_its_name(name: str, key: str, of_payments: bool) -> None:
    """Also those of channels that are configuration, and those of MQTT, which are none of Kafka's."""
    topic = topics.named(name)
    assert (topic.key, topic.partitioned, topics.of_payments(name)) == (key, bool(key), of_payments)
