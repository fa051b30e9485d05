"""What is probably a mistake in a directory that breaks no rule: for its editor to look at, never a refusal.

* `another_province`: an outlet serves a county of another province.
* `left_out`: a file of the directory before that this one lacks, with all that it says.
* `unknown_level`: a customer's level that no price of the books in force names, where prices go by levels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter

from flows.governance import agreements, areas, chains, levels, parties
from flows.governance.network import FILES, NO_NETWORK, Network
from flows.rating.factors import Named, When, Words
from flows.rating.model import Book
from flows.rating.tariffs import in_force
from schemas.problems import Problem
from schemas.rows import Rows, rows_of, wrong

LEVEL, PLACES = "customer_level", "places.csv"


_LEFT_OUT: dict[str, Callable[[Network], object]] = {
    parties.FILE: attrgetter("parties"),
    areas.FILE: attrgetter("areas"),
    agreements.ACCOUNTS: attrgetter("agreements.terms"),
    agreements.MATERIALS: attrgetter("agreements.materials"),
    chains.FILE: attrgetter("chains"),
    levels.FILE: attrgetter("levels"),
}
"""Files that a directory need not have, and what they give it."""


def advice(
    files: Mapping[str, str], network: Network, standing: Sequence[Book], before: Network = NO_NETWORK
) -> Iterator[Problem]:
    """All that is remarkable about a directory that was read from these files. `standing`: the books in force."""
    for name, given in _LEFT_OUT.items():
        if given(before) and not given(network):
            message = (
                "is missing or empty, and the directory before had it: nothing of it is in force any more"
            )
            yield Problem(name, 0, "", "left_out", message)
    places = _rows(files, PLACES, FILES[PLACES])
    lies_in = {row["code"]: row["province"] for _, row in places}
    yield from _far(_rows(files, areas.FILE, areas.COLUMNS), network, lies_in)
    yield from _unpriced(_rows(files, parties.FILE, parties.COLUMNS), _levels(standing))


def _rows(files: Mapping[str, str], name: str, columns: Sequence[str]) -> Rows:
    return list(rows_of(files, name, columns, [])) if name in files else []


def _far(rows: Rows, network: Network, lies_in: Mapping[str, str]) -> Iterator[Problem]:
    for number, row in rows:
        outlet, county = network.outlets[row["outlet"]], row["county"]
        here, there = network.provinces[outlet.province], network.provinces[lies_in[county]]
        if here != there:
            message = f"{outlet.outlet} lies in {here}, and {county} {network.counties[county]} in {there}"
            yield wrong(areas.FILE, number, "outlet", message, "another_province")


def _unpriced(rows: Rows, levels: set[str]) -> Iterator[Problem]:
    for number, row in rows:
        level = row["customer_level"]
        if level and levels and level not in levels:
            message = (
                f"{level} stands in no price of the books in force, which name {', '.join(sorted(levels))}"
            )
            yield wrong(parties.FILE, number, "customer_level", message, "unknown_level")


def _levels(books: Sequence[Book]) -> set[str]:
    return {
        level for book in in_force(books) for row in book.rows for one in row.named for level in _named(one)
    }


def _named(one: Named) -> Sequence[str]:
    """Levels that a price names; of a condition about levels every text counts."""
    if isinstance(one, When):
        return one.condition.texts if LEVEL in one.condition.names else ()
    return one.words if isinstance(one, Words) and one.factor == LEVEL else ()
