"""What a publication or withdrawal would change of days already charged: said beforehand, and asked."""

import sys
from collections.abc import Sequence
from functools import partial

from deploy.commands.where import LONG
from deploy.rerating.work import Question, compare, of_touched, waiting
from deploy.tariff.opening import Connect
from deploy.tariff.what_if import not_counted, policy_of, progress, told
from flows.fees.current import FEES
from flows.governance.network import Network
from flows.rating.model import Book
from flows.rating.touched import touched
from schemas.counted import counted
from sinks.clickhouse import StoreAwayError

ANOTHER_POLICY = (
    "the weight policy changes: weights stay as they were adopted until something more happens to their parcels; "
    "what changes then is not counted"
)


def agreed(
    before: Sequence[Book], after: Sequence[Book], network: Network, connect: Connect, *, yes: bool
) -> bool:
    """Whether to go on: nothing that is charged would change, or someone agrees. `yes`: someone has.

    Another weight policy is told and not counted: it changes nothing until something happens to a parcel.

    Raises StoreAwayError where it cannot be known and nobody has agreed.
    """
    if policy_of(before) != policy_of(after):
        _say(ANOTHER_POLICY)
    prices = touched(before, after)
    if not prices:
        _say("no price of any day changes")
        return True
    for remark in not_counted(before, after):
        _say(remark)
    try:
        client = connect(LONG)
    except StoreAwayError as away:
        if not yes:
            raise
        _say(f"what this changes of days already charged is not known: the store is away: {away}")
        return True
    asked = Question(partial(connect, LONG), of_touched(prices, FEES), after, network, ["fee"], anew=True)
    found = compare(asked, progress())
    for remark in found.uncounted.told():
        _say(remark)
    total = found.total
    priced = {table.fee for book in after for table in book.tables}
    if waits := waiting(client, {fee: days for fee, days in prices.items() if fee in priced}, FEES):
        _say(
            f"{counted(waits, 'due waits', 'dues wait')} for a price of these fees and days: "
            "what is charged then is not counted"
        )
    if total.changed:
        _say("backdated: of days already charged this would change")
        for line in told(found, network, 0):
            _say(line)
    else:
        _say(f"not backdated: of {counted(total.charges, 'charge')} of these fees and days none would change")
        return True
    return yes or _asked(total.changed)


def _asked(changed: int) -> bool:
    if not sys.stdin.isatty():
        sys.stderr.write(
            f"refused: it would change {counted(changed, 'charge')}, and nobody is there to ask; "
            "--yes does it all the same\n"
        )
        return False
    sys.stdout.write("go on? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
