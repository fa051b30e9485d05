"""HTTP for downloads: tried again with growing pauses, bounded in size and time, into a file."""

import time
from collections.abc import Callable, Mapping
from typing import BinaryIO, TypeVar
from urllib.parse import urlencode, urlsplit

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

TRIES = 5
PAUSE = 2.0
"""Seconds before the second try; each further pause is twice as long."""
MOST_ANSWER = 1_000_000
"""Bytes of an answer that is no bill."""
MOST_FILE = 2_000_000_000
"""Bytes of a bill as it is sent, packed."""
PIECE = 1 << 18
FORM = "application/x-www-form-urlencoded"
T = TypeVar("T")


class DownloadError(RuntimeError):
    """The channel did not give the bill; `again`: another try may help."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        self.again = again
        super().__init__(message)


class Web:
    """The channel's servers. `patience`: seconds that one file may take."""

    def __init__(
        self, sleep: Callable[[float], object] = time.sleep, quiet: float = 30, patience: float = 900
    ) -> None:
        self._sleep, self._patience = sleep, patience
        self._pool = PoolManager(timeout=Timeout(connect=10, read=quiet), retries=False)

    def tried(self, act: Callable[[], T]) -> T:
        """Do something again and again, with pauses, while another try may help. Raises DownloadError."""
        for number in range(TRIES):
            try:
                return act()
            except DownloadError as error:
                if not error.again or number == TRIES - 1:
                    raise
            self._sleep(PAUSE * 2**number)
        raise AssertionError

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], fields: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of an answer that is no bill. Raises DownloadError."""
        try:
            with self._asked(method, url, headers, fields) as answer:
                body = answer.read(MOST_ANSWER, decode_content=True)
        except HTTPError as error:
            raise DownloadError(f"{host(url)}: {type(error).__name__}", again=True) from error
        _fine(answer, url)
        return answer.status, body

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], fields: Mapping[str, str] | None
    ) -> BaseHTTPResponse:
        return self._pool.request(
            method,
            url,
            body=urlencode(fields) if fields else None,
            headers={**({"Content-Type": FORM} if fields else {}), **headers},
            preload_content=False,
            redirect=False,
            decode_content=False,
        )

    def fetch(
        self,
        url: str,
        headers: Mapping[str, str],
        file: BinaryIO,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """Write what an address gives, or answers to a form, into a file, from its beginning. Raises DownloadError."""
        file.seek(0)
        file.truncate()
        until, size = time.monotonic() + self._patience, 0
        try:
            with self._asked("POST" if fields else "GET", url, headers, fields) as answer:
                _fine(answer, url)
                if answer.status != 200:
                    raise DownloadError(f"{host(url)} answers {answer.status}")
                while piece := answer.read(PIECE):
                    size += len(piece)
                    if size > MOST_FILE:
                        raise DownloadError(f"{host(url)} sends more than {MOST_FILE} bytes")
                    if time.monotonic() > until:
                        raise DownloadError(f"{host(url)} is too slow", again=True)
                    file.write(piece)
        except HTTPError as error:
            raise DownloadError(f"{host(url)}: {type(error).__name__}", again=True) from error
        file.flush()


def _fine(answer: BaseHTTPResponse, url: str) -> None:
    """Raises DownloadError for what may be better at the next try."""
    if answer.status >= 500 or answer.status in (408, 425, 429):
        raise DownloadError(f"{host(url)} answers {answer.status}", again=True)


def host(url: str) -> str:
    """Whom an address asks: what may be told, since the rest may be a ticket."""
    return urlsplit(url).netloc


def as_safe(url: str, asked: str) -> str:
    """An address out of an answer, if it is not less safe than the one that was asked. Raises DownloadError."""
    scheme = urlsplit(url).scheme
    if scheme != "https" and scheme != urlsplit(asked).scheme:
        raise DownloadError(f"{host(asked)} sends on to an address that is not https")
    return url
