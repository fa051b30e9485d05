"""What lies in an object store that speaks S3 (AWS, OSS, COS, OBS, MinIO): listed, and fetched object by object.

The client is Arrow's (`pyarrow.fs`), which signs requests (Signature Version 4) and tries again what may be better
then.
"""

from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import msgspec
from pyarrow import fs

from sources.bills.download.http import MOST_FILE, PIECE, TRIES, DownloadError, host
from sources.bills.model import Place

CONNECT, ANSWER = 10.0, 30.0
"""Seconds that a connection, and each answer, may take."""


class Object(msgspec.Struct, frozen=True):
    """A file in a store, as it is at the moment: one that is changed is another one."""

    name: str
    path: str
    size: int
    changed: int
    """When it was put there, as the store says, in nanoseconds."""


class Objects:
    """A place in a store. Every method raises DownloadError."""

    def __init__(self, place: Place, keys: Path) -> None:
        self.place = place
        address = urlsplit(place.address)
        try:
            access, secret = (keys / place.key).read_text("ascii").split()
        except (OSError, ValueError) as error:
            raise DownloadError(f"{place.key} is no file of an access key's id and secret") from error
        self._store = fs.S3FileSystem(
            access_key=access,
            secret_key=secret,
            region=place.region,
            scheme=address.scheme,
            endpoint_override=address.netloc,
            force_virtual_addressing=place.bucket_in_host,
            connect_timeout=CONNECT,
            request_timeout=ANSWER,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=TRIES),
        )

    def listed(self) -> list[Object]:
        """What lies there, in order of names; what lies in places below is not looked at."""
        where = fs.FileSelector(self.place.path, allow_not_found=True)
        try:
            found = self._store.get_file_info(where)
        except OSError as error:
            raise self._error(error) from error
        return sorted(
            (
                Object(one.base_name, one.path, one.size, one.mtime_ns)
                for one in found
                if one.type == fs.FileType.File
            ),
            key=lambda one: one.name,
        )

    def fetch(self, one: Object, file: BinaryIO) -> None:
        """Write an object into a file."""
        if one.size > MOST_FILE:
            raise DownloadError(f"{one.name} has more than {MOST_FILE} bytes")
        try:
            with self._store.open_input_file(one.path) as stream:
                while piece := stream.read(PIECE * 32):
                    file.write(piece)
        except OSError as error:
            raise self._error(error) from error
        file.flush()

    def _error(self, error: OSError) -> DownloadError:
        """What went wrong, without what an address or an answer could give away."""
        text = str(error)
        why = text.partition("AWS Error ")[2].partition(" ")[0] or type(error).__name__
        return DownloadError(f"{host(self.place.address)} {self.place.path}: {why}", again=True)
