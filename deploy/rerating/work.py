"""Rating again all charges in force of some fees and days, part by part, in as many processes as the machine bears."""

import os
import signal
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from deploy.rerating.compare import Comparison, Group, Sums, begun, rated
from deploy.rerating.read import NO_CHARGE, Days, Reader, Share, Where
from deploy.rerating.stores import Stores, in_months, of_stores
from deploy.rerating.uncounted import Uncounted, days_by_month, uncounted
from flows.fees.current import FEES
from flows.fees.model import OF_STORES, Fees
from flows.governance.network import Network
from flows.lifecycle.assess import NO_BOOK
from flows.rating.model import Book
from flows.rating.rerate import Rerater
from flows.rating.tariffs import Tariffs
from flows.rating.touched import Spans
from flows.storage.assess import Assessor
from schemas.parties import HQ

EACH = 250_000
"""Charges in a part."""
MOST = 8
"""Processes: each has the books in its memory."""
Connect = Callable[[], Client]
Progress = Callable[[int, int], None]
"""Told after each part how many of how many are done."""


def rerater(books: Sequence[Book], network: Network, fees: Fees) -> Rerater:
    """Rates by these books, in order of publication, as lanes would with them in force."""
    return Rerater(Tariffs([NO_BOOK, *books], network), fees)


class Question(NamedTuple):
    """What the charges in force, of a condition on fee and business date, come to by other books. It can be sent to
    another process as it is, so `connect` has to be a function that has a name there."""

    connect: Connect
    where: Where
    books: Sequence[Book]
    """In order of publication."""
    network: Network
    by: Sequence[str]
    fees: Fees = FEES
    anew: bool = False
    """Lanes will rate all of it again, as after a publication, by the counts of the month that there are now."""


class Answers:
    """Answers a question part by part, with a client and tariffs of its own."""

    def __init__(self, asked: Question) -> None:
        self._asked = asked
        self._after = rerater(asked.books, asked.network, asked.fees)
        self._by_month = days_by_month(self._after.tariffs, asked.fees)
        client = asked.connect()
        self._reader = Reader(client, self._after.facts, asked.network.hubs, anew=asked.anew)
        self._shares = [*shares(asked.fees, self._after.tariffs.fees)]
        assessor = Assessor(self._after.tariffs, asked.network, asked.fees)
        self._stores = Stores(client, asked.where, assessor, of_stores(client))

    def part(self, part: int, parts: int) -> tuple[dict[Group, Sums], Uncounted]:
        """The sums of one part of the charges, and of whose no parcels were counted."""
        found = Comparison(self._asked.by, self._asked.network)
        sample = self._reader.in_force(self._asked.where, part, parts)
        found.add(rated(sample, self._after))
        for share in self._shares:
            found.add(begun(self._reader.unshared(share, self._asked.where, part, parts), self._after))
        for some in self._stores.part(part, parts):
            found.add(some)
        return found.groups, uncounted(sample, self._by_month)


def compare(asked: Question, progress: Progress, processes: int = 0) -> Comparison:
    """The answer. `processes`: 0: one more than there are cores, because one always waits for the store."""
    parts = max(1, -(-count_of(asked.connect(), _looked_at(asked)) // EACH))
    comparison = Comparison(asked.by, asked.network)
    several = min(processes or (os.cpu_count() or 1) + 1, parts, MOST)
    answers = _beside(asked, parts, several) if several > 1 else _alone(asked, parts)
    for done, (groups, lacking) in enumerate(answers, 1):
        comparison.merge(groups)
        comparison.uncounted.add(lacking)
        progress(done, parts)
    return comparison


def _alone(asked: Question, parts: int) -> Iterator[tuple[dict[Group, Sums], Uncounted]]:
    answers = Answers(asked)
    for part in range(parts):
        yield answers.part(part, parts)


def _beside(asked: Question, parts: int, processes: int) -> Iterator[tuple[dict[Group, Sums], Uncounted]]:
    """The parts in order, each from one of several processes."""
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (asked,))
    try:
        yield from pool.map(_part, range(parts), [parts] * parts)
    finally:
        pool.shutdown(cancel_futures=True)


_answers: list[Answers] = []
"""In a process of the pool: its own."""


def _begin(asked: Question) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever asked tells that it was interrupted
    _answers.append(Answers(asked))


def _part(part: int, parts: int) -> tuple[dict[Group, Sums], Uncounted]:
    return _answers[0].part(part, parts)


def _looked_at(asked: Question) -> Where:
    """The condition of all charges that are read: also of those of which a share may begin."""
    priced = {table.fee for book in asked.books for table in book.tables}
    more = [asked.where.of(share.fees, share.of) for share in shares(asked.fees, priced)]
    return Where((*asked.where.cases, *(case for one in more for case in one.cases)))


def shares(fees: Fees, priced: Container[str]) -> Iterator[Share]:
    """The shares that have prices."""
    of = {due.name: due.fees[0] for due in fees.dues}
    for due in fees.dues:
        if due.amount == "share" and due.price in priced:
            payer = fees.rules.rules[due.fees[0]].payer
            yield Share(due.fees, of[due.share_of], HQ if payer == "headquarters" else "")


def count_of(client: Client, where: Where) -> int:
    """Charges of a condition, without reversals."""
    sql = f"SELECT count() FROM charge WHERE {where.sql} AND reverses = {NO_CHARGE}"
    return int(client.query(sql).result_rows[0][0])


def waiting(client: Client, prices: Mapping[str, Spans], fees: Fees) -> int:
    """Dues of parcels that wait for a price of such fees of the tariff and days."""
    cases = [
        f"fee = '{due.name}' AND {Days(first, last).sql}"
        for due in fees.dues
        if due.trigger not in OF_STORES
        for first, last in prices.get(due.price, ())
    ]
    where = " OR ".join(cases).replace("business_date", "toDate(since, 'Asia/Shanghai')") or "false"
    sql = f"SELECT count() FROM waiting_now WHERE reason = 'no_price' AND ({where})"
    return int(client.query(sql).result_rows[0][0])


def of_touched(
    prices: Mapping[str, Spans], fees: Fees, *, stores: bool | None = None, begun: bool = False
) -> Where:
    """The condition of charges that changed prices may touch: `flows.rating.touched`.

    `stores`: True: only what stores charge, False: only what parcels are charged. `begun`: also charges of which only
    the changed prices may pay a share.
    """
    by_name = {due.name: due for due in fees.dues}
    cases: list[tuple[tuple[str, ...], Days]] = []
    for due in fees.dues:
        base = by_name[due.share_of] if due.share_of else due
        if stores is None or (base.trigger in OF_STORES) == stores:
            cases += [(due.fees, Days(*span)) for span in prices.get(base.price, ())]
            if due.share_of:
                named = (*base.fees, *due.fees) if begun else due.fees
                cases += [(named, Days(*span)) for span in prices.get(due.price, ())]
            of_month = by_name[due.month_of].price if due.month_of else ""
            cases += [(due.fees, in_months(Days(*span))) for span in prices.get(of_month, ())]
    return Where(tuple(cases))


def newly_priced(books: Iterable[Book], after: Iterable[Book]) -> list[str]:
    """Fees of the tariff that are priced only afterwards: nothing was charged for them."""
    old, new = ({table.fee for book in some for table in book.tables} for some in (books, after))
    return sorted(new - old - {""})
