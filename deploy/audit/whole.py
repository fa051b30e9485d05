"""A whole audit."""

import time
from collections.abc import Sequence
from pathlib import Path

from deploy.audit.chain import complete, read_log
from deploy.audit.ledger import check_ledger, counts
from deploy.audit.recompute import check_recomputed
from deploy.audit.report import Head, Report
from deploy.audit.store import Client, Store
from deploy.audit.truth import check_truth


def run(
    client: Client,
    truth: Path | None = None,
    data_time: int | None = None,
    *,
    live: bool = False,
    heads: Sequence[Head] = (),
) -> Report:
    """Audit the books that a client reads.

    `truth`: the simulated network's account of what it sent. `data_time`: the newest tick that the lanes have
    read, UTC ms; without it a parcel whose declared weight may or may not be due by now is accepted either
    way. `live`: a flow is writing, so leave out each lane's newest block. `heads`: chain heads of an earlier
    report.
    """
    began = time.monotonic()
    store = Store(client)
    log = read_log(store)
    if live:
        store = Store(client, complete(log))
    checks, unsealed = check_ledger(store, log, heads)
    checks += check_recomputed(store, log, data_time)
    if truth is not None:
        checks += check_truth(store, truth)
    return Report(counts(store, log, unsealed), tuple(checks), log.heads, time.monotonic() - began)
