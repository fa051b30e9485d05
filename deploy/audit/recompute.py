"""Every charge and every journal sum computed again from the raw events and the published documents.

Parcels are looked at in pieces by hash of their waybill. Their facts come from one SQL question, prices from
the auditor's own reading of the tariff books, and what should be charged is compared with what is in force.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from deploy.audit.cases import Cases
from deploy.audit.chain import Log
from deploy.audit.chains import Chains
from deploy.audit.eras import read_eras
from deploy.audit.expected import DUES, Due, dues, parties, weighing
from deploy.audit.facts import IN_A_SHARD, Facts, read_facts
from deploy.audit.postings import LEGS_OF
from deploy.audit.remarks import check_anomalies, check_dead_letters, check_names
from deploy.audit.report import Check, Findings
from deploy.audit.rules import AS_OF
from deploy.audit.store import Store

_SHARD = "cityHash64(waybill) % {shards:UInt64} = {shard:UInt64}"

_IN_FORCE = f"""
    SELECT waybill, fee, payer, payee, business_date AS day, sum(reinterpretAsInt64(amount)) AS net,
           countIf({AS_OF}) - countIf(NOT {AS_OF}) AS standing,
           argMaxIf((seq, toString(cause), toString(product), toString(book_version), toString(price_table),
                     price_row, toString(matched), toString(weight_class), toString(weight_event), actual_g,
                     volumetric_g, chargeable_g, first_g, reinterpretAsInt64(first_price), continued_g,
                     reinterpretAsInt64(continued_price), unit_g, toString(rounding)),
                    revision, {AS_OF}) AS snapshot
    FROM $charge WHERE {_SHARD}
    GROUP BY waybill, fee, payer, payee, day HAVING net != 0 OR standing != 0"""

_WAITING = f"""
    SELECT waybill, fee, argMax(reason, (seq, line)) AS why FROM $waiting WHERE {_SHARD}
    GROUP BY waybill, fee HAVING why != ''"""

_ADOPTED = f"""
    SELECT waybill,
           argMax((event_id, toUnixTimestamp64Milli(event_time), toString(weight_class), weight_g, volume_cm3,
                   toString(site)), (seq, line)) AS weighing
    FROM $adopted_weight WHERE {_SHARD} GROUP BY waybill"""

_JOURNAL = """
    SELECT book, account, fee, business_date AS day, counterparty,
           sum(reinterpretAsInt64(amount) * if(side = 'D', 1, -1)) AS net
    FROM $journal GROUP BY book, account, fee, day, counterparty HAVING net != 0"""

Key = tuple[str, str, str, int, str]
"""Book, account, fee, business day, counterparty."""


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

    charged: dict[tuple[str, str], list[Charged]]
    """By waybill and fee."""
    waiting: dict[tuple[str, str], str]
    adopted: dict[str, tuple[Any, ...]]


class Recomputation:
    """Walks through all parcels; ask for `checks` afterwards."""

    def __init__(self, store: Store, log: Log, data_time: int | None) -> None:
        self._store, self._data_time = store, data_time
        self.documents = Findings("documents", "价格手册与其版本号相符，可读")
        self._eras = read_eras(store, log, self.documents)
        self.journal: Counter[Key] = Counter()
        self.charges = Findings("recomputed_charges", "由原始事件与价格手册独立重算每笔费用")
        self.snapshots = Findings("recomputed_snapshots", "费用快照（价格行、重量、版本）独立重算")
        self.waits = Findings("recomputed_waiting", "待计费项及原因独立重算")
        self.weights = Findings("recomputed_weights", "采信重量独立重算")
        self.lanes = Findings("one_lane", "同一运单的事件只在一个通道")
        self.cases = Cases(store, self._eras)
        self.chains = Chains(store, self._eras, data_time)

    def walk(self) -> None:
        """Look at every parcel."""
        for shard, shards in self._store.shards("event", IN_A_SHARD):
            found = self._found(shard, shards)
            self.cases.shard(shard, shards)
            self.chains.shard(shard, shards)
            for facts in read_facts(self._store, shard, shards):
                self._parcel(facts, found)
                self.cases.parcel(facts)
                self.chains.parcel(facts)
            self.cases.end()
            self.chains.end()
            for (waybill, fee), charged in found.charged.items():
                self.charges.add(
                    f"{waybill} {fee}: charged {[one.net for one in charged]} without any reason"
                )
            for (waybill, fee), why in found.waiting.items():
                self.waits.add(f"{waybill} {fee}: waits for {why} without any reason")
            for waybill in found.adopted:
                self.weights.add(f"{waybill}: a weight is adopted, and there is none")

    def checks(self) -> Iterator[Check]:
        """The outcome."""
        yield self.documents.check("tariff books")
        yield check_names(self._store)
        yield check_anomalies(self._store, self._eras)
        yield check_dead_letters(self._store, self._eras)
        for found in (self.charges, self.snapshots, self.waits, self.weights, self.lanes):
            yield found.check("parcels" if found is self.lanes else "comparisons")
        yield from self.cases.checks()
        yield self.chains.check()
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
            found.charged.setdefault((row["waybill"], row["fee"]), []).append(one)
        for row in self._store.rows(_WAITING, shard=shard, shards=shards):
            found.waiting[row["waybill"], row["fee"]] = row["why"]
        for row in self._store.rows(_ADOPTED, shard=shard, shards=shards):
            found.adopted[row["waybill"]] = row["weighing"]
        return found

    def _parcel(self, facts: Facts, found: Found) -> None:
        self.lanes.seen += 1
        if facts.lanes != 1:
            self.lanes.add(f"{facts.waybill}: its events are in {facts.lanes} lanes")
        expected = self._expected(facts, found)
        for name in DUES:
            due = expected.get(name)
            wait = found.waiting.pop((facts.waybill, name), "")
            self.waits.seen += 1
            if wait != (due.waits if due else ""):
                self.waits.add(
                    f"{facts.waybill} {name}: waits for {wait!r}, not {due.waits if due else ''!r}"
                )
            for fee in DUES[name]:
                self._fee(facts, fee, due, found.charged.pop((facts.waybill, fee), []))
        self._weight(facts, expected.get("transit"), found.adopted.pop(facts.waybill, None))

    def _expected(self, facts: Facts, found: Found) -> dict[str, Due]:
        """What is due, by name. Where data time is unknown, a deadline has passed if it is booked so."""
        passed = self._data_time
        if passed is None:
            waits = found.waiting.get((facts.waybill, "transit")) == "no_weight"
            passed = -1 if waits else None
        newest = self._eras.now(facts.lane)
        expected = {due.name: due for due in dues(facts, self._eras[newest], passed)}
        for name, fees in DUES.items():
            charged = found.charged.get((facts.waybill, fees[-1]), [])
            if newest > 1 and len(charged) == 1:
                due = self._in_its_era(facts, name, expected.get(name), charged[0], passed)
                if due is not None:
                    expected[name] = due
            elif newest > 1 and not charged and not found.waiting.get((facts.waybill, name)):
                self._not_due(facts, name, expected, passed)
        return expected

    def _not_due(self, facts: Facts, name: str, expected: dict[str, Due], passed: int | None) -> None:
        """Leave out what is due by newer rules only: nothing has come since for which it would be assessed."""
        for number in range(self._eras.of(facts.weighed_seq), self._eras.now(facts.lane)):
            if name not in {due.name for due in dues(facts, self._eras[number], passed)}:
                expected.pop(name, None)

    def _in_its_era(
        self, facts: Facts, name: str, due: Due | None, charged: Charged, passed: int | None
    ) -> Due | None:
        """The due by the rules of an era in which it can have come to what is charged, if there is one.

        Not before it was charged, because what is charged was assessed then; later, where another assessment
        came to the same amount; and never before the facts were there that it is assessed by.
        """
        for number in range(self._eras.of(charged.seq), self._eras.now(facts.lane) + 1):
            for one in dues(facts, self._eras[number], passed):
                known = max(map(self._eras.of, one.seqs), default=0) <= number
                if one.name == name and one.units == charged.net and not one.waits and known:
                    return one
        return due

    def _fee(self, facts: Facts, fee: str, due: Due | None, charged: list[Charged]) -> None:
        self.charges.seen += 1
        wanted: list[tuple[str, str, int, int]] = []
        if due is not None and not due.waits:
            wanted = [(*parties(fee, facts), due.day, due.units)]
            self._post(fee, due, *parties(fee, facts))
        got = [(one.payer, one.payee, one.day, one.net) for one in charged]
        if got != wanted and not (fee == "freight" and not wanted and not any(net for *_, net in got)):
            self.charges.add(f"{facts.waybill} {fee}: charged {got}, due {wanted}")
        elif due is not None and due.row is not None:
            self._snapshot(facts, fee, due, charged[0])

    def _post(self, fee: str, due: Due, payer: str, payee: str) -> None:
        for leg in LEGS_OF[fee]:
            book, other = (payer, payee) if leg.of == "payer" else (payee, payer)
            self.journal[book, leg.account, fee, due.day, other] += (
                due.units if leg.side == "D" else -due.units
            )

    def _snapshot(self, facts: Facts, fee: str, due: Due, charged: Charged) -> None:
        """The explanation, where it is about the facts in force: others may have come to the same amount."""
        era = self._eras.of(charged.seq)
        if era != self._eras.now(facts.lane):
            due = next((one for one in dues(facts, self._eras[era], None) if one.name == due.name), due)
        row, price, used = due.row, due.price, due.weighing
        if row is None or price is None:
            return
        _, cause, product, *rest = charged.snapshot
        about = (cause, product, rest[5])
        if about != (due.cause, facts.product, used.event_id if used else ""):
            return
        self.snapshots.seen += 1
        wanted = [
            row.book,
            row.file,
            row.number,
            row.level,
            used.weight_class if used else "",
            used.event_id if used else "",
            used.grams if used else 0,
            int(price.volumetric_kg * 1000) if used else 0,
            int(price.chargeable_kg * 1000),
            int(row.first_kg * 1000),
            int(row.first_price * 10_000),
            int(price.continued_kg * 1000),
            int(row.continued_price * 10_000),
            int(row.unit_kg * 1000),
            f"{row.money_rounding}_fen",
        ]
        if rest != wanted:
            self.snapshots.add(f"{facts.waybill} {fee}: explained by {rest}, should be {wanted}")

    def _weight(self, facts: Facts, transit: Due | None, adopted: tuple[Any, ...] | None) -> None:
        """The newest adopted weight is the best one, once it may be adopted and the order is known.

        Where someone has decided for a weight that may not be adopted yet, the one before still stands there.
        """
        self.weights.seen += 1
        wanted: list[tuple[Any, ...] | None] = []
        for number in range(self._eras.of(facts.weighed_seq), self._eras.now(facts.lane) + 1):
            best = weighing(facts, self._eras[number])
            comes = transit is not None and transit.waits in ("", "no_price", "weight_undecided")
            if best is not None and facts.order_id and comes:
                wanted.append((best.event_id, best.time, best.weight_class, best.grams, best.cm3, best.site))
            else:
                wanted.append(None)
        stale = wanted[-1] is None and facts.decision.event_id != ""
        if adopted not in wanted and not stale:
            self.weights.add(f"{facts.waybill}: adopted {adopted}, should be {wanted[-1]}")

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


def check_recomputed(store: Store, log: Log, data_time: int | None) -> list[Check]:
    """All checks of a recomputation."""
    work = Recomputation(store, log, data_time)
    work.walk()
    return list(work.checks())
