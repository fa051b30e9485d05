"""What a stay, a haul or a month owes, from its facts and the books in force, compared with what is booked.

Each business day of a stay that has passed is a charge of its own, so is the handling at entry and at the exit of
each part; so is each service of a haul, and a customer's month. Nothing booked: it is charged. The same: nothing
happens. Something else, for another day or to another customer: what stands is taken back and the next revision is
charged. So neither the order in which facts come nor their repetition can matter.
"""

from collections.abc import Iterator
from typing import NamedTuple

from flows.fees.model import OF_STAYS, OF_STORES, Due, Fees
from flows.governance.network import Network
from flows.lifecycle.charged import Charge, Party, reversal
from flows.lifecycle.output import Output
from flows.rating.accrual import added
from flows.rating.facts import Stay as InStore
from flows.rating.facts import Sums, Terms, Trial
from flows.rating.model import PriceTable
from flows.rating.shapes import SHAPES
from flows.rating.tariffs import Quote, Tariffs
from flows.storage.life import Day, Life, State, days, entered, last_moment, life_of, parts, stored_hours
from flows.storage.record import Booked, Said, Stay
from schemas.parties import HQ
from schemas.times import business_day, date_of

NO_OPENING, NO_PRICE, NO_MEASURE, ABANDONED = "no_opening", "no_price", "no_measure", "abandoned"
"""Why something of a stay waits, by the names of `schemas.reasons.WAITING`."""
OPENING, DAILY, CLOSING = OF_STAYS
MOST_TOLD_G, NOT_TOLD = (1 << 32) - 1, (0, 0, 0, 0)
"""What a charge's columns of grams hold: 4,000 m³ by a small divisor are more, and are told by the steps alone."""


class Priced(NamedTuple):
    """What is to be charged for a due, for a day."""

    amount: int
    quote: Quote
    weight_g: int
    """What was weighed; 0 where the price does not look at it."""
    steps: str

    @property
    def weights(self) -> tuple[int, int, int, int]:
        """What was weighed, its volumetric weight, what was priced, and how much of that was continued weight."""
        quote = self.quote
        grams = self.weight_g, quote.volumetric_g, quote.chargeable_g, quote.continued_g
        return grams if max(grams) <= MOST_TOLD_G else NOT_TOLD


class Wanted(NamedTuple):
    """A charge that should stand."""

    due: Due
    part: str
    time: int
    cause: str
    of: Said
    """What tells who pays, and from where to where: the opening of a stay, the word about a haul or a month."""
    priced: Priced


class Assessor:
    """Assesses stays by the books in force and writes charges into a block's output."""

    def __init__(self, tariffs: Tariffs, network: Network, fees: Fees) -> None:
        self.tariffs, self.network, self.fees = tariffs, network, fees
        priced = {table.fee for book in tariffs.books for table in book.tables}
        self.dues = [
            due for due in fees.dues if due.trigger in OF_STORES and (due.required or due.price in priced)
        ]
        self._single = {due.name: due for due in self.dues if due.trigger not in OF_STAYS}
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
        if any(one.due for one in stay.said.values()):
            self._assess_words(stay)
            return
        life = life_of(stay.said.values())
        stay.closed = life is not None and life.closing is not None
        if life is None:
            self._agree(stay, {}, after)
            earliest = min(one.time for one in stay.said.values())
            stay.waits = {
                due.name: (NO_OPENING, earliest)
                for due in self.dues
                if due.required and due.trigger in OF_STAYS
            }
            return
        waits = {name: wait for name, wait in stay.waits.items() if after >= 0 and wait[0] != ABANDONED}
        wanted: dict[str, Wanted] = {}
        for one, reason, moment in self._owed(life, after):
            if isinstance(one, Wanted):
                wanted[one.due.name + "/" + one.part] = one
            elif one.name not in waits:
                waits[one.name] = reason, moment
        self._agree(stay, wanted, after)
        stay.waits, stay.given_up = waits, False
        stay.until = max(stay.until, self.today - 1)

    def _assess_words(self, stay: Stay) -> None:
        """A haul or a month: of what is said of each due the newest counts."""
        wanted: dict[str, Wanted] = {}
        waits: dict[str, tuple[str, int]] = {}
        newest = {one.due: one for one in sorted(stay.said.values(), key=lambda one: one.when)}
        for name, one in newest.items():
            due = self._single.get(name)
            if due is None or one.cancelled:
                continue
            found = self._price_word(due, one)
            if isinstance(found, Priced):
                part = str(date_of(one.day))
                wanted[f"{name}/{part}"] = Wanted(due, part, last_moment(one.day), one.id, one, found)
            elif due.required or found != NO_PRICE:
                waits[name] = found, one.time
        self._agree(stay, wanted, -1)
        stay.waits, stay.given_up, stay.closed = waits, False, True

    def _price_word(self, due: Due, one: Said) -> Priced | str:
        """What a due of a haul or a month comes to, or why that cannot be said."""
        state = State(one.pallets, one.volume_cm3, one.weight_g, "", one.temperature, one.pieces)
        return self._price(due, one.day, facts_of(one, state, NO_TIME, one.vehicle), state)

    def _owed(self, life: Life, after: int) -> Iterator[tuple[Wanted | Due, str, int]]:
        """Charges that should stand, and dues that wait: with the reason, and since when."""
        closing = life.closing
        last = business_day(closing.time) if closing is not None else self.today - 1
        entry, exit_ = None, None
        leaving = list(parts(life)) if after < 0 else []
        begun = [life.since, *(one.said.time for one in leaving)]
        for day in days(life, max(last, *map(business_day, begun))):
            entry = entry or entered(life, day)
            exit_ = day
            if after < day.day <= last:
                part = str(date_of(day.day))
                yield from self._due(DAILY, life, day, part, day.end, life.first)
            for said, gone in leaving:
                if business_day(said.time) == day.day:
                    left = day._replace(state=gone, hours=stored_hours(life, said.time))
                    yield from self._due(CLOSING, life, left, said.id, said.time, said)
        assert entry is not None
        assert exit_ is not None
        if after < 0:
            yield from self._due(OPENING, life, entry, "", life.since, life.first)
            if closing is not None:
                yield from self._due(CLOSING, life, exit_, "", closing.time, closing)

    def _due(
        self, trigger: str, life: Life, day: Day, part: str, time: int, cause: Said
    ) -> Iterator[tuple[Wanted | Due, str, int]]:
        for due in self.dues:
            if due.trigger == trigger:
                vehicle = (cause.vehicle if trigger == CLOSING else "") or life.opening.vehicle
                found = self._price_day(due, life, day, vehicle)
                if isinstance(found, Priced):
                    yield Wanted(due, part, time, cause.id, life.opening, found), "", 0
                elif due.required or found != NO_PRICE:
                    yield due, found, time

    def _price_day(self, due: Due, life: Life, day: Day, vehicle: str) -> Priced | str:
        """The same of a due of a stay on a day; of what is owed daily, what the day adds."""
        facts = facts_of(life.opening, day.state, InTime(day.number, day.hours, day.sums), vehicle)
        found = self._price(due, day.day, facts, day.state)
        if due.trigger != DAILY or day.number == 1 or not isinstance(found, Priced):
            return found
        earlier = InTime(day.number - 1, day.hours_before, day.sums_before)
        facts = facts_of(life.opening, day.state, earlier, vehicle)
        before = self.tariffs.in_full(due.price, day.day, facts)
        if before is None:
            return NO_PRICE
        amount, steps = added(found.quote, before)
        return found._replace(amount=amount, steps=steps)

    def _price(self, due: Due, day: int, facts: Trial, state: State) -> Priced | str:
        """A due's price on a business day, or why there is none. `state`: what has been measured."""
        quote = self.tariffs.in_full(due.price, day, facts)
        if quote is None:
            return NO_PRICE
        if lacks(quote.row.table, state):
            return NO_MEASURE
        weight_g = facts.weight_g if quote.row.table.weight else 0
        return Priced(quote.amount, quote, weight_g, quote.steps)

    def _agree(self, stay: Stay, wanted: dict[str, Wanted], after: int) -> None:
        """Make what is booked what should be."""
        for key in sorted(stay.booked.keys() | wanted.keys()):
            booked, one = stay.booked.get(key), wanted.get(key)
            if one is None and after >= 0:
                continue  # looked at before
            if booked is None:
                booked = stay.booked[key] = Booked()
            if booked.stands:
                if one is not None and _stands(booked, one):
                    continue
                self.take_back(stay, key, booked)
            if one is not None:
                self._charge(stay, one, booked)

    def _charge(self, stay: Stay, one: Wanted, booked: Booked) -> None:
        amount, quote, _, steps = one.priced
        booked.amount, booked.time, booked.stands = amount, one.time, True
        booked.payer, booked.outlet, booked.destination = one.of.customer, one.of.outlet, one.of.destination
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
                    booked.destination or booked.outlet,
                    "",
                    "",
                    "",
                    *one.priced.weights,
                    quote.row,
                    one.of.id,
                    quote.passed_over,
                    steps,
                ),
            )

    def take_back(self, stay: Stay, key: str, booked: Booked) -> None:
        """Reverse a charge: same parties, date and amount, in red."""
        name, _, part = key.partition("/")
        due = next(due for due in self.fees.dues if due.name == name)
        line = booked.outlet, booked.destination or booked.outlet, ""
        for code in self.fees.codes(due):
            charge = reversal(stay.name, code, booked.revision, booked.amount, booked.time, self.cause, line)
            self._append(part, booked, charge)
        booked.stands = False
        booked.revision += 1

    def _append(self, part: str, booked: Booked, charge: Charge) -> None:
        rule = self.fees.rules.rules[self.fees.names[charge.fee]]
        payer, payee = (booked.payer if role == "storer" else HQ for role in (rule.payer, rule.payee))
        self.output.charges.add(charge, Party(part, payer, payee))


def _stands(booked: Booked, one: Wanted) -> bool:
    """Whether a charge that stands is the one that should."""
    return (booked.amount, booked.payer, booked.outlet, booked.destination) == (
        one.priced.amount,
        one.of.customer,
        one.of.outlet,
        one.of.destination,
    ) and business_day(booked.time) == business_day(one.time)


class InTime(NamedTuple):
    """How long goods have been there."""

    days: int
    hours: int
    sums: Sums


NO_TIME = InTime(0, 0, Sums(0, 0, 0))


def facts_of(of: Said, state: State, time: InTime, vehicle: str) -> Trial:
    """What prices look at. `of`: the opening of a stay, or the word about a haul or a month."""
    return Trial(
        origin=of.outlet,
        destination=of.destination or of.outlet,
        customer=of.customer,
        weight_g=state.weight_g or 0,
        volume_cm3=state.volume_cm3 or 0,
        month_parcels=of.parcels,
        month_count=of.id if of.parcels else "",
        month_amount=of.amount,
        terms=Terms(pieces=state.pieces or 0, billing=of.billing, insured=of.insured, services=of.services),
        stay=InStore(state.pallets or 0, *time[:2], state.temperature, state.zone, vehicle, time.sums),
    )


_MEASURED_BY = {
    "pallets": "pallets",
    "pallet_days": "pallets",
    "volume": "volume_cm3",
    "m3_days": "volume_cm3",
    "kg_days": "weight_g",
    "pieces": "pieces",
}


def lacks(table: PriceTable, state: State) -> bool:
    """Whether a price counts what nobody has measured."""
    counted = [table.measure if SHAPES[table.shape].measured else "", table.each]
    needed = {_MEASURED_BY[name] for name in counted if name in _MEASURED_BY}
    if table.weight:
        needed.add("weight_g")
    return any(getattr(state, name) is None for name in needed)
