"""A whole audit."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from clickhouse_connect.driver.client import Client

from deploy.audit.accounts import check_accounts
from deploy.audit.ahead import check_ahead, newest_rows
from deploy.audit.chain import check_closed, complete, read_log
from deploy.audit.drafts import check_drafts
from deploy.audit.ledger import check_ledger, counts
from deploy.audit.payments import check_payments
from deploy.audit.recompute import check_recomputed
from deploy.audit.report import Head, Report
from deploy.audit.steps import check_steps
from deploy.audit.store import Store
from deploy.audit.truth import check_truth, newest_tick
from schemas.settings import Settings, from_environment


def run(
    client: Client,
    truth: Path | None = None,
    data_time: int | None = None,
    *,
    live: bool = False,
    closed: bool = False,
    heads: Sequence[Head] = (),
    limits: Settings | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Report:
    """Audit the books that a client reads.

    `truth`: the directory with the simulated network's account of what it sent. `data_time`: the newest tick
    that the lanes have read, UTC ms; where nobody knows it, a parcel whose declared weight may or may not be
    due by now is accepted either way. `live`: a flow may be writing, so leave out each lane's newest block and
    what comes after it. `closed`: all lanes have ended well, so that no row may be unsealed. `heads`: chain heads
    of an earlier report. `limits`: how old facts may be and how far ahead, as the lanes have it; default: by the
    environment. `say`: hears what is looked at next: of large books each part takes a while.
    """
    began = time.monotonic()
    store = Store(client)
    tick = newest_tick(truth) if truth is not None else None
    newest = newest_rows(store) if live else {}
    log = read_log(store)
    looked_at = log
    if live:
        upto = complete(log)
        store, looked_at = Store(client, upto), log.until(upto)
    elif data_time is None:
        data_time = tick
    say("blocks, their chain and the journal")
    checks, unsealed = check_ledger(store, log, heads)
    checks.append(check_steps(store))
    if closed:
        checks.append(check_closed(log))
    if live:
        checks.append(check_ahead(newest, log))
    say("what was charged, computed again")
    checks += check_recomputed(store, looked_at, data_time, limits or from_environment())
    checks.append(check_drafts(store))
    say("payments")
    checks += check_payments(store, data_time, live=live, settled=tick is not None)
    say("accounts")
    checks += check_accounts(store, looked_at, settled=tick is not None)
    if truth is not None:
        say("what truly happened")
        checks += check_truth(store, truth)
    return Report(counts(store, log, unsealed), tuple(checks), log.heads, time.monotonic() - began)
