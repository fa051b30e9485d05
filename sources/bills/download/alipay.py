"""Alipay: a signed call to the gateway gives the address of a ZIP, which is good for half a minute."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import msgspec

from sources.bills.alipay import ENDING
from sources.bills.download.http import DownloadError, Web, as_safe, host
from sources.bills.download.signing import private_key, signed
from sources.bills.model import BillError, Source
from sources.bills.unpacking import PIECE, entry

METHOD = "alipay.data.dataservice.bill.downloadurl.query"
FINE = "10000"
NOTHING = ("isp.bill_not_exist", "isv.bill_not_exist")


class _Said(msgspec.Struct):
    code: str = ""
    sub_code: str = ""
    bill_download_url: str = ""


class _Answer(msgspec.Struct):
    said: _Said = msgspec.field(name=f"{METHOD.replace('.', '_')}_response", default_factory=_Said)


def download(web: Web, source: Source, keys: Path, day: date, file: BinaryIO) -> bool:
    """A day's bill into a file, a ZIP; False: there is none. Raises DownloadError."""
    key = private_key(keys / source.key)

    def once() -> bool:
        now = datetime.now(UTC) + timedelta(hours=8)
        fields = {
            "app_id": source.app,
            "biz_content": msgspec.json.encode({"bill_type": "trade", "bill_date": str(day)}).decode(),
            "charset": "utf-8",
            "format": "JSON",
            "method": METHOD,
            "sign_type": "RSA2",
            "timestamp": now.strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
        }
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        status, body = web.ask("POST", source.address, {}, {**fields, "sign": signed(key, text)})
        try:
            said = msgspec.json.decode(body, type=_Answer).said
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DownloadError(f"{host(source.address)} answers no JSON", again=True) from error
        if said.sub_code in NOTHING:
            return False
        if status != 200 or said.code != FINE:
            text = f"{host(source.address)} answers {status} {said.code[:32]} {said.sub_code[:64]}"
            raise DownloadError(text, again=said.code == "20000")
        web.fetch(as_safe(said.bill_download_url, source.address), {}, file)
        _is_whole(file, source)
        return True

    return web.tried(once)


def _is_whole(file: BinaryIO, source: Source) -> None:
    """The archive's own sums are all that tells a whole file from a broken one. Raises DownloadError."""
    try:
        _, stream = entry(file, ENDING)
        while stream.read(PIECE):
            pass
    except (BillError, zipfile.BadZipFile, io.UnsupportedOperation) as error:
        raise DownloadError(f"{host(source.address)}: the bill's archive is broken", again=True) from error
