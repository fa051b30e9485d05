"""What a block led to, for Prometheus: counts and money, no identities."""

from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import Counter, Gauge

from flows.fees.current import FEES
from flows.lifecycle.output import Output
from flows.lifecycle.reasons import REASONS

EVENTS = Counter("waybook_events_total", "Events by kind and what became of them", ["kind", "outcome"])
CHARGES = Counter("waybook_charges_total", "Charges and reversals written", ["fee"])
MONEY = Counter("waybook_charged_fen_total", "Charged, in fen, reversals not deducted", ["fee"])
REVERSED = Counter("waybook_reversed_fen_total", "Taken back by reversals, in fen", ["fee"])
WAITING = Gauge("waybook_waiting", "Fees that are due but cannot be rated, by reason", ["lane", "reason"])
DEAD_LETTERS = Counter("waybook_dead_letters_total", "Input that broke a rule", ["reason"])
ANOMALIES = Counter("waybook_anomalies_total", "Input that was used but should be looked at", ["kind"])


def count(lane: int, output: Output, waits: Sequence[int]) -> None:
    """Add one block's output to the counters. `waits`: how many dues wait after it, by reason."""
    for kind, events in (
        ("order", output.orders),
        ("scan", output.scans),
        ("weight", output.weights),
        ("claim", output.claims),
    ):
        if events:
            EVENTS.labels(kind, "accepted").inc(len(events))
    if output.repeats:
        EVENTS.labels("any", "repeated").inc(output.repeats)
    charges, charged, reversed_ = Tally[int](), Tally[int](), Tally[int]()
    for charge in output.charges:
        charges[charge.fee] += 1
        (reversed_ if charge.reversal else charged)[charge.fee] += abs(charge.amount)
    for fee, number in charges.items():
        CHARGES.labels(FEES.names[fee]).inc(number)
        MONEY.labels(FEES.names[fee]).inc(charged[fee] // 100)
        REVERSED.labels(FEES.names[fee]).inc(reversed_[fee] // 100)
    for reason, waiting in zip(REASONS[1:], waits[1:], strict=True):
        WAITING.labels(str(lane), reason).set(waiting)
    for rule, number in Tally(row.reason for row in output.refusals if row.status == "open").items():
        EVENTS.labels("any", "refused").inc(number)
        DEAD_LETTERS.labels(rule).inc(number)
    for kind, number in Tally(row.kind for row in output.anomalies).items():
        ANOMALIES.labels(kind).inc(number)
