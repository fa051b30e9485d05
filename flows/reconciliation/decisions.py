"""People's decisions: which of them count, by the four-eyes rule, and what those come to.

Both are functions of the set of what was said, by the words' own times and ids, so that the order of telling cannot
show.

**Approval.** A decision needs another person's when its amount is above the limit, together with the amounts of all
earlier ones (by time, then id) of the same person about the same payment or document that are in force and that nobody
else has approved. One that is corrected counts beside its correction until it is withdrawn. `accept` is about all of an
exception, so there is nothing to split: its own amount counts.

**Withdrawal.** What needs approval and had it is withdrawn when two persons say so; anything else when one does. What
was withdrawn while it waited stays so, whoever approves it at a later time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from flows.reconciliation.model import Decisions
from flows.reconciliation.record import DecisionRecord, DecisionState, due_key, payment_key
from schemas.identity import person_of
from schemas.payments import PaymentDecided, Share

MOVES = ("match", "write_off", "refund")
"""Decisions about payments and documents, whose amounts add up."""
ANSWERS = ("ignore", "accept")
"""Decisions about exceptions alone."""
WORDS = ("approve", "withdraw")
"""Words about another decision."""
REASONED = ("write_off", "accept", "withdraw")
"""What nobody may decide without saying why."""
EXCEPTION = "x/"
"""How decisions about an exception are found."""
COUNT: tuple[DecisionState, ...] = ("in_force", "withdrawing")


class InForce(msgspec.Struct):
    """Decisions that count, and what else they say."""

    decisions: Decisions
    times: dict[tuple[str, str], int]
    """By payment and document: when a person matched them."""
    asleep: dict[str, int]
    """By exception: until when it sleeps."""
    acceptances: dict[str, PaymentDecided]
    """By exception: the decision that accepts it."""
    documents: dict[str, PaymentDecided]
    """By document: the decision that wrote it off."""

    @property
    def accepted(self) -> dict[str, int]:
        """By exception: the amount that is accepted."""
        return {number: one.amount_e4 for number, one in self.acceptances.items()}


NOTHING = InForce(Decisions(), {}, {}, {}, {})


def amount_of(decision: PaymentDecided) -> int:
    """What a decision is about, for the four-eyes rule."""
    return sum(amounts_of(decision))


def amounts_of(decision: PaymentDecided) -> list[int]:
    """Its amounts, of whichever currency: a decision names none."""
    return [decision.amount_e4, *(share.amount_e4 for share in decision.shares)]


def subjects_of(decision: PaymentDecided) -> list[str]:
    """Keys of the records that a decision is about."""
    about = [payment_key(share.payment) for share in decision.shares]
    about += [due_key(decision.group, share.document) for share in decision.shares]
    if decision.payment:
        about.append(payment_key(decision.payment))
    if decision.document:
        about.append(due_key(decision.group, decision.document))
    if decision.exception:
        about.append(EXCEPTION + decision.exception)
    return about


def moved_by(decision: PaymentDecided) -> list[str]:
    """Keys of the payments and documents on which a decision's amount adds up with others."""
    if decision.decision not in MOVES:
        return []
    return [key for key in subjects_of(decision) if not key.startswith(EXCEPTION)]


def states(records: Iterable[DecisionRecord], most: int) -> Iterator[tuple[DecisionRecord, DecisionState]]:
    """What becomes of decisions; `most`: about so much a person decides alone.

    `records`: with each all of the same person that move the same payments and documents, and so on.
    """
    said = [(one.said, one) for one in records if one.said is not None and one.said.decision not in WORDS]
    alone: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for decision, record in sorted(said, key=lambda one: (one[0].time, one[0].id)):
        person = person_of(decision.by)
        places = [(person, key) for key in moved_by(decision)]
        before = {number: amount for place in places for number, amount in alone[place].items()}
        amount = amount_of(decision)
        needs_two = decision.decision != "ignore" and amount + sum(before.values()) > most
        agreed = min((at for by, at in record.approved.items() if by != person), default=None)
        state = _state(record, needs_two, agreed)
        if state == "in_force" and agreed is None:
            for place in places:
                alone[place][decision.id] = amount
        yield record, state


def _state(record: DecisionRecord, needs_two: bool, agreed: int | None) -> DecisionState:
    """`agreed`: when another person approved it first."""
    if not record.withdrawn:
        return "waiting" if needs_two and agreed is None else "in_force"
    waited = agreed is None or min(record.withdrawn.values()) < agreed
    return "withdrawn" if not needs_two or waited or len(record.withdrawn) > 1 else "withdrawing"


def in_force(records: Iterable[DecisionRecord]) -> InForce:
    """What people's decisions come to; the later (by time, then id) of two about the same thing counts."""
    said = [record.said for record in records if record.said is not None and record.state in COUNT]
    if not said:
        return NOTHING
    shares: dict[tuple[str, str], Share] = {}
    found = InForce(Decisions(), {}, {}, {}, {})
    written_off: dict[str, int] = {}
    to_refund: dict[str, int] = {}
    for one in sorted(said, key=lambda one: (one.time, one.id)):
        match one.decision:
            case "match":
                for share in one.shares:
                    pair = share.payment, share.document
                    shares[pair], found.times[pair] = share, one.time
            case "write_off":
                written_off[one.document] = one.amount_e4
                found.documents[one.document] = one
            case "refund":
                to_refund[one.payment] = one.amount_e4
            case "ignore":
                found.asleep[one.exception] = one.until
            case "accept":
                found.acceptances[one.exception] = one
    found.decisions = Decisions(tuple(shares[pair] for pair in sorted(shares)), written_off, to_refund)
    return found
