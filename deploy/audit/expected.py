"""What a parcel should be charged, from its facts and the published rules: the auditor's own judgement."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from deploy.audit import weights
from deploy.audit.eras import Era
from deploy.audit.extras import Claimed, Extras, Terms
from deploy.audit.facts import Facts
from deploy.audit.postings import Due as Rule
from deploy.audit.postings import Postings
from deploy.audit.pricing import Parcel
from deploy.audit.rows import Row
from deploy.audit.tariffs import Policy, Price
from schemas.parties import CUSTOMER, HQ

EPOCH = date(1970, 1, 1)
EAST_8 = 8 * 3_600_000
"""Shanghai's clocks are ahead of UTC by this many ms."""
HOUR = 3_600_000
DAY = 24 * HOUR
E4 = 10_000

NO_ORDER, NO_WEIGHT, NO_PRICE, NO_CLAIM = "no_order", "no_weight", "no_price", "no_claim"
NO_PICKUP = "no_pickup"
ABANDONED = "abandoned"
"""What is said of everything that was never charged of a parcel when it is given up."""
UNDECIDED = "weight_undecided"
WITHDRAWN = "withdrawn"
"""What a withdrawal without its claim waits as."""


class Weighing(msgspec.Struct, frozen=True):
    """The weight that counts, and when it may be adopted (`due`, UTC ms; None: not until its way has ended)."""

    event_id: str
    time: int
    weight_class: str
    grams: int
    cm3: int
    longest_mm: int
    site: str
    seq: int
    due: int | None
    after: bool
    """By a deadline that starts with the signature."""


class Due(msgspec.Struct, frozen=True):
    """What should have become of something that is due: it is charged, or (`waits`) it waits."""

    name: str
    part: str = ""
    """The hub or the claim; empty: the parcel."""
    time: int = 0
    waits: str = ""
    cause: str = ""
    units: int = 0
    """Amount in 0.0001 yuan."""
    seqs: tuple[int, ...] = ()
    """Blocks in which the facts came that it is assessed by."""
    row: Row | None = None
    price: Price | None = None
    weighing: Weighing | None = None
    parties: tuple[tuple[str, str, str], ...] = ()
    """Fee, payer and payee of its charges."""
    shares: str = ""
    """The due that it is a share of, and `shared` what that comes to, in 0.0001 yuan."""
    shared: int = 0

    @property
    def day(self) -> int:
        """Business day, days since 1970-01-01."""
        return (self.time + EAST_8) // DAY


def policy_of(facts: Facts, era: Era) -> Policy:
    """The weight policy for a parcel; the usual one before its order is known."""
    return era.policy_of(facts.product, facts.origin, facts.destination) if facts.order_id else era.policy


def weighing(facts: Facts, era: Era) -> Weighing | None:
    """The weight that counts, unless it can never be adopted."""
    policy = policy_of(facts, era)
    best = weights.choose(facts, policy)
    if not best.event_id:
        return None
    rule, hours, by = "at_once", 0, weights.stands_for(facts, best)
    if by.weight_class in policy.classes:
        rank = policy.classes.index(by.weight_class)
        rule, hours = policy.adopt[rank], policy.hours[rank]
    elif not weights.is_decided(facts, best):
        return None
    due: int | None = by.time
    if rule != "at_once":
        due = None
        if facts.ended:
            due = max(by.time, facts.ended) if rule == "when_signed" else facts.ended + hours * HOUR
    seq = max(best.seq, facts.decision.seq) if weights.is_decided(facts, best) else best.seq
    return Weighing(
        best.event_id,
        best.time,
        best.weight_class,
        best.grams,
        best.cm3,
        best.longest_mm,
        best.site,
        seq,
        due,
        rule == "after_signed",
    )


class Case(msgspec.Struct, frozen=True):
    """A parcel under the rules of an era: what decides about all of its dues."""

    facts: Facts
    extras: Extras
    era: Era
    adopted: Weighing | None
    then: Facts
    """The facts by which its weights make a case: those that had come by the era's end."""

    @property
    def terms(self) -> Terms:
        """Of the order."""
        return self.extras.terms.get(self.facts.order_id, ORDINARY)

    def amount(self, name: str) -> int:
        """An amount that the order says."""
        terms = self.terms
        return {"payment": self.facts.payment, "insured": terms.insured, "cod": terms.cod}[name]


ORDINARY = Terms()


def adopted_by(best: Weighing | None, passed: int | None) -> Weighing | None:
    """The weight that counts, if it is adopted. `passed`: data time, by which a deadline has passed or has not."""
    return best if best is not None and best.due is not None and _has_come(best, passed) else None


def dues(
    facts: Facts, extras: Extras, rules: Postings, era: Era, adopted: Weighing | None, then: Facts
) -> Iterator[Due]:
    """Everything that is due for a parcel under the rules of an era. `adopted`, `then`: see `Case`."""
    case = Case(facts, extras, era, adopted, then)
    live = [rule for rule in rules.dues if rule.live(era.priced)]
    shares = [rule for rule in live if rule.source == "share"]
    for rule in live:
        for due in _triggered(case, rule):
            yield due
            for share in shares:
                if share.share_of == due.name and not due.waits:
                    yield from _share(case, share, due)


def _triggered(case: Case, rule: Rule) -> Iterator[Due]:
    """What a rule's trigger makes due."""
    facts = case.facts
    match rule.trigger:
        case "ordered" if facts.order_id:
            yield from _due(case, rule, "", facts.order_time, facts.order_id, ())
        case "picked_up":
            yield from _at_pick_up(case, rule)
        case "signed" if facts.signed_id:
            yield from _due(case, rule, "", facts.signed, facts.signed_id, (facts.signed_seq,))
        case "weighed":
            yield from _by_weight(case, rule)
        case "hub_passed" | "bagged":
            yield from _at_sites(case, rule)
        case "claimed":
            for claim in case.extras.claims.get(facts.waybill, ()):
                if claim.claimed and claim.kind == rule.name and not claim.withdrawn:
                    yield from _claimed(case, rule, claim)
        case _:
            pass


def _share(case: Case, rule: Rule, of: Due) -> Iterator[Due]:
    """What is paid as a share of a due that is charged, if it has a price."""
    if parties := _parties(rule, case, "", ""):
        for due in _priced(case, rule, "", of.time, of.cause, of.seqs, parties, of.units):
            yield msgspec.structs.replace(due, shares=of.name, shared=of.units)


def unclaimed(facts: Facts, extras: Extras) -> Iterator[Due]:
    """Withdrawals whose claims have not come."""
    for claim in extras.claims.get(facts.waybill, ()):
        if not claim.claimed:
            yield Due(WITHDRAWN, claim.claim, waits=NO_CLAIM, seqs=(claim.seq,))


def _at_pick_up(case: Case, rule: Rule) -> Iterator[Due]:
    facts = case.facts
    if facts.picked_id:
        yield from _due(case, rule, "", facts.picked, facts.picked_id, (facts.picked_seq,))
    elif facts.ended and awaited(rule):
        yield Due(rule.name, "", facts.ended, waits=NO_PICKUP, seqs=(facts.ended_seq,))


def _has_come(best: Weighing, passed: int | None) -> bool:
    return not best.after or passed is None or (best.due is not None and best.due <= passed)


def _by_weight(case: Case, rule: Rule) -> Iterator[Due]:
    facts, adopted = case.facts, case.adopted
    if adopted is not None and adopted.due is not None:
        since = (adopted.seq, facts.ended_seq) if adopted.due != adopted.time else (adopted.seq,)
        yield from _due(case, rule, "", adopted.due, adopted.event_id, since)
    elif facts.ended and awaited(rule):
        reason = NO_WEIGHT if facts.order_id else NO_ORDER
        yield Due(rule.name, "", facts.ended, waits=reason, seqs=(facts.ended_seq,))


def awaited(rule: Rule) -> bool:
    """Whether it waits for the order: what every parcel owes, to parties that every order tells."""
    return rule.required and rule.plain and not (rule.needs or rule.parcels)


def _at_sites(case: Case, rule: Rule) -> Iterator[Due]:
    """Once a hub that it passed, or once a site that put it into a bag."""
    sites = case.extras.hubs if rule.trigger == "hub_passed" else case.extras.bags
    for one in sites.get(case.facts.waybill, ()):
        yield from _due(case, rule, one.site, one.time, one.event_id, (one.seq,))


def _claimed(case: Case, rule: Rule, claim: Claimed) -> Iterator[Due]:
    ends = {"origin": case.facts.origin, "destination": case.facts.destination, "": ""}
    responsible = claim.responsible or ends.get(rule.blames, "")
    beneficiary = claim.beneficiary or ends.get(rule.rewards, "")
    parties = _parties(rule, case, responsible, beneficiary)
    asks = (rule.blames and not claim.responsible) or (rule.rewards and not claim.beneficiary)
    if not parties:
        if asks and not case.facts.order_id:
            yield Due(rule.name, claim.claim, claim.time, NO_ORDER, claim.claim, seqs=(claim.seq,))
        return
    if claim.amount:
        seqs = (claim.seq, case.facts.order_seq) if asks else (claim.seq,)
        yield Due(rule.name, claim.claim, claim.time, "", claim.claim, claim.amount, seqs, parties=parties)
        return
    yield from _priced(case, rule, claim.claim, claim.time, claim.claim, (claim.seq,), parties)


def _due(case: Case, rule: Rule, part: str, time: int, cause: str, seqs: tuple[int, ...]) -> Iterator[Due]:
    """A due that has come, of a parcel whose order may not have."""
    facts = case.facts
    if not facts.order_id:
        if awaited(rule):
            yield Due(rule.name, part, time, NO_ORDER, cause, seqs=seqs)
        return
    if rule.parcels not in ("", case.terms.parcels) or (rule.needs and not case.amount(rule.needs)):
        return
    parties = _parties(rule, case, "", "")
    if not parties:
        return
    if rule.source in ("payment", "cod"):
        if units := case.amount(rule.source):
            yield Due(rule.name, part, time, "", cause, units, (*seqs, facts.order_seq), parties=parties)
        return
    yield from _priced(case, rule, part, time, cause, seqs, parties)


def _priced(
    case: Case,
    rule: Rule,
    part: str,
    time: int,
    cause: str,
    seqs: tuple[int, ...],
    parties: tuple[tuple[str, str, str], ...],
    shared: int = 0,
) -> Iterator[Due]:
    facts, adopted = case.facts, case.adopted
    insists = rule.required or rule.trigger == "claimed"
    if not facts.order_id:
        yield Due(rule.name, part, time, NO_ORDER, cause, seqs=seqs)
        return
    seqs = (*seqs, facts.order_seq)
    if case.era.prices.by_hub:
        seqs += tuple(one.seq for one in case.extras.hubs.get(facts.waybill, ()))
    day = EPOCH + timedelta(days=(time + EAST_8) // DAY)
    found = case.era.prices.price(rule.price, day, _parcel(case, day, shared))
    if found is None:
        if insists:
            yield Due(rule.name, part, time, NO_PRICE, cause, seqs=seqs)
        return
    row, cost = found
    units = int(cost.amount * E4)
    if not case.era.prices.needs_weight(rule.price, row):
        yield Due(rule.name, part, time, "", cause, units, seqs, row, cost, parties=parties)
    elif adopted is None:
        yield Due(rule.name, part, time, NO_WEIGHT, cause, seqs=seqs)
    elif _undecided(case):
        weighed = tuple(one.seq for one in facts.weights)
        yield Due(rule.name, part, time, UNDECIDED, cause, seqs=(*seqs, *weighed))
    else:
        seqs = (*seqs, adopted.seq)
        yield Due(rule.name, part, time, "", cause, units, seqs, row, cost, adopted, parties)


def _undecided(case: Case) -> bool:
    """Whether nothing is charged by the weight until someone decides."""
    policy = policy_of(case.facts, case.era)
    differing = weights.case(case.then, policy) if policy.on_difference == "wait" else None
    return differing is not None and differing.undecided


def _parcel(case: Case, day: date, shared: int) -> Parcel:
    """The facts in the units of prices. `shared`: what a share is of, in 0.0001 yuan."""
    facts, adopted, terms = case.facts, case.adopted, case.terms
    month_parcels, month_count = case.era.volumes.of(facts.customer, day)
    return Parcel(
        origin=facts.origin,
        destination=facts.destination,
        product=facts.product,
        customer=facts.customer,
        channel=terms.channel,
        billing=terms.billing,
        direction=terms.parcels,
        hubs=tuple(sorted(one.site for one in case.extras.hubs.get(facts.waybill, ()))),
        grams=adopted.grams if adopted else 0,
        cm3=adopted.cm3 if adopted else 0,
        longest_mm=adopted.longest_mm if adopted else 0,
        pieces=terms.pieces,
        insured=Decimal(terms.insured) / E4,
        cod=Decimal(terms.cod) / E4,
        payment=Decimal(facts.payment) / E4,
        promised_h=terms.promised_hours,
        services=tuple(terms.services.split("|")) if terms.services else (),
        month_parcels=month_parcels,
        month_count=month_count,
        shared=Decimal(shared) / E4,
    )


def _parties(rule: Rule, case: Case, responsible: str, beneficiary: str) -> tuple[tuple[str, str, str], ...]:
    """Fee, payer and payee of each charge; nobody pays himself, and nobody is no party."""
    facts, places = case.facts, case.era.directory.places
    known = {
        "customer": CUSTOMER,
        "headquarters": HQ,
        "origin": facts.origin,
        "destination": facts.destination,
        "origin_province": places.get(facts.origin, {}).get("province", ""),
        "destination_province": places.get(facts.destination, {}).get("province", ""),
        "picked_by": case.extras.couriers.get((facts.waybill, facts.picked_id), ""),
        "signed_by": case.extras.couriers.get((facts.waybill, facts.signed_id), ""),
        "responsible": responsible,
        "beneficiary": beneficiary,
    }
    ends = ((fee.name, known[fee.payer], known[fee.payee]) for fee in rule.fees)
    return tuple(one for one in ends if rule.plain or (one[1] and one[2] and one[1] != one[2]))
