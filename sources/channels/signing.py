"""The channels' own side, for simulation and tests: keys made on the spot, notifications signed as the channels do.

Written by the channels' descriptions, not by this package's shapes, so that the two can disagree. What is to be
told is a `Payment` whose `payer` is the raw identifier.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from schemas.money import FEN, yuan
from schemas.payments import Notification, Payment, notification_id
from schemas.times import SECOND, SHANGHAI_OFFSET
from sources.channels.model import GENERIC, Channel, Channels, Key, Merchant, Shape, Signature, paths_of

BITS = 2048


def make_keys(channels: Channels, keys: Path, private: Path, drawn: Callable[[int], bytes]) -> None:
    """Make every key file that channels name in `keys`, and the channels' private keys in `private`.

    Files that are there stay. `drawn` gives so many random bytes (`os.urandom`, or a seeded generator's); RSA keys
    are OpenSSL's and differ each time.
    """
    own = channels.own
    _write(keys / own.tokens, lambda: drawn(32).hex().encode())
    for file in own.evidence:
        _write(keys / file, lambda: drawn(64).hex().encode())
    for channel in channels.channels.values():
        for key in channel.key:
            if channel.format in GENERIC:
                _write(keys / key.file, lambda: drawn(32).hex().encode())
            elif not (keys / key.file).exists() or not (private / key.file).exists():
                _make_pair(channel, key, keys / key.file, private / key.file)
        for merchant in channel.merchant:
            for file in merchant.secrets:
                _write(keys / file, lambda: drawn(16).hex().encode())


class Signer:
    """Speaks as the channels do."""

    def __init__(self, channels: Channels, keys: Path, private: Path) -> None:
        self._channels = channels.channels
        self._keys = keys
        self._private = {
            key.file: _private((private / key.file).read_bytes())
            for channel in self._channels.values()
            if channel.format not in GENERIC
            for key in channel.key
        }
        self._certificates = {
            key.file: (keys / key.file).read_text("ascii").strip().replace("\n", "\r\n")
            for channel in self._channels.values()
            if channel.format == "unionpay"
            for key in channel.key
        }

    def notification(
        self,
        told: Payment,
        sent: int,
        *,
        together: Sequence[Payment] = (),
        received: int | None = None,
        key: int = 0,
        app: str = "",
    ) -> Notification:
        """What the channel sends at `sent` (UTC ms), as it is received. `key`: which of the channel's keys signs.

        Alipay's keys are its apps': there the key is the app's. `app`: left out, the merchant's first one. `together`:
        further payments of a combined order of WeChat's that the merchant of `told` began.
        """
        channel = self._channels[told.channel]
        merchant = next(one for one in channel.merchant if one.called == told.merchant)
        app = app or (merchant.apps[0] if merchant.apps else "")
        if channel.format == "wechat":
            if together:
                inner = _combined(channel, merchant, (told, *together), app)
            else:
                inner = (
                    _refund(merchant, told) if told.kind == "refund" else _transaction(merchant, told, app)
                )
            headers, body = self._wechat(merchant, told, inner, sent, channel.key[key])
        elif channel.format == "alipay":
            headers, body = self._alipay(channel, merchant, told, sent, app)
        elif channel.format == "unionpay":
            headers, body = self._unionpay(channel, merchant, told, channel.key[key])
        else:
            headers, body = self._generic(channel, merchant, told, sent, key)
        return Notification(
            id=notification_id(told.channel, headers, body),
            time=sent if received is None else received,
            channel=told.channel,
            group=told.group,
            headers=headers,
            body=body,
        )

    def signed_wechat(self, body: bytes, sent: int, key: Key) -> dict[str, str]:
        """The headers of a body of WeChat Pay's."""
        stamp, nonce = str(sent // SECOND), hashlib.sha256(body).hexdigest()[:32]
        return {
            "content-type": "application/json",
            "wechatpay-serial": key.serial,
            "wechatpay-signature": self._rsa(key, f"{stamp}\n{nonce}\n".encode() + body + b"\n"),
            "wechatpay-timestamp": stamp,
            "wechatpay-nonce": nonce,
            "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
        }

    def encrypted(self, merchant: Merchant, plain: bytes, outer: Mapping[str, Any]) -> bytes:
        """WeChat's outer JSON around an encrypted resource."""
        secret = (self._keys / merchant.secrets[0]).read_bytes()
        nonce, associated = hashlib.sha256(plain).hexdigest()[:12], str(outer.get("original_type", ""))
        cipher = AESGCM(secret).encrypt(nonce.encode(), plain, associated.encode())
        resource = {
            "original_type": associated,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(cipher).decode(),
            "associated_data": associated,
            "nonce": nonce,
        }
        told = {name: value for name, value in outer.items() if name != "original_type"}
        return msgspec.json.encode({**told, "resource_type": "encrypt-resource", "resource": resource})

    def signed_alipay(self, fields: Mapping[str, str], key: Key, charset: str = "utf-8") -> bytes:
        """A form of Alipay's with its signature."""
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        return _form({**fields, "sign": self._rsa(key, text.encode(charset)), "sign_type": "RSA2"}, charset)

    def signed_unionpay(self, channel: Channel, fields: Mapping[str, str], key: Key) -> bytes:
        """A form of UnionPay's with its signature and its certificate, as since 5.1.0."""
        filled = {**fields, "signPubKeyCert": self._certificates[key.file], "signMethod": "01"}
        text = "&".join(f"{name}={filled[name]}" for name in sorted(filled) if filled[name]).encode()
        if channel.digest == "sha256":
            text = hashlib.sha256(text).hexdigest().encode()
        return _form({**filled, "signature": self._rsa(key, text)}, "utf-8")

    def signed_generic(self, channel: Channel, body: bytes, sent: int, key: int = 0) -> dict[str, str]:
        """The headers of a generic channel's body."""
        rule = channel.signature or Signature(kind="none")
        headers = {"content-type": "application/octet-stream"}
        if rule.clock:
            headers[rule.clock] = _written(sent, rule.clock_format)
        if rule.kind == "none":
            return headers
        if rule.serial:
            headers[rule.serial] = channel.key[key].serial
        text = rule.signed.encode()
        for name, value in headers.items():
            text = text.replace(f"{{{name}}}".encode(), value.encode())
        secret = (self._keys / channel.key[key].file).read_bytes()
        mac = hmac.digest(secret, text.replace(b"{body}", body), rule.algorithm)
        headers[rule.header] = rule.prefix + (
            mac.hex() if rule.encoding == "hex" else base64.b64encode(mac).decode()
        )
        return headers

    def _wechat(
        self, merchant: Merchant, told: Payment, inner: Mapping[str, Any], sent: int, key: Key
    ) -> tuple[dict[str, str], bytes]:
        refund = told.kind == "refund"
        word = (_WECHAT_REFUNDS if refund else _WECHAT_STATES)[told.state]
        outer = {
            "id": hashlib.sha256(told.key.encode()).hexdigest()[:36],
            "create_time": _rfc3339(told.time),
            "event_type": f"REFUND.{word}" if refund else f"TRANSACTION.{word}",
            "summary": "退款成功" if refund else "支付成功",
            "original_type": "refund" if refund else "transaction",
        }
        body = self.encrypted(merchant, msgspec.json.encode(inner), outer)
        return self.signed_wechat(body, sent, key), body

    def _alipay(
        self, channel: Channel, merchant: Merchant, told: Payment, sent: int, app: str
    ) -> tuple[dict[str, str], bytes]:
        fields = {
            "notify_time": _local(sent),
            "notify_type": "trade_status_sync",
            "notify_id": hashlib.sha256(f"{told.key}/{told.state}".encode()).hexdigest()[:34],
            "app_id": app,
            "auth_app_id": app,
            "charset": "utf-8",
            "version": "1.0",
            "out_trade_no": told.order,
            "buyer_id": told.payer,
            "seller_id": merchant.number,
            "gmt_create": _local(told.time),
            "subject": told.text,
        }
        if told.kind == "refund":
            trade, _, request = told.number.partition("/")
            fields |= {
                "trade_no": trade,
                "out_biz_no": request,
                "trade_status": "TRADE_SUCCESS",
                "total_amount": yuan(told.amount_e4),
                "refund_fee": yuan(told.amount_e4),
                "gmt_refund": _local(told.time),
            }
        else:
            fields |= {
                "trade_no": told.number,
                "trade_status": _ALIPAY_STATES[told.state],
                "total_amount": yuan(told.amount_e4),
                "receipt_amount": yuan(told.amount_e4),
                "buyer_pay_amount": yuan(told.amount_e4),
            }
            if told.state == "success":
                fields["gmt_payment"] = _local(told.time)
        key = next(one for one in channel.key if one.serial == app)
        return dict(_FORM), self.signed_alipay(fields, key)

    def _unionpay(
        self, channel: Channel, merchant: Merchant, told: Payment, key: Key
    ) -> tuple[dict[str, str], bytes]:
        stamp = _compact(told.time)
        fields = {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "bizType": "000201",
            "txnTime": stamp,
            "txnType": "04" if told.kind == "refund" else "01",
            "txnSubType": "01",
            "accessType": "0",
            "merId": merchant.number,
            "orderId": told.order,
            "queryId": told.number,
            "origQryId": told.original,
            "txnAmt": str(told.amount_e4 // FEN),
            "currencyCode": "156",
            "settleAmt": str(told.amount_e4 // FEN),
            "settleDate": told.settled.strftime("%m%d") if told.settled else "",
            "traceNo": stamp[-6:],
            "traceTime": stamp[4:],
            "accNo": told.payer,
            "reqReserved": told.text,
            "respCode": "00",
            "respMsg": "Success!",
        }
        return dict(_FORM), self.signed_unionpay(channel, fields, key)

    def _generic(
        self, channel: Channel, merchant: Merchant, told: Payment, sent: int, key: int
    ) -> tuple[dict[str, str], bytes]:
        shape = next(one for one in channel.shape if one.kind == told.kind and _tells(one, told))
        body = _body(channel, _content(shape, merchant, told))
        return self.signed_generic(channel, body, sent, key), body

    def _rsa(self, key: Key, text: bytes) -> str:
        return base64.b64encode(self._private[key.file].sign(text, PKCS1v15(), SHA256())).decode()


def _transaction(merchant: Merchant, told: Payment, app: str) -> dict[str, Any]:
    """What WeChat tells of a payment."""
    fen = told.amount_e4 // FEN
    return {
        "mchid": merchant.number,
        "appid": app,
        "out_trade_no": told.order,
        "transaction_id": told.number,
        "trade_type": "JSAPI",
        "trade_state": _WECHAT_STATES[told.state],
        "trade_state_desc": "",
        "bank_type": "OTHERS",
        "attach": told.text,
        "payer": {"openid": told.payer},
        "amount": {
            "total": fen,
            "payer_total": fen,
            "currency": told.currency,
            "payer_currency": told.currency,
        },
        **_succeeded(told),
    }


def _refund(merchant: Merchant, told: Payment) -> dict[str, Any]:
    """What WeChat tells of a refund."""
    fen = told.amount_e4 // FEN
    return {
        "mchid": merchant.number,
        "out_trade_no": told.order,
        "transaction_id": told.original,
        "refund_id": told.number,
        "out_refund_no": told.text or f"R{told.order}",
        "refund_status": _WECHAT_REFUNDS[told.state],
        "user_received_account": "支付用户零钱",
        "amount": {"total": fen, "refund": fen, "payer_total": fen, "payer_refund": fen},
        **_succeeded(told),
    }


def _combined(channel: Channel, initiator: Merchant, told: Sequence[Payment], app: str) -> dict[str, Any]:
    """What WeChat tells of a combined order."""
    numbers = {one.called: one.number for one in channel.merchant}
    return {
        "combine_appid": app,
        "combine_mchid": initiator.number,
        "combine_out_trade_no": f"HD{told[0].order}",
        "combine_payer_info": {"openid": told[0].payer},
        "scene_info": {"device_id": "POS1"},
        "sub_orders": [
            {
                "mchid": numbers[one.merchant],
                "transaction_id": one.number,
                "out_trade_no": one.order,
                "trade_type": "JSAPI",
                "trade_state": _WECHAT_STATES[one.state],
                "bank_type": "OTHERS",
                "attach": one.text,
                "amount": {
                    "total_amount": one.amount_e4 // FEN,
                    "payer_amount": one.amount_e4 // FEN,
                    "currency": one.currency,
                    "payer_currency": one.currency,
                },
                **_succeeded(one),
            }
            for one in told
        ],
    }


def _succeeded(told: Payment) -> dict[str, str]:
    return {"success_time": _rfc3339(told.time)} if told.state == "success" else {}


_WECHAT_STATES = {"success": "SUCCESS", "pending": "USERPAYING", "closed": "CLOSED", "failed": "PAYERROR"}
_WECHAT_REFUNDS = {"success": "SUCCESS", "pending": "ABNORMAL", "closed": "CLOSED", "failed": "ABNORMAL"}
_ALIPAY_STATES = {
    "success": "TRADE_SUCCESS",
    "pending": "WAIT_BUYER_PAY",
    "closed": "TRADE_CLOSED",
    "failed": "TRADE_CLOSED",
}
_FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def _write(path: Path, made: Callable[[], bytes]) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made())
        path.chmod(0o600)


def _make_pair(channel: Channel, key: Key, public: Path, private: Path) -> None:
    """A key of the channel's: Alipay gives a public key, the others a certificate with the serial."""
    pair = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    for path in (public, private):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    plain = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(private, lambda: plain)
    if channel.format == "alipay":
        pem = pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    else:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{channel.name}, invented")])
        serial = int(key.serial, 16 if channel.format == "wechat" else 10)
        begins = datetime(2020, 1, 1, tzinfo=UTC)
        certificate = (
            x509.CertificateBuilder(name, name, pair.public_key(), serial)
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=365 * 40))
            .sign(pair, SHA256())
        )
        pem = certificate.public_bytes(Encoding.PEM)
    _write(public, lambda: pem)


def _private(pem: bytes) -> rsa.RSAPrivateKey:
    # it was made here: proving that its numbers are prime would take a thousand times as long as reading it
    key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _form(fields: Mapping[str, str], charset: str) -> bytes:
    return "&".join(
        f"{quote_plus(name)}={quote_plus(fields[name], encoding=charset)}" for name in fields
    ).encode()


def _moment(ms: int) -> datetime:
    """Shanghai's clock."""
    return datetime.fromtimestamp((ms + SHANGHAI_OFFSET) // SECOND, UTC)


def _local(ms: int) -> str:
    return _moment(ms).strftime("%Y-%m-%d %H:%M:%S")


def _compact(ms: int) -> str:
    return _moment(ms).strftime("%Y%m%d%H%M%S")


def _rfc3339(ms: int) -> str:
    return _moment(ms).strftime("%Y-%m-%dT%H:%M:%S+08:00")


def _written(ms: int, how: str) -> str:
    return {
        "rfc3339": _rfc3339(ms),
        "local": _local(ms),
        "compact": _compact(ms),
        "epoch_s": str(ms // SECOND),
        "epoch_ms": str(ms),
    }[how]


def _tells(shape: Shape, told: Payment) -> bool:
    """Whether a shape can tell of a payment's direction."""
    return bool(shape.directions) or told.direction == (
        "out" if told.kind in ("refund", "chargeback") else "in"
    )


def _content(shape: Shape, merchant: Merchant, told: Payment) -> dict[str, str]:
    """A payment in a generic channel's fields, by dotted path."""
    words = {state: word for word, state in reversed(shape.states.items())}
    directions = {flow: word for word, flow in reversed(shape.directions.items())}

    def amount(units: int) -> str:
        return str(units // FEN) if shape.unit == "minor" else yuan(units)

    found = {name: words[0] for name, words in shape.when.items()}
    found |= dict(zip(shape.number, told.number.split("/"), strict=True))
    found |= {paths_of(shape.merchant)[0]: merchant.number, shape.amount: amount(told.amount_e4)}
    found |= {shape.time[0]: _written(told.time, shape.time_format)}
    optional = {
        **dict.fromkeys(paths_of(shape.app)[:1], merchant.apps[0] if merchant.apps else ""),
        shape.order: told.order,
        shape.fee: "" if told.fee_e4 is None else amount(told.fee_e4),
        shape.currency: told.currency,
        shape.state: words.get(told.state, ""),
        shape.direction: directions.get(told.direction, ""),
        shape.settled: "" if told.settled is None else told.settled.isoformat(),
        **dict.fromkeys(shape.original[:1], told.original),
        **dict.fromkeys(shape.payer[:1], told.payer),
        **dict.fromkeys(shape.text[:1], told.text),
    }
    return found | {name: value for name, value in optional.items() if name}


def _body(channel: Channel, content: Mapping[str, str]) -> bytes:
    if channel.format == "form":
        return _form(content, channel.charset)
    if channel.format == "csv":
        columns = channel.columns or tuple(content)
        cells = ['"' + content.get(name, "").replace('"', '""') + '"' for name in columns]
        rows = [] if channel.columns else [",".join(columns)]
        return "".join(f"{row}\r\n" for row in (*rows, ",".join(cells))).encode(channel.charset)
    nested: dict[str, Any] = {}
    for path, value in content.items():
        *above, last = path.split(".")
        inner = nested
        for step in above:
            inner = inner.setdefault(step, {})
        inner[last] = value
    return msgspec.json.encode(nested).decode().encode(channel.charset)
