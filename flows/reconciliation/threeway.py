"""Three-way comparison: what a channel notified, what its bills say, and what our books therefore hold.

For one movement of money (a payment's key) `findings` is a function of what is known of it, and of which days'
bills are whole: never of who came first. So a bill before its notifications and one after them end in the same
exceptions, and what no longer holds closes itself. A movement that only a bill knows is a payment all the same
(`payment_of`): it can be matched.
"""

from collections.abc import Iterable
from datetime import date
from sys import intern

import msgspec

from flows.reconciliation.accounts import Account, Terms, settlement_day
from flows.reconciliation.model import Open
from schemas.money import half_up, yuan
from schemas.payments import BillLine, Kind, Payment, Sort, State
from schemas.times import date_of

MILLION = 1_000_000
_json = msgspec.json.Encoder(order="deterministic")
SURPLUS = "long"
"""Money that only bills know (长款): people are asked about it as long as something of it is left to be matched."""
MISSING, AMOUNT, STATUS = "short", "bill_amount", "bill_status"
"""Money that bills lack (短款), or have otherwise: once a person has accepted that, the channel has in our books what
they say."""
CURRENCY = "bill_currency"
"""Money, or a fee of it, that bills have in another currency: neither is compared or booked."""
FAILED = ("failed", "closed")
"""States of money that does not move any more."""
ALONE = "fee_alone"
"""A fee that a bill tells of a trade that nobody knows: it is booked once a person has accepted it."""
COMPARED = frozenset(
    {
        *(SURPLUS, MISSING, "cut_off", AMOUNT, STATUS, CURRENCY),
        *("bill_fee", ALONE, "bill_duplicate"),
    }
)
"""Exceptions that come of nothing but a comparison."""
_BEST = ("trade", "fund")
"""Sorts of bills, from the one that tells best what a channel took."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """A movement as its notifications have it now."""

    kind: Kind
    amount: int
    state: State
    time: int
    settled: int = 0
    """Settlement day that was notified, days since 1970-01-01; 0: none."""
    fee: int | None = None
    currency: str = "CNY"


class Billed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A movement as one bill has it, in one currency."""

    bill: str
    day: int
    sort: Sort
    amount: int
    """Of one line, where several say the same."""
    fee: int
    """Of all lines together."""
    state: State
    currency: str
    lines: int
    """Lines that move money."""
    said: tuple[Payment, ...] = ()
    """The movement as its lines tell it, from when no notification had told that money moved; in order of their
    bytes. One of no amount tells a fee alone."""


def billed_with(
    billed: tuple[Billed, ...], bill: str, day: int, sort: Sort, line: BillLine, *said: Payment
) -> tuple[Billed, ...]:
    """What bills have of a movement, with one more line. The order of lines does not matter."""
    moves = 1 if line.amount_e4 else 0
    fresh = Billed(
        bill, day, sort, line.amount_e4, line.fee_e4, line.state, intern(line.currency), moves, said
    )
    if not billed:
        return (fresh,)
    for at, one in enumerate(billed):
        if (one.bill, one.day, one.sort, one.currency) == (bill, day, sort, line.currency):
            same = bool(one.lines) == bool(moves)
            state = max(one.state, line.state) if same else (fresh if moves else one).state
            joined = msgspec.structs.replace(
                fresh,
                amount=max(one.amount, line.amount_e4),
                fee=one.fee + line.fee_e4,
                state=state,
                lines=one.lines + moves,
                said=tuple(sorted({*one.said, *said}, key=_json.encode)),
            )
            return (*billed[:at], joined, *billed[at + 1 :])
    return ordered((*billed, fresh))


def ordered(billed: Iterable[Billed]) -> tuple[Billed, ...]:
    """What bills have of a movement, in the order in which it is kept."""
    return tuple(sorted(billed, key=lambda one: (one.bill, one.day, one.sort, one.currency)))


def in_currency(billed: Iterable[Billed], currency: str) -> tuple[Billed, ...]:
    """What bills have of a movement in its own currency: a fee in another one is none of its own."""
    return tuple([one for one in billed if one.currency == currency])


def findings(
    key: str, told: Told | None, billed: tuple[Billed, ...], terms: Terms, account: Account
) -> list[Open]:
    """What does not agree about a movement, in order; nothing for one that agrees."""
    if not billed:
        return _lacking(key, told, billed, terms, account) if told is not None and terms.sorts else []
    moved = _last_words(billed)
    found = _repeated(key, moved)
    if told is None:
        found += _alone(key, billed)
        if terms.notified and any(one.state == "success" for one in moved):
            found.append(Open(SURPLUS, key, moved[0].amount, _said_by(moved)))
        if moved:
            found += _foreign_fees(key, moved[0].amount, moved[0].currency, billed)
        return sorted(found)
    found += _otherwise(key, told, moved)
    if all(one.kind != CURRENCY for one in found):
        found += _foreign_fees(key, told.amount, told.currency, billed)
    found += _fees(key, told, billed, terms)
    if not {one.sort for one in moved}.issuperset(terms.sorts):
        found += _lacking(key, told, billed, terms, account)
    return sorted(found) if len(found) > 1 else found


def beyond(kind: str, amount: int, currency: str, billed: tuple[Billed, ...]) -> int:
    """By how much bills have more of a movement than its notified amount, where they lack it, say that it failed, or
    have another one of its currency; negative: less; 0: they have it, or may still have it."""
    moved = _last_words(billed)
    if kind == AMOUNT:
        ours = (one.amount for one in moved if one.currency == currency)
        return next((there - amount for there in ours if there != amount), 0)
    return 0 if any(one.state not in FAILED for one in moved) else -amount


def best(billed: tuple[Billed, ...]) -> Billed:
    """What tells best what a channel took of a movement: the trade bill, and where the money moved, with all fees in
    its currency. Where that tells of none, another sort of bill may."""
    first, *others = _with_fees(billed)
    if first.fee or first.state != "success":
        return first
    elsewhere = (one for one in in_currency(others, first.currency) if one.sort != first.sort)
    taken = (one.fee for one in elsewhere if one.fee and one.state == "success")
    return msgspec.structs.replace(first, fee=fee) if (fee := next(taken, 0)) else first


def _with_fees(billed: tuple[Billed, ...]) -> list[Billed]:
    """Bills of a movement, the best first. What other bills of its sort tell of fees alone (a fee of the next day, a
    correction) is added to the best of its currency that has the money, or to the first."""
    if len(billed) == 1:
        return list(billed)
    found: list[Billed] = []
    for one in sorted(billed, key=_place):
        of = one.sort, one.currency
        main = next((at for at, other in enumerate(found) if (other.sort, other.currency) == of), None)
        if main is None or one.lines or one.state != "success":
            found.append(one)
        else:
            found[main] = msgspec.structs.replace(found[main], fee=found[main].fee + one.fee)
    return found


def _place(one: Billed) -> tuple[int, bool, bool, int, str]:
    """Trade bills first, then those where money moved, then by day."""
    return _BEST.index(one.sort), one.state != "success", not one.lines, one.day, one.bill


def agrees(told: Told, sort: Sort, line: BillLine, terms: Terms) -> bool:
    """Whether a line is all that there is to say of a movement that no bill had before: the usual case, quickly."""
    return (
        line.amount_e4 == told.amount
        and line.state == told.state
        and line.currency == told.currency
        and terms.sorts in ((), (sort,))
        and not _fee_off(told, line.fee_e4, terms)
    )


def payment_of(channel: str, merchant: str, group: str, line: BillLine, day: date) -> Payment:
    """The payment that a line tells of, as if it had been notified."""
    return Payment(
        channel=channel,
        merchant=merchant,
        group=group,
        number=line.number,
        kind=line.kind,
        state=line.state,
        amount_e4=line.amount_e4,
        time=line.time,
        direction=line.direction,
        order=line.order,
        original=line.original,
        currency=line.currency,
        fee_e4=line.fee_e4,
        payer=line.payer,
        text=line.text,
        settled=day,
    )


def _alone(key: str, billed: tuple[Billed, ...]) -> list[Open]:
    """Bills have nothing but a fee of a movement that nobody else knows."""
    one = best(billed)
    if one.state != "success" or not one.fee or any(other.lines for other in billed):
        return []
    ours = sorted(in_currency(billed, one.currency), key=_place)
    same = [other for other in ours if (other.sort, other.state) == (one.sort, one.state)]
    text = f"a fee of {yuan(one.fee)} for a trade that nobody knows, {_said_by(same)}"
    return [Open(ALONE, key, abs(one.fee), text)]


def _otherwise(key: str, told: Told, moved: list[Billed]) -> list[Open]:
    """A bill has the movement, but not as it was notified: one exception of each kind, by the first such bill. Amounts
    of different currencies are not compared: that the currency differs is asked."""
    found: dict[str, Open] = {}
    for one in moved:
        if one.amount != told.amount and one.currency == told.currency:
            text = f"{_where(one)} has {yuan(one.amount)}, notified were {yuan(told.amount)}"
            found.setdefault(AMOUNT, Open(AMOUNT, key, abs(one.amount - told.amount), text))
        if one.state != told.state:
            text = f"{_where(one)} says {one.state}, notified was {told.state}"
            found.setdefault(STATUS, Open(STATUS, key, told.amount, text))
        if one.currency != told.currency:
            has, ours = (f"{yuan(of.amount)} {of.currency}" for of in (one, told))
            text = f"{_where(one)} has {has}, notified were {ours}"
            found.setdefault(CURRENCY, Open(CURRENCY, key, told.amount, text))
    return list(found.values())


def _foreign_fees(key: str, amount: int, currency: str, billed: tuple[Billed, ...]) -> list[Open]:
    """A bill has a fee alone of the movement in another currency: it is not booked as one in the movement's."""
    for one in sorted(billed, key=_place):
        if one.fee and not one.lines and one.state == "success" and one.currency != currency:
            text = f"{_where(one)} takes {yuan(one.fee)} {one.currency} of {yuan(amount)} {currency}"
            return [Open(CURRENCY, key, amount, text)]
    return []


def _last_words(billed: tuple[Billed, ...]) -> list[Billed]:
    """Bills that tell of a movement, without those that had it before it succeeded: a refund under way, an attempt
    that failed."""
    done = {one.sort for one in billed if one.lines and one.state == "success"}
    return [one for one in billed if one.lines and (one.state == "success" or one.sort not in done)]


def _repeated(key: str, moved: list[Billed]) -> list[Open]:
    """More than one line of a sort of bill moves the same money."""
    for sort in sorted({one.sort for one in moved if one.state == "success"}):
        same = [one for one in moved if one.sort == sort]
        lines = sum(one.lines for one in same)
        if lines > 1:
            return [Open("bill_duplicate", key, same[0].amount, f"{lines} lines, {_said_by(same)}")]
    return []


def _fees(key: str, told: Told, billed: tuple[Billed, ...], terms: Terms) -> list[Open]:
    if told.state != "success":
        return []
    for one in _with_fees(billed):
        ours = one.state == "success" and one.currency == told.currency
        if ours and (wrong := _fee_off(told, one.fee, terms)):
            by = "notified" if told.fee is not None else "by the rate"
            text = f"{_where(one)} takes {yuan(one.fee)}, {by} {yuan(_fee_by(told, terms))}"
            return [Open("bill_fee", key, wrong, text)]
    return []


def _fee_off(told: Told, fee: int, terms: Terms) -> int:
    """By how much a fee is wrong; 0: it is right, or nobody knows. Of money that goes back up to the fee may return."""
    if told.fee is None and terms.rate_ppm is None:
        return 0
    right = _fee_by(told, terms)
    low, high = (right, right) if told.kind == "payment" or told.fee is not None else (-right, 0)
    off = max(low - fee, fee - high)
    return off if off > terms.fee_slack else 0


def _fee_by(told: Told, terms: Terms) -> int:
    return told.fee if told.fee is not None else half_up(told.amount * (terms.rate_ppm or 0) // MILLION)


def _lacking(
    key: str, told: Told | None, billed: tuple[Billed, ...], terms: Terms, account: Account
) -> list[Open]:
    """Money that the bill of its day lacks: a shift to the next day's bill at first, then missing."""
    if told is None or told.state != "success":
        return []
    day = settlement_day(told.time, told.settled, terms)
    have = {one.sort for one in billed if one.lines}
    lacks = [sort for sort in terms.sorts if sort not in have and account.is_whole(sort, day)]
    if not lacks:
        return []
    over = [sort for sort in lacks if account.newest(sort) >= day + terms.grace_days]
    named = ", ".join(f"the {sort} bill of {date_of(day)}" for sort in (over or lacks))
    if over:
        until = date_of(day + terms.grace_days)
        return [Open(MISSING, key, told.amount, f"not in {named}, nor in any through {until}")]
    return [Open("cut_off", key, told.amount, f"not in {named}; the next days' bills may have it")]


def _where(one: Billed) -> str:
    return f"the {one.sort} bill of {date_of(one.day)}"


def _said_by(moved: Iterable[Billed]) -> str:
    return "in " + ", ".join(f"{_where(one)} ({one.bill})" for one in moved)
