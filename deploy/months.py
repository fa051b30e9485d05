"""What a customer's month came to, counted in the books and told to the lanes that charge for it.

A month is over when every lane that is asked has complete blocks of later data time. The same books give the same
word: its name is a hash of what it says. What is corrected afterwards is told again, for as long as the lanes remember
the month.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple, TypeVar

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from deploy.recall.complete import Complete, complete
from schemas import topics
from schemas.events import MonthWord
from schemas.identity import content_id
from schemas.settings import Settings
from schemas.times import business_day, date_of
from sinks.kafka import sending

_TOLD = """
SELECT customer, month, argMax((toUnixTimestamp64Milli(counted_at), (toInt64($value), toString(outlet),
                                status = 'cancelled')), (counted_at, event_id)) AS newest
FROM stay_month WHERE due = {due:String} GROUP BY customer, month"""
Word = TypeVar("Word", bound=MonthWord)
Month = tuple[str, date]
"""A customer, and the month's first day."""


class Came(NamedTuple):
    """What a month came to."""

    value: int
    """0.0001 yuan, or parcels."""
    outlet: str
    nothing: bool
    """All of it was taken back, or there was none."""


class Span(NamedTuple):
    """Months that are over and remembered."""

    since: date
    """The first day of the first of them."""
    until: date
    """The day after the last of them."""
    reached: int
    """Data time up to which they are complete, UTC ms."""


def run(
    settings: Settings,
    client: Client,
    lanes: Mapping[str, range],
    due: Callable[[Complete], Iterable[Word]],
    line: Callable[[Word], str],
) -> list[str]:
    """Tell the lanes what they do not know yet; lines for people. `lanes`: by flow, those that must have come so far.

    Raises DeliveryError.
    """
    records = sending(settings)
    books = complete(client, settings)
    for flow, of_flow in lanes.items():
        if lacking := books.lacking(of_flow, flow):
            return lacking
    words = list(due(books))
    for word in words:
        records.produce(topics.STAYS.name, word.customer, msgspec.json.encode(word))
    records.flush()
    return [line(word) for word in words] or ["nothing is to be told"]


def span(settings: Settings, reached: int) -> Span:
    """The months before that of the data time that is reached."""
    since = date_of(business_day(reached - settings.oldest) + 1).replace(day=1)
    return Span(since, date_of(business_day(reached)).replace(day=1), reached)


def told(client: Client, due: str, value: str) -> dict[Month, tuple[int, Came]]:
    """What the newest word about each month says, and its time, UTC ms. `value`: the column that has it, in SQL."""
    found = rows(client, _TOLD.replace("$value", value), due=due)
    return {(row["customer"], row["month"]): (row["newest"][0], Came(*row["newest"][1])) for row in found}


def spelled(blocks: Mapping[int, int]) -> dict[str, int]:
    """Blocks as words have them."""
    return {str(lane): n for lane, n in blocks.items()}


def words(
    came: Mapping[Month, Came],
    before: Mapping[Month, tuple[int, Came]],
    reached: int,
    make: Callable[..., Word],
) -> Iterator[Word]:
    """A word about each month that is untold or came to something else.

    `make`: a word of a value, and of what words about months have in common.
    """
    for (customer, month), now in sorted(came.items()):
        at, said = before.get((customer, month), (0, Came(0, "", nothing=True)))
        if said.nothing if now.nothing else said == now:
            continue
        word = make(
            now.value,
            id="month",
            time=max(reached, at + 1),
            customer=customer,
            month=month,
            outlet=now.outlet,
            cancelled=now.nothing,
        )
        yield msgspec.structs.replace(word, id=content_id("month", msgspec.json.encode(word)))
