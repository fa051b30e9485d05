"""What a block led to, for Prometheus: counts and money, no identities."""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence

import numpy as np
from prometheus_client import Counter, Gauge

from flows.fees.current import FEES
from flows.lifecycle.charged import Charges
from flows.lifecycle.output import Output
from flows.lifecycle.reasons import REASONS
from flows.lifecycle.refusals import count_refusals

EVENTS = Counter("waybook_events_total", "Events by kind and what became of them", ["kind", "outcome"])
CHARGES = Counter("waybook_charges_total", "Charges and reversals written", ["fee"])
MONEY = Counter("waybook_charged_fen_total", "Charged, in fen, reversals not deducted", ["fee"])
REVERSED = Counter("waybook_reversed_fen_total", "Taken back by reversals, in fen", ["fee"])
WAITING = Gauge("waybook_waiting", "Fees that are due but cannot be rated, by reason", ["lane", "reason"])
BREACHES = Counter("waybook_chain_breaches_total", "Breaches of scan chains that opened", ["rule"])
OPEN_BREACHES = Gauge(
    "waybook_chain_breaches_open", "Breaches of scan chains that are open", ["lane", "rule"]
)
CASES = Counter(
    "waybook_weight_cases_total", "Cases of differing weights, by what became of them", ["status"]
)
PENDING_CASES = Gauge("waybook_weight_cases_pending", "Cases on whose decision charges depend", ["lane"])
ANOMALIES = Counter("waybook_anomalies_total", "Input that was used but should be looked at", ["kind"])


def count(lane: int, output: Output, waits: Sequence[int], open_breaches: Mapping[str, int]) -> None:
    """Add one block's output to the counters.

    `waits`: how many dues wait after it, by reason. `open_breaches`: how many there are now, by rule.
    """
    for kind, rows in output.accepted.rows().items():
        if rows:
            EVENTS.labels(kind, "accepted").inc(rows)
    if output.repeats:
        EVENTS.labels("any", "repeated").inc(output.repeats)
    if output.charges:
        _count_charges(output.charges)
    for reason, waiting in zip(REASONS[1:], waits[1:], strict=True):
        WAITING.labels(str(lane), reason).set(waiting)
    _count_breaches(lane, output, open_breaches)
    _count_cases(lane, output)
    count_refusals(output.refusals, output.refused_again)
    if refused := sum(row.status == "open" for row in output.refusals):
        EVENTS.labels("any", "refused").inc(refused)
    for kind, number in Tally(row.kind for row in output.anomalies).items():
        ANOMALIES.labels(kind).inc(number)


def _count_charges(charges: Charges) -> None:
    fees, amounts, back = (charges.numbers(name) for name in ("fee", "amount", "reversal"))
    amounts = np.abs(amounts)
    for fee in np.unique(fees).tolist():
        of_fee = fees == fee
        name, reversed_ = FEES.names[fee], int(amounts[of_fee & (back == 1)].sum())
        CHARGES.labels(name).inc(int(of_fee.sum()))
        MONEY.labels(name).inc((int(amounts[of_fee].sum()) - reversed_) // 100)
        REVERSED.labels(name).inc(reversed_ // 100)


def _count_breaches(lane: int, output: Output, now_open: Mapping[str, int]) -> None:
    for rule, number in Tally(row.rule for row in output.breaches if row.new).items():
        BREACHES.labels(rule).inc(number)
    for rule, number in now_open.items():
        OPEN_BREACHES.labels(str(lane), rule).set(number)


def _count_cases(lane: int, output: Output) -> None:
    for status, number in Tally(row.status for row in output.cases).items():
        CASES.labels(status).inc(number)
    if output.decisions:
        EVENTS.labels("decision", "accepted").inc(len(output.decisions))
    PENDING_CASES.labels(str(lane)).set(output.pending_cases)
