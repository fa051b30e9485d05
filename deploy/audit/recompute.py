"""Every charge and every journal sum computed again from the raw events and the published documents.

Parcels are looked at in pieces by hash of their waybill. Their facts come from one SQL question, prices from
the auditor's own reading of the tariff books, and what should be charged is compared with what is in force.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from deploy.audit.cases import Cases
from deploy.audit.chain import Log
from deploy.audit.chains import Chains
from deploy.audit.costs import Costs
from deploy.audit.eras import read_eras
from deploy.audit.expected import (
    ABANDONED,
    DAY,
    UNDECIDED,
    WITHDRAWN,
    Due,
    Weighing,
    adopted_by,
    awaited,
    dues,
    unclaimed,
    weighing,
)
from deploy.audit.extras import Extras, read_extras
from deploy.audit.facts import IN_A_SHARD, Facts, read_facts
from deploy.audit.hands import check_changes, check_parties
from deploy.audit.hauls import Hauls
from deploy.audit.levels import check_levels
from deploy.audit.moved import check_entries, check_totals, read_moves, rows_of
from deploy.audit.periods import Closes
from deploy.audit.postings import (
    COST,
    DUES_OF_STORES,
    MONEY,
    MOVED,
    OF_STORES,
    PAYMENTS,
    Fee,
    Key,
    read_postings,
)
from deploy.audit.remarks import check_anomalies, check_dead_letters, check_ends, check_names
from deploy.audit.report import Check, Findings
from deploy.audit.rules import AS_OF
from deploy.audit.stays import Stays
from deploy.audit.steps import untrue
from deploy.audit.store import OF_SHARD, Store
from deploy.audit.stored import Books
from deploy.audit.volumes import check_counts, read_counts
from deploy.audit.weights import named
from schemas.parties import HQ
from schemas.settings import Settings

WEIGHED = "transit"
"""The due that every parcel's weight decides."""
_IN_FORCE = f"""
    SELECT waybill, fee, part, payer, payee, business_date AS day, sum(reinterpretAsInt64(amount)) AS net,
           countIf({AS_OF}) - countIf(NOT {AS_OF}) AS standing,
           argMaxIf((seq, toString(cause), toString(product), toString(book_version), toString(price_table),
                     price_row, toString(price_column), toString(matched), toString(weight_class),
                     toString(weight_event), actual_g, volumetric_g, chargeable_g, first_g,
                     reinterpretAsInt64(first_price), continued_g, reinterpretAsInt64(continued_price), unit_g,
                     toString(rounding), toString(passed_over), order_event, steps),
                    revision, {AS_OF}) AS snapshot
    FROM $charge WHERE {OF_SHARD} AND fee NOT IN {OF_STORES}
    GROUP BY waybill, fee, part, payer, payee, day HAVING net != 0 OR standing != 0"""

_WAITING = f"""
    SELECT waybill, fee, part, argMax(reason, (seq, line)) AS why FROM $waiting
    WHERE {OF_SHARD} AND fee NOT IN {DUES_OF_STORES}
    GROUP BY waybill, fee, part HAVING why != ''"""

_ADOPTED = f"""
    SELECT waybill,
           argMax((event_id, toUnixTimestamp64Milli(event_time), toString(weight_class), weight_g, volume_cm3,
                   toString(site)), (seq, line)) AS weighing
    FROM $adopted_weight WHERE {OF_SHARD} GROUP BY waybill"""

_JOURNAL = f"""
    SELECT book, account, fee,
           if(fee IN {(MOVED, COST)}, business_date, toDate(addHours(event_time, 8), 'UTC')) AS day, counterparty,
           sum(reinterpretAsInt64(amount) * if(side = 'D', 1, -1)) AS net
    FROM $journal WHERE fee NOT IN {(*MONEY, *PAYMENTS)}
    GROUP BY book, account, fee, day, counterparty HAVING net != 0"""

Part = tuple[str, str]
"""A fee or a due, and the hub or claim that it is for."""


class Charged(msgspec.Struct, frozen=True):
    """A charge in force. `net`: what remains of the fee for these parties and this day, in 0.0001 yuan."""

    payer: str
    payee: str
    day: int
    net: int
    standing: int
    """Charges less reversals: 1."""
    snapshot: tuple[Any, ...]

    @property
    def seq(self) -> int:
        """Block."""
        return int(self.snapshot[0])


class Found(msgspec.Struct, frozen=True):
    """What the books say about a shard's parcels."""

    charged: dict[str, dict[Part, list[Charged]]]
    """By waybill, and by fee and part."""
    waiting: dict[str, dict[Part, str]]
    """By waybill, and by due and part."""
    adopted: dict[str, tuple[Any, ...]]


class Recomputation:
    """Walks through all parcels; ask for `checks` afterwards."""

    def __init__(self, store: Store, log: Log, data_time: int | None, limits: Settings) -> None:
        self._store, self._log, self._data_time = store, log, data_time
        self._oldest, self._ahead = limits.oldest, limits.ahead
        self.documents = Findings("documents", "价格手册与其版本号相符，可读")
        self._counts = read_counts(store)
        self._eras = read_eras(store, log, self._counts, self.documents)
        self._closes = Closes(store)
        self._moves = read_moves(store, self._closes)
        self._rules = read_postings(store)
        self._fees = {fee.name: fee for due in self._rules.dues for fee in due.fees}
        self._last = {due.name: due.fees[-1].name for due in self._rules.dues}
        undelivered = self._always_owed("picked_up", "weighed")
        self._owed = {True: undelivered, False: [*undelivered, *self._always_owed("signed")]}
        """What every parcel owes, by whether it went back or on."""
        self._due_of = {fee.name: due.name for due in self._rules.dues for fee in due.fees}
        self._extras = Extras()
        self._known: dict[tuple[int, bool, int], tuple[Due, ...]] = {}
        """What is due for the parcel that is looked at, by what decides about it: see `_dues`."""
        self._weighed: dict[int, Weighing | None] = {}
        """The weight that counts for it, by era."""
        self.journal: Counter[Key] = Counter()
        for (_, book, account, side, other, units, day), times in rows_of(self._moves).items():
            self.journal[book, account, MOVED, day, other] += times * (units if side == "D" else -units)
        self._costs = Costs(store, self._closes)
        for (account, day, carrier), units in self._costs.sums():
            self.journal[HQ, account, COST, day, carrier] += units
        self.charges = Findings("recomputed_charges", "由原始事件与价格手册独立重算每笔费用")
        self.snapshots = Findings("recomputed_snapshots", "费用快照（价格行、重量、版本）独立重算")
        self.waits = Findings("recomputed_waiting", "待计费项及原因独立重算")
        self.weights = Findings("recomputed_weights", "采信重量独立重算")
        self.lanes = Findings("one_lane", "同一运单的事件只在一个通道")
        self.cases = Cases(store, self._eras)
        self.chains = Chains(store, self._eras, data_time, limits)
        books = Books(store, self._eras, self._rules, data_time, limits, self.journal)
        self.stays, self.hauls = Stays(books), Hauls(books)

    def _always_owed(self, *triggers: str) -> list[Part]:
        return [(due.name, "") for due in self._rules.dues if due.trigger in triggers and awaited(due)]

    def walk(self) -> None:
        """Look at every parcel."""
        for shard, shards in self._store.shards("event", IN_A_SHARD):
            found = self._found(shard, shards)
            self._extras = read_extras(self._store, self._eras, self._rules, shard, shards)
            self.cases.shard(shard, shards)
            self.chains.shard(shard, shards)
            for facts in read_facts(self._store, shard, shards):
                given_up = ABANDONED in found.waiting.get(facts.waybill, {}).values()
                self._extras.claimed(facts.waybill, self.chains.parcel(facts, given_up))
                self._parcel(facts, found)
                self.cases.parcel(facts)
            self.cases.end()
            self.chains.end()
            for waybill, fees in found.charged.items():
                for (fee, part), charged in fees.items():
                    self.charges.add(
                        f"{waybill} {fee} {part}: charged {[one.net for one in charged]} without any reason"
                    )
            for waybill, waits in found.waiting.items():
                for (due, part), why in waits.items():
                    self.waits.add(f"{waybill} {due} {part}: waits for {why} without any reason")
            for waybill in found.adopted:
                self.weights.add(f"{waybill}: a weight is adopted, and there is none")
        self.stays.walk()
        self.hauls.walk()

    def checks(self) -> Iterator[Check]:
        """The outcome."""
        yield self.documents.check("tariff books")
        newest = self._eras[self._eras.last]
        yield check_changes(newest.hands)
        yield check_parties(self._store, newest.hands)
        yield check_entries(self._store, self._moves)
        yield check_totals(self._store, newest.hands, self._moves, self._rules)
        yield self._closes.check_said(self._log)
        yield check_names(self._store)
        yield self._costs.check_posted()
        yield self._costs.check_shares()
        yield check_counts(self._store, self._counts)
        yield check_levels(self._store)
        yield check_anomalies(self._store, self._eras)
        yield check_ends(self._store)
        yield check_dead_letters(self._store, self._eras)
        for found in (self.charges, self.snapshots, self.waits, self.weights, self.lanes):
            yield found.check("parcels" if found is self.lanes else "comparisons")
        yield from self.cases.checks()
        yield from self.chains.checks()
        yield from self.stays.checks()
        yield from self.hauls.checks()
        yield self._check_journal()

    def _found(self, shard: int, shards: int) -> Found:
        found = Found({}, {}, {})
        for row in self._store.rows(_IN_FORCE, shard=shard, shards=shards):
            one = Charged(
                row["payer"],
                row["payee"],
                row["day"],
                row["net"],
                row["standing"],
                row["snapshot"],
            )
            of_parcel = found.charged.setdefault(row["waybill"], {})
            of_parcel.setdefault((row["fee"], row["part"]), []).append(one)
        for row in self._store.rows(_WAITING, shard=shard, shards=shards):
            found.waiting.setdefault(row["waybill"], {})[row["fee"], row["part"]] = row["why"]
        for row in self._store.rows(_ADOPTED, shard=shard, shards=shards):
            found.adopted[row["waybill"]] = row["weighing"]
        return found

    def _parcel(self, facts: Facts, found: Found) -> None:
        self._known.clear()
        self._weighed.clear()
        self.lanes.seen += 1
        if facts.lanes != 1:
            self.lanes.add(f"{facts.waybill}: its events are in {facts.lanes} lanes")
        charged = found.charged.pop(facts.waybill, {})
        waiting = found.waiting.pop(facts.waybill, {})
        expected = self._expected(facts, charged, waiting)
        given_up = self._given_up(facts, expected, waiting)
        owed = self._owed[facts.returned]
        for key in dict.fromkeys((*expected, *waiting, *(owed if given_up else ()))):
            wait, wanted = waiting.get(key, ""), expected[key].waits if key in expected else ""
            if given_up and (wanted or (key in owed and key not in expected)):
                wanted = ABANDONED
            self.waits.seen += 1
            if wait != wanted:
                self.waits.add(f"{facts.waybill} {key}: waits for {wait!r}, not {wanted!r}")
        for due in expected.values():
            for fee, payer, payee in due.parties:
                self._fee(facts, self._fees[fee], due, (payer, payee), charged.pop((fee, due.part), []))
        for (fee, part), left in charged.items():
            self.charges.seen += 1
            if any(one.net or self._fees[fee].payer != "customer" for one in left):
                self.charges.add(
                    f"{facts.waybill} {fee} {part}: charged {[one.net for one in left]}, not due"
                )
        self._weight(facts, expected.get((WEIGHED, "")), found.adopted.pop(facts.waybill, None))

    def _given_up(self, facts: Facts, expected: Mapping[Part, Due], waiting: Mapping[Part, str]) -> bool:
        """Whether the books have given the parcel up, and whether they may, as far as data time is known.

        When a fact came is not in the books: not before it happened, and not later than what is too old.
        """
        unfinished = any(key not in expected or expected[key].waits for key in self._owed[facts.returned])
        given_up = ABANDONED in waiting.values()
        now = self._data_time
        if now is not None and given_up and facts.last > now - self._oldest + self._ahead:
            self.waits.add(f"{facts.waybill}: given up too early")
        heard = max(facts.last, facts.recalled)
        if now is not None and unfinished and not given_up and heard < now - 2 * self._oldest - DAY:
            self.waits.add(f"{facts.waybill}: is unfinished and should have been given up")
        return given_up

    def _expected(
        self, facts: Facts, charged: dict[Part, list[Charged]], waiting: dict[Part, str]
    ) -> dict[Part, Due]:
        """What is due, by name and part. Where data time is unknown, a deadline has passed if it is booked so."""
        passed = self._data_time
        if passed is None:
            passed = -1 if waiting.get((WEIGHED, "")) == "no_weight" else None
        newest = self._eras.now(facts.lane)
        expected: dict[Part, Due] = {}
        for due in self._dues(facts, newest, passed):
            one: Due | None = due
            there = charged.get((self._last[due.name], due.part), [])
            if newest > 1:
                if len(there) == 1:
                    one = self._in_its_era(facts, (due.name, due.part), due, there[0], passed, expected)
                elif (
                    not there
                    and not waiting.get((due.name, due.part))
                    and not self._due_when_last_seen(facts, due, passed)
                ):
                    one = None
            if one is not None:
                expected[one.name, one.part] = one
        for (fee, part), there in list(charged.items()) if newest > 1 else ():
            name = self._due_of[fee]
            if (name, part) not in expected and len(there) == 1:
                one = self._in_its_era(facts, (name, part), None, there[0], passed, expected)
                if one is not None:
                    expected[one.name, one.part] = one
        for due in unclaimed(facts, self._extras):
            expected[WITHDRAWN, due.part] = due
        return expected

    def _dues(self, facts: Facts, era: int, passed: int | None) -> tuple[Due, ...]:
        """All that is due by the rules of an era: the same in those that charge alike, while the weight that is
        adopted and those that were known are the same."""
        alike = self._eras.alike[era]
        adopted = adopted_by(self._weighing(facts, era), passed)
        then = self._then(facts, era)
        key = alike, adopted is not None, len(then.weights)
        if key not in self._known:
            rules = self._eras[alike]
            self._known[key] = tuple(dues(facts, self._extras, self._rules, rules, adopted, then))
        return self._known[key]

    def _then(self, facts: Facts, era: int) -> Facts:
        """The facts with those weights alone that had come by an era's end."""
        if era >= self._eras.of(facts.weighed_seq):
            return facts
        known = tuple(one for one in facts.weights if self._eras.of(one.seq) <= era)
        return msgspec.structs.replace(facts, weights=known)

    def _weighing(self, facts: Facts, era: int) -> Weighing | None:
        alike = self._eras.alike[era]
        if alike not in self._weighed:
            self._weighed[alike] = weighing(facts, self._eras[alike])
        return self._weighed[alike]

    def _due_when_last_seen(self, facts: Facts, due: Due, passed: int | None) -> bool:
        """Whether it was due already when the newest of its facts came, or when it was assessed again: a later
        price changes nothing by itself.

        Nor does a later policy, where an earlier one had it taken back since its weight was chosen last.
        """
        again = self._eras.of(facts.recalled_seq)
        known = max(again, *map(self._eras.of, due.seqs))
        chosen = max(known, self._eras.of(facts.weighed_seq))
        return all(
            any((one.name, one.part) == (due.name, due.part) for one in self._dues(facts, number, passed))
            for number in (known, *range(chosen, self._eras.now(facts.lane)))
        )

    def _in_its_era(
        self,
        facts: Facts,
        key: Part,
        due: Due | None,
        charged: Charged,
        passed: int | None,
        expected: Mapping[Part, Due],
    ) -> Due | None:
        """The due by the rules of an era in which it can have come to what is charged, if there is one.

        Not before it was charged, because what is charged was assessed then, nor before all of the parcel was
        assessed again; later, where another assessment came to the same amount; and never before the facts were
        there that it is assessed by. A share is of what is `expected` of the due that it is a share of.
        """
        again, now = self._eras.of(facts.recalled_seq), self._eras.now(facts.lane)
        since = max(again, self._eras.of(facts.weighed_seq))
        if due is not None and due.waits == UNDECIDED and self._always(facts, key, passed, since, now):
            return due
        for number in range(max(again, self._eras.within(charged.seq)[0]), now + 1):
            for one in self._dues(facts, number, passed):
                known = max(map(self._eras.of, one.seqs), default=0) <= number
                if (one.name, one.part, one.units) == (*key, charged.net) and not one.waits and known:
                    of = expected.get((one.shares, ""))
                    if not one.shares or (of is not None and of.units == one.shared):
                        return one
        return due

    def _always(self, facts: Facts, key: Part, passed: int | None, since: int, now: int) -> bool:
        """Whether it waits for a decision by the rules of all these eras."""
        return all(
            (*key, UNDECIDED)
            in ((one.name, one.part, one.waits) for one in self._dues(facts, number, passed))
            for number in range(since, now + 1)
        )

    def _fee(
        self, facts: Facts, fee: Fee, due: Due, parties: tuple[str, str], charged: list[Charged]
    ) -> None:
        self.charges.seen += 1
        wanted: list[tuple[str, str, int, int]] = []
        if not due.waits:
            hands = self._eras[self._eras.now(facts.lane)].hands
            payer, payee = (hands.party(party, due.day) for party in parties)
            wanted = [(payer, payee, due.day, due.units)]
            for key, units in fee.posted(payer, payee, due.day, due.units):
                self.journal[key] += units
        got = [(one.payer, one.payee, one.day, one.net) for one in charged]
        if got != wanted:
            self.charges.add(f"{facts.waybill} {fee.name} {due.part}: charged {got}, due {wanted}")
        elif due.row is not None:
            self._snapshot(facts, fee.name, due, charged[0])

    def _snapshot(self, facts: Facts, fee: str, due: Due, charged: Charged) -> None:
        """The explanation: that of an era in which its block may have charged, and the facts were there."""
        *earlier, last = self._eras.within(charged.seq)
        known = max(map(self._eras.of, due.seqs), default=0)
        eras = (last, *(number for number in earlier if number >= known))
        wrong, *others = (self._unexplained(facts, due, charged, number) for number in eras)
        self.snapshots.seen += wrong is not None
        if wrong and all(others):
            for one in wrong:
                self.snapshots.add(f"{facts.waybill} {fee}: {one}")

    def _unexplained(self, facts: Facts, due: Due, charged: Charged, era: int) -> list[str] | None:
        """What an explanation says otherwise than the rules of an era do; None: it is not about the facts in force,
        and others may have come to the same amount."""
        if era != self._eras.now(facts.lane):
            same = (
                one for one in self._dues(facts, era, None) if (one.name, one.part) == (due.name, due.part)
            )
            due = next(same, due)
        row, price, used = due.row, due.price, due.weighing
        if row is None or price is None:
            return None
        _, cause, product, *rest, order, steps = charged.snapshot
        about = (cause, product, rest[6], order)
        if about != (due.cause, facts.product, used.event_id if used else "", facts.order_id):
            return None
        if self._eras[era].prices.by_hub and self._passes_later(facts.waybill, charged):
            return None
        if used and used.event_id == facts.decision.event_id and named(facts).seq >= charged.seq:
            return None  # what it corrects may have come later, to the same amount
        short = row.shape in ("flat", "first_continued")
        first, each = (
            row.cells.get("first_price" if row.weighs else "price"),
            row.cells.get("continued_price"),
        )
        unit = str(row.settings.get("continued_unit_kg", "exact"))
        wanted = [
            row.book,
            row.file,
            row.number,
            row.column,
            row.level,
            used.weight_class if used else "",
            used.event_id if used else "",
            used.grams if used else 0,
            int(price.volumetric_kg * 1000) if used else 0,
            int(price.chargeable_kg * 1000),
            int(Decimal(row.cells.get("first_kg", 0)) * 1000),
            int(Decimal(first) * 10_000) if short and first else 0,
            int(price.continued_kg * 1000),
            int(Decimal(each) * 10_000) if each else 0,
            1 if unit == "exact" else int(Decimal(unit) * 1000),
            f"{row.settings.get('money_rounding', 'half_up')}_fen",
            price.passed_over,
        ]
        wrong = [f"explained by {rest}, should be {wanted}"] if rest != wanted else []
        return [*wrong, *untrue(steps, price)]

    def _passes_later(self, waybill: str, charged: Charged) -> bool:
        """Whether a hub was heard of that the charge may not have known: it came to the same amount."""
        return any(hub.seq >= charged.seq for hub in self._extras.hubs.get(waybill, ()))

    def _weight(self, facts: Facts, transit: Due | None, adopted: tuple[Any, ...] | None) -> None:
        """The newest adopted weight is the best one, once it may be adopted and the order is known.

        Where someone has decided for a weight that may not be adopted yet, the one before still stands there; and where
        none may be adopted any more, the one that a policy before had adopted.
        """
        self.weights.seen += 1
        wanted: list[tuple[Any, ...] | None] = []
        eras = range(self._eras.of(facts.weighed_seq), self._eras.now(facts.lane) + 1)
        for number in eras:
            best = self._weighing(facts, number)
            comes = transit is not None and transit.waits in ("", "no_price", "weight_undecided")
            wanted.append(_row(best) if best is not None and facts.order_id and comes else None)
        if adopted in wanted:
            return
        newest = self._weighing(facts, eras[-1])
        taken_back = adopted_by(newest, self._data_time) is None and adopted in self._adopted(facts, eras[-1])
        if wanted[-1] is not None or not (facts.decision.event_id or taken_back):
            self.weights.add(f"{facts.waybill}: adopted {adopted}, should be {wanted[-1]}")

    def _adopted(self, facts: Facts, last: int) -> Iterator[tuple[Any, ...] | None]:
        """The weights that were adopted in some era up to the last."""
        for number in range(self._eras.of(facts.first_seq), last + 1):
            best = weighing(self._then(facts, number), self._eras[number])
            if best is not None and adopted_by(best, self._data_time) is not None:
                yield _row(best)

    def _check_journal(self) -> Check:
        found = Findings("recomputed_journal", "各账册、科目、日期、往来方净额独立重算")
        booked: Counter[Key] = Counter()
        for row in self._store.rows(_JOURNAL):
            booked[row["book"], row["account"], row["fee"], row["day"], row["counterparty"]] = row["net"]
        for key in booked.keys() | self.journal.keys():
            if booked[key] or self.journal[key]:
                found.seen += 1
            if booked[key] != self.journal[key]:
                found.add(f"{key}: booked {booked[key]}, should be {self.journal[key]}")
        return found.check("sums")


def check_recomputed(store: Store, log: Log, data_time: int | None, limits: Settings) -> list[Check]:
    """All checks of a recomputation."""
    work = Recomputation(store, log, data_time, limits)
    work.walk()
    return list(work.checks())


def _row(best: Weighing) -> tuple[Any, ...]:
    """What `adopted_weight` says of a weight."""
    return best.event_id, best.time, best.weight_class, best.grams, best.cm3, best.site
