"""Which weight a parcel has and whether its weights make a case: the auditor's own judgement of the same facts."""

from decimal import Decimal
from typing import NamedTuple

from deploy.audit.facts import Facts, Weight
from deploy.audit.tariffs import Policy

NO_RANK = 99
NOTHING = Weight("", 0, "", 0, 0, 0, "", 0)


class CaseNow(NamedTuple):
    """What the newest row of a case should say. `undecided`: someone should decide."""

    undecided: bool
    counts: Weight
    other: Weight
    decision: str


def choose(facts: Facts, policy: Policy) -> Weight:
    """The weight that counts; NOTHING where there is none."""
    decided = facts.decision
    if decided.event_id:
        wrong = named(facts)
        if decided.decision == "override":
            return Weight(
                decided.event_id,
                decided.time,
                "decided",
                decided.grams,
                decided.cm3,
                wrong.longest_mm,
                "",
                max(decided.seq, wrong.seq),
            )
        if wrong.event_id:
            return wrong
    ranked = [
        one
        for one in (*facts.weights, *_declared(facts))
        if _rank(one, policy) < NO_RANK and fits(one, policy)
    ]
    return min(ranked, key=lambda one: _order(one, policy), default=NOTHING)


def stands_for(facts: Facts, weight: Weight) -> Weight:
    """The weight by whose class and moment it is charged: what corrects a weight goes by the one that was wrong."""
    decided = facts.decision
    if not decided.event_id or weight.event_id != decided.event_id:
        return weight
    wrong = named(facts)
    return wrong if wrong.event_id else weight


def named(facts: Facts) -> Weight:
    """The weight that the decision is about, that stays or is corrected; NOTHING where none of it has come."""
    about = facts.decision.weight_event
    known = (one for one in (*facts.weights, *_declared(facts)) if one.event_id == about)
    return next(known, NOTHING) if about else NOTHING


def is_decided(facts: Facts, weight: Weight) -> bool:
    """Whether a person has chosen this weight."""
    decided = facts.decision
    return bool(decided.event_id) and weight.event_id in (decided.event_id, decided.weight_event)


def case(facts: Facts, policy: Policy) -> CaseNow | None:
    """The case that the weights make."""
    measured = [one for one in facts.weights if fits(one, policy)]
    counts = choose(facts, policy)
    if is_decided(facts, counts):
        decided = facts.decision
        new = [one for one in measured if one.time > decided.time and policy.differs(one.grams, counts.grams)]
        other = _other(counts, new or measured)
        return CaseNow(bool(new), counts, other, decided.event_id)
    if len(measured) < 2:
        return None
    counts = min(measured, key=lambda one: _order(one, policy))
    other = _other(counts, measured)
    if not policy.differs(counts.grams, other.grams):
        return None
    return CaseNow(True, counts, other, "")


def _declared(facts: Facts) -> tuple[Weight, ...]:
    if not facts.order_id or not facts.declared_g:
        return ()
    one = Weight(
        facts.order_id,
        facts.order_time,
        "declared",
        facts.declared_g,
        0,
        0,
        "",
        facts.order_seq,
    )
    return (one,)


def _rank(one: Weight, policy: Policy) -> int:
    return policy.classes.index(one.weight_class) if one.weight_class in policy.classes else NO_RANK


def fits(one: Weight, policy: Policy) -> bool:
    """Whether a weight lies within the limits of its class."""
    least, most = policy.limits.get(one.weight_class, (0, one.grams))
    return least <= one.grams <= most


def _order(one: Weight, policy: Policy) -> tuple[Decimal | int | str, ...]:
    """The smallest goes before all others."""
    rank = _rank(one, policy)
    match policy.choose.get(one.weight_class, "earliest"):
        case "latest":
            return rank, -one.time, *(-ord(letter) for letter in one.event_id), 1
        case "largest":
            return rank, -one.grams, one.time, one.event_id
    return rank, one.time, one.event_id


def _other(counts: Weight, measured: list[Weight]) -> Weight:
    """The measured weight that is farthest from the one that counts."""
    others = [one for one in measured if one.event_id != counts.event_id]
    return min(
        others, key=lambda one: (-abs(one.grams - counts.grams), one.time, one.event_id), default=NOTHING
    )
