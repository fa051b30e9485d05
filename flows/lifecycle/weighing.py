"""Which weight a parcel has, and whether its weights contradict each other: functions of its facts alone.

A parcel keeps all its measured weights. The policy chooses among them and the declared one; the newest decision
of a person (by time, then id) ranks above the policy. The same facts in any order lead to the same weight and the
same case.
"""

from collections.abc import Iterable, Sequence

from flows.governance.network import Network
from flows.lifecycle.parcel import NEVER, OPEN, SETTLED, Case, Decided, Parcel, Weighed
from flows.rating.policy import EARLIEST, LATEST, WeightPolicy

DECLARED, DECIDED = "declared", "decided"
"""Classes of weights that nobody measured: the customer's word, a person's decision."""
UNRANKED = 99
NOTHING = Weighed("", NEVER, "", 0, 0, 0, "")


def of_line(policy: WeightPolicy, parcel: Parcel, network: Network) -> WeightPolicy:
    """The policy for the line that a parcel goes by its order."""
    ends = [network.outlets.get(outlet) for outlet in (parcel.origin, parcel.destination)]
    return policy.of(parcel.product, *("" if site is None else site.province for site in ends))


def chosen(parcel: Parcel, policy: WeightPolicy) -> Weighed:
    """The weight that counts, whether or not it may be adopted yet; NOTHING where there is none."""
    decision = parcel.decision
    if decision is not None:
        if decision.weight_g:
            return _decided(parcel, decision)
        confirmed = _known(parcel, decision.weight_event)
        if confirmed is not None:
            return confirmed
    best = _best(parcel.weighings, policy) if parcel.weighings else NOTHING
    rank = policy.rank.get(DECLARED, UNRANKED) if parcel.declared_g else UNRANKED
    if rank < policy.rank.get(best.weight_class, UNRANKED) and policy.plausible(DECLARED, parcel.declared_g):
        return _declared(parcel)
    return best


def case_of(parcel: Parcel, policy: WeightPolicy) -> Case | None:
    """The case that the weights make: the one that counts against the measured one farthest from it.

    A decision settles it; a weight that was taken after the decision and differs opens it again.
    """
    weighings = [one for one in parcel.weighings if policy.plausible(one.weight_class, one.weight_g)]
    decision = parcel.decision
    kept = chosen(parcel, policy) if decision is not None else NOTHING
    if decision is not None and kept.id in (decision.id, decision.weight_event):
        later = [
            one
            for one in weighings
            if one.time > decision.time and policy.differs(kept.weight_g, one.weight_g)
        ]
        other = _farthest(kept, later or weighings)
        return Case(OPEN if later else SETTLED, kept.id, other.id, policy.on_difference, decision.id)
    if len(weighings) < 2:
        return None
    kept = _best(weighings, policy, unranked=True)
    other = _farthest(kept, weighings)
    if not policy.differs(kept.weight_g, other.weight_g):
        return None
    return Case(OPEN, kept.id, other.id, policy.on_difference, "")


def weighed(parcel: Parcel, event: str) -> Weighed:
    """The weight of this event: a measured one, the declared or the decided one; NOTHING if there is none."""
    decision = parcel.decision
    if decision is not None and decision.id == event:
        return _decided(parcel, decision)
    return _known(parcel, event) or NOTHING


def origin(parcel: Parcel) -> tuple[str, int]:
    """Class and moment of the weight that counts, of a decided one those of the weight which it corrects: it comes into
    force as that would have, and is charged by the prices of the same day, whenever somebody decides."""
    decision = parcel.decision
    if decision is not None and parcel.weight_id == decision.id:
        wrong = _known(parcel, decision.weight_event)
        if wrong is not None:
            return wrong.weight_class, wrong.time
    return parcel.weight_class, parcel.weight_time


def _known(parcel: Parcel, event: str) -> Weighed | None:
    for one in parcel.weighings:
        if one.id == event:
            return one
    return _declared(parcel) if parcel.declared_g and parcel.order_id == event else None


def _decided(parcel: Parcel, decision: Decided) -> Weighed:
    """What a person says that it weighs; how long it is says the weight that this corrects."""
    wrong = _known(parcel, decision.weight_event) or NOTHING
    grams, volume = decision.weight_g, decision.volume_cm3
    return Weighed(DECIDED, decision.time, decision.id, grams, volume, wrong.longest_mm, "")


def _declared(parcel: Parcel) -> Weighed:
    return Weighed(DECLARED, parcel.order_time, parcel.order_id, parcel.declared_g, 0, 0, "")


def _best(weighings: Iterable[Weighed], policy: WeightPolicy, *, unranked: bool = False) -> Weighed:
    """The best plausible weight of the best class; `unranked`: classes that are never adopted come last."""
    best, top = NOTHING, UNRANKED + unranked
    for one in weighings:
        rank = policy.rank.get(one.weight_class, UNRANKED)
        if rank > top or (rank == UNRANKED and not unranked):
            continue
        if policy.limits and not policy.plausible(one.weight_class, one.weight_g):
            continue
        if rank < top or best is NOTHING or _wins(one, best, policy):
            best, top = one, rank
    return best


def _wins(one: Weighed, other: Weighed, policy: WeightPolicy) -> bool:
    """Whether a weight goes before another of its rank."""
    choice = policy.choose.get(one.weight_class, EARLIEST)
    if choice == LATEST:
        return (one.time, one.id) > (other.time, other.id)
    if choice == EARLIEST or one.weight_g == other.weight_g:
        return (one.time, one.id) < (other.time, other.id)
    return one.weight_g > other.weight_g


def _farthest(kept: Weighed, weighings: Sequence[Weighed]) -> Weighed:
    """The measured weight that differs most from this one, among equals the first; NOTHING if there is no other."""
    others = [one for one in weighings if one.id != kept.id]
    if not others:
        return NOTHING
    return min(others, key=lambda one: (-abs(one.weight_g - kept.weight_g), one.time, one.id))
