"""Where Bytewax keeps its snapshots: a directory that is there as a whole or not at all."""

import shutil
from datetime import timedelta
from pathlib import Path

from bytewax.recovery import RecoveryConfig, init_db_dir


def recovery(home: Path) -> RecoveryConfig:
    """The recovery store under `home`, made when it is missing; a crash while making it leaves none."""
    store = home / "recovery"
    if not store.exists():
        fresh = home / "recovery.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        init_db_dir(fresh, 1)
        fresh.rename(store)
    return RecoveryConfig(store, timedelta(0))
