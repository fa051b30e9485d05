"""Channels' own download calls: each gives a day's bill as a file, or says that there is none."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import BinaryIO

from sources.bills.download import alipay, unionpay, wechat
from sources.bills.download.http import Web
from sources.bills.model import Source

Download = Callable[[Web, Source, Path, date, BinaryIO], bool]
"""Writes the bill of a day into a file, from its beginning; False: the channel says that there is none.

Raises DownloadError. The path is the directory of keys.
"""
DOWNLOADS: dict[str, Download] = {
    "wechat": wechat.download,
    "alipay": alipay.download,
    "unionpay": unionpay.download,
}
