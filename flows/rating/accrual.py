"""What a further day of a stay adds to its price: the price with the day less the price without it.

Both are asked for the same day, by the same facts but for how long the goods have been there. So free days, steps
and minimums come out as for the stay as a whole, and what changes (a price, the goods, their place) counts from
its day on. An addition is negative where a whole price becomes less with time.
"""

import msgspec

from flows.rating.exact import Exact
from flows.rating.steps import Step
from flows.rating.tariffs import Quote

ACCRUED = "accrued"
"""Kind of the step that takes off what the days before come to."""

_steps = msgspec.json.Decoder(list[Step])
_json = msgspec.json.Encoder()


def added(quote: Quote, before: Quote) -> tuple[int, str]:
    """The amount that a day adds, and its steps. Both quotes have steps."""
    amount = quote.amount - before.amount
    last = Step(ACCRUED, amount=str(Exact(before.amount)), total=str(Exact(amount)))
    return amount, _json.encode([*_steps.decode(quote.steps), last]).decode()
