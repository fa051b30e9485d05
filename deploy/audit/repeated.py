"""Payments that repeat another one: the evidence names the other, and it is the one that the facts tell."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from deploy.audit.asked import MOST_CANDIDATES, Asked, Repeat
from deploy.audit.store import Store
from schemas.money import yuan
from schemas.times import DAY, clock

NEAR = 3 * DAY
"""Of two payments of one payer and amount, without numbers, the later one is taken for the earlier once more."""
PAID, BEFORE = "what it names is paid already: ", "the payer paid the same amount before: "
_OF = """(SELECT subject, arrayJoin(arrayMap(x -> replaceAll(replaceAll(x, '%20', ' '), '%25', '%'),
          splitByChar(' ', candidates))) AS name FROM $payment_exception WHERE kind = 'duplicate_payment')"""
_GIVEN = f"""
    SELECT toString(m.group) AS group, m.document AS document, m.payment AS payment,
           rule = 'decided' AS by_people, sum(reinterpretAsInt64(m.amount)) AS units FROM $payment_match AS m
    WHERE what = 'match' AND (document IN (SELECT name FROM {_OF}) OR payment IN (SELECT name FROM {_OF}))
    GROUP BY group, document, payment, by_people HAVING units != 0"""
_MONEY = f"""
    SELECT payment, argMax((toString(kind), toString(state), reinterpretAsInt64(amount), event_time, payer, original),
           (seq, line)) AS newest FROM $payment
    WHERE channel != 'account' AND (payment IN (SELECT payment FROM ({_GIVEN}))
        OR payment IN (SELECT subject FROM {_OF}) OR payment IN (SELECT name FROM {_OF}))
    GROUP BY payment"""


class Money(NamedTuple):
    """A payment or refund as its newest row has it."""

    kind: str
    state: str
    units: int
    time: int
    payer: str
    original: str


def check_repeats(store: Store, asked: Asked) -> None:
    """Add what is wrong to what was found about exceptions."""
    if not asked.repeats:
        return
    money = {row["payment"]: Money(*row["newest"]) for row in store.rows(_MONEY)}
    given: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in store.rows(_GIVEN):
        if (one := money.get(row["payment"])) is not None:
            there = given[row["group"], row["document"]]
            if one.kind not in ("refund", "chargeback"):
                there[row["payment"]] += row["units"]
            elif not row["by_people"]:
                there[one.original] -= row["units"]
    for repeat in asked.repeats:
        asked.found.seen += 1
        wanted = list(_wanted(repeat, money, given))
        if repeat.evidence not in wanted and len(repeat.candidates) < MOST_CANDIDATES:
            asked.found.add(f"{repeat.subject}: its evidence is {repeat.evidence!r}, should be {wanted}")


def _wanted(
    repeat: Repeat, money: dict[str, Money], given: dict[tuple[str, str], Counter[str]]
) -> Iterator[str]:
    """Evidence that may stand: the first of what pays the documents, or the one payment that it repeats."""
    paying = (
        key
        for document in repeat.candidates
        for key, units in given[repeat.group, document].items()
        if units > 0 and key in money
    )
    if first := _first(paying, money):
        yield PAID + _shown(first, money[first])
    mine = money.get(repeat.subject)
    for key in repeat.candidates:
        before = money.get(key)
        if before is None or mine is None or before.state != "success":
            continue
        same = (before.payer, before.units) == (mine.payer, mine.units)
        is_matched = any(of[key] for (group, _), of in given.items() if group == repeat.group)
        if (
            same
            and is_matched
            and (before.time, key) < (mine.time, repeat.subject) <= (before.time + NEAR, "~")
        ):
            yield BEFORE + _shown(key, before)


def _first(keys: Iterable[str], money: dict[str, Money]) -> str:
    return min(keys, key=lambda key: (money[key].time, key), default="")


def _shown(key: str, one: Money) -> str:
    return f"{key}, {yuan(one.units)} at {clock(one.time)}"
