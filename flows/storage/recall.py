"""Stays that come back from the books: a record that a lane has forgotten, rebuilt without writing anything.

A record is kept for longer than the horizon after it was touched last, and the event says the data time of the
complete blocks that it was read from; so whatever was booked since is still in a record, and a record counts for more
than the event.
"""

from collections.abc import Iterable, Mapping

from flows.fees.model import OF_STAYS, Due, Fees
from flows.governance.network import Network
from flows.lifecycle.intake import RefusedError
from flows.storage.assess import Assessor
from flows.storage.record import Booked, Said, Stay, digest_of, said
from schemas.events import Charged, StayEvent, StayRecalled
from schemas.reasons import WAITING


def lacking(stay: Stay | None, event: StayRecalled) -> list[StayEvent]:
    """The facts that a record does not know."""
    return [fact for fact in event.facts if stay is None or fact.id not in stay.said]


def check(event: StayRecalled, stay: Stay | None, fees: Fees, network: Network) -> None:
    """Whether a stay can be brought back to this record (None: there is none). Raises RefusedError."""
    if not event.facts or any(fact.stay != event.stay for fact in event.facts):
        raise RefusedError("recall_refused", "there are no facts, or facts of another stay")
    if not lacking(stay, event):
        return
    if stay is not None and stay.at >= event.time:
        raise RefusedError("recall_outdated", "something came for it after the books were read")
    for fact in event.facts:
        if fact.site not in network.sites:
            raise RefusedError("recall_refused", f"{fact.site!r} is no site of the network")
    dues = _dues(fees)
    for charge in (*event.charged, *event.doubled):
        if charge.fee not in dues:
            raise RefusedError("recall_refused", f"{charge.fee!r} is no fee of a stay")
    for wait in event.waits:
        if wait.reason not in WAITING or wait.due not in {due.name for due in dues.values()}:
            raise RefusedError("recall_refused", f"{wait.due} cannot wait for {wait.reason}")


def charged_since(stay: Stay, event: StayRecalled, fees: Fees) -> list[tuple[str, Booked]]:
    """Charges of the former life that stand beside what the record has charged since, by due/part: to be taken back."""
    dues = _dues(fees)
    former = [
        charge
        for charge in event.charged
        if charge.standing and stay.booked.get(_key(dues, charge), booked(charge)) != booked(charge)
    ]
    return [(_key(dues, charge), booked(charge)) for charge in (*former, *event.doubled)]


def join(stay: Stay, event: StayRecalled, new: Iterable[StayEvent], fees: Fees, network: Network) -> None:
    """Put into a record what the books know besides."""
    dues = _dues(fees)
    began_since = bool(stay.said)
    stay.born = min(stay.born, *(fact.time for fact in event.facts))
    for fact in new:
        stay.said[fact.id] = _said(fact, network)
    for charge in event.charged:
        stay.booked.setdefault(_key(dues, charge), booked(charge))
    if not began_since:
        earliest = min(fact.time for fact in event.facts)
        stay.waits = {wait.due: (wait.reason, earliest) for wait in event.waits}


def number_on(stay: Stay, event: StayRecalled, rules: Assessor) -> None:
    """Let what is charged from now on have greater revisions than all lives had.

    What stands under a lesser one is taken back, to be charged anew if it is still due.
    """
    dues = _dues(rules.fees)
    for charge in event.charged:
        key = _key(dues, charge)
        one = stay.booked[key]
        if one.stands and one.revision < charge.newest:
            rules.take_back(stay, key, one)
        if not one.stands:
            one.revision = max(one.revision, charge.newest + 1)


def booked(charge: Charged) -> Booked:
    """A charge of the books as a record has it."""
    if not charge.standing:
        return Booked(revision=charge.revision)
    return Booked(charge.amount_e4, charge.time, charge.revision, charge.payer, charge.origin, stands=True)


def _said(fact: StayEvent, network: Network) -> Said:
    return said(fact, network.sites[fact.site].outlet, digest_of(fact))


def _dues(fees: Fees) -> Mapping[str, Due]:
    """By fee, of all that stays owe."""
    return {fee: due for due in fees.dues if due.trigger in OF_STAYS for fee in due.fees}


def _key(dues: Mapping[str, Due], charge: Charged) -> str:
    return f"{dues[charge.fee].name}/{charge.part}"
