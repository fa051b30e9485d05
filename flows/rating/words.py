"""Words that rows and conditions name, and who else knows them: a misspelt one matches no parcel, and nobody is told.

Places, products, hubs, zones and holidays are known, and customers and their levels where `parties.csv` has any. Of
channels, services and the like a book may list those that there are (`[words]` of book.toml); without a list a word
that nothing else names is doubtful.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from flows.governance.network import Network
from flows.rating.factors import ANY_HOLIDAY, BY_NAME, DIRECTIONS, OPEN, Named, When, Words
from flows.rating.findings import Broken
from flows.rating.model import Book, Row
from flows.rating.places import Names, gazetteer
from schemas.problems import hint

_AS_COLUMNS = {"hubs": "hub", "services": "service"}
"""What conditions call differently from columns."""
ZONES = ("zone", "line")
"""Factors that a map of origins and destinations gives."""
MOST_TOLD = 12
"""Words that a message about another one names."""
MOST_HINTS = 100
"""Words for which the nearest known one is looked for: it takes a while among thousands."""


def named_by(named: Iterable[Named]) -> Iterator[tuple[str, str, str]]:
    """The words in what a row names, and those that its condition compares a fact with: column, factor, word."""
    for one in named:
        if isinstance(one, Words):
            for word in one.words:
                yield BY_NAME[one.factor].column, one.factor, word
        elif isinstance(one, When):
            for name, word in one.condition.compared:
                yield "condition", _AS_COLUMNS.get(name, name), word


def unlisted(rows: Iterable[Row], listed: Mapping[str, Sequence[str]]) -> Iterator[tuple[Row, str, Broken]]:
    """Rows with a word that is none of those that the book lists of its factor."""
    for row in rows if listed else ():
        for column, factor, word in named_by(row.named):
            if word and word not in listed.get(factor, (word,)):
                known = list(listed[factor])
                told = ", ".join(known[:MOST_TOLD]) + ("…" if len(known) > MOST_TOLD else "")
                message = f"{word!r} is none of {told}, as [words] lists {factor}{hint(word, known)}"
                yield row, column, Broken("unknown_word", message)


def known_words(books: Iterable[Book], network: Network) -> dict[str, frozenset[str]]:
    """By factor the words of an order or stay that the books list or name, or the network has."""
    known: dict[str, set[str]] = {factor: set() for factor in (*OPEN, "hub")}
    known["hub"].update(network.hubs)
    for factor, words in _of_parties(network).items():
        known[factor].update(words)
    for book in books:
        for factor, listed in book.words.items():
            known[factor].update(listed)
        for _, factor, word in (one for row in book.rows for one in named_by(row.named)):
            if factor in known:
                known[factor].add(word)
    return {factor: frozenset(words) for factor, words in known.items()}


class Known:
    """Who knows which word: the network, the book, and the books beside it."""

    def __init__(self, book: Book, network: Network, beside: Sequence[Book]) -> None:
        books = (book, *beside)
        places = gazetteer(network)
        self._codes: dict[str, Names] = {"product": places.products}
        for end in ("origin", "destination"):
            self._codes |= {end: places.kinds["outlet"]}
            self._codes |= {f"{end}_{kind}": places.kinds[kind] for kind in ("city", "province")}
        self._words: dict[str, set[str]] = {
            "direction": {*DIRECTIONS},
            "hub": {*network.hubs},
            "holiday": {name for one in books for name in one.holidays.values()},
            **{factor: _mapped(factor, books) for factor in ZONES},
            **_of_parties(network),
        }
        self._open = {factor for factor in OPEN if factor not in self._words and factor not in book.words}
        self._beside = {
            (of, word) for one in beside for row in one.rows for _, of, word in named_by(row.named)
        }
        self._hubs = _names_of_hubs(network)
        self._said: dict[tuple[str, str, str], str] = {}
        self._unknowns = 0

    def doubtful(self, rows: Iterable[Row]) -> Iterator[tuple[Row, str, str, str]]:
        """Row, column, rule and message of each word that nothing knows, or that nothing else names."""
        once: dict[tuple[str, str], tuple[Row, str] | None] = {}
        """Words of open sets with the only row that names each; None: there are several."""
        for row in rows:
            for column, factor, word in named_by(row.named):
                if factor in self._open:
                    only = once.setdefault((factor, word), (row, column))
                    if only is not None and (only[0].file, only[0].number) != (row.file, row.number):
                        once[factor, word] = None
                elif word and (message := self._unknown(column, factor, word)):
                    yield row, column, "never_given", message
        for (factor, word), only in once.items():
            if only is not None and word and (factor, word) not in self._beside:
                near = hint(word, [other for of, other in once if of == factor and other != word])
                message = f"nothing else names the {factor} {word}{near}; [words] of book.toml lists those there are"
                yield *only, "named_once", message

    def _unknown(self, column: str, factor: str, word: str) -> str:
        """What is wrong with a word of a closed set; empty: nothing."""
        key = column, factor, word
        if key not in self._said:
            self._said[key] = self._judged(*key)
        return self._said[key]

    def _judged(self, column: str, factor: str, word: str) -> str:
        if factor in self._codes:
            found = self._codes[factor].find(word)
            if isinstance(found, Broken):
                return f"conditions compare codes: {found.message}"
            return "" if found == word else f"conditions compare codes: {word} is {found}"
        known = self._words.get(factor, {word})
        if word in known or (column == factor == "holiday" and word == ANY_HOLIDAY):
            return ""
        self._unknowns += 1
        if factor == "hub" and word in self._hubs:
            return f"hubs are compared by their codes: {word} is {self._hubs[word]}"
        near = hint(word, sorted(known)) if self._unknowns < MOST_HINTS else ""
        return f"no {factor} of this book or the network is called {word}{near}"


def _names_of_hubs(network: Network) -> dict[str, str]:
    """By a hub's name its code, where parties.csv has it: who writes the name is told the code."""
    return {one.name: hub for hub in network.hubs for one in network.parties.get(hub, ()) if one.name}


def _mapped(factor: str, books: Iterable[Book]) -> set[str]:
    """The zones, or lines, that maps give."""
    tables = (row for book in books for row in book.rows if row.table.kind == "zones")
    return {row.text for row in tables if row.table.name == factor}


def _of_parties(network: Network) -> dict[str, set[str]]:
    """Customers and their levels, where the network has any."""
    levels = {one.customer_level for party in network.customers for one in network.parties[party]}
    found = {"customer": {*network.customers}, "customer_level": levels - {""}}
    return {factor: words for factor, words in found.items() if words}
