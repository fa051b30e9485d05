"""A small server that gives files as UnionPay does: it checks our signature, signs what it answers, and misbehaves when
told to. Written from UnionPay's description, not from the code that asks."""

import base64
import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.bills.serving import Serving

MERCHANT = "898000000000001"
ASKED = {
    *("accessType", "bizType", "certId", "encoding", "fileType", "merId", "settleDate", "signMethod"),
    *("signature", "txnSubType", "txnTime", "txnType", "version"),
}
"""The fields of a request, as the open platform lists those that a merchant has to fill in."""
RETURNED = (
    *("accessType", "bizType", "encoding", "fileType", "merId", "settleDate", "signMethod", "txnSubType"),
    *("txnTime", "txnType", "version"),
)


class UnionPay(Serving):
    """Serves on 127.0.0.1 until `stop`. `faults`: what goes wrong with the next requests, in turn."""

    def __init__(self, keys: Path) -> None:
        self.merchant, self.own, self._forger = (key_of(one) for one in ("merchant", "unionpay", "forger"))
        pem = self.merchant.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (keys / "merchant.pem").write_bytes(pem)
        self._certificate = certificate(self.own, date(2020, 1, 1), date(2060, 1, 1))
        (keys / "unionpay.cer").write_bytes(self._certificate)
        self.files: dict[date, bytes] = {}
        """What is packed for a settlement day."""
        self.faults: list[str] = []
        self.requests = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            """Hands requests to the server."""

            def do_POST(self) -> None:
                status, body = server.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        super().__init__(Handler)

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Status and body for one request."""
        self.requests += 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdigit() and len(fault) == 3:
            return int(fault), b""
        if fault in ("empty", "nonsense"):
            return 200, b"" if fault == "empty" else b"<html>"
        asked = dict(parse_qsl(body.decode(), strict_parsing=True))
        said = {name: asked[name] for name in RETURNED}
        if len(fault) == 2:
            said |= {"respCode": fault, "respMsg": "系统忙[1000001]"}
        elif not self._is_ours(asked):
            said |= {"respCode": "11", "respMsg": "验证签名失败[9100004]"}
        else:
            said |= self._file_of(asked["settleDate"], fault)
        if fault.startswith("other "):
            said[fault.removeprefix("other ")] = "0101"
        said["signPubKeyCert"] = self._certificate.decode().replace("\n", "\r\n")
        said["signature"] = _signed(self._forger if fault == "forged" else self.own, said)
        if fault == "unsigned":
            del said["signature"]
        elif fault == "altered":
            said["respCode"] = "98"
        return 200, "&".join(f"{name}={value}" for name, value in said.items()).encode()

    def _is_ours(self, asked: Mapping[str, str]) -> bool:
        text = _digest({name: value for name, value in asked.items() if name != "signature"})
        try:
            self.merchant.public_key().verify(
                base64.b64decode(asked["signature"]), text, PKCS1v15(), SHA256()
            )
        except InvalidSignature:
            return False
        return set(asked) == ASKED and (asked["certId"], asked["txnType"], asked["fileType"]) == (
            "40220995861346480087409489142384722381",
            "76",
            "00",
        )

    def _file_of(self, settled: str, fault: str) -> dict[str, str]:
        found = [day for day in self.files if f"{day:%m%d}" == settled]
        if not found:
            return {"respCode": "98", "respMsg": "文件不存在[8110098]"}
        raw = zlib.compress(self.files[found[0]] if fault != "no archive" else b"")
        if fault == "cut":
            raw = raw[:-20]
        content = base64.b64encode(raw).decode()
        if fault == "no base64":
            content = f"*{content}"
        elif fault == "no file":
            content = ""
        name = f"{MERCHANT}_{found[0]:%Y%m%d}.zip"
        return {"respCode": "00", "respMsg": "成功[0000000]", "fileName": name, "fileContent": content}


@cache
def key_of(_whom: str) -> RSAPrivateKey:
    """Somebody's key, made once."""
    return generate_private_key(65537, 2048)


def archive(day: date, bill: bytes, merchant: str = MERCHANT) -> bytes:
    """A day's files, one of them of what is in dispute."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(f"INN{day:%y%m%d}88ZM_{merchant}", bill)
        packed.writestr(f"INN{day:%y%m%d}88ZME_{merchant}", b"E74 \r\n")
    return whole.getvalue()


def certificate(key: RSAPrivateKey, begins: date, ends: date) -> bytes:
    """A certificate (PEM) of a key that is in force from one day to another."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "041@invented@00040000:SIGN@00000001")])
    first, last = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (begins, ends))
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 69026276696)
        .not_valid_before(first)
        .not_valid_after(last + timedelta(days=1))
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )


def _digest(fields: Mapping[str, str]) -> bytes:
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    return hashlib.sha256(text.encode()).hexdigest().encode()


def _signed(key: RSAPrivateKey, fields: Mapping[str, str]) -> str:
    return base64.b64encode(key.sign(_digest(fields), PKCS1v15(), SHA256())).decode()
