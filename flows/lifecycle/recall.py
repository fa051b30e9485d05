"""A parcel that the books bring back: its record as it stood, rebuilt from its facts and what is charged and waits.

Three things make it safe, however often and whenever a parcel is recalled:

* A record is forgotten when it was not touched for longer than the horizon. What is recalled says the data time of
  the books that it was read from, and like every event it may not be older than the horizon. So whatever was booked
  since is still in a record, and a record counts for more than the books.
* To a record that began later, from a late fact, the former life is joined only if the books were read after it
  was touched last. Otherwise the lane refuses it (`recall_outdated`), and it has to be read again.
* What the books say must fit: each charge lies between the parties that the lane itself would take it back from.

Where a record that began later has charged what its former life had been charged already, what is charged by the record
counts, and the former life's charge is taken back: their ids differ by their times. So is what another order charged
than the one that counts. From then on ids have to differ by their revisions: the record may come to what its former
life had charged and taken back.
"""

from collections.abc import Sequence

from xxhash import xxh3_64_digest

from flows.fees.model import Due, Fees
from flows.governance.network import Network
from flows.governance.operators import Operators
from flows.lifecycle import facts, named
from flows.lifecycle.assess import COMMON, Assessor
from flows.lifecycle.charged import Party, reversal
from flows.lifecycle.intake import RefusedError
from flows.lifecycle.parcel import MARK, OPEN, SETTLED, Case, Claimed, Item, Line, Parcel, item_key
from flows.lifecycle.reasons import ABANDONED, REASONS, reason_of, with_reason
from schemas.events import (
    BAGGED,
    Charged,
    Claim,
    Order,
    ParcelFact,
    ParcelRecalled,
    Scan,
    Weight,
    WeightDecided,
)
from schemas.parties import CUSTOMER, HQ
from schemas.times import business_day

UNKNOWN = bytes(4)
"""In a record's marks, instead of the hash of an event's content: the books do not have its bytes."""


def lacking(parcel: Parcel | None, event: ParcelRecalled) -> list[ParcelFact]:
    """The facts that a record does not know."""
    seen = b"" if parcel is None else parcel.seen
    known = {seen[at : at + 8] for at in range(0, len(seen), MARK)}
    return [fact for fact in event.facts if _mark(fact) not in known]


def check(event: ParcelRecalled, parcel: Parcel | None, rules: Assessor, operators: Operators) -> None:
    """Whether a parcel can be brought back to this record (None: there is none). Raises RefusedError."""
    if not event.facts or any(fact.waybill != event.waybill for fact in event.facts):
        raise RefusedError("recall_refused", "there are no facts, or facts of another waybill")
    if not lacking(parcel, event):
        return
    if parcel is not None and parcel.at >= event.time:
        raise RefusedError("recall_outdated", "something came for it after the books were read")
    _check_names(event, rules)
    fees = rules.dues.fees
    for charge in (*event.charged, *event.doubled):
        if charge.standing:
            _check_parties(event, charge, _due(fees, charge), rules, operators)


def _check_names(event: ParcelRecalled, rules: Assessor) -> None:
    """Fees, dues, reasons and kinds of claims are known."""
    fees = rules.dues.fees
    waits, dues = set(REASONS[1:]), {due.name for due in fees.dues} | {named.WITHDRAWN}
    for wait in event.waits:
        if wait.due not in dues or wait.reason not in waits:
            raise RefusedError("recall_refused", f"{wait.due} cannot wait for {wait.reason}")
    kinds = [fact.kind for fact in event.facts if isinstance(fact, Claim)]
    for kind in (*kinds, *(one.kind for one in event.broken if one.kind)):
        if kind not in rules.dues.claimable:
            raise RefusedError("recall_refused", f"{kind!r} is no kind of claim")
    for site in (
        *(fact.site for fact in event.facts if isinstance(fact, Scan)),
        *(one.site for one in event.broken),
    ):
        if site not in rules.network.sites:
            raise RefusedError("recall_refused", f"{site!r} is no site of the network")
    for charge in (*event.charged, *event.doubled):
        if charge.fee not in fees.names:
            raise RefusedError("recall_refused", f"{charge.fee!r} is no fee")


def _charged_since(parcel: Parcel, event: ParcelRecalled, rules: Assessor) -> list[Charged]:
    """Charges of a former life that are to be taken back: they stand beside what was charged since, or by an order that
    counts no more."""
    fees = rules.dues.fees
    former = [
        charge
        for charge in event.charged
        for due in [_due(fees, charge)]
        if charge.standing
        and (
            _charges(parcel, fees, due, charge.part) not in (None, _said(charge))
            or (_line(charge) != parcel.line and (due.amount == "share" or not fees.named(due)))
        )
    ]
    return [*former, *event.doubled]


def _take_back(former: Sequence[Charged], event: ParcelRecalled, rules: Assessor) -> None:
    """Reverse charges of a former life: same parties, date and amount, in red."""
    fees, charges = rules.dues.fees, rules.output.charges
    for charge in former:
        due, rule = _due(fees, charge), fees.rules.rules[charge.fee]
        red = reversal(
            event.waybill,
            fees.names.index(charge.fee),
            charge.revision,
            charge.amount_e4,
            charge.time,
            rules.cause,
            _line(charge),
        )
        if fees.named(due):
            party = Party(
                charge.part,
                _outlet(rule.payer, charge.payer, charge, event, due),
                _outlet(rule.payee, charge.payee, charge, event, due),
            )
            charges.add(red, party)
        else:
            charges.append(red)


def join(parcel: Parcel, event: ParcelRecalled, new: Sequence[ParcelFact], rules: Assessor) -> list[int]:
    """Put into a record what the books know besides, and take back what a former life was charged besides.

    Returns the reasons for which things wait that did not by the record.
    """
    for fact in new:
        parcel.seen += _mark(fact) + UNKNOWN
        _take(parcel, fact)
    for fact in event.facts:
        if isinstance(fact, Scan):
            _take_extras(parcel, fact, rules.network)
    for penalty in event.broken:
        if penalty.kind:
            claim = parcel.more().claims.setdefault(penalty.claim, Claimed())
            claim.kind, claim.time, claim.amount = penalty.kind, penalty.due, penalty.amount_e4
            claim.responsible, claim.of_breach = penalty.responsible, True
    for one in parcel.weighings:
        one.remarked |= one.id in event.remarked
    parcel.born = min(parcel.born, *(fact.time for fact in event.facts))
    former = _charged_since(parcel, event, rules)
    _take_back(former, event, rules)
    _put_charges(parcel, event, former, rules)
    _number_on(parcel, event, rules)
    parcel.adopted = event.adopted
    if event.case is not None:
        status = SETTLED if event.case.decided else OPEN
        case = event.case
        parcel.case = Case(status, case.weight_event, case.other_event, case.treatment, case.decision)
    return _put_waits(parcel, event, rules.dues.fees)


def _number_on(parcel: Parcel, event: ParcelRecalled, rules: Assessor) -> None:
    """Let what is charged from now on have greater revisions than all lives had.

    What stands under a lesser one is taken back, to be charged anew if it is still due.
    """
    dues = rules.dues
    for told in event.charged:
        due = _due(dues.fees, told)
        live = dues.of_name[due.name]
        if live.named:
            item = parcel.more().items[item_key(due.name, told.part)]
            if item.standing and item.revision < told.newest:
                named.take_back(rules, parcel, live, item)
            if not item.standing:
                item.revision = max(item.revision, told.newest + 1)
            continue
        at = 3 * live.place + 2
        if parcel.done & 1 << live.place and parcel.booked[at] < told.newest:
            rules.take_back(parcel, live, parcel.line)
        if not parcel.done & 1 << live.place:
            parcel.booked[at] = max(parcel.booked[at], told.newest + 1)


def _mark(fact: ParcelFact) -> bytes:
    return xxh3_64_digest(fact.id.encode())


def _take(parcel: Parcel, fact: ParcelFact) -> None:
    """A fact, without what follows from it."""
    if isinstance(fact, Order):
        facts.ordered(parcel, fact)
    elif isinstance(fact, Scan):
        facts.scanned(parcel, fact, couriers=True)
    elif isinstance(fact, Weight):
        facts.weighed(parcel, fact)
    elif isinstance(fact, WeightDecided):
        facts.decided(parcel, fact)
    else:
        facts.claimed(parcel, fact)


def _take_extras(parcel: Parcel, scan: Scan, network: Network) -> None:
    """Couriers, hubs and bags, whether or not anything is paid for them now: they are not asked for again."""
    if scan.courier and scan.id == parcel.picked_id:
        parcel.more().picked_by = scan.courier
    if scan.courier and scan.id == parcel.signed_id:
        parcel.more().signed_by = scan.courier
    if scan.operation == BAGGED:
        facts.bagged(parcel, scan)
    if scan.site in network.hubs:
        facts.passed(parcel, scan)


# Charges


def _due(fees: Fees, charge: Charged) -> Due:
    return next(due for due in fees.dues if charge.fee in due.fees)


def _line(charge: Charged) -> Line:
    return charge.origin, charge.destination, charge.product


def _said(charge: Charged) -> tuple[int, bool, int, int]:
    """What is in force by the books: next revision, whether it stands, amount, time."""
    if not charge.standing:
        return charge.revision, False, 0, 0
    return charge.revision, True, charge.amount_e4, charge.time


def _charges(parcel: Parcel, fees: Fees, due: Due, part: str) -> tuple[int, bool, int, int] | None:
    """The same by a record; None: it has never charged this."""
    if fees.named(due):
        item = parcel.extra.items.get(item_key(due.name, part)) if parcel.extra is not None else None
        if item is None or not (item.standing or item.revision):
            return None
        return item.revision, item.standing, item.amount * item.standing, item.time * item.standing
    place = fees.dues.index(due)
    stands = bool(parcel.done & 1 << place)
    amount, time, revision = (*parcel.booked[3 * place : 3 * place + 3], 0, 0, 0)[:3]
    if not (stands or revision):
        return None
    return revision, stands, amount * stands, time * stands


def _put_charges(parcel: Parcel, event: ParcelRecalled, former: Sequence[Charged], rules: Assessor) -> None:
    """What is charged by the books and not by the record."""
    fees = rules.dues.fees
    for told in event.charged:
        charge, due = told, _due(fees, told)
        if _charges(parcel, fees, due, told.part) not in (None, _said(told)):
            continue
        if told in former:
            charge = Charged(fee=told.fee, part=told.part, revision=told.revision + 1)
        if fees.named(due):
            _put_item(parcel, event, charge, due, rules)
        else:
            _put_plain(parcel, charge, fees.dues.index(due))


def _put_plain(parcel: Parcel, charge: Charged, place: int) -> None:
    booked = parcel.booked or [0] * COMMON
    booked.extend([0] * (3 * place + 3 - len(booked)))
    booked[3 * place : 3 * place + 3] = charge.amount_e4, charge.time, charge.revision
    parcel.booked = booked
    parcel.done = parcel.done & ~(1 << place) | charge.standing << place


def _put_item(parcel: Parcel, event: ParcelRecalled, charge: Charged, due: Due, rules: Assessor) -> None:
    """One of an item's charges; those of its other fees come by themselves."""
    items = parcel.more().items
    item = items.setdefault(item_key(due.name, charge.part), Item(charge.part))
    if charge.revision < item.revision:
        return
    item.revision = charge.revision
    if charge.standing:
        if not item.standing or not item.parties:
            item.parties = [("", "")] * len(due.fees)
        item.standing, item.amount, item.time = True, charge.amount_e4, charge.time
        item.line = _line(charge)
        rule = rules.dues.fees.rules.rules[charge.fee]
        item.parties[due.fees.index(charge.fee)] = (
            _outlet(rule.payer, charge.payer, charge, event, due),
            _outlet(rule.payee, charge.payee, charge, event, due),
        )


def _check_parties(
    event: ParcelRecalled, charge: Charged, due: Due, rules: Assessor, operators: Operators
) -> None:
    """A charge stands in the books of those who run its outlets, as a reversal of it would."""
    rule, day = rules.dues.fees.rules.rules[charge.fee], business_day(charge.time)
    for role, stored in ((rule.payer, charge.payer), (rule.payee, charge.payee)):
        outlet = _outlet(role, stored, charge, event, due)
        if not stored or operators.of(outlet, day) != stored:
            said = f"{charge.fee} {charge.part}".strip()
            raise RefusedError("recall_refused", f"{said}: {stored!r} is not who the {role} is: {outlet!r}")


def _outlet(role: str, stored: str, charge: Charged, event: ParcelRecalled, due: Due) -> str:
    """The outlet, or whoever else it was, that a party stands for."""
    fixed = {
        "customer": CUSTOMER,
        "headquarters": HQ,
        "origin": charge.origin,
        "destination": charge.destination,
    }
    if role in ("responsible", "beneficiary"):
        named_by = {fact.id: fact for fact in event.facts if isinstance(fact, Claim)}
        blamed = {one.claim: one.responsible for one in event.broken if one.claim}
        claim, other = (
            named_by.get(charge.part),
            {"responsible": due.blames, "beneficiary": due.rewards}[role],
        )
        if claim is not None or charge.part in blamed:
            said = (
                getattr(claim, role) if claim is not None else blamed[charge.part] * (role == "responsible")
            )
            return str(said) or fixed.get(other, "")
    return fixed.get(role, stored)


# Waits


def _put_waits(parcel: Parcel, event: ParcelRecalled, fees: Fees) -> list[int]:
    """What waits by the books; the reasons of what did not wait by the record."""
    new: list[int] = []
    places = {due.name: place for place, due in enumerate(fees.plain)}
    for wait in event.waits:
        reason, place = REASONS.index(wait.reason), places.get(wait.due)
        if place is not None:
            if reason_of(parcel.waits, place):
                continue
            parcel.waits = with_reason(parcel.waits, place, reason)
        else:
            extra = parcel.more()
            item = extra.items.setdefault(item_key(wait.due, wait.part), Item(wait.part))
            if item.waits:
                continue
            item.waits = reason
            extra.waits += 1
        new.append(reason)
    return [reason for reason in new if reason != ABANDONED]
