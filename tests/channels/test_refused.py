"""The table `notifications.csv`: what is believed and what is refused, case by case, with its reason."""

import csv
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
import pytest

from schemas.payments import Notification, Payment
from schemas.reasons import DEAD_LETTER
from schemas.times import DAY, HOUR, MINUTE
from sources.channels.formats import FORMATS
from sources.channels.read import FILE, read_channels
from sources.channels.refused import RefusedError
from sources.channels.signing import Signer, make_keys
from sources.channels.verify import Verifier
from tests.channels.test_believed import BELIEVED, COMBINED
from tests.channels.world import NOON, TEXT, told, world

TABLE = Path(__file__).parents[1] / "scenarios" / "notifications.csv"
CASES = list(csv.DictReader(TABLE.read_text("utf-8").splitlines()))
TOLD = {
    "wechat": BELIEVED["wechat"],
    "alipay": BELIEVED["alipay"],
    "unionpay": BELIEVED["unionpay"],
    "bank": BELIEVED["bank credit"],
    "other": told("other", "O-9", order="", amount_e4=123_450_000, payer="user-42"),
}
NOTIFIED = {name: (one,) for name, one in TOLD.items()} | {"合单": COMBINED}
UNITS = {"分": MINUTE, "小时": HOUR, "天": DAY}
BODIES: dict[str, Callable[[bytes], bytes]] = {
    "翻转": lambda raw: raw[:40] + bytes([raw[40] ^ 1]) + raw[41:],
    "过大": lambda raw: raw + b" " * 70_000,
    "空": lambda raw: b"",
}


def _changed(one: Notification, what: str, value: str) -> Notification:
    """A notification with the table's change."""
    word, _, rest = what.partition(" ")
    headers = dict(one.headers)
    match word:
        case "正文":
            return msgspec.structs.replace(one, body=BODIES[value](one.body))
        case "换":
            assert rest.encode() in one.body
            return msgspec.structs.replace(one, body=one.body.replace(rest.encode(), value.encode()))
        case "头":
            assert rest in headers
            return msgspec.structs.replace(one, headers=headers | {rest: value})
        case "删头":
            del headers[value]
            return msgspec.structs.replace(one, headers=headers)
        case "收到":
            number, unit = re.fullmatch(r"([+-]\d+)(\D+)", value).groups()  # type: ignore[union-attr]
            return msgspec.structs.replace(one, time=one.time + int(number) * UNITS[unit])
        case "组":
            return msgspec.structs.replace(one, group=value)
        case "渠道":
            return msgspec.structs.replace(one, channel=value)
        case "合单" | "子单":
            return _combined(one, word == "子单", rest, value)
        case "重发" | "应用" | "用密钥" | "":
            return one
        case _:
            raise AssertionError(f"the table has an unknown change: {what}")


def _combined(one: Notification, of_last: bool, path: str, value: str) -> Notification:
    """A combined order in which WeChat says something else, of the whole or of its last order."""
    here = world()
    channel = here.channels.channels["wechat"]
    content = FORMATS["wechat"](channel, here.keys).open(one).content
    holder = content["sub_orders"][-1] if of_last else content
    *above, name = path.split(".")
    for step in above:
        holder = holder[step]
    assert name in holder
    holder[name] = msgspec.json.decode(value) if value.startswith("[") else value
    body = here.signer.encrypted(channel.merchant[0], msgspec.json.encode(content), content["notification"])
    headers = here.signer.signed_wechat(body, NOON, channel.key[0])
    return msgspec.structs.replace(one, body=body, headers=headers)


@pytest.mark.parametrize("case", CASES, ids=[case["情形"] for case in CASES])
def test_a_notification_is_believed_or_refused_as_the_table_says(case: dict[str, str]) -> None:
    """One row, one case."""
    here, payments = world(), NOTIFIED[case["渠道"]]
    what, value = case["改动"], case["值"]
    key, app = int(value) if what == "用密钥" else 0, value if what == "应用" else ""
    genuine = here.notification(*payments, key=key, app=app)
    notification = _changed(genuine, what, value)
    if case["结果"] == "通过":
        got = here.verifier.payments(notification)
        assert [(one.key, one.amount_e4, one.state) for one in got] == [
            (one.key, one.amount_e4, one.state) for one in payments
        ]
        return
    assert case["结果"] in DEAD_LETTER
    with pytest.raises(RefusedError) as caught:
        here.verifier.payments(notification)
    assert caught.value.reason == case["结果"]
    assert caught.value.detail


def _with(name: str, content: dict[str, object]) -> Notification:
    """A bank's notification whose body has these fields, too; signed."""
    here = world()
    one = here.signer.notification(TOLD["bank"], NOON)
    body = msgspec.json.encode(msgspec.json.decode(one.body) | content)
    headers = here.signer.signed_generic(here.channels.channels["bank"], body, NOON)
    return msgspec.structs.replace(one, body=body, headers=headers)


SIGNED_AND_WRONG = (
    ({"amount": ""}, "field_missing"),
    ({"amount": "12.34567"}, "field_unreadable"),
    ({"amount": "1e3"}, "field_unreadable"),
    ({"amount": "-1.00"}, "amount_out_of_range"),
    ({"amount": "1.005"}, "part_of_a_fen"),
    ({"amount": "0.00"}, "amount_out_of_range"),
    ({"amount": "10000000000.01"}, "amount_out_of_range"),
    ({"amount": True}, "field_unreadable"),
    ({"serial": None}, "field_missing"),
    ({"serial": "x" * 65}, "identifier_too_long"),
    ({"serial": "a\u0000b"}, "field_unreadable"),
    ({"side": "X"}, "field_unreadable"),
    ({"currency": "RMB¥"}, "field_unreadable"),
    ({"account": "6222020200000000099"}, "unknown_merchant"),
    ({"time": "2025-02-29 12:00:00"}, "time_unreadable"),
    ({"time": "2025-11-11 13:00:00"}, "time_in_future"),
    ({"time": "2024-01-01 00:00:00"}, "time_too_old"),
    ({"day": "2025-13-01"}, "time_unreadable"),
)


@pytest.mark.parametrize(("content", "reason"), SIGNED_AND_WRONG, ids=lambda one: str(one)[:30])
def test_a_field_that_cannot_be_meant_is_named(content: dict[str, object], reason: str) -> None:
    """Signed and wrong all the same: the reason, and which field."""
    with pytest.raises(RefusedError) as caught:
        world().believed(_with("bank", content))
    assert caught.value.reason == reason
    assert next(iter(content)) in caught.value.detail


def test_the_content_of_another_merchants_key_is_refused() -> None:
    """Encrypted with one merchant's key, it cannot be another merchant's money."""
    here = world()
    wechat = here.channels.channels["wechat"]
    one, other = wechat.merchant[:2]
    genuine = here.signer.notification(BELIEVED["wechat"], NOON)
    inner = msgspec.json.encode(
        {
            "mchid": other.number,
            "appid": other.apps[0],
            "transaction_id": "4200",
            "out_trade_no": "FR-1",
            "trade_state": "SUCCESS",
            "success_time": "2025-11-11T12:00:00+08:00",
            "amount": {"total": 1, "currency": "CNY"},
        }
    )
    body = here.signer.encrypted(one, inner, {"create_time": "2025-11-11T12:00:00+08:00"})
    headers = here.signer.signed_wechat(body, NOON, wechat.key[0])
    with pytest.raises(RefusedError) as caught:
        here.believed(msgspec.structs.replace(genuine, body=body, headers=headers))
    assert caught.value.reason == "unknown_merchant"


def test_an_event_of_another_kind_is_no_payment() -> None:
    """Channels notify of coupons and complaints, too."""
    here = world()
    wechat = here.channels.channels["wechat"]
    genuine = here.signer.notification(BELIEVED["wechat"], NOON)
    body = here.signer.encrypted(wechat.merchant[0], b'{"mchid": "1900000109", "coupon_id": "9"}', {})
    headers = here.signer.signed_wechat(body, NOON, wechat.key[0])
    with pytest.raises(RefusedError) as caught:
        here.believed(msgspec.structs.replace(genuine, body=body, headers=headers))
    assert caught.value.reason == "unknown_type"


def test_a_settlement_date_without_year_is_the_nearest() -> None:
    """On the last day of a year UnionPay settles on 0101 of the next."""
    here, eve = world(), 1_767_195_000_000  # 2025-12-31 23:30 in Shanghai
    payment = told("unionpay", "202512312330001234567", time=eve)
    channel = here.channels.channels["unionpay"]
    genuine = here.signer.notification(payment, eve)
    fields = {
        "encoding": "UTF-8", "txnType": "01", "merId": channel.merchant[0].number, "orderId": "FR-1", "respCode": "00",
        "queryId": payment.number, "txnAmt": "12345", "currencyCode": "156", "txnTime": "20251231233000",
        "settleDate": "0101",
    }  # fmt: skip
    body = here.signer.signed_unionpay(channel, fields, channel.key[0])
    got = here.believed(msgspec.structs.replace(genuine, body=body))
    assert str(got.settled) == "2026-01-01"


def test_alipay_in_gbk_is_verified_over_its_own_bytes() -> None:
    """A form says its charset; the signature is over the bytes of that charset."""
    here = world()
    channel = here.channels.channels["alipay"]
    genuine = here.signer.notification(BELIEVED["alipay"], NOON)
    fields = {
        "charset": "GBK", "app_id": channel.merchant[0].apps[0], "seller_id": channel.merchant[0].number,
        "notify_time": "2025-11-11 12:00:00", "gmt_payment": "2025-11-11 12:00:00", "trade_no": "2025",
        "out_trade_no": "FR-1", "trade_status": "TRADE_FINISHED", "total_amount": "20", "subject": "运费：顺德",
    }  # fmt: skip
    body = here.signer.signed_alipay(fields, channel.key[0], "gbk")
    got = here.believed(msgspec.structs.replace(genuine, body=body))
    assert (got.text, got.amount_e4) == ("运费：顺德", 200_000)


def _signed_by(name: str, body: bytes) -> Notification:
    """A generic channel's notification with this very body."""
    here = world()
    one = here.signer.notification(TOLD[name], NOON)
    headers = here.signer.signed_generic(here.channels.channels[name], body, NOON)
    return msgspec.structs.replace(one, body=body, headers=headers)


def _reason(notification: Notification) -> str:
    with pytest.raises(RefusedError) as caught:
        world().believed(notification)
    return caught.value.reason


def test_what_has_a_name_twice_means_nothing() -> None:
    """Two readers could believe two amounts, although the signature holds."""
    once = world().signer.notification(TOLD["bank"], NOON).body
    assert _reason(_signed_by("bank", once.replace(b"{", b'{"amount":"1.00",', 1))) == "body_unreadable"
    nested = once.replace(b'"other":{', b'"other":{"account":"1","account":"2",')
    assert nested != once
    assert _reason(_signed_by("bank", nested)) == "body_unreadable"
    header, row = world().signer.notification(TOLD["other"], NOON).body.decode().split("\r\n")[:2]
    assert _reason(_signed_by("other", f"{header},fen\r\n{row},1\r\n".encode())) == "body_unreadable"


def test_a_part_of_a_fen_is_a_matter_of_yuan() -> None:
    """Some currencies have thousandths, and a fee may be finer than anybody pays."""
    (paid,) = world().verifier.payments(_with("bank", {"amount": "1.005", "currency": "KWD"}))
    assert paid.amount_e4 == 10_050


def test_an_amount_of_too_many_digits_is_none() -> None:
    """However many of them are zeros."""
    assert _reason(_with("bank", {"amount": "0" * 60 + "1"})) == "amount_out_of_range"


def test_without_a_time_of_sending_the_payments_own_counts() -> None:
    """A channel that does not say when it sent must tell of recent payments: three days unless it is configured."""
    genuine = world().signer.notification(TOLD["other"], NOON)
    world().believed(msgspec.structs.replace(genuine, time=NOON + 2 * DAY))
    assert _reason(msgspec.structs.replace(genuine, time=NOON + 4 * DAY)) == "stale_notification"


def test_a_key_is_believed_from_its_first_day() -> None:
    """One that is announced for November signs nothing in October."""
    here, october = world(), NOON - 20 * DAY
    payment = msgspec.structs.replace(TOLD["wechat"], time=october)
    assert _reason(here.signer.notification(payment, october, key=1)) == "unknown_key"
    here.believed(here.signer.notification(payment, october, key=0))


def test_a_certificate_is_believed_until_it_ends() -> None:
    """Also where channels.toml does not say until when."""
    late = 2_839_000_000_000  # 2059-12-18, the last days of the world's certificates
    payment = msgspec.structs.replace(TOLD["unionpay"], time=late)
    world().believed(world().signer.notification(payment, late))
    later = late + 30 * DAY
    assert (
        _reason(world().signer.notification(msgspec.structs.replace(payment, time=later), later))
        == "unknown_key"
    )


def test_a_service_providers_notifications_name_who_is_paid() -> None:
    """Payments to sub-merchants and their refunds are encrypted with the provider's key and name both."""
    here = world()
    text = TEXT.replace(
        'number = "1900000125"\ngroup = "north"\n',
        'number = "1900000125"\ngroup = "north"\n' + 'apps = ["wx00000000000009"]\n',
    )
    channels = read_channels({FILE: text})
    wechat = channels.channels["wechat"]
    told = {
        "sp_mchid": "1900000999",
        "sub_mchid": "1900000125",
        "transaction_id": "4200",
        "out_trade_no": "FR-1",
        "success_time": "2025-11-11T12:00:00+08:00",
    }
    paid = told | {
        "sp_appid": "wx00000000000009",
        "trade_state": "SUCCESS",
        "payer": {"sp_openid": "o-1"},
        "amount": {"total": 12345, "currency": "CNY"},
    }
    refund = told | {"refund_id": "50", "refund_status": "SUCCESS", "amount": {"total": 12345, "refund": 45}}
    genuine = here.signer.notification(BELIEVED["wechat"], NOON)

    def payments(inner: Mapping[str, object]) -> tuple[Payment, ...]:
        body = here.signer.encrypted(wechat.merchant[2], msgspec.json.encode(inner), {})
        headers = here.signer.signed_wechat(body, NOON, wechat.key[0])
        one = msgspec.structs.replace(genuine, group="north", body=body, headers=headers)
        return Verifier(channels, here.keys).payments(one)

    (first,), (second,) = payments(paid), payments(refund)
    assert (first.merchant, first.kind, first.order, first.amount_e4) == (
        *("1900000125", "payment"),
        *("FR-1", 1_234_500),
    )
    assert (second.merchant, second.kind, second.original, second.amount_e4) == (
        *("1900000125", "refund"),
        *("4200", 4_500),
    )
    assert first.payer == here.keys.tokens.token("o-1")
    with pytest.raises(RefusedError, match="unknown_merchant"):
        payments(paid | {"sp_appid": "wx00000000000001"})


def test_unionpay_may_sign_the_text_itself() -> None:
    """`digest = "none"`: a signature over the digest is then wrong, and the other way round."""
    here = world()
    plain = read_channels({FILE: TEXT.replace('format = "unionpay"', 'format = "unionpay"\ndigest = "none"')})
    signer = Signer(plain, here.directory, here.directory.parent / "private")
    signed = signer.notification(TOLD["unionpay"], NOON)
    assert [one.key for one in Verifier(plain, here.keys).payments(signed)] == [TOLD["unionpay"].key]
    assert _reason(signed) == "signature_wrong"
    with pytest.raises(RefusedError):
        Verifier(plain, here.keys).payments(here.signer.notification(TOLD["unionpay"], NOON))


def test_unionpay_sends_its_certificate_or_its_serial(tmp_path: Path) -> None:
    """Since 5.1.0 the certificate, which is not believed for being there; before, the serial of one that is ours."""
    here = world()
    genuine = here.signer.notification(TOLD["unionpay"], NOON)
    form = dict(parse_qsl(genuine.body.decode()))
    assert ("certId" in form, form.pop("signPubKeyCert")[:27]) == (False, "-----BEGIN CERTIFICATE-----")
    channel = here.channels.channels["unionpay"]
    (key,) = channel.key
    named = here.signer.signed_unionpay(channel, {**form, "signature": "", "certId": key.serial}, key)
    assert here.believed(msgspec.structs.replace(genuine, body=named)).key == TOLD["unionpay"].key
    make_keys(here.channels, tmp_path / "keys", tmp_path / "private", os.urandom)
    forger = Signer(here.channels, tmp_path / "keys", tmp_path / "private")
    assert _reason(forger.notification(TOLD["unionpay"], NOON)) == "signature_wrong"


def test_headers_without_end_are_refused() -> None:
    """Whoever sends them."""
    genuine = world().signer.notification(TOLD["wechat"], NOON)
    headers = genuine.headers | {"x-more": "x" * 20_000}
    assert _reason(msgspec.structs.replace(genuine, headers=headers)) == "body_too_large"


def test_a_payers_identifier_in_a_text_is_its_token_too() -> None:
    """Remittances name accounts that are no cards; an address that looks like a card shows in no error."""
    here, account = world(), "44010018800001234"
    payment = told("bank", "S-9", order="", payer=account, text=f"由{account}汇出")
    token = here.keys.tokens.token(account)
    assert here.believed(here.signer.notification(payment, NOON)).text == f"由{token}汇出"
    genuine = here.signer.notification(TOLD["wechat"], NOON)
    with pytest.raises(RefusedError) as caught:
        here.believed(msgspec.structs.replace(genuine, group="4111111111111111"))
    assert "4111111111111111" not in caught.value.detail


def test_a_movements_number_stays_even_if_it_contains_the_payer() -> None:
    """The bill has the same number, and only the number joins the two."""
    here = world()
    payment = told(
        "bank", "2025111144001018800001234", order="O-44001018800001234", payer="44001018800001234"
    )
    got = here.believed(here.signer.notification(payment, NOON))
    assert got.number == payment.number
