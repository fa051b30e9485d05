"""A small server that gives bills as WeChat Pay and Alipay do, checks our signatures, and misbehaves when told to."""

import base64
import hashlib
import io
import re
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sources.bills.unpacking import GZIP, unpacked
from tests.bills.serving import Serving

QUERY = "alipay_data_dataservice_bill_downloadurl_query_response"


class Channel(Serving):
    """Serves on 127.0.0.1 from `start` to `stop`. `faults`: what goes wrong with the next requests, in turn."""

    def __init__(self, keys: Path) -> None:
        private = generate_private_key(65537, 2048)
        (keys / "merchant.pem").write_bytes(
            private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        self._public = private.public_key()
        self.bills: dict[tuple[str, date], bytes] = {}
        """By path or `alipay`, and day."""
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.callers: list[tuple[str, str]] = []
        """Who asked WeChat for a bill, and for which sub-merchant's."""
        self.free = threading.Event()
        """Set: what is slow goes on."""
        channel = self

        class Handler(BaseHTTPRequestHandler):
            """Hands requests to the channel."""

            def do_GET(self) -> None:
                channel.answer(self, b"")

            def do_POST(self) -> None:
                channel.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_: object) -> None:
                """Nothing."""

        super().__init__(Handler)

    def stop(self) -> None:
        """Serve no more."""
        self.free.set()
        super().stop()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """One request."""
        parts = urlsplit(request.path)
        self.requests.append(parts.path)
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdigit():
            _send(request, int(fault), b"{}")
        elif fault == "slow":
            self.free.wait(30)
        elif fault == "nonsense":
            _send(request, 200, b"<html>")
        elif parts.path.startswith("/v3/bill/"):
            self._wechat(request, parts.path, parts.query, fault)
        elif parts.path == "/gateway.do":
            self._alipay(request, body)
        else:
            self._file(request, parts.path, parts.query, fault)

    def _wechat(self, request: BaseHTTPRequestHandler, path: str, query: str, fault: str) -> None:
        if not self._is_signed(request):
            _send(request, 401, b'{"code":"SIGN_ERROR"}')
            return
        words = parse_qs(query)
        (caller,) = re.findall(r'mchid="([^"]*)"', request.headers["Authorization"])
        self.callers.append((caller, *words.get("sub_mchid", [""])))
        day = date.fromisoformat(words["bill_date"][0])
        if (path, day) not in self.bills:
            _send(request, 400, b'{"code":"NO_STATEMENT_EXIST"}')
            return
        raw = self.bills[path, day]
        digest = hashlib.sha1(_plain(raw)).hexdigest() if fault != "hash" else "0" * 40
        url = f"{self.address}/file?path={path}&day={day}"
        _send(
            request,
            200,
            msgspec.json.encode({"hash_type": "SHA1", "hash_value": digest, "download_url": url}),
        )

    def _is_signed(self, request: BaseHTTPRequestHandler) -> bool:
        said = dict(re.findall(r'(\w+)="([^"]*)"', request.headers["Authorization"]))
        text = f"GET\n{request.path}\n{said['timestamp']}\n{said['nonce_str']}\n\n"
        return (
            self._verify(said["signature"], text) and said["serial_no"] == "5157F09EFDC096DE15EBE81A47057A72"
        )

    def _alipay(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        fields = dict(parse_qsl(body.decode()))
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "sign")
        day = date.fromisoformat(msgspec.json.decode(fields["biz_content"])["bill_date"])
        if not self._verify(fields["sign"], text):
            said = {"code": "40002", "sub_code": "isv.invalid-signature"}
        elif ("alipay", day) not in self.bills:
            said = {"code": "40004", "sub_code": "isp.bill_not_exist"}
        else:
            said = {"code": "10000", "bill_download_url": f"{self.address}/file?path=alipay&day={day}"}
        _send(request, 200, msgspec.json.encode({QUERY: said, "sign": "…"}))

    def _file(self, request: BaseHTTPRequestHandler, path: str, query: str, fault: str) -> None:
        words = parse_qs(query)
        name = words["path"][0]
        if name != "alipay" and not self._is_signed(request):
            _send(request, 401, b"{}")
            return
        raw = self.bills[name, date.fromisoformat(words["day"][0])]
        if fault == "cut":
            _send(request, 200, raw[: len(raw) // 2], len(raw))
        elif fault == "short":
            _send(request, 200, raw[: len(raw) // 2])
        elif fault == "changed":
            _send(request, 200, raw[:-9] + bytes(9))
        else:
            _send(request, 200, raw)

    def _verify(self, signature: str, text: str) -> bool:
        try:
            self._public.verify(base64.b64decode(signature), text.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


def _plain(raw: bytes) -> bytes:
    assert raw.startswith(GZIP)
    return unpacked(io.BytesIO(raw)).read()


def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, length: int | None = None) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    request.wfile.write(body)
