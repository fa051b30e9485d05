"""What a block led to, for Prometheus: counts, no identities."""

from collections import Counter as Tally

from prometheus_client import Counter

from flows.lifecycle.refusals import count_refusals
from flows.storage.output import Output

EVENTS = Counter("waybook_stay_events_total", "Accepted events of goods in stores", ["kind"])
CHARGES = Counter("waybook_stay_charges_total", "Charges of goods in stores", ["reversal"])


def count(output: Output) -> None:
    """Add one block's output to the counters."""
    for kind, number in Tally(type(one.event).__name__ for one in output.events).items():
        EVENTS.labels(kind).inc(number)
    EVENTS.labels("repeated").inc(output.repeats)
    count_refusals(output.booked.refusals, output.booked.refused_again)
    if charges := output.booked.charges:
        for reversal, number in Tally(charges.numbers("reversal").tolist()).items():
            CHARGES.labels(str(reversal)).inc(number)
