"""Rating again all charges in force of some fees and days, part by part, the next part read while one is rated."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from clickhouse_connect.driver.client import Client

from deploy.rerating.compare import Comparison, rated
from deploy.rerating.read import NO_CHARGE, Days, Reader, Sample
from flows.fees.model import OF_STORES, Fees
from flows.governance.network import Network
from flows.lifecycle.assess import NO_BOOK
from flows.rating.model import Book
from flows.rating.rerate import Rerater
from flows.rating.tariffs import Tariffs
from flows.rating.touched import Spans

EACH = 500_000
"""Charges in a part."""
Progress = Callable[[int, int], None]
"""Told after each part how many of how many are done."""


def rerater(books: Sequence[Book], network: Network, fees: Fees) -> Rerater:
    """Rates by these books, in order of publication, as lanes would with them in force."""
    return Rerater(Tariffs([NO_BOOK, *books], network), fees)


def hubs(network: Network) -> list[str]:
    """Codes of the network's hubs."""
    return [code for code, site in network.sites.items() if site.kind == "hub"]


def compare(
    client: Client, where: str, after: Rerater, network: Network, by: Sequence[str], progress: Progress
) -> Comparison:
    """What the charges in force, of a condition on fee and business date, come to by other tariffs."""
    comparison = Comparison(by, network)
    parts = -(-count_of(client, where) // EACH)
    reader = Reader(client, after.facts, hubs(network))
    for done, sample in enumerate(_ahead(lambda part: reader.in_force(where, part, parts), parts), 1):
        comparison.add(rated(sample, after))
        progress(done, parts)
    return comparison


def count_of(client: Client, where: str) -> int:
    """Charges of a condition on fee and business date, without reversals."""
    sql = f"SELECT count() FROM charge WHERE {where} AND reverses = {NO_CHARGE}"
    return int(client.query(sql).result_rows[0][0])


def _ahead(read: Callable[[int], Sample], parts: int) -> Iterator[Sample]:
    """All parts, each read while the one before is looked at."""
    with ThreadPoolExecutor(1) as reading:
        waiting = reading.submit(read, 0) if parts else None
        for part in range(parts):
            assert waiting is not None
            sample = waiting.result()
            waiting = reading.submit(read, part + 1) if part + 1 < parts else None
            yield sample


def of_touched(prices: Mapping[str, Spans], fees: Fees, *, parcels: bool = True) -> str:
    """The condition of charges of parcels (or all others) that changed prices may touch: `flows.rating.touched`."""
    by_name = {due.name: due for due in fees.dues}
    cases = []
    for due in fees.dues:
        base = by_name[due.share_of] if due.share_of else due
        price = base.price if (base.trigger not in OF_STORES) == parcels else ""
        for first, last in prices.get(price, ()):
            names = ", ".join(f"'{fee}'" for fee in due.fees)
            cases.append(f"fee IN ({names}) AND {Days(first, last).sql}")
    return f"({' OR '.join(cases) or 'false'})"


def newly_priced(books: Iterable[Book], after: Iterable[Book]) -> list[str]:
    """Fees of the tariff that are priced only afterwards: nothing was charged for them."""
    old, new = ({table.fee for book in some for table in book.tables} for some in (books, after))
    return sorted(new - old - {""})
