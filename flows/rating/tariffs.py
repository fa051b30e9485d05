"""Rating: from the facts of a fee to its price, by the books published so far.

The passes, in order: best match → chargeable weight → the shape's price → one rounding to the fen. All
arithmetic is on whole numbers; nothing is lost before the rounding.
"""

from collections.abc import Iterable, Iterator, Sequence

from flows.governance.network import Network
from flows.rating.levels import KINDS, LEVELS, ends
from flows.rating.model import Book, Row
from flows.rating.policy import NOTHING_ADOPTED
from flows.rating.rounding import to_fen
from flows.rating.shapes import SHAPES
from flows.rating.weights import CHARGEABLE, volumetric_g

Quote = tuple[int, int, int, int, Row]
"""Amount (money units, whole fen), volumetric, chargeable and continued weight (grams), and the row."""

MOST_REMEMBERED = 200_000
"""Best matches kept for a fee before they are forgotten and found again."""


class Tariffs:
    """The prices in force: books in order of publication, the last one the newest."""

    def __init__(self, books: Sequence[Book], network: Network) -> None:
        self.books = tuple(books)
        self.policy = books[-1].policy if books else NOTHING_ADOPTED
        """The weight policy of the newest book."""
        fees = {table.fee for book in books for table in book.tables}
        self._prices = {fee: Prices(fee, books, network) for fee in fees}

    def rate(
        self,
        fee: str,
        day: int,
        origin: str,
        destination: str,
        product: str,
        weight_g: int,
        volume_cm3: int,
    ) -> Quote | None:
        """What a fee costs on a business day (days since 1970-01-01), or None if no row covers it.

        `origin` and `destination` are outlets' codes; `weight_g` is the adopted weight; `volume_cm3` is 0
        where the parcel was not measured. A flat price ignores both and has a chargeable weight of 0.
        """
        prices = self._prices.get(fee)
        row = prices.best(day, origin, destination, product) if prices is not None else None
        if row is None:
            return None
        table = row.table
        volumetric = volumetric_g(volume_cm3, table.divisor)
        chargeable = CHARGEABLE[table.weight](weight_g, volumetric)
        exact, priced_g, continued_g = SHAPES[table.shape].price(row, chargeable)
        return to_fen(exact, table.money_rounding), volumetric, priced_g, continued_g, row


class Prices:
    """The rows of one fee in all books, looked up by place and product.

    Places that no row names are all alike, so outlets fall into few groups, and the best match is remembered
    per day, group of origins, group of destinations and product: nearly every parcel finds it there.
    """

    def __init__(self, fee: str, books: Iterable[Book], network: Network) -> None:
        self._rows: dict[tuple[str, str, str, str], list[Row]] = {}
        for book in books:
            for row in book.rows:
                if row.table.fee == fee:
                    key = (row.level, row.origin, row.destination, row.product)
                    self._rows.setdefault(key, []).append(row)
        for rows in self._rows.values():
            rows.reverse()
        used = {level for level, _, _, _ in self._rows}
        self._levels = [level for level in LEVELS if level.name in used]
        self._origins = _Groups(network, {origin for _, origin, _, _ in self._rows})
        self._destinations = _Groups(network, {destination for _, _, destination, _ in self._rows})
        self._products = {product for _, _, _, product in self._rows}
        self._best: dict[tuple[int, int, int, str], Row | None] = {}

    def best(self, day: int, origin: str, destination: str, product: str) -> Row | None:
        """The best match for a parcel on a day, or None: no row covers it, or an outlet is unknown."""
        try:
            key = (
                day,
                self._origins.of[origin],
                self._destinations.of[destination],
                product if product in self._products else "",
            )
        except KeyError:
            return None
        try:
            return self._best[key]
        except KeyError:
            pass
        if len(self._best) >= MOST_REMEMBERED:
            self._best.clear()
        row = self._best[key] = next(self._candidates(*key), None)
        return row

    def _candidates(self, day: int, origin: int, destination: int, product: str) -> Iterator[Row]:
        """Rows that cover a parcel, the most specific first and the newest book's first among equals."""
        here, there = self._origins.places[origin], self._destinations.places[destination]
        for level in self._levels:
            for named in (product, "") if product else ("",):
                for pair in ends(here[level.origin], there[level.destination]):
                    for row in self._rows.get((level.name, *pair, named), ()):
                        if row.table.first_day <= day <= row.table.last_day:
                            yield row


class _Groups:
    """Outlets in groups that a fee's rows cannot tell apart at one end."""

    def __init__(self, network: Network, named: set[str]) -> None:
        self.of: dict[str, int] = {}
        """An outlet's group."""
        self.places: list[dict[str, str]] = []
        """A group's places that rows may name, by kind; "" where none does."""
        numbers: dict[tuple[str, ...], int] = {}
        for outlet, site in network.outlets.items():
            places = tuple(place if place in named else "" for place in (outlet, site.city, site.province))
            if places not in numbers:
                numbers[places] = len(self.places)
                self.places.append({"": "", **dict(zip(KINDS, places, strict=True))})
            self.of[outlet] = numbers[places]
