"""A demo's directory: made or emptied only where that is certainly meant, held by one process at a time.

A marker file says that a directory is a demo's; whoever uses the directory holds a lock on it that ends with the
process, however it ends. `settings.json` tells other commands where the parts are.
"""

import fcntl
import os
import shutil
from pathlib import Path

import msgspec

from schemas.settings import Settings

MARKER = ".waybook-demo"
SETTINGS = "settings.json"
USUAL = Path("data/demo")
"""Where a demo is, unless it is said."""


class HomeError(RuntimeError):
    """The directory is not used; the message says why and what to do."""


class Home:
    """Holds a demo's directory from when it is made until `release`, or until the process ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._held = -1

    def prepare(self) -> None:
        """Make the directory, or empty it of an earlier demo. Raises HomeError, having changed nothing."""
        marker = self.directory / MARKER
        if not marker.exists():
            if self.directory.exists() and (not self.directory.is_dir() or any(self.directory.iterdir())):
                raise HomeError(
                    f"{self.directory} is not empty and no demo's: name another directory with --home, "
                    "or empty it yourself"
                )
            self.directory.mkdir(parents=True, exist_ok=True)
        self._hold(marker, ", or name another directory with --home")
        for entry in self.directory.iterdir():
            if entry.name == MARKER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def reopen(self) -> None:
        """Use what an earlier demo has left. Raises HomeError."""
        marker = self.directory / MARKER
        if not marker.exists():
            raise HomeError(f"{self.directory} is no demo's directory")
        self._hold(marker)

    def release(self) -> None:
        """Let others use it."""
        os.close(self._held)

    def _hold(self, marker: Path, instead: str = "") -> None:
        self._held = os.open(marker, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.pread(self._held, 20, 0).decode(errors="replace").strip()
            os.close(self._held)
            raise HomeError(f"{self.directory} is in use by process {pid}: end that first{instead}") from None
        os.ftruncate(self._held, 0)
        os.pwrite(self._held, f"{os.getpid()}\n".encode(), 0)

    def tell(self, settings: Settings) -> None:
        """Write where everything is, for this user only."""
        fresh = self.directory / f"{SETTINGS}.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(settings, enc_hook=str)))
        fresh.rename(self.directory / SETTINGS)


def told(directory: Path) -> Settings | None:
    """The settings that a demo in this directory has written; None: there are none."""
    file = directory / SETTINGS
    if not file.exists():
        return None
    return msgspec.json.decode(file.read_bytes(), type=Settings, dec_hook=lambda kind, value: kind(value))


def in_use(directory: Path) -> bool:
    """Whether a process holds the directory."""
    marker = directory / MARKER
    if not marker.exists():
        return False
    held = os.open(marker, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(held)
    return False
