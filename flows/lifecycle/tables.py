"""A block's output → the columns of its tables, and their bytes."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from flows.fees.model import Fees
from flows.fees.read import documents
from flows.governance import parties
from flows.governance.network import Network, read_network
from flows.journal.chart import chart
from flows.journal.moves import COST, MOVED, legs_of
from flows.journal.post import REVERSED, Booked, ChargeColumns, Legs, Poster
from flows.lifecycle import claimed, costs, directory, periods, watched
from flows.lifecycle.charged import BY_ORDER, GRAMS
from flows.lifecycle.named import WITHDRAWN
from flows.lifecycle.operated import operated
from flows.lifecycle.output import Adoption, Anomaly, Output, Wait
from flows.lifecycle.parties import Lines, Roles
from flows.lifecycle.reasons import REASONS
from flows.lifecycle.recalls import recalls
from flows.lifecycle.refusals import refusals
from flows.rating.model import Row
from flows.rating.tariffs import SHORT, Tariffs
from schemas.events import (
    Event,
    NetworkPublished,
    TariffPublished,
    TariffWithdrawn,
)
from schemas.times import DAY, SHANGHAI_OFFSET
from sinks import columns, tables
from sinks.columns import Ints, Made, Vocabulary
from sinks.encode import Encoded, encode

T = TypeVar("T")


def pluck(rows: Sequence[Any], *names: str) -> list[list[Any]]:
    """Attributes of many objects as columns, for tables of few rows."""
    return [list(map(attrgetter(name), rows)) for name in names]


def _days(times: Ints) -> Ints:
    return (times + SHANGHAI_OFFSET) // DAY


def encoded(made: Mapping[str, dict[str, Made] | None], seq: int) -> list[Encoded]:
    """The tables that have rows, in order of their names."""
    return [encode(tables.BY_NAME[name], seq, found) for name in sorted(made) if (found := made[name])]


class Prices:
    """The columns of all rows of the tariffs in force, so that a charge carries one number."""

    def __init__(self, *tariffs: Tariffs) -> None:
        rows = [(book.version, row) for one in tariffs for book in one.books for row in book.rows]
        self.number = {id(row): n for n, (_, row) in enumerate(rows, 1)} | {id(None): 0}
        self._kept = tariffs
        """Keeps the rows alive, whose addresses are the keys."""
        self.words = {
            name: self._coded(["", *(get(version, row) for version, row in rows)])
            for name, get in _ROW_WORDS.items()
        }
        self.numbers = {
            name: columns.ints([0, *(get(row) for _, row in rows)]) for name, get in _ROW_NUMBERS.items()
        }

    @staticmethod
    def _coded(values: Sequence[str]) -> tuple[Ints, Vocabulary]:
        codes = Vocabulary()
        return codes.codes(values), codes


_ROW_WORDS: dict[str, Callable[[str, Row], str]] = {
    "book_version": lambda version, _: version,
    "price_table": lambda _, row: row.file,
    "price_column": lambda _, row: row.column,
    "matched": lambda _, row: row.level,
    "rounding": lambda _, row: row.rounding,
}
_ROW_NUMBERS: dict[str, Callable[[Row], int]] = {
    "price_row": lambda row: row.number,
    "first_g": lambda row: row.values[0] if row.table.shape == "first_continued" else 0,
    "first_price": lambda row: row.values[SHORT.index(row.table.shape)] if row.table.shape in SHORT else 0,
    "continued_price": lambda row: row.values[2] if row.table.shape == "first_continued" else 0,
    "unit_g": lambda row: row.table.unit_g,
}


class Tables:
    """Makes a lane's blocks into rows. `writes_documents`: lane 0 writes what every lane reads."""

    def __init__(self, fees: Fees, writes_documents: bool) -> None:
        self.fees, self.writes_documents = fees, writes_documents
        due_of = {fee: due for due in fees.dues for fee in due.fees}
        triggers = [due_of[fee].trigger or due_of[fee].share_of for fee in fees.names]
        self.poster = Poster(fees.rules, fees.names, triggers, (MOVED, COST))
        self.roles = Roles(fees)
        self.waits = Vocabulary((*(due.name for due in fees.dues), WITHDRAWN))
        self.classes, self.sites = Vocabulary(("",)), Vocabulary(("",))
        self.lines = Lines()
        self.booked = Booked(self.poster, Vocabulary(), None)
        """What the newest block booked."""
        self._tariffs: Tariffs | None = None

    def make(self, output: Output, seq: int, tariffs: Tariffs, network: Network) -> list[Encoded]:
        """All tables of a block that have rows, in order of their names."""
        return encoded(self.columns(output, tariffs, network), seq)

    def columns(
        self, output: Output, tariffs: Tariffs, network: Network
    ) -> dict[str, dict[str, Made] | None]:
        """The same as columns, by table; None: it has no rows."""
        if output.replaced:
            self._tariffs, self.prices = None, Prices(*output.replaced, tariffs)
        elif tariffs is not self._tariffs:
            self._tariffs, self.prices = tariffs, Prices(tariffs)
        made: dict[str, dict[str, Made] | None] = {
            "event": output.accepted.columns(network),
            "order_terms": output.accepted.terms(),
            "claim": claimed.claims(output.accepted.claimed, output.penalties),
            "adopted_weight": self._adoptions(output.adoptions),
            "anomaly": self._anomalies(output.anomalies),
            "waiting": self._waits(output.waits),
            "chain_breach": watched.breaches(output.breaches),
            "weight_case": watched.cases(output.cases, network),
            "weight_decision": watched.decisions(output.decisions),
            "recall": recalls(output.recalls),
            "dead_letter": refusals(output.refusals),
        }
        booked = self.booked = Booked(self.poster, output.charges.words.parties, None)
        if output.charges:
            made["charge"], booked.charges = self._charges(output, network)
        if output.moves and self.writes_documents:
            booked.moved = self._moved(output)
        if output.bookings and self.writes_documents:
            booked.add(self._carriage(output))
        booked.open_from(output.closed + 1)
        made["journal"] = booked.post()
        made["books_close"] = periods.rows(output.closes)
        if self.writes_documents:
            made |= self._documents(output)
        return made

    # Charges

    def _charges(self, output: Output, network: Network) -> tuple[dict[str, Made], ChargeColumns]:
        charges, words = output.charges, output.charges.words
        own = charges.numbers
        ids, reverses = charges.ids()
        fees, times, amounts, reversal = own("fee"), own("event_time"), own("amount"), own("reversal")
        origins, destinations, products = own("origin"), own("destination"), own("product")
        days, parties, waybill = _days(times), words.parties, charges.text("waybill")
        payer, payee = self._between(output, fees, origins, destinations, days)
        number = self.prices.number
        rows = np.array([number[row] for row in own("row").tolist()], np.int32)
        of_row, numbers = self.prices.words, self.prices.numbers
        made = {
            "charge_id": columns.ids(ids),
            "revision": columns.numbers(own("revision"), "uint16"),
            "reverses": columns.ids(reverses),
            "waybill": waybill,
            "fee": columns.words(fees, self.poster.fees),
            "part": charges.text("part"),
            "payer": columns.words(payer, parties),
            "payee": columns.words(payee, parties),
            "amount": columns.money(amounts),
            "event_time": columns.times(times),
            "business_date": columns.dates(days),
            "cause": charges.text("cause"),
            "origin": columns.words(origins, parties),
            "destination": columns.words(destinations, parties),
            "product": columns.words(products, words.products),
            "weight_class": columns.words(own("weight_class"), words.classes),
            "weight_event": charges.text("weight_event"),
            **{name: columns.numbers(own(name), "uint32") for name in GRAMS},
            **{name: columns.words(code[rows], values) for name, (code, values) in of_row.items()},
            "price_row": columns.numbers(numbers["price_row"][rows], "uint32"),
            "first_g": columns.numbers(numbers["first_g"][rows], "uint32"),
            "unit_g": columns.numbers(numbers["unit_g"][rows], "uint32"),
            "first_price": columns.money(numbers["first_price"][rows]),
            "continued_price": columns.money(numbers["continued_price"][rows]),
            "order_event": charges.text("order_event"),
            "passed_over": columns.words(own("passed_over"), charges.passed_over),
            "steps": charges.text("steps"),
        }
        lines = self.lines.of(origins, destinations, parties, network)
        return made, ChargeColumns(
            ids,
            fees,
            payer,
            payee,
            amounts,
            times,
            days,
            waybill.arrow,
            (lines, self.lines.names),
            (products, words.products),
            reversal,
        )

    def _between(
        self, output: Output, fees: Ints, origins: Ints, destinations: Ints, days: Ints
    ) -> tuple[Ints, Ints]:
        """Payers and payees: the parties that run their outlets on the business days."""
        parties, spans = output.charges.words.parties, output.operators
        by_order = self.roles.parties(fees, origins, destinations, parties)
        told = output.charges.numbers("payer"), output.charges.numbers("payee")
        payer, payee = (
            np.where(said == BY_ORDER, known, said) for said, known in zip(told, by_order, strict=True)
        )
        return operated(payer, days, spans, parties), operated(payee, days, spans, parties)

    def _moved(self, output: Output) -> Legs | None:
        poster = self.poster
        return legs_of(
            output.moves,
            self.fees.rules.transfer,
            output.charges.words.parties,
            poster.accounts,
            poster.sides,
            poster.fees[MOVED],
            poster.causes[MOVED],
        )

    def _carriage(self, output: Output) -> Legs | None:
        poster = self.poster
        causes = poster.causes[COST], poster.causes[REVERSED]
        parties = output.charges.words.parties
        return costs.legs_of(
            output.bookings, parties, poster.accounts, poster.sides, poster.fees[COST], causes
        )

    # The rest: few rows, so plainness counts

    def _adoptions(self, rows: Sequence[Adoption]) -> dict[str, Made] | None:
        if not rows:
            return None
        waybill, event, kind, grams, volume, time, site, replaces, why = pluck(
            rows,
            "waybill",
            "event_id",
            "weight_class",
            "weight_g",
            "volume_cm3",
            "time",
            "site",
            "replaces",
            "why",
        )
        return {
            "waybill": columns.texts(waybill),
            "event_id": columns.texts(event),
            "weight_class": columns.words(self.classes.codes(kind), self.classes),
            "weight_g": columns.numbers(columns.ints(grams), "uint32"),
            "volume_cm3": columns.numbers(columns.ints(volume), "uint32"),
            "event_time": columns.times(columns.ints(time)),
            "site": columns.words(self.sites.codes(site), self.sites),
            "replaces": columns.texts(replaces),
            "why": columns.spelled(why),
        }

    def _anomalies(self, rows: Sequence[Anomaly]) -> dict[str, Made] | None:
        if not rows:
            return None
        kind, waybill, event, time, site, expected, found = pluck(
            rows, "kind", "waybill", "event_id", "time", "site", "expected", "found"
        )
        return {
            "kind": columns.spelled(kind),
            "waybill": columns.texts(waybill),
            "event_id": columns.texts(event),
            "event_time": columns.times(columns.ints(time)),
            "site": columns.spelled(site),
            "expected": columns.texts(expected),
            "found": columns.texts(found),
        }

    def _waits(self, rows: Sequence[Wait]) -> dict[str, Made] | None:
        if not rows:
            return None
        waybill, due, reason, since, outlet, part = pluck(
            rows, "waybill", "due", "reason", "since", "outlet", "part"
        )
        return {
            "waybill": columns.texts(waybill),
            "fee": columns.words(self.waits.codes(due), self.waits),
            "part": columns.texts(part),
            "reason": columns.words(np.array(reason, np.int32), _REASONS),
            "since": columns.times(columns.ints(since)),
            "outlet": columns.spelled(outlet),
        }

    def _documents(self, output: Output) -> dict[str, dict[str, Made] | None]:
        made: dict[str, dict[str, Made] | None] = {}
        if output.tariffs:
            made["tariff_book"] = _books(output.tariffs)
        if output.networks:
            made["network_directory"] = _directories(output.networks)
            newest = {published.version: published for published, _ in reversed(output.networks)}
            networks = [read_network(published.files) for published in reversed(newest.values())]
            made["site"], made["product"] = _sites(networks), _products(networks)
            made["area"], made["party"] = directory.areas(networks), directory.parties(networks)
            made["chain_rule"] = watched.rules(networks)
            for table, rows in documents(self.fees).items():
                made[table] = _document(table, self.fees.version, rows)
            made["account"] = chart(self.fees.rules)
        made["operator"], made["balance_moved"] = (
            directory.changes(output.changes),
            directory.balances(output.moves),
        )
        made["volume"] = directory.volumes(output.volumes)
        made["cost"] = costs.rows(output.costs)
        return made


def _document(table: str, version: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Made]:
    """Rows of a small table that readers look things up in."""
    make: dict[str, Callable[[list[Any]], Made]] = {
        tables.TEXT: columns.texts,
        tables.WORD: columns.spelled,
        "UInt8": lambda values: columns.numbers(columns.ints(values), "uint8"),
        "UInt32": lambda values: columns.numbers(columns.ints(values), "uint32"),
    }
    full = [{"version": version, **row} for row in rows]
    return {
        column.name: make[column.type]([row[column.name] for row in full])
        for column in tables.BY_NAME[table].columns[len(tables.SEQ) :]
    }


_REASONS = Vocabulary(REASONS)


_STATUS: dict[type[Event], str] = {TariffPublished: "published", TariffWithdrawn: "withdrawn"}


def _books(tariffs: Sequence[tuple[TariffPublished | TariffWithdrawn, int]]) -> dict[str, Made]:
    files = [(book, offset, *file) for book, offset in tariffs for file in _files(book)]
    books, offset, name, content = zip(*files, strict=True)
    return {
        "version": columns.texts([book.version for book in books]),
        "name": columns.texts([book.name for book in books]),
        "published_at": columns.times(columns.ints([book.time for book in books])),
        "published_by": columns.texts([_by(book) for book in books]),
        "file": columns.texts(name),
        "content": columns.texts(content),
        "event_id": columns.texts([book.id for book in books]),
        "status": columns.spelled([_STATUS[type(book)] for book in books]),
        "offset": columns.numbers(columns.ints(offset), "uint64"),
    }


def _files(event: TariffPublished | TariffWithdrawn) -> list[tuple[str, str]]:
    """A book's files in order; one blank row says that it was withdrawn."""
    return sorted(event.files.items()) if isinstance(event, TariffPublished) else [("", "")]


def _by(event: TariffPublished | TariffWithdrawn) -> str:
    return event.published_by if isinstance(event, TariffPublished) else event.withdrawn_by


def _directories(networks: Sequence[tuple[NetworkPublished, int]]) -> dict[str, Made]:
    files = [
        (network, offset, *file) for network, offset in networks for file in sorted(network.files.items())
    ]
    published, offset, name, content = zip(*files, strict=True)
    return {
        "version": columns.texts([network.version for network in published]),
        "published_at": columns.times(columns.ints([network.time for network in published])),
        "published_by": columns.texts([network.published_by for network in published]),
        "file": columns.texts(name),
        "content": columns.texts(
            [
                parties.without_accounts(text) if file == parties.FILE else text
                for file, text in zip(name, content, strict=True)
            ]
        ),
        "offset": columns.numbers(columns.ints(offset), "uint64"),
    }


def _products(networks: Sequence[Network]) -> dict[str, Made] | None:
    products = [(network.version, *product) for network in networks for product in network.products.items()]
    if not products:
        return None
    version, product, name = zip(*products, strict=True)
    return {
        "version": columns.texts(version),
        "product": columns.spelled(product),
        "name": columns.texts(name),
    }


def _sites(networks: Sequence[Network]) -> dict[str, Made]:
    full = [(network, site) for network in networks for site in network.sites.values()]
    return {
        "version": columns.texts([network.version for network, _ in full]),
        "site": columns.texts([site.site for _, site in full]),
        "name": columns.texts([site.name for _, site in full]),
        "kind": columns.spelled([site.kind for _, site in full]),
        "outlet": columns.texts([site.outlet for _, site in full]),
        "city": columns.spelled([site.city for _, site in full]),
        "city_name": columns.spelled([network.cities[site.city] for network, site in full]),
        "province": columns.spelled([site.province for _, site in full]),
        "province_name": columns.spelled([network.provinces[site.province] for network, site in full]),
    }
