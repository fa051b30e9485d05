"""What a block led to, for Prometheus: counts, no identities."""

from collections import Counter as Tally

from prometheus_client import Counter

from flows.lifecycle.refusals import count_refusals
from flows.reconciliation.output import Output
from schemas.payments import BillComplete

PAYMENTS = Counter("waybook_payments_total", "Payments told, by channel and state", ["channel", "state"])
REPEATS = Counter("waybook_payment_repeats_total", "Notifications, dues and decisions that came again")
DUES = Counter("waybook_dues_total", "Words about receivables and payables")
MATCHES = Counter("waybook_payment_matches_total", "Matches by rule; reversals apart", ["rule", "reversal"])
EXCEPTIONS = Counter("waybook_payment_exceptions_total", "Exceptions by kind and status", ["kind", "status"])
BILLS = Counter("waybook_bills_total", "Bills by channel, complete or refused", ["channel", "status"])
CLOSES = Counter(
    "waybook_closes_total", "Closes asked for and undone, by period and status", ["period", "status"]
)


def count(output: Output) -> None:
    """Add one block's output to the counters."""
    for (channel, state), number in Tally(
        (s.payment.channel, s.payment.state) for s in output.stated
    ).items():
        PAYMENTS.labels(channel, state).inc(number)
    REPEATS.inc(output.repeats)
    DUES.inc(len(output.said))
    matches = Tally((entry.by, entry.reversal) for entry in output.entries if entry.what == "match")
    for (rule, reversal), number in matches.items():
        MATCHES.labels(rule, str(int(reversal))).inc(number)
    for (kind, status), number in Tally((one.kind, one.status) for one in output.exceptions).items():
        EXCEPTIONS.labels(kind, status).inc(number)
    for one in output.bills:
        status = "complete" if isinstance(one.event, BillComplete) else "refused"
        BILLS.labels(one.event.channel, status).inc()
    for close in output.closes:
        CLOSES.labels(getattr(close.event, "period", "reopen"), close.status).inc()
    count_refusals(output.refusals, output.refused_again)
