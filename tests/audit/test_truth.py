"""The books against what a network says it sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.own import Sent
from deploy.audit.store import Store
from deploy.audit.truth import check_truth
from schemas.identity import content_id
from tests.audit import seed
from tests.audit.remembered import audited
from tests.audit.seed import T0
from tests.audit.writer import Writer

FIRST, SECOND, THIRD = "YT100000001", "YT100000002", "YT100000003"
DAY_LATER = T0 + 30 * 3_600_000


@pytest.fixture(scope="module")
def books(client: Client) -> Client:
    """The hand-written books."""
    seed.write(Writer(client))
    return client


STAYS = [
    {"event_id": seed.LEFT["event_id"], "stay": seed.LEFT["stay"]},
    {"event_id": seed.CANCELLED["event_id"], "stay": seed.CANCELLED["haul"]},
]
"""What was sent about goods in a store, and about a haul."""


def lines(client: Client) -> list[dict[str, Any]]:
    """A true account of the hand-written books."""
    sent = client.query(
        "SELECT event_id, waybill FROM event UNION ALL SELECT event_id, waybill FROM weight_decision"
    ).result_rows
    made = [{"fate": "accepted", "event_id": event, "waybill": waybill} for event, waybill in sent]
    again = {"fate": "repeated", "event_id": made[0]["event_id"], "waybill": FIRST}
    return [*made, again, {"fate": "refused", "reason": "not_json", "dead_letter": "dl-1"}]


def parcels() -> list[dict[str, Any]]:
    """What is true of the three parcels."""
    order = {
        "origin": "OUT1",
        "destination": "OUT2",
        "product": "STD",
        "customer": "C1",
        "payment_e4": 120_000,
        "declared_g": 2_000,
        "picked_up": T0,
        "signed": DAY_LATER,
    }
    first = {"weight_class": "hub_scale", "time": T0 + 3_600_000, "weight_g": 2_500, "volume_cm3": 6_000}
    better = {"weight_class": "hub_dws", "time": T0 + 7_200_000, "weight_g": 3_000, "volume_cm3": 6_000}
    weights = [first | {"event_id": f"{waybill}-hub_scale"} for waybill in (FIRST, SECOND)]
    unknown = dict.fromkeys(("order_id", "origin", "destination", "product"), "")
    nothing = dict.fromkeys(("payment_e4", "declared_g", "signed"), 0)
    late = {"event_id": f"{FIRST}-late", "kind": "late", "responsible": "OUT2", "beneficiary": ""}
    confirmed = {"event_id": "decision-1", "decision": "confirm", "weight_event": f"{SECOND}-hub_dws"}
    return [
        {
            "waybill": FIRST,
            "order_id": f"{FIRST}-order",
            "events": 6,
            "weights": weights[:1],
            "claims": [late | {"amount_e4": 50_000, "withdrawn": 0}],
            **order,
        },
        {
            "waybill": SECOND,
            "order_id": f"{SECOND}-order",
            "events": 5,
            "weights": [better | {"event_id": f"{SECOND}-hub_dws"}, weights[1]],
            "terms": {"insured_e4": 10_000_000, "services": ["evening", "upstairs"]},
            "decided": confirmed | {"weight_g": 0, "volume_cm3": 0},
            **order,
        },
        {"waybill": THIRD, "picked_up": T0, "events": 1, "weights": [], **unknown, **nothing},
    ]


def write(directory: Path, messages: list[dict[str, Any]], known: list[dict[str, Any]]) -> Path:
    """A network's directory."""
    files = {"truth.jsonl": messages, "parcels.jsonl": known, "stays.jsonl": STAYS}
    for name, rows in files.items():
        (directory / name).write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    (directory / "status.json").write_bytes(msgspec.json.encode({"state": "done", "time": DAY_LATER}))
    return directory


def test_the_truth(books: Client, tmp_path: Path) -> None:
    report = audited(books, truth=write(tmp_path, lines(books), parcels()))
    assert report.passed, report.to_text()
    assert report.check("truth_parcels").detail == "3 parcels"


def test_a_fact_that_vanished(books: Client, tmp_path: Path) -> None:
    sent = [*lines(books), {"fate": "accepted", "event_id": "lost", "waybill": FIRST}]
    assert failing(books, tmp_path, sent, parcels()) == {"truth_events"}


def test_a_fact_that_nobody_sent(books: Client, tmp_path: Path) -> None:
    sent = [line for line in lines(books) if line.get("waybill") != THIRD]
    assert failing(books, tmp_path, sent, parcels()) == {"truth_events"}


def test_goods_in_a_store_that_vanished(books: Client, tmp_path: Path) -> None:
    directory = write(tmp_path, lines(books), parcels())
    with (directory / "stays.jsonl").open("ab") as file:
        file.write(msgspec.json.encode({"event_id": "lost", "stay": "ST2"}) + b"\n")
    checks = check_truth(Store(books), directory)
    assert {check.name for check in checks if not check.passed} == {"truth_stays"}


def test_what_the_job_of_service_levels_claims_is_no_message(books: Client, tmp_path: Path) -> None:
    books.command(f"INSERT INTO service_level (waybill) VALUES ('{FIRST}')")
    try:
        sent = [line for line in lines(books) if line.get("waybill") != FIRST]
        assert failing(books, tmp_path, sent, parcels()[1:]) == set()
    finally:
        books.command("TRUNCATE TABLE service_level")


NUMBERS = count(1)
MINE = [
    {"weight_decision": {"waybill": SECOND, "decision": "override", "decided_by": "me"}},
    {
        "event": {"waybill": SECOND, "kind": "claim"},
        "claim": {"waybill": SECOND, "claim": "mine", "status": "claimed", "kind": "late", "by": "me"},
    },
    {
        "event": {"waybill": FIRST, "kind": "claim_withdrawn"},
        "claim": {"waybill": FIRST, "claim": f"{FIRST}-late", "status": "withdrawn", "by": "me"},
    },
]


@contextmanager
def added(client: Client, rows: dict[str, dict[str, Any]]) -> Iterator[None]:
    """Rows of the event `mine`, by table, in no block, while it lasts; no two alike, which would be stored once."""
    for table, row in rows.items():
        body = msgspec.json.encode({"event_id": "mine", "line": next(NUMBERS), **row})
        client.raw_insert(table, insert_block=body, fmt="JSONEachRow")
    try:
        yield
    finally:
        for table in rows:
            client.command(f"DELETE FROM {table} WHERE seq = 0")


@pytest.mark.parametrize("rows", MINE)
def test_what_the_user_says_is_told_and_not_compared(
    books: Client, tmp_path: Path, rows: dict[str, dict[str, Any]]
) -> None:
    directory = write(tmp_path, lines(books), parcels())
    with added(books, rows):
        checks = check_truth(Store(books), directory)
    assert not [check for check in checks if not check.passed]
    assert checks[0].detail.endswith("; 1 event of your own, not compared")
    (waybill,) = {row["waybill"] for row in rows.values()}
    assert checks[0].examples == (f"your own: {waybill} mine, by me",)


@pytest.mark.parametrize("rows", MINE)
def test_what_simulated_people_have_not_said(
    books: Client, tmp_path: Path, rows: dict[str, dict[str, Any]]
) -> None:
    directory = write(tmp_path, lines(books), parcels())
    signed = {name: row | {key: "客服" for key in row if key.endswith("by")} for name, row in rows.items()}
    with added(books, signed):
        failed = {check.name for check in check_truth(Store(books), directory) if not check.passed}
    assert {"truth_events", "truth_terms"} <= failed


MQTT, TOPIC = "waybook/devices/pda/OUT2/1", "waybook.devices"
SAID = b'{"no": "77", "code": "30"}'
CAME = [
    ("waybook.orders", b'{"id": "mine", "type": "order"}', "mine", ""),
    (MQTT, SAID, "pda-77", "pda"),
    (MQTT, SAID, content_id("pda", MQTT, SAID), "pda"),
    (MQTT, b'{"no": "%b"}' % (b"7" * 200), content_id("pda", "7" * 200), "pda"),
]
"""What was sent again to which topic, and the event that it became: its id, and the device's family."""
OTHERS = [
    ("waybook.orders", b'{"id": "mine", "note": "forged"}', "forge", ""),
    (MQTT, SAID, "pda-7", "pda"),
    (MQTT, SAID, content_id("pda", MQTT, SAID + b" "), "pda"),
    (MQTT, b"\xff\xfe", "pda-77", "pda"),
    (MQTT, b"[77]", "pda-77", "pda"),
    (MQTT, b"", "pda-77", "pda"),
]
"""Events that did not come of what was sent again."""


@pytest.mark.parametrize(
    ("topic", "sent", "event", "source", "own"),
    [*((*case, True) for case in CAME), *((*case, False) for case in OTHERS)],
)
def test_what_was_sent_again_became_this_event_and_no_other(
    topic: str, sent: bytes, event: str, source: str, own: bool
) -> None:
    assert Sent("dl-1", topic, sent).became(event, source) == own


def test_what_comes_of_a_dead_letter_that_was_sent_again(books: Client, tmp_path: Path) -> None:
    """Its note keeps what was sent: nothing else hides behind it, and nothing twice."""
    directory = write(tmp_path, lines(books), parcels())
    scan = {"waybill": FIRST, "kind": "scan", "operation": "30", "event_id": "pda-77", "source": "pda"}

    def failed() -> set[str]:
        return {check.name for check in check_truth(Store(books), directory) if not check.passed}

    with added(books, {"event": scan}):
        assert failed() == {"truth_events", "truth_parcels"}
        with noted(books, SAID + b"}"):
            assert failed() == {"truth_events", "truth_parcels"}
        with noted(books, SAID):
            assert failed() == set()
            with added(books, {"event": scan}):
                assert "truth_events" in failed()


@pytest.mark.parametrize("mended", [True, False])
def test_what_was_sent_again_and_refused_again(books: Client, tmp_path: Path, mended: bool) -> None:
    directory = write(tmp_path, lines(books), parcels())
    refused = content_id("dl", TOPIC, SAID if mended else SAID + b" ")
    letter = {"dead_letter_id": refused, "status": "open", "reason": "unknown_site", "topic": TOPIC}
    with noted(books, SAID), added(books, {"dead_letter": letter}):
        failed = {check.name for check in check_truth(Store(books), directory) if not check.passed}
    assert failed == (set() if mended else {"truth_dead_letters"})


@contextmanager
def noted(client: Client, sent: bytes) -> Iterator[None]:
    """The user has sent this in the place of the network's dead letter."""
    columns = ["seq", "line", "dead_letter_id", "status", "raw"]
    client.insert("dead_letter", [[1, next(NUMBERS), "dl-1", "replayed", sent]], column_names=columns)
    try:
        yield
    finally:
        client.command("DELETE FROM dead_letter WHERE status = 'replayed'")


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"type": "command", "actor": "me"}, set()),
        ({"type": "command", "actor": "simulated"}, {"truth_dead_letters"}),
        ({"type": "scan"}, {"truth_dead_letters"}),
    ],
)
def test_what_the_user_said_and_was_refused(
    books: Client, tmp_path: Path, said: dict[str, str], wrong: set[str]
) -> None:
    directory = write(tmp_path, lines(books), parcels())
    letter = {"dead_letter_id": "mine", "status": "open", "reason": "unknown_party"}
    raw = msgspec.json.encode(said).decode()
    with added(books, {"dead_letter": letter | {"topic": "waybook.commands", "raw": raw}}):
        failed = {check.name for check in check_truth(Store(books), directory) if not check.passed}
    assert failed == wrong


@pytest.mark.parametrize(
    "letter",
    [
        {"reason": "unknown_site", "dead_letter": "dl-1"},
        {"reason": "not_json", "dead_letter": "dl-2"},
        {"reason": "unknown_site"},
    ],
)
def test_another_dead_letter(books: Client, tmp_path: Path, letter: dict[str, str]) -> None:
    sent = [*lines(books)[:-1], {"fate": "refused", **letter}]
    assert failing(books, tmp_path, sent, parcels()) == {"truth_dead_letters"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signed", DAY_LATER + 1),
        ("events", 7),
        ("weights", []),
        ("customer", "C2"),
        ("picked_by", "OUT1-1"),
        ("signed_by", "OUT2-1"),
    ],
)
def test_another_parcel(books: Client, tmp_path: Path, field: str, value: object) -> None:
    known = parcels()
    known[0][field] = value
    assert failing(books, tmp_path, lines(books), known) == {"truth_parcels"}


@pytest.mark.parametrize(
    ("number", "field", "value"),
    [
        (0, "claims", []),
        (0, "claims", {"withdrawn": 1}),
        (0, "claims", {"amount_e4": 50_001}),
        (0, "claims", {"responsible": "OUT1"}),
        (0, "terms", {"channel": "douyin"}),
        (1, "terms", {}),
        (1, "terms", {"insured_e4": 10_000_000, "services": ["evening", "upstairs"], "cod_e4": 1}),
        (1, "terms", {"insured_e4": 10_000_000, "services": ["upstairs"]}),
        (1, "decided", None),
        (1, "decided", {"weight_g": 3_001}),
        (2, "terms", {"related": FIRST}),
    ],
)
def test_other_terms_claims_and_decisions(
    books: Client, tmp_path: Path, number: int, field: str, value: Any
) -> None:
    known = parcels()
    before = known[number].get(field, {})
    if field == "claims" and value:
        value = [before[0] | value]
    elif field == "decided" and value:
        value = before | value
    known[number][field] = value
    assert failing(books, tmp_path, lines(books), known) == {"truth_terms"}


def test_a_lost_scan_that_is_no_breach(books: Client, tmp_path: Path) -> None:
    rule = "SELECT * REPLACE ('no_delivery' AS rule, 'need' AS direction, '50' AS operation, '40' AS others)"
    books.command(f"INSERT INTO chain_rule {rule} FROM chain_rule WHERE hours = 24")
    try:
        assert failing(books, tmp_path, lines(books), parcels()) == set()
        known = parcels()
        known[0]["unscanned"] = ["30", "40"]
        known[2]["unscanned"] = ["40"]
        assert failing(books, tmp_path, lines(books), known) == {"truth_breaches"}
    finally:
        books.command("DELETE FROM chain_rule WHERE rule = 'no_delivery'")


def failing(
    books: Client, directory: Path, sent: list[dict[str, Any]], known: list[dict[str, Any]]
) -> set[str]:
    """Names of the checks that do not pass."""
    checks = check_truth(Store(books), write(directory, sent, known))
    return {check.name for check in checks if not check.passed}
