"""Notifications that are altered, cut, re-encoded or malicious: each is refused with a known reason, none crashes."""

import copy
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest

from schemas.limits import MOST_IDENTIFIER
from schemas.money import MOST
from schemas.payments import Notification, Payment
from schemas.reasons import DEAD_LETTER
from sources.channels.cards import could_be_card, plain, replaced
from sources.channels.decode import Decoder
from sources.channels.formats import FORMATS
from sources.channels.refused import RefusedError
from tests.channels.test_believed import NOTIFIED
from tests.channels.world import NOON, world
from tests.volume import TIMES

ALTERED, RESIGNED, DECODED = 4_000 * TIMES, 750 * TIMES, 750 * TIMES
"""Notifications of each sort; `make soak`: more than 100,000 together."""
UNSIGNED = "form in GBK, unsigned"
HUGE = (
    b"9" * 5000,
    b"1e999999999",
    b"-1",
    b"NaN",
    b"Infinity",
    b"0.00001",
    b"1_000",
    b"0x10",
    "１００".encode(),
    b"",
)
HOSTILE: tuple[Any, ...] = (
    "", " ", "\x00", "\ud800", "\u202e",
    "=cmd|' /C calc'!A0", "9" * 5000, "-1", "0", "1e9", "NaN", "a" * 65, "𝟙𝟚", "\n\r\t",
    "2025-02-30 00:00:00", "9999-12-31T23:59:59+14:00", "0000-00-00 00:00:00", "20251399999999", "99999999999999",
    True, None, [], ["1"], {}, {"a": {"b": "1"}}, "﷽" * 300, "4111 1111 1111 1111", "４１１１１１１１１１１１１１１１",
)  # fmt: skip


def _flip(r: random.Random, raw: bytes) -> bytes:
    at = r.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << r.randrange(8)]) + raw[at + 1 :]


def _span(r: random.Random, raw: bytes) -> tuple[int, int]:
    first, last = sorted((r.randrange(len(raw) + 1), r.randrange(len(raw) + 1)))
    return first, last


def _cut(r: random.Random, raw: bytes) -> bytes:
    first, last = _span(r, raw)
    return raw[:first] + raw[last:]


def _twice(r: random.Random, raw: bytes) -> bytes:
    first, last = _span(r, raw)
    return raw[:last] + raw[first:]


def _recoded(r: random.Random, raw: bytes) -> bytes:
    return raw.decode("utf-8", "replace").encode(
        r.choice(("utf-16", "utf-8-sig", "gb18030", "utf-7", "utf-32"))
    )


def _huge(r: random.Random, raw: bytes) -> bytes:
    at = r.choice([n for n, byte in enumerate(raw) if 48 <= byte < 58])
    return raw[:at] + r.choice(HUGE) + raw[at + 1 :]


def _nested(r: random.Random, raw: bytes) -> bytes:
    depth = r.choice((5, 500, 30_000))
    return b'{"a":' * depth + raw + b"}" * depth if r.random() < 0.5 else b"[" * depth + raw


def _doubled(r: random.Random, raw: bytes) -> bytes:
    """The first name once more, with another value."""
    if raw.startswith(b"{"):
        return b"{" + raw[1:].partition(b":")[0] + b":0," + raw[1:]
    return raw.partition(b"=")[0] + b"=0&" + raw


def _filled(r: random.Random, raw: bytes) -> bytes:
    return raw + r.randbytes(r.choice((1, 100, 70_000)))


ALTERATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_flip, _flip, _flip, _cut, _cut, _twice, _recoded, _huge, _nested, _doubled, _filled),
    lambda r, raw: b"",
    lambda r, raw: r.randbytes(len(raw)),
)


def _altered(r: random.Random, one: Notification, others: list[Notification]) -> Notification:
    """A notification with one thing changed, in its body, headers, address or time."""
    if r.random() < 0.8:
        return msgspec.structs.replace(one, body=r.choice(ALTERATIONS)(r, one.body))
    headers = dict(one.headers)
    match r.randrange(6):
        case 0:
            headers.pop(r.choice(list(headers)))
        case 1:
            name = r.choice(list(headers))
            headers[name] = _flip(r, headers[name].encode()).decode("latin-1")
        case 2:
            headers[r.choice(list(headers))] = r.choice(("", "é" * 9, "\ud800", "9" * 99, "x" * 20_000))
        case 3:
            return msgspec.structs.replace(
                one, channel=r.choice(("wechat", "alipay", "bank", "other", "none"))
            )
        case 4:
            other = r.choice(others)
            return msgspec.structs.replace(one, body=other.body, headers=other.headers)
        case _:
            return msgspec.structs.replace(one, time=max(0, NOON + r.randrange(-(10**12), 10**12)))
    return msgspec.structs.replace(one, headers=headers)


def _sane(payment: Payment) -> None:
    """What the tables and everyone after can rely on."""
    assert 0 < payment.amount_e4 <= MOST
    assert payment.fee_e4 is None or 0 <= payment.fee_e4 <= MOST
    for text in (payment.number, payment.order, payment.original, payment.merchant):
        assert len(text) <= MOST_IDENTIFIER
        assert text.isprintable()
    assert payment.number
    assert 0 <= payment.time < 2**42
    for value in msgspec.structs.asdict(payment).values():
        if isinstance(value, str):
            assert replaced(value, lambda digits: "") == value
    assert msgspec.json.decode(msgspec.json.encode(payment), type=Payment) == payment


def _sane_or_refused(read: Callable[..., Sequence[Payment]], *given: object) -> None:
    payments: Sequence[Payment] = ()
    reason = ""
    try:
        payments = read(*given)
    except RefusedError as error:
        reason = error.reason
    assert reason in DEAD_LETTER if reason else payments
    assert len({one.key for one in payments}) == len(payments)
    for payment in payments:
        _sane(payment)


def test_what_is_altered_is_refused_unless_its_signature_holds() -> None:
    """The only ones that are believed say what was signed."""
    here, r = world(), random.Random(20_251_111)
    genuine = [
        here.notification(*told, sent=NOON + 1000) for name, told in NOTIFIED.items() if name != UNSIGNED
    ]
    payments = [here.verifier.payments(one) for one in genuine]
    reasons = Counter[str]()
    for n in range(ALTERED):
        which = n % len(genuine)
        try:
            got = here.verifier.payments(_altered(r, genuine[which], genuine))
        except RefusedError as error:
            reasons[error.reason] += 1
        else:
            assert got in payments
            reasons["believed"] += 1
    assert reasons.keys() <= DEAD_LETTER.keys() | {"believed"}
    assert reasons["believed"] < ALTERED / 10
    wanted = {"signature_wrong", "signature_missing", "unknown_key", "body_unreadable", "body_too_large"}
    assert reasons.keys() >= wanted | {"stale_notification", "unknown_channel"}


def test_malformed_bodies_that_are_signed_are_refused_with_a_reason() -> None:
    """A channel's own mistakes, and channels that need no signature, end no flow either."""
    here, r = world(), random.Random(1)
    names = ("bank credit", "csv", UNSIGNED)
    genuine = [here.notification(*NOTIFIED[name]) for name in names]
    for n in range(RESIGNED):
        one = genuine[n % len(genuine)]
        body = r.choice(ALTERATIONS)(r, one.body)
        channel = here.channels.channels[one.channel]
        headers = here.signer.signed_generic(channel, body, NOON)
        altered = msgspec.structs.replace(one, body=body, headers=headers)
        _sane_or_refused(here.verifier.payments, altered)


def _leaves(content: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for name, value in content.items():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from _leaves(inner)
        yield content, name


def _opened(name: str) -> tuple[Decoder, dict[str, Any], str]:
    """(decoder, content, group) of a notification whose signature holds."""
    here = world()
    notification = here.notification(*NOTIFIED[name])
    channel = here.channels.channels[notification.channel]
    content = FORMATS[channel.format](channel, here.keys).open(notification).content
    return Decoder(channel, here.keys.tokens), content, notification.group


def test_whatever_a_field_holds_comes_out_sane_or_not_at_all() -> None:
    """Every field of every format with every hostile value, alone and together."""
    r = random.Random(2)
    opened = [_opened(name) for name in NOTIFIED]
    for n in range(DECODED):
        decoder, genuine, group = opened[n % len(opened)]
        content = copy.deepcopy(genuine)
        leaves = list(_leaves(content))
        for holder, name in r.sample(leaves, r.choice((1, 1, 1, 3))):
            holder[name] = r.choice(HOSTILE)
        _sane_or_refused(decoder.payments, content, group, NOON, None)


CARDS = (
    "4111111111111111",
    "6222020200000000014",
    "378282246310005",
    "5500 0000 0000 0004",
    "6222-0202-0000-0000-014",
)


@pytest.mark.parametrize("name", NOTIFIED)
def test_a_cards_number_appears_in_no_field_wherever_it_stood(name: str) -> None:
    """Alone, among words, with gaps: it is a token or the notification is refused."""
    decoder, genuine, group = _opened(name)
    refused = believed = 0
    for n in range(len(list(_leaves(genuine)))):
        for card in CARDS:
            digits = "".join(filter(str.isdigit, card))
            assert could_be_card(digits)
            for written in (card, f"卡号{card}，谢谢", f"FR-1007 {card}", f"{card}a"):
                content = copy.deepcopy(genuine)
                holder, field = list(_leaves(content))[n]
                holder[field] = written
                try:
                    payments = decoder.payments(content, group, NOON, None)
                    shown = [str(field) for one in payments for field in msgspec.structs.astuple(one)]
                    believed += 1
                except RefusedError as error:
                    shown = [str(error)]
                    refused += 1
                assert all(digits not in "".join(filter(str.isdigit, plain(one))) for one in shown)
    assert believed
    assert refused


def test_a_cards_number_in_headers_shows_in_no_error() -> None:
    """Serials are told to people, cards are not."""
    here = world()
    genuine = here.notification(*NOTIFIED["wechat"])
    headers = genuine.headers | {"wechatpay-serial": "4111111111111111"}
    with pytest.raises(RefusedError) as caught:
        here.verifier.payments(msgspec.structs.replace(genuine, headers=headers))
    assert caught.value.reason == "unknown_key"
    assert "4111111111111111" not in str(caught.value) + caught.value.detail
