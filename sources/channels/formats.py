"""How each format proves that a notification is the channel's own, and what it then says.

Nothing is decoded before its signature is verified, beyond what verification itself needs: the headers, a form's
names and bytes, the outer JSON of WeChat Pay after its signature and before its decryption.
"""

import base64
import binascii
import hashlib
import hmac
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from schemas.payments import Notification
from schemas.times import business_day, date_of, day_of
from sources.channels import fields
from sources.channels.bodies import Content, csv_of, form_of, json_of, texts_of
from sources.channels.cards import replaced
from sources.channels.keys import Keys
from sources.channels.model import Channel, Key, Merchant, Signature
from sources.channels.refused import RefusedError

_PADDING, _SHA256 = PKCS1v15(), SHA256()
_HEADER = re.compile(r"\{([a-z0-9-]+)\}")


class Opened(msgspec.Struct, frozen=True):
    """The content of a notification whose signature holds."""

    content: Content
    sent: int | None = None
    """When the channel says that it sent it (UTC ms); None: it does not say."""
    merchants: Sequence[Merchant] | None = None
    """Those with whose key it was encrypted; None: it was not encrypted."""


class Format(ABC):
    """How to open one channel's notifications."""

    max_age = 3 * 86_400
    """Seconds that a notification may be old, where the channel's configuration does not say."""

    def __init__(self, channel: Channel, keys: Keys) -> None:
        self._channel = channel
        self._keys = keys
        self._by_serial: dict[str, list[Key]] = {}
        for key in channel.key:
            self._by_serial.setdefault(key.serial, []).append(key)

    @abstractmethod
    def open(self, notification: Notification) -> Opened:
        """What it says. Raises RefusedError when it is not the channel's own, or cannot be read."""

    def _valid(self, serial: str, received: int) -> list[Key]:
        """The keys that a serial names and that are believed on the day of receipt."""
        named = self._by_serial.get(serial, [])
        if not named:
            shown = replaced(fields.readable(serial)[:64], lambda _: "…")
            raise RefusedError("unknown_key", f"{shown or 'no serial'} is none of the channel's keys")
        return self._believed(named, received)

    def _believed(self, keys: Sequence[Key], received: int) -> list[Key]:
        """Those of the keys that are believed on the day of receipt, and whose certificates are in force."""
        day = business_day(received)
        valid = [
            key
            for key in keys
            if (key.since is None or day_of(key.since) <= day)
            and (key.until is None or day <= day_of(key.until))
            and self._in_force(key, received)
        ]
        if not valid:
            raise RefusedError("unknown_key", f"no key is valid on {date_of(day)}")
        return valid

    def _in_force(self, key: Key, received: int) -> bool:
        public = self._keys.public.get(key.file)
        return public is None or public.begins <= received <= public.ends

    def _signed(self, keys: Sequence[Key], signature: str | bytes, text: bytes) -> None:
        """Whether an RSA signature (Base64) of a text is by one of the keys."""
        raw = _base64(signature)
        for key in keys:
            try:
                self._keys.public[key.file].key.verify(raw, text, _PADDING, _SHA256)
            except InvalidSignature:
                continue
            return
        raise RefusedError("signature_wrong", "the signature is not that of the channel's key")


class Wechat(Format):
    """WeChat Pay v3: signed over the exact body, its resource encrypted with the merchant's APIv3 key."""

    max_age = 300

    def __init__(self, channel: Channel, keys: Keys) -> None:
        super().__init__(channel, keys)
        self._of_group: dict[str, dict[str, list[Merchant]]] = {}
        for merchant in channel.merchant:
            for file in merchant.secrets:
                self._of_group.setdefault(merchant.group, {}).setdefault(file, []).append(merchant)

    def open(self, notification: Notification) -> Opened:
        headers, body = notification.headers, notification.body
        stamp, nonce = _header(headers, "wechatpay-timestamp"), _header(headers, "wechatpay-nonce")
        signature, serial = _header(headers, "wechatpay-signature"), _header(headers, "wechatpay-serial")
        if headers.get("wechatpay-signature-type", _WECHAT) != _WECHAT:
            raise RefusedError("signature_wrong", f"its type is not {_WECHAT}")
        text = b"%b\n%b\n%b\n" % (_ascii(stamp), _ascii(nonce), body)
        self._signed(self._valid(serial, notification.time), signature, text)
        outer = json_of(body)
        inner, merchants = self._decrypted(outer, notification.group)
        told = {name: value for name, value in outer.items() if name != "resource"}
        sent = fields.time("wechatpay-timestamp", stamp, "epoch_s")
        return Opened({**inner, "notification": told}, sent, merchants)

    def _decrypted(self, outer: Content, group: str) -> tuple[Content, Sequence[Merchant]]:
        theirs = self._of_group.get(group, {})
        files = chain(theirs, self._elsewhere(group))
        found = decrypted(outer, ((file, self._keys.ciphers[file]) for file in files))
        if found is None:
            raise RefusedError("decryption_failed", "no merchant's APIv3 key opens it")
        file, plain = found
        if file not in theirs:
            raise RefusedError(
                "unknown_merchant", f"it is for another group's merchant, not for one of {group}"
            )
        return json_of(plain), theirs[file]

    def _elsewhere(self, group: str) -> Iterator[str]:
        """The other groups' keys: what they open was sent to the wrong address."""
        for other, files in self._of_group.items():
            if other != group:
                yield from files


def decrypted(outer: Content, ciphers: Iterable[tuple[str, AESGCM]]) -> tuple[str, bytes] | None:
    """What WeChat Pay has encrypted in a notification, and the name of the key that opens it; None: none of these does.
    Raises RefusedError where nothing is encrypted as it should be."""
    resource = outer.get("resource")
    if not isinstance(resource, dict):
        raise RefusedError("field_missing", "resource is missing")
    if resource.get("algorithm") != "AEAD_AES_256_GCM":
        raise RefusedError("decryption_failed", "resource.algorithm is not AEAD_AES_256_GCM")
    ciphertext, nonce = resource.get("ciphertext"), resource.get("nonce")
    associated = resource.get("associated_data") or ""
    if not (isinstance(ciphertext, str) and isinstance(nonce, str) and isinstance(associated, str)):
        raise RefusedError("field_missing", "resource has no ciphertext, nonce and associated_data")
    try:
        raw, salt, extra = base64.b64decode(ciphertext, validate=True), nonce.encode(), associated.encode()
    except ValueError:
        raise RefusedError("decryption_failed", "resource.ciphertext is not Base64") from None
    for name, cipher in ciphers:
        try:
            return name, cipher.decrypt(salt, raw, extra)
        except (InvalidTag, ValueError):
            continue
    return None


_WECHAT = "WECHATPAY2-SHA256-RSA2048"


class Alipay(Format):
    """Alipay: RSA2 over the sorted fields of a form, in the form's own charset."""

    max_age = 26 * 3600

    def open(self, notification: Notification) -> Opened:
        form = form_of(notification.body)
        if form.get(b"sign_type", b"RSA2") != b"RSA2":
            raise RefusedError("signature_wrong", "sign_type is not RSA2")
        serial = form.get(b"alipay_cert_sn") or form.get(b"app_id", b"")
        if not form.get(b"sign"):
            raise RefusedError("signature_missing", "the field sign is missing")
        text = _joined((name, form[name]) for name in sorted(form.keys() - {b"sign", b"sign_type"}))
        keys = self._valid(serial.decode("utf-8", "replace"), notification.time)
        self._signed(keys, form[b"sign"], text)
        content = texts_of(form, form.get(b"charset", b"utf-8").decode("latin-1"))
        sent = content.get("notify_time")
        if not sent:
            raise RefusedError("field_missing", "notify_time is missing")
        return Opened(content, fields.time("notify_time", sent, "local"))


class UnionPay(Format):
    """UnionPay's back notification: RSA over the digest of the sorted fields of a form.

    Since 5.1.0 it has no certId, but the certificate, which anyone could send: any key of the channel's may be it.
    """

    def open(self, notification: Notification) -> Opened:
        form = form_of(notification.body)
        if form.get(b"signMethod") != b"01":
            raise RefusedError("signature_wrong", "signMethod is not 01")
        if not form.get(b"signature"):
            raise RefusedError("signature_missing", "the field signature is missing")
        text = _joined((name, form[name]) for name in sorted(form.keys() - {b"signature"}) if form[name])
        if self._channel.digest == "sha256":
            text = hashlib.sha256(text).hexdigest().encode()
        serial, received = form.get(b"certId", b"").decode("utf-8", "replace"), notification.time
        keys = self._valid(serial, received) if serial else self._believed(self._channel.key, received)
        self._signed(keys, form[b"signature"], text)
        content = texts_of(form, (form.get(b"encoding") or b"UTF-8").decode("latin-1"))
        sent = content.get("txnTime")
        return Opened(content, fields.time("txnTime", sent, "compact") if sent else None)


class Generic(Format):
    """A channel that is configuration only."""

    def __init__(self, channel: Channel, keys: Keys) -> None:
        super().__init__(channel, keys)
        self._signature = channel.signature or Signature(kind="none")
        pieces = _HEADER.split(self._signature.signed)
        self._pieces = list(zip(pieces[::2], [*pieces[1::2], ""], strict=True))

    def open(self, notification: Notification) -> Opened:
        rule = self._signature
        if rule.kind == "hmac":
            self._verified(notification)
        sent = None
        if rule.clock:
            stamp = _header(notification.headers, rule.clock)
            sent = fields.time(rule.clock, stamp, rule.clock_format)
        return Opened(self._content(notification.body), sent)

    def _verified(self, notification: Notification) -> None:
        rule, headers = self._signature, notification.headers
        given = _header(headers, rule.header)
        serial = _header(headers, rule.serial) if rule.serial else ""
        received = notification.time
        keys = self._valid(serial, received) if rule.serial else self._believed(self._channel.key, received)
        if not given.startswith(rule.prefix):
            raise RefusedError("signature_wrong", f"{rule.header} does not begin with {rule.prefix}")
        given = given[len(rule.prefix) :]
        try:
            raw = bytes.fromhex(given) if rule.encoding == "hex" else _base64(given)
        except ValueError:
            raise RefusedError("signature_wrong", f"{rule.header} is not {rule.encoding}") from None
        text = b"".join(self._text(notification))
        for key in keys:
            if hmac.compare_digest(hmac.digest(self._keys.secrets[key.file], text, rule.algorithm), raw):
                return
        raise RefusedError("signature_wrong", "the signature is not that of the channel's key")

    def _text(self, notification: Notification) -> Iterator[bytes]:
        for text, header in self._pieces:
            yield text.encode()
            if header == "body":
                yield notification.body
            elif header:
                yield _ascii(_header(notification.headers, header))

    def _content(self, body: bytes) -> Content:
        charset = self._channel.charset
        if self._channel.format == "json":
            return json_of(body, charset)
        if self._channel.format == "form":
            return texts_of(form_of(body), charset)
        return csv_of(body, charset, self._channel.columns)


FORMATS: dict[str, type[Format]] = {
    "wechat": Wechat,
    "alipay": Alipay,
    "unionpay": UnionPay,
    "json": Generic,
    "form": Generic,
    "csv": Generic,
}


def _header(headers: Mapping[str, str], name: str) -> str:
    if not (value := headers.get(name, "").strip()):
        raise RefusedError("signature_missing", f"header {name} is missing")
    return value


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise RefusedError("signature_wrong", "a header that is signed is not ASCII") from None


def _base64(text: str | bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("signature_wrong", "the signature is not Base64") from None


def _joined(pairs: Iterator[tuple[bytes, bytes]]) -> bytes:
    return b"&".join(b"%b=%b" % pair for pair in pairs)
