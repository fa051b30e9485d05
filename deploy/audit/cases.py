"""Cases of differing weights and implausible weights, judged again parcel by parcel."""

from collections.abc import Iterator
from typing import Any

from deploy.audit.eras import Eras
from deploy.audit.expected import policy_of
from deploy.audit.facts import Facts, Weight
from deploy.audit.report import Check, Findings
from deploy.audit.store import OF_SHARD, Store
from deploy.audit.tariffs import Policy
from deploy.audit.weights import NOTHING, case, fits
from schemas.parties import HQ

_CASES = f"""
    SELECT waybill, argMax((toString(status), weight_event, toString(weight_class), weight_g,
        toUnixTimestamp64Milli(event_time), toString(site), other_event, toString(other_class), other_g,
        toUnixTimestamp64Milli(other_time), toString(other_site), toString(other_outlet), difference_g,
        toUInt32(difference_percent), toString(on_difference), decision, seq), (seq, line)) AS newest
    FROM $weight_case WHERE {OF_SHARD} GROUP BY waybill"""
_REMARKS = f"""
    SELECT waybill, groupArray((event_id, toUnixTimestamp64Milli(event_time), toString(site), found)) AS remarks
    FROM $anomaly WHERE {OF_SHARD} AND kind = 'weight_implausible' GROUP BY waybill"""


class Cases:
    """What the books say about cases, against what the facts say."""

    def __init__(self, store: Store, eras: Eras) -> None:
        self._store, self._eras = store, eras
        self.cases = Findings("weight_cases", "称重案件（证据、状态、裁决）独立重算")
        self.remarks = Findings("implausible_weights", "不可信的重量独立重算")
        self._now: dict[str, tuple[Any, ...]] = {}
        self._remarked: dict[str, list[tuple[Any, ...]]] = {}

    def shard(self, shard: int, shards: int) -> None:
        """Read what the books say about a shard's parcels."""
        self._now = {
            row["waybill"]: row["newest"] for row in self._store.rows(_CASES, shard=shard, shards=shards)
        }
        self._remarked = {
            row["waybill"]: row["remarks"] for row in self._store.rows(_REMARKS, shard=shard, shards=shards)
        }

    def parcel(self, facts: Facts) -> None:
        """Compare a parcel's. Its policy was that of an era since its last weight, order or decision."""
        now = self._eras.now(facts.lane)
        policies = self._policies(facts, facts.weighed_seq)
        outlets = self._eras[now].directory.sites
        there = self._now.pop(facts.waybill, None)
        wanted = [_row(facts, policy, outlets) for policy in policies]
        self.cases.seen += 1
        if there is None or there[0] == "closed":
            right = None in wanted
        else:
            status, *evidence, grams, percent, treatment, decision, seq = there
            row = (status in ("opened", "changed"), *evidence, treatment, decision)
            allowed = self._policies(facts, min(seq, facts.weighed_seq))
            right = row in wanted and (grams, percent) in [
                (policy.difference_g, policy.difference_percent) for policy in allowed
            ]
        if not right:
            self.cases.add(f"{facts.waybill}: the case is {there}, should be {wanted[-1]}")
        self._remarks(facts, policies)

    def _policies(self, facts: Facts, since: int) -> list[Policy]:
        """Policies that the parcel may have been judged by from a block on."""
        eras = range(self._eras.of(since), self._eras.now(facts.lane) + 1)
        return [policy_of(facts, self._eras[number]) for number in eras]

    def _remarks(self, facts: Facts, policies: list[Policy]) -> None:
        weights = {one.event_id: one for one in facts.weights}
        remarked = self._remarked.pop(facts.waybill, [])
        self.remarks.seen += len(remarked)
        for event_id, time, site, found in remarked:
            one = weights.get(event_id, NOTHING)
            if (time, site, found) != (one.time, one.site, f"{one.grams} g") or not self._ever(one):
                self.remarks.add(f"{facts.waybill} {event_id}: is no implausible weight")
        names = [event_id for event_id, *_ in remarked]
        for one in facts.weights if facts.order_id else ():
            needed = all(not fits(one, policy) for policy in policies)
            if names.count(one.event_id) > 1 or (needed and one.event_id not in names):
                self.remarks.add(f"{facts.waybill} {one.event_id}: {one.grams} g was not remarked, or twice")

    def _ever(self, one: Weight) -> bool:
        """Whether any policy of any era takes a weight for implausible."""
        return any(
            not fits(one, policy)
            for era in self._eras.eras
            for policy in (era.policy, *(own for _, own in era.policy.lines))
        )

    def end(self) -> None:
        """After a shard's parcels: what is left belongs to nobody."""
        for waybill in self._now.keys() | self._remarked.keys():
            self.cases.add(f"{waybill}: a case or a remark, and no parcel")

    def checks(self) -> Iterator[Check]:
        """The outcome."""
        yield self.cases.check("parcels")
        yield self.remarks.check("remarks")


def _row(facts: Facts, policy: Policy, outlets: dict[str, tuple[str, str, str]]) -> tuple[Any, ...] | None:
    """The newest row as it should be: undecided or not, the two weights, the treatment, the decision."""
    found = case(facts, policy)
    if found is None:
        return None
    other = found.other
    outlet = outlets.get(other.site, (HQ if other.site else "", "", ""))[0]
    return (
        found.undecided,
        *_told(found.counts),
        *_told(other),
        outlet,
        policy.on_difference,
        found.decision,
    )


def _told(one: Weight) -> tuple[str, str, int, int, str]:
    return one.event_id, one.weight_class, one.grams, one.time, one.site
