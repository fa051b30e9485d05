"""What is owed to stores compared with what is charged: what stays, hauls and months have in common.

Each is told of in words of one lane. What is owed by all of them under the rules of some moment is a `Bill`.
"""

import json
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

import msgspec

from deploy.audit import postings
from deploy.audit.digest import place
from deploy.audit.eras import Era, Eras
from deploy.audit.postings import Postings
from deploy.audit.report import Findings
from deploy.audit.rows import Row as PriceRow
from deploy.audit.rules import AS_OF
from deploy.audit.steps import untrue
from deploy.audit.store import LANE, OF_SHARD, Store
from deploy.audit.tariffs import Price
from schemas.parties import HQ
from schemas.settings import Settings

IN_A_SHARD = 200_000
"""Words that are looked at together."""
EPOCH = date(1970, 1, 1)
E4 = 10_000
COLUMN = 1 << 32
"""More grams than this a charge's columns do not hold, and then say nothing."""
NO_PRICE, NO_MEASURE, ABANDONED = "no_price", "no_measure", "abandoned"

_PLACES = """
    SELECT DISTINCT site, toString(outlet) AS of FROM ${table}
    WHERE (site, toString(outlet)) NOT IN (SELECT site, outlet FROM $site WHERE kind = 'outlet')"""

Row = dict[str, Any]
Key = tuple[str, str]
"""A fee or due, and the day or event that it is for."""


class Owed(NamedTuple):
    """What should be charged: amount in 0.0001 yuan, business day, and what explains it."""

    units: int
    day: int
    payer: str
    ends: tuple[str, ...]
    """Outlets."""
    cause: str
    """The event that said what it is for."""
    grams: int
    """What was weighed."""
    row: PriceRow
    price: Price
    before: Price | None = None
    """Of days: what the days before come to."""


class Bill(msgspec.Struct):
    """All that is owed under some rules: what is charged and what waits."""

    opening: str = ""
    """Of a stay."""
    owed: dict[Key, Owed] = {}
    waits: dict[str, str] = {}


class Books(NamedTuple):
    """What is walked through, and by which rules."""

    store: Store
    eras: Eras
    rules: Postings
    data_time: int | None
    limits: Settings
    journal: Counter[postings.Key]
    """What is owed is posted here."""


class Stored(ABC):
    """Walks through all that one or more tables tell of; posts what it owes into `journal`, whose sums are checked
    elsewhere."""

    TRIGGERS: ClassVar[Sequence[str]]
    WORDS: ClassVar[str]
    """What they are called."""
    TOLD: ClassVar[Sequence[tuple[str, str]]]
    """Tables, and their words of a shard by `name`, in order of time and id. Sites are looked up of the first."""
    ENDS: ClassVar[str]
    """Columns of a charge's outlets."""

    charges: Findings
    waits: Findings

    def __init__(self, books: Books) -> None:
        self._store, self._eras, self._journal = books.store, books.eras, books.journal
        self._dues = {due.name: due for due in books.rules.dues if due.trigger in self.TRIGGERS}
        self._due_of = {fee.name: due.name for due in self._dues.values() for fee in due.fees}
        self._fees = {fee.name: fee for due in self._dues.values() for fee in due.fees}
        self._data_time = books.data_time
        self._oldest, self._ahead = books.limits.oldest, books.limits.ahead

    def walk(self) -> None:
        """All of them."""
        tables = [table for table, _ in self.TOLD]
        for row in self._store.rows(_PLACES.replace("{table}", tables[0])):
            self.charges.add(f"{row['site']} is no site of outlet {row['of']}")
        charges, waits = _charged(self.TRIGGERS, self.ENDS), _waiting(self.TRIGGERS)
        for shard, shards in self._store.shards(max(tables, key=self._store.count), IN_A_SHARD):
            told: dict[str, list[Row]] = defaultdict(list)
            charged: dict[str, dict[Key, list[Row]]] = defaultdict(lambda: defaultdict(list))
            waiting: dict[str, dict[str, str]] = defaultdict(dict)
            for _, sql in self.TOLD:
                for row in self._store.rows(sql, shard=shard, shards=shards):
                    told[row["name"]].append(row)
            for row in self._store.rows(charges, shard=shard, shards=shards):
                charged[row["name"]][row["fee"], row["part"]].append(row)
            for row in self._store.rows(waits, shard=shard, shards=shards):
                waiting[row["name"]][row["due"]] = row["why"]
            for name in sorted(told.keys() | charged.keys() | waiting.keys()):
                self._one(name, told.get(name, []), charged[name], waiting[name])

    def _one(
        self, name: str, told: list[Row], charged: dict[Key, list[Row]], waiting: dict[str, str]
    ) -> None:
        lanes = {row["seq"] >> LANE for row in told}
        if len(lanes) != 1:
            self.charges.add(f"{name}: its {self.WORDS} are in {len(lanes)} lanes")
            return
        (lane,) = lanes
        bill = self._bill_that_fits(lane, told, charged)
        wanted = {key: (owed.payer, HQ, owed.day, owed.units) for key, owed in self._by_fee(bill)}
        for key in sorted(wanted.keys() | charged.keys()):
            self.charges.seen += 1
            got = [(row["payer"], row["payee"], row["day"], row["net"]) for row in charged.get(key, ())]
            due = [wanted[key]] if key in wanted else []
            if got != due:
                self.charges.add(f"{name} {key}: charged {got}, due {due}")
            elif due:
                for posted, units in self._fees[key[0]].posted(*due[0]):
                    self._journal[posted] += units
                self._explained(name, key, told, charged[key][0])
        self._waits(name, told, bill, waiting)

    def _bill_that_fits(self, lane: int, told: list[Row], charged: dict[Key, list[Row]]) -> Bill:
        """By the newest rules; of what has ended, by those of some moment since the last word, if these fit."""
        now, today = self._eras.now(lane), self._today(lane, told)
        newest = self._bill(self._eras[now], told, today)
        if self._goes_on(told):
            return newest
        got = {key: [row["net"] for row in rows] for key, rows in charged.items()}
        for number in range(now, self._eras.of(max(row["seq"] for row in told)) - 1, -1):
            bill = self._bill(self._eras[number], told, today) if number < now else newest
            if {key: [owed.units] for key, owed in self._by_fee(bill)} == got:
                return bill
        return newest

    def _by_fee(self, bill: Bill) -> Iterator[tuple[Key, Owed]]:
        """What is owed, by the fees that it is charged as."""
        for (due, part), owed in bill.owed.items():
            for fee in self._dues[due].fees:
                yield (fee.name, part), owed

    # What should be charged

    @abstractmethod
    def _bill(self, era: Era, told: Sequence[Row], today: int) -> Bill:
        """What is owed by the rules of an era. Words are in order of time and id."""

    def _today(self, _lane: int, _told: Sequence[Row]) -> int:
        """The business day that has not passed, where days count."""
        return 0

    def _goes_on(self, _told: Sequence[Row]) -> bool:
        """Whether the lane certainly has it still."""
        return False

    # What is compared

    def _explained(self, name: str, key: Key, told: list[Row], charge: Row) -> None:
        """A charge's snapshot is that of its price."""
        for wrong in self._unexplained(key, told, charge):
            self.charges.add(f"{name} {key}: {wrong}")

    def _unexplained(self, key: Key, told: list[Row], charge: Row) -> list[str]:
        """What a snapshot says otherwise than by what was known when it was made: some words of its block, by its last
        rules; before all of them, by those of an earlier publication, too."""
        seq = charge["snapshot"][0]
        *earlier, last = self._eras.within(seq)
        words = sorted((row["line"] for row in told if row["seq"] == seq), reverse=True)
        moments = [(last, line) for line in words] + [(era, -1) for era in (last, *earlier)]
        wrong: list[str] = []
        for era, line in moments:
            known = [row for row in told if (row["seq"], row["line"]) <= (seq, line)]
            found = list(self._differences(key, known, charge, self._eras[era]))
            if not found:
                return []
            wrong = wrong or found
        return wrong

    def _differences(self, key: Key, known: list[Row], charge: Row, era: Era) -> Iterator[str]:
        """What a charge says of its price otherwise than these words do, under these rules."""
        seq, *columns, steps = charge["snapshot"]
        bill = self._bill(era, known, charge["day"] + 1)
        one = bill.owed.get((self._due_of[key[0]], key[1]))
        if one is None or one.units != charge["net"]:
            yield f"nothing explains it by {place(seq)}"
            return
        row = one.row
        rounding = f"{row.settings.get('money_rounding', 'half_up')}_fen"
        kilograms = (one.price.volumetric_kg, one.price.chargeable_kg, one.price.continued_kg)
        grams = [one.grams if row.weighs else 0, *(int(kg * 1000) for kg in kilograms)]
        wanted = [
            *one.ends,
            row.book,
            row.file,
            row.number,
            row.column,
            *(grams if max(grams) < COLUMN else (0, 0, 0, 0)),
            rounding,
            one.price.passed_over,
            one.cause,
        ]
        if columns != wanted:
            yield f"explained by {columns}, should be {wanted}"
        yield from _untrue(steps, one)

    def _waits(self, name: str, told: list[Row], bill: Bill, waiting: dict[str, str]) -> None:
        self.waits.seen += 1
        wanted = bill.waits
        inside = bill.opening and self._goes_on(told)
        if ABANDONED in waiting.values() and not inside and wanted:
            newest, now = max(row["time"] for row in told), self._data_time
            if now is not None and newest > now - self._oldest + self._ahead:
                self.waits.add(f"{name}: given up too early")
            wanted = dict.fromkeys(wanted, ABANDONED)
        if waiting != wanted:
            self.waits.add(f"{name}: waits for {waiting}, not {wanted}")


def _charged(triggers: Sequence[str], ends: str) -> str:
    return f"""
        SELECT waybill AS name, toString(fee) AS fee, part, toString(payer) AS payer, toString(payee) AS payee,
               business_date AS day, sum(reinterpretAsInt64(amount)) AS net,
               argMaxIf((seq, {ends}, toString(book_version), toString(price_table), price_row,
                         toString(price_column), actual_g, volumetric_g, chargeable_g, continued_g, toString(rounding),
                         toString(passed_over), order_event, steps), revision, {AS_OF}) AS snapshot,
               countIf({AS_OF}) - countIf(NOT {AS_OF}) AS standing
        FROM $charge WHERE {OF_SHARD} AND fee IN {postings.fees_of(triggers)}
        GROUP BY name, fee, part, payer, payee, day HAVING net != 0 OR standing != 0"""


def _waiting(triggers: Sequence[str]) -> str:
    return f"""
        SELECT waybill AS name, toString(fee) AS due, argMax(toString(reason), (seq, line)) AS why
        FROM $waiting WHERE {OF_SHARD} AND fee IN {postings.dues_of(triggers)}
        GROUP BY name, due HAVING why != ''"""


def _untrue(steps: str, owed: Owed) -> Iterator[str]:
    """What the steps say otherwise; a day's last step takes off what the days before come to."""
    if owed.before is not None:
        try:
            *rest, last = json.loads(steps)
            said = last["kind"], Decimal(last["amount"]), Decimal(last["total"])
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            yield f"its steps cannot be read: {error!r}"
            return
        wanted = "accrued", owed.before.amount, owed.price.amount - owed.before.amount
        if said != wanted:
            yield f"the last step says {said}, should be {wanted}"
        steps = json.dumps(rest)
    yield from untrue(steps, owed.price)
