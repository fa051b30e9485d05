"""What was booked in a period of a channel's merchant, as numbers: counts, and amounts in 0.0001 yuan.

A plain list, since it is added to with every entry: each figure is a count and an amount, and last come what the
channel's bills of the period say.
"""

from collections.abc import Iterable, Sequence

from flows.reconciliation.output import Entry
from schemas.payments import Sort

FIGURES = ("received", "refunded", "paid_out", "fees", "matched", "matched_out")
"""Money in; refunds and chargebacks; other money out; what the channel kept; what documents took of each."""
BILLED = ("billed_lines", "billed", "billed_refunds", "billed_fees")
SORTS: tuple[Sort, ...] = ("trade", "fund")
"""A day's bills of the first sort that has lines say what had to be in."""
NAMES = (*(name for figure in FIGURES for name in (f"{figure}_count", figure)), *BILLED)
"""Of the numbers of a total, in order."""
_FIRST_BILL = 2 * len(FIGURES)
WIDTH = _FIRST_BILL + len(SORTS) * len(BILLED)

_FIGURE_OF = {
    "payment_in": "received",
    "payment_out": "paid_out",
    "channel_fee": "fees",
    "receivable_paid": "matched",
    "payable_refunded": "matched",
    "account_topped_up": "matched",
    "difference_kept": "matched",
    "payout_arrived": "matched",
    "payout_returned": "matched",
    "refund_recovered": "matched",
    "deposit_arrived": "matched",
    "money_kept": "matched",
    "receivable_refunded": "matched_out",
    "payable_paid": "matched_out",
    "account_paid_out": "matched_out",
    "difference_paid": "matched_out",
    "payout_sent": "matched_out",
    "deposit_sent": "matched_out",
    "refund_owed": "matched_out",
}
"""By posting rule. What a tolerance gave up moves no money."""
COUNTED = frozenset(_FIGURE_OF)
_PLACE = {rule: 2 * FIGURES.index(figure) for rule, figure in _FIGURE_OF.items()}
_REFUNDED = 2 * FIGURES.index("refunded")
_BACK = ("refund", "chargeback")
_IN_SUSPENSE = {"received": 1, "refunded": -1, "paid_out": -1, "matched": -1, "matched_out": 1}


def nothing() -> list[int]:
    """Nothing was booked."""
    return [0] * WIDTH


def add(sums: list[int], entry: Entry) -> None:
    """An entry that is posted, or taken back."""
    place = _PLACE.get(entry.rule)
    if place is None:
        return
    if entry.rule == "payment_out" and entry.payment[len(entry.account) + 1 :].startswith(_BACK):
        place = _REFUNDED
    if entry.what != "difference":
        sums[place] += -1 if entry.reversal else 1
    sums[place + 1] += entry.amount


def set_bill(sums: list[int], sort: Sort, said: Sequence[int]) -> None:
    """The bill of a day that counts now: lines, paid, refunded, fees."""
    place = _FIRST_BILL + len(BILLED) * SORTS.index(sort)
    sums[place : place + len(BILLED)] = said


def of_day(sums: Sequence[int]) -> list[int]:
    """A day's figures with those of one sort of bills."""
    bills = [sums[place : place + len(BILLED)] for place in range(_FIRST_BILL, WIDTH, len(BILLED))]
    return [*sums[:_FIRST_BILL], *next((bill for bill in bills if bill[0]), bills[0])]


def total(days: Iterable[Sequence[int]]) -> list[int]:
    """The figures of several days together, each as `of_day` has it."""
    found = [0] * (_FIRST_BILL + len(BILLED))
    for sums in days:
        for place, number in enumerate(of_day(sums)):
            found[place] += number
    return found


def suspense(sums: Sequence[int]) -> int:
    """By how much money grew of which nobody knows what it is for; negative: more left so than came."""
    return sum(sign * sums[2 * FIGURES.index(name) + 1] for name, sign in _IN_SUSPENSE.items())


def named(sums: Sequence[int]) -> dict[str, int]:
    """A total by name."""
    return dict(zip(NAMES, sums, strict=True))
