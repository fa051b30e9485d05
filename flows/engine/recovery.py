"""Where Bytewax keeps its snapshots: a directory that is there as a whole or not at all, and one process's alone.

Bytewax writes the snapshots of an epoch as they are made, and after the last of them that the epoch has ended. When a
process dies in between, the next one goes on from the epoch before, but what the unfinished epoch wrote stays: once the
epochs have counted past it, it counts as the newest of every key that has not been written since. It is state of a
future that never came to be, silently; at a graceful end, where Bytewax writes all keys, that of whole lanes. So what
belongs to no finished epoch is deleted before Bytewax reads.
"""

import fcntl
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from bytewax.recovery import RecoveryConfig, init_db_dir

_UNFINISHED = """
DELETE FROM snaps WHERE snap_epoch >= ifnull((
    SELECT max(resume_epoch, ifnull((SELECT max(worker_frontier) FROM fronts WHERE fronts.ex_num = exs.ex_num), 0))
    FROM exs ORDER BY ex_num DESC LIMIT 1
), 0)
"""
"""The epoch from which Bytewax goes on, for flows of one worker: see `resume_from` in its `src/recovery.rs`."""


class InUseError(RuntimeError):
    """Another process has this recovery store; of two, one could delete what the other goes on from."""


@contextmanager
def recovery(home: Path) -> Iterator[RecoveryConfig]:
    """The recovery store under `home`, made when it is missing; a crash while making it leaves none.

    It is this process's until the block ends. Raises InUseError.
    """
    home.mkdir(parents=True, exist_ok=True)
    store = home / "recovery"
    with (home / "lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(f"{store} is in use by another process") from None
        if not store.exists():
            fresh = home / "recovery.new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            init_db_dir(fresh, 1)
            fresh.rename(store)
        _forget_unfinished(store / "part-0.sqlite3")
        yield RecoveryConfig(store, timedelta(0))


def _forget_unfinished(part: Path) -> None:
    """Bytewax must not have the file open: SQLite's locks are the process's, whichever library took them."""
    with closing(sqlite3.connect(part)) as connection, connection:
        connection.execute(_UNFINISHED)
