"""What a publication or withdrawal would change of days already charged: said beforehand, and asked."""

import sys
from collections.abc import Sequence
from functools import partial

from deploy.commands.where import LONG
from deploy.rerating.reweighed import reweighed
from deploy.rerating.work import Question, compare, of_touched, rerater, waiting
from deploy.tariff.opening import Connect
from deploy.tariff.what_if import not_counted, progress, told
from flows.fees.current import FEES
from flows.governance.network import Network
from flows.rating.model import Book
from flows.rating.tariffs import policy_of
from flows.rating.touched import touched
from schemas.counted import counted
from sinks.clickhouse import StoreAwayError

ANOTHER_POLICY = "the weight policy changes: it counts for a parcel with the next thing that happens to it"


def agreed(
    before: Sequence[Book], after: Sequence[Book], network: Network, connect: Connect, *, yes: bool
) -> bool:
    """Whether to go on: nothing that is charged would change, or someone agrees. `yes`: someone has.

    What another weight policy changes, it changes with the next thing that happens to a parcel.

    Raises StoreAwayError where it cannot be known and nobody has agreed.
    """
    prices = touched(before, after)
    weighed = _another_policy(before, after, network, connect, yes=yes)
    if not prices:
        _say("no price of any day changes")
        return not weighed or yes or _asked(weighed)
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
    changed = total.changed + weighed
    return not changed or yes or _asked(changed)


def _another_policy(
    before: Sequence[Book], after: Sequence[Book], network: Network, connect: Connect, *, yes: bool
) -> int:
    """Say what another weight policy would adopt of what is known, and how many charges that would change."""
    one, other = policy_of(before), policy_of(after)
    if one == other:
        return 0
    _say(ANOTHER_POLICY)
    try:
        client = connect(LONG)
    except StoreAwayError:
        if not yes:
            raise
        return 0
    found = reweighed(client, one, other, network, rerater(before, network, FEES))
    _say(
        f"of {counted(found.parcels, 'parcel')} charged by weight {found.otherwise:,} would have another weight by it"
        + (f", {found.nothing:,} of them none" if found.nothing else "")
    )
    if found.charges.groups:
        for line in told(found.charges, network, 0):
            _say(line)
    return found.charges.total.changed


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
