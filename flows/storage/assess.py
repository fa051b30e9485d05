"""What a stay owes, from its facts and the books in force, compared with what is booked.

Each business day that has passed is a charge of its own, so is the handling at entry and exit. Nothing booked: it is
charged. The same: nothing happens. Something else, for another day or to another customer: what stands is taken back
and the next revision is charged. So neither the order in which facts come nor their repetition can matter.
"""

from collections.abc import Iterator
from typing import NamedTuple

from flows.fees.model import OF_STAYS, Due, Fees
from flows.governance.network import Network
from flows.lifecycle.named import NO_WEIGHT_USED
from flows.lifecycle.output import Charge, Output, Party
from flows.rating.accrual import added
from flows.rating.facts import Stay as InStore
from flows.rating.facts import Sums, Terms, Trial
from flows.rating.model import PriceTable
from flows.rating.shapes import SHAPES
from flows.rating.tariffs import Quote, Tariffs
from flows.storage.life import Day, Life, State, days, life_of
from flows.storage.record import Booked, Said, Stay
from schemas.parties import HQ
from schemas.times import business_day, date_of

NO_OPENING, NO_PRICE, NO_MEASURE, ABANDONED = "no_opening", "no_price", "no_measure", "abandoned"
"""Why something of a stay waits, by the names of `schemas.reasons.WAITING`."""
OPENING, DAILY, CLOSING = OF_STAYS


class Priced(NamedTuple):
    """What is to be charged for a due, for a day."""

    amount: int
    quote: Quote
    steps: str


class Wanted(NamedTuple):
    """A charge that should stand."""

    due: Due
    part: str
    time: int
    cause: str
    priced: Priced


class Assessor:
    """Assesses stays by the books in force and writes charges into a block's output."""

    def __init__(self, tariffs: Tariffs, network: Network, fees: Fees) -> None:
        self.tariffs, self.network, self.fees = tariffs, network, fees
        priced = {table.fee for book in tariffs.books for table in book.tables}
        self.dues = [
            due for due in fees.dues if due.trigger in OF_STAYS and (due.required or due.price in priced)
        ]
        self._codes = {due.name: fees.codes(due) for due in self.dues}
        self.output = Output()
        self.today = 0
        """The business day that has not passed yet."""
        self.cause = ""
        """The event that is being looked at: what a correction is due to."""

    def assess(self, stay: Stay) -> None:
        """All of a stay again."""
        self._assess(stay, -1)

    def go_on(self, stay: Stay) -> None:
        """Time has passed, and nothing else has come: only days that were not looked at."""
        self._assess(stay, stay.until)

    def _assess(self, stay: Stay, after: int) -> None:
        life = life_of(stay.said.values())
        stay.closed = life is not None and life.closing is not None
        if life is None:
            self._agree(stay, None, {}, after)
            earliest = min(one.time for one in stay.said.values())
            stay.waits = {due.name: (NO_OPENING, earliest) for due in self.dues if due.required}
            return
        waits = {name: wait for name, wait in stay.waits.items() if after >= 0 and wait[0] != ABANDONED}
        wanted: dict[str, Wanted] = {}
        for one, reason, moment in self._owed(life, after):
            if isinstance(one, Wanted):
                wanted[one.due.name + "/" + one.part] = one
            elif one.name not in waits:
                waits[one.name] = reason, moment
        self._agree(stay, life, wanted, after)
        stay.waits, stay.given_up = waits, False
        stay.until = max(stay.until, self.today - 1)

    def _owed(self, life: Life, after: int) -> Iterator[tuple[Wanted | Due, str, int]]:
        """Charges that should stand, and dues that wait: with the reason, and since when."""
        closing = life.closing
        last = business_day(closing.time) if closing is not None else self.today - 1
        entry, exit_ = None, None
        for day in days(life, max(last, business_day(life.since))):
            entry = entry or day
            exit_ = day
            if after < day.day <= last:
                part = str(date_of(day.day))
                yield from self._due(DAILY, life, day, part, day.end, life.first.id)
        assert entry is not None
        assert exit_ is not None
        if after < 0:
            yield from self._due(OPENING, life, entry, "", life.since, life.first.id)
            if closing is not None:
                yield from self._due(CLOSING, life, exit_, "", closing.time, closing.id)

    def _due(
        self, trigger: str, life: Life, day: Day, part: str, time: int, cause: str
    ) -> Iterator[tuple[Wanted | Due, str, int]]:
        for due in self.dues:
            if due.trigger == trigger:
                found = self._price(due, life, day)
                if isinstance(found, Priced):
                    yield Wanted(due, part, time, cause, found), "", 0
                elif due.required or found != NO_PRICE:
                    yield due, found, time

    def _price(self, due: Due, life: Life, day: Day) -> Priced | str:
        """What a due comes to on a day, or why that cannot be said."""
        vehicle = life.opening.vehicle
        if due.trigger == CLOSING and life.closing is not None:
            vehicle = life.closing.vehicle or vehicle
        facts = facts_of(life.opening, day.state, InTime(day.number, day.hours, day.sums), vehicle)
        quote = self.tariffs.in_full(due.price, day.day, facts)
        if quote is None:
            return NO_PRICE
        if lacks(quote.row.table, day.state):
            return NO_MEASURE
        if due.trigger != DAILY or day.number == 1:
            return Priced(quote.amount, quote, quote.steps)
        earlier = InTime(day.number - 1, day.hours_before, day.sums_before)
        facts = facts_of(life.opening, day.state, earlier, vehicle)
        before = self.tariffs.in_full(due.price, day.day, facts)
        if before is None:
            return NO_PRICE
        amount, steps = added(quote, before)
        return Priced(amount, quote, steps)

    def _agree(self, stay: Stay, life: Life | None, wanted: dict[str, Wanted], after: int) -> None:
        """Make what is booked what should be."""
        customer, outlet = (life.opening.customer, life.opening.outlet) if life is not None else ("", "")
        for key in sorted(stay.booked.keys() | wanted.keys()):
            booked, one = stay.booked.get(key), wanted.get(key)
            if one is None and after >= 0:
                continue  # looked at before
            if booked is None:
                booked = stay.booked[key] = Booked()
            if booked.stands:
                if (
                    one is not None
                    and (booked.amount, booked.payer, booked.outlet)
                    == (
                        one.priced.amount,
                        customer,
                        outlet,
                    )
                    and business_day(booked.time) == business_day(one.time)
                ):
                    continue
                self._take_back(stay, key, booked)
            if one is not None and life is not None:
                self._charge(stay, one, life, booked)

    def _charge(self, stay: Stay, one: Wanted, life: Life, booked: Booked) -> None:
        amount, quote, steps = one.priced
        booked.amount, booked.time, booked.stands = amount, one.time, True
        booked.payer, booked.outlet = life.opening.customer, life.opening.outlet
        for code in self._codes[one.due.name]:
            self._append(
                one.part,
                booked,
                Charge(
                    stay.name,
                    code,
                    booked.revision,
                    False,
                    amount,
                    one.time,
                    one.cause,
                    booked.outlet,
                    booked.outlet,
                    "",
                    *NO_WEIGHT_USED,
                    quote.row,
                    life.opening.id,
                    quote.passed_over,
                    steps,
                ),
            )

    def _take_back(self, stay: Stay, key: str, booked: Booked) -> None:
        name, _, part = key.partition("/")
        due = next(due for due in self.fees.dues if due.name == name)
        for code in self.fees.codes(due):
            self._append(
                part,
                booked,
                Charge(
                    stay.name,
                    code,
                    booked.revision,
                    True,
                    -booked.amount,
                    booked.time,
                    self.cause,
                    booked.outlet,
                    booked.outlet,
                    "",
                    *NO_WEIGHT_USED,
                    None,
                ),
            )
        booked.stands = False
        booked.revision += 1

    def _append(self, part: str, booked: Booked, charge: Charge) -> None:
        rule = self.fees.rules.rules[self.fees.names[charge.fee]]
        payer, payee = (booked.payer if role == "storer" else HQ for role in (rule.payer, rule.payee))
        self.output.parties[len(self.output.charges)] = Party(part, payer, payee)
        self.output.charges.append(charge)


class InTime(NamedTuple):
    """How long goods have been there."""

    days: int
    hours: int
    sums: Sums


def facts_of(opening: Said, state: State, time: InTime, vehicle: str) -> Trial:
    """What prices look at."""
    return Trial(
        origin=opening.outlet,
        destination=opening.outlet,
        customer=opening.customer,
        weight_g=state.weight_g or 0,
        volume_cm3=state.volume_cm3 or 0,
        terms=Terms(pieces=opening.pieces, billing=opening.billing),
        stay=InStore(state.pallets or 0, *time[:2], state.temperature, state.zone, vehicle, time.sums),
    )


_MEASURED_BY = {
    "pallets": "pallets",
    "pallet_days": "pallets",
    "volume": "volume_cm3",
    "m3_days": "volume_cm3",
    "kg_days": "weight_g",
}


def lacks(table: PriceTable, state: State) -> bool:
    """Whether a price counts what nobody has measured."""
    counted = [table.measure if SHAPES[table.shape].measured else "", table.each]
    needed = {_MEASURED_BY[name] for name in counted if name in _MEASURED_BY}
    if table.weight:
        needed.add("weight_g")
    return any(getattr(state, name) is None for name in needed)
