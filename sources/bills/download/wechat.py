"""WeChat Pay v3: ask for a bill, get its address and hash, fetch it. Every request is signed."""

import gzip
import hashlib
import secrets
import time
import zlib
from datetime import date
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlencode, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sources.bills.download.http import DownloadError, Web, as_safe, host
from sources.bills.download.signing import private_key, signed
from sources.bills.model import MOST_BYTES, BillError, Source
from sources.bills.unpacking import PIECE, Limited

SCHEME = "WECHATPAY2-SHA256-RSA2048"
CALLS = {
    "wechat-trade": ("/v3/bill/tradebill", {"bill_type": "ALL"}),
    "wechat-fund": ("/v3/bill/fundflowbill", {"account_type": "BASIC"}),
}
NOTHING = "NO_STATEMENT_EXIST"


class _Answer(msgspec.Struct):
    hash_type: str = ""
    hash_value: str = ""
    download_url: str = ""
    code: str = ""


def download(web: Web, source: Source, keys: Path, day: date, file: BinaryIO) -> bool:
    """A day's bill into a file, packed with gzip; False: nothing happened on that day. Raises DownloadError."""
    key = private_key(keys / source.key)

    def once() -> bool:
        path, words = CALLS[source.format]
        asked = {"bill_date": str(day), **words, "tar_type": "GZIP"}
        if source.provider:
            asked["sub_mchid"] = source.account
        url = f"{source.address.rstrip('/')}{path}?{urlencode(asked)}"
        status, body = web.ask("GET", url, _headers(source, key, url))
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DownloadError(f"{host(url)} answers no JSON", again=True) from error
        if answer.code == NOTHING:
            return False
        if status != 200 or not answer.download_url:
            raise DownloadError(f"{host(url)} answers {status} {answer.code[:64]}")
        where = as_safe(answer.download_url, url)
        web.fetch(where, _headers(source, key, where), file)
        if answer.hash_type != "SHA1" or _sha1(file) != answer.hash_value.lower():
            raise DownloadError(f"{host(url)}: the bill has not the hash that was told", again=True)
        return True

    return web.tried(once)


def _headers(source: Source, key: RSAPrivateKey, url: str) -> dict[str, str]:
    """The signed text is method, path with its query, time, nonce and an empty body."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    stamp, nonce = str(int(time.time())), secrets.token_hex(16)
    signature = signed(key, f"GET\n{path}\n{stamp}\n{nonce}\n\n")
    said = {
        "mchid": source.provider or source.account,
        "nonce_str": nonce,
        "signature": signature,
        "timestamp": stamp,
        "serial_no": source.serial,
    }
    words = ",".join(f'{name}="{value}"' for name, value in said.items())
    return {"Authorization": f"{SCHEME} {words}", "Accept": "application/json", "User-Agent": "waybook"}


def _sha1(file: BinaryIO) -> str:
    """Of the unpacked content. Raises DownloadError when it cannot be unpacked."""
    file.seek(0)
    digest = hashlib.sha1(usedforsecurity=False)
    stream = Limited(cast("BinaryIO", gzip.GzipFile(fileobj=file)), MOST_BYTES)
    try:
        while piece := stream.read(PIECE):
            digest.update(piece)
    except (BillError, zlib.error) as error:
        raise DownloadError(f"the bill cannot be unpacked: {error}", again=True) from error
    return digest.hexdigest()
