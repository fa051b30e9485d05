"""What channels sent is kept sealed, and who has the key can read it and send it again."""

import msgspec
import pytest

from deploy import dead_letters
from deploy.evidence import decrypting, legible, shown, unsealing
from schemas.payments import Notification
from tests.channels.test_believed import COMBINED
from tests.channels.world import NOON, world
from tests.payments.world import Books, cancelled, decided, due, paid
from tests.payments.written import written
from tests.servers.store import Store


def test_evidence_is_sealed_and_can_be_opened(lasting_store: Store) -> None:
    good, forged = paid("A1", "10.00", "FR-1", payer="user-77"), paid("A2", "20.00", "FR-1", payer="user-78")
    forged = msgspec.structs.replace(forged, body=forged.body.replace(b"2000", b"9000"))
    keys = world().directory
    books = written(lasting_store)
    books.take(due("FR-1", "10.00"), good, forged)
    assert shown(books.client, keys, good.id) == msgspec.json.encode(good)
    letter = books.rows["dead_letter"][0]["dead_letter_id"]
    assert shown(books.client, keys, letter) == msgspec.json.encode(forged)
    everything = b"".join(
        books.client.raw_query(f"SELECT * FROM {table}", fmt="RowBinary") for table in books.rows
    )
    assert b"user-77" not in everything
    assert b"user-78" not in everything
    assert dead_letters.export(books.client) == ""
    unseal = unsealing(books.client, keys)
    (one,) = dead_letters.read(dead_letters.export(books.client, unseal=unseal))
    assert msgspec.json.decode(one.content(), type=Notification) == forged
    assert dead_letters.kept(one) == b"", "or what was sealed would stand in the note"
    other = msgspec.structs.replace(one, topic="waybook.orders")
    assert dead_letters.kept(other) == one.content()
    assert dead_letters.kept(msgspec.structs.replace(other, raw="x" * 300_000)) == b""
    assert dead_letters.unchanged(books.client, [one], unseal) == [letter]
    with pytest.raises(LookupError):
        shown(books.client, keys, "ntf-0")
    with pytest.raises(OSError, match="own"):
        shown(books.client, keys / "elsewhere", good.id)


def test_a_notification_of_several_payments_can_be_opened(lasting_store: Store) -> None:
    told = world().notification(*COMBINED)
    books = written(lasting_store)
    books.take(told)
    assert len(books.rows["notification"]) == len(COMBINED)
    record = shown(books.client, world().directory, told.id)
    assert record == msgspec.json.encode(told)
    plain = legible(record, decrypting(books.client, world().directory))
    assert COMBINED[0].order not in legible(record)
    assert all(one.order in plain for one in COMBINED), (
        "what WeChat Pay encrypted in it is told in clear, too"
    )
    elsewhere = decrypting(books.client, world().directory / "elsewhere")
    assert legible(record, elsewhere) == legible(record), "without the key what there is is told"
    other = msgspec.structs.replace(told, body=b'{"resource": {"algorithm": "none"}}')
    assert decrypting(books.client, world().directory)(other) == b""
    assert decrypting(books.client, world().directory)(paid("A1", "10.00", "FR-1")) == b""


def test_people_read_headers_and_body() -> None:
    """Nothing in them reaches the terminal as a command to it; what is no notification is shown as it is."""
    body = b'{"fen":"1000","name":"\xe9\x92\xb1\x1b[2J\xff"}\n'
    told = Notification(
        id="ntf-1", time=NOON, channel="other", group="north", headers={"x-sign": "v1\x1b="}, body=body
    )
    assert legible(msgspec.json.encode(told)).split("\n") == [
        "ntf-1  other/north  2025-11-11 12:00:00",
        "x-sign: v1\\x1b=",
        "",
        '{"fen":"1000","name":"钱\\x1b[2J\ufffd"}',
        "",
    ]
    assert legible(b'{"type": "due"}\x07') == '{"type": "due"}\\x07'


def test_no_number_that_could_be_a_cards_reaches_a_table() -> None:
    card = "4111111111111111"
    books = Books().take(
        due(card, "10.00", id="e1", references=(card,), text=f"pay from {card}", payer=card, party="C-1"),
        due("FR-2", "10.00", text="4111 1111 1111 1111"),
        paid("A1", "10.00", card),
        cancelled("FR-2", by=card),
        decided("write_off", "K1", document="FR-2", amount_e4=100, reason=f"card {card}"),
    )
    assert [row["status"] for row in books.rows["order_status"] if row["document"] != "FR-2"] == ["paid"]
    told = repr(books.rows) + repr(books.statuses) + repr(books.invoices)
    assert card not in told
    assert "4111 1111" not in told


def test_a_name_that_is_a_hash_stays_though_its_digits_look_like_a_cards() -> None:
    """Whoever says something waits for it under its name. This one has 14 digits in a row, the check digit is right."""
    number = "decision-86c4b61250764584881db6ca0948c99c"
    books = Books().take(due("FR-1", "10.00"))
    books.take(decided("write_off", number, document="FR-1", amount_e4=100))
    books.take(decided("withdraw", "K2", of=number))
    refused = "decision-61250764584881db6ca0948c99c86c4b"
    books.take(decided("write_off", refused, document="FR-1", amount_e4=1_000_000_000))
    assert [row["event_id"] for row in books.rows["dead_letter"]] == [refused]
    assert [row["event_id"] for row in books.rows["payment_decision"]] == [number, "K2"]
    assert [row["state"] for row in books.rows["decision_state"]] == ["in_force", "withdrawn"]
