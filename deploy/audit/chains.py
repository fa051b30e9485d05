"""Scan chains judged again: which breaches must be open by the published rules, the scans and data time."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from deploy.audit.eras import Era, Eras
from deploy.audit.extras import Claimed
from deploy.audit.facts import Facts
from deploy.audit.report import Check, Findings
from deploy.audit.store import OF_SHARD, Store
from schemas.events import OPERATIONS
from schemas.parties import HQ
from schemas.settings import Settings
from schemas.times import iso

HOUR = 3_600_000
_RULES = """
    SELECT version, rule, toString(operation) AS operation, toString(place) AS place,
           toString(direction) AS direction, others, hours, toString(responsible) AS responsible,
           toString(due) AS due, reinterpretAsInt64(amount) AS amount
    FROM $chain_rule ORDER BY seq, line"""
_BREACHES = f"""
    SELECT waybill, toString(rule) AS rule,
           argMax((toString(status), toString(outlet), toString(site), toString(operation),
                   toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(due), seq), (seq, line)) AS newest
    FROM $chain_breach WHERE {OF_SHARD} GROUP BY waybill, rule"""
_CLAIMS = f"""
    SELECT waybill, claim,
           argMax((toString(status), toString(kind), toUnixTimestamp64Milli(event_time), toString(responsible),
                   reinterpretAsInt64(amount), evidence), (seq, line)) AS newest
    FROM $claim WHERE {OF_SHARD} AND status IN ('breached', 'mended')
    GROUP BY waybill, claim"""
BREACH = "breach:"
"""What the id of a breach's claim begins with; the rule's name follows."""


class Rule(NamedTuple):
    """A published rule."""

    name: str
    operation: str
    place: str
    direction: str
    others: tuple[str, ...]
    hours: int
    responsible: str
    due: str
    amount: int


class Broken(NamedTuple):
    """What the row of an open breach should say. Times are UTC ms."""

    outlet: str
    site: str
    operation: str
    since: int
    due: int


class Chains:
    """What the books say about breaches, against what the scans say."""

    def __init__(self, store: Store, eras: Eras, data_time: int | None, limits: Settings) -> None:
        self._store, self._eras, self._data_time = store, eras, data_time
        self._horizon = limits.horizon
        self.penalties = Findings("breach_penalties", "扫描链违规定案后的罚款由扫描与规则独立重算")
        self.found = Findings("chain_breaches", "扫描链违规由原始扫描与公布的规则独立重算")
        self._rules: dict[str, dict[str, Rule]] = {}
        for row in store.rows(_RULES):
            rule = Rule(
                row["rule"],
                row["operation"],
                row["place"],
                row["direction"],
                tuple(row["others"].split()),
                row["hours"],
                row["responsible"],
                row["due"],
                row["amount"],
            )
            self._rules.setdefault(row["version"], {})[rule.name] = rule
        self._now: dict[str, dict[str, tuple[Any, ...]]] = {}
        self._claims: dict[str, dict[str, tuple[Any, ...]]] = {}

    def shard(self, shard: int, shards: int) -> None:
        """Read what the books say about a shard's parcels."""
        self._now, self._claims = {}, {}
        for row in self._store.rows(_BREACHES, shard=shard, shards=shards):
            self._now.setdefault(row["waybill"], {})[row["rule"]] = row["newest"]
        for row in self._store.rows(_CLAIMS, shard=shard, shards=shards):
            self._claims.setdefault(row["waybill"], {})[row["claim"]] = row["newest"]

    def parcel(self, facts: Facts, given_up: bool) -> list[Claimed]:
        """Compare a parcel's, by the rules of an era since its last event; the claims that its breaches make."""
        there = self._now.pop(facts.waybill, {})
        self.found.seen += 1
        born, now = self._eras.of(facts.first_seq), self._eras.now(facts.lane)
        watched = all(self._rules_of(self._eras[number]) for number in range(born, now + 1))
        wrong: list[str] = []
        for number in range(self._eras.of(facts.last_seq), now + 1):
            era = self._eras[number]
            then = watched or all(self._rules_of(self._eras[n]) for n in range(born, number + 1))
            wrong = list(self._compare(facts, there, self._broken(facts, era) if then else {}, given_up))
            if not wrong:
                break
        for one in wrong:
            self.found.add(f"{facts.waybill} {one}")
        claims = [claim for rule, row in sorted(there.items()) for claim in self._claimed(facts, rule, row)]
        self._check_claims(facts, claims, there)
        return claims

    def _broken(self, facts: Facts, era: Era) -> dict[str, Broken]:
        return {} if facts.returned else dict(_broken(facts, self._rules_of(era), era))

    def _claimed(self, facts: Facts, name: str, row: tuple[Any, ...]) -> Iterator[Claimed]:
        """What a final breach costs, by the rules that were in force when it became final."""
        status, *_, seq = row
        era = self._eras[self._eras.of(seq)]
        rule, broken = self._rules_of(era).get(name), self._broken(facts, era).get(name)
        if status == "final" and rule is not None and rule.due and broken is not None:
            claim = BREACH + name
            yield Claimed(claim, 1, 0, rule.due, broken.due, broken.outlet, "", rule.amount, seq)

    def _check_claims(self, facts: Facts, claims: list[Claimed], there: dict[str, tuple[Any, ...]]) -> None:
        """The claims that are written are those that the breaches make."""
        written = self._claims.pop(facts.waybill, {})
        wanted = {claim.claim: claim for claim in claims}
        for name in sorted(written.keys() | wanted.keys()):
            self.penalties.seen += 1
            got, claim = written.get(name), wanted.get(name)
            said: tuple[Any, ...] | None = None
            if claim is not None:
                _, _, site, operation, since, *_ = there[name.removeprefix(BREACH)]
                scan = f"{operation} {OPERATIONS[operation]} {site} {iso(since)}"
                evidence = f"chain {name.removeprefix(BREACH)}: {scan}"
                said = ("breached", claim.kind, claim.time, claim.responsible, claim.amount, evidence)
            if got != said and not (said is None and got is not None and got[0] == "mended"):
                self.penalties.add(f"{facts.waybill} {name}: is {got}, should be {said}")

    def end(self) -> None:
        """After a shard's parcels: what is left belongs to nobody."""
        for waybill in self._now:
            self.found.add(f"{waybill}: a breach, and no parcel")
        for waybill in self._claims:
            self.penalties.add(f"{waybill}: a penalty, and no parcel")

    def checks(self) -> Iterator[Check]:
        """The outcome."""
        yield self.found.check("parcels")
        yield self.penalties.check("penalties")

    def _rules_of(self, era: Era) -> dict[str, Rule]:
        return self._rules.get(era.directory.version, {})

    def _compare(
        self, facts: Facts, there: dict[str, tuple[Any, ...]], broken: dict[str, Broken], given_up: bool
    ) -> Iterator[str]:
        for rule in sorted(there.keys() | broken.keys()):
            status, *row = there.get(rule, ("none", 0))[:-1]
            wanted = broken.get(rule)
            if status in ("none", "closed"):
                if wanted is not None and self._certainly_open(facts, wanted):
                    yield f"{rule}: is {status}, should be open: {wanted}"
            elif wanted is None:
                yield f"{rule}: is {status} and nothing is broken"
            elif tuple(row) != wanted:
                yield f"{rule}: is {status} for {row}, should be {wanted}"
            elif status == "final" and not (facts.signed_id or given_up):
                yield f"{rule}: is final and the parcel is on its way"
            elif status == "open" and self._data_time is not None and self._data_time < wanted.due:
                yield f"{rule}: is open before its time"
            elif facts.signed_id and self._data_time is not None:
                over = self._data_time >= facts.signed + self._horizon
                if over != (status == "final"):
                    yield f"{rule}: is {status}, should be {'final' if over else 'open'}"

    def _certainly_open(self, facts: Facts, wanted: Broken) -> bool:
        """Whether data time has passed the moment at which it must have opened, before the parcel was over."""
        over = facts.signed_id and wanted.due >= facts.signed + self._horizon
        return self._data_time is not None and wanted.due <= self._data_time and not over


def _broken(facts: Facts, rules: dict[str, Rule], era: Era) -> Iterator[tuple[str, Broken]]:
    """Every rule whose clock runs, whether or not it has run out."""
    sites = era.directory.sites
    for rule in rules.values():
        starts = [scan for scan in facts.scans if scan[1] == rule.operation and _lies(scan[2], rule, sites)]
        others = [time for time, operation, _ in facts.scans if operation in rule.others]
        if rule.direction == "then":
            starts = [scan for scan in starts if not any(time >= scan[0] for time in others)]
        elif starts and any(time <= min(starts)[0] for time in others):
            starts = []
        if starts:
            time, operation, site = min(starts)
            of_order = {"origin": facts.origin, "destination": facts.destination}.get(rule.responsible, "")
            outlet = of_order or sites.get(site, ("", "", ""))[0]
            yield rule.name, Broken(outlet, site, operation, time, time + rule.hours * HOUR)


def _lies(site: str, rule: Rule, sites: dict[str, tuple[str, str, str]]) -> bool:
    return rule.place == "any" or (site in sites and (sites[site][0] == HQ) == (rule.place == "hub"))
