"""Charges between parties that the order alone does not tell: couriers, provinces, the parties of a claim.

Such a charge is kept with its parties (an *item*), so that its reversal goes to the same ones whatever has
become of the facts since. What is in force is always compared with the facts as they are now.
"""

from typing import TYPE_CHECKING

from flows.fees.model import Due
from flows.governance.chains import BREACH
from flows.governance.network import NO_NETWORK
from flows.governance.operators import Operators
from flows.lifecycle.charged import Charge, Party, reversal
from flows.lifecycle.dues import Live
from flows.lifecycle.parcel import Claimed, Item, Parcel, due_of, item_key
from flows.lifecycle.reasons import ABANDONED, NO_CLAIM, NO_ORDER, NO_PRICE
from flows.lifecycle.roles import NO_EXTRA, NOBODY, ROLES
from flows.rating.tariffs import Amount, Quote, Quoted
from schemas.times import business_day

if TYPE_CHECKING:
    from flows.lifecycle.assess import Assessor

WITHDRAWN = "withdrawn"
"""The name that a withdrawal without its claim waits under."""


def settle(
    rules: "Assessor",
    parcel: Parcel,
    live: Live,
    part: str,
    time: int,
    cause: str,
    amount: int | None = None,
    *,
    shared: int = 0,
    quote: Quote | None = None,
) -> None:
    """Book an item, correct it, or let it wait.

    `amount`: where no tariff is asked; `shared`: that it is a share of; `quote`: what the tariffs say, if they were
    asked already.
    """
    extra, claim, unknown = parcel.extra or NO_EXTRA, NOBODY, False
    if live.claimed:
        claim = extra.claims.get(part, NOBODY)
        unknown = _unknown(claim, live.due) and not parcel.order_id
        claim = _with_defaults(claim, live.due, parcel)
    network = rules.network
    parties = [
        _between(payer(parcel, extra, claim, network), payee(parcel, extra, claim, network))
        for payer, payee in live.roles
    ]
    if not any(payer for payer, _ in parties):
        _wait_instead(rules, parcel, live, part, NO_ORDER if unknown else 0)
        return
    if amount is not None:
        _book(rules, parcel, live, part, parties, Amount(amount), time, cause)
        return
    if not parcel.order_id:
        missing = NO_ORDER if live.due.required or live.claimed else 0
        _wait_instead(rules, parcel, live, part, missing)
        return
    quote = quote or rules.rate(parcel, live.price, time, shared)
    if quote is None:
        missing = NO_PRICE if live.due.required or live.claimed else 0
        _wait_instead(rules, parcel, live, part, missing)
        return
    lacking = rules.tariffs.needs_weight(quote.row) and rules.lacks_weight(parcel)
    if lacking:
        _wait_instead(rules, parcel, live, part, lacking)
    else:
        _book(rules, parcel, live, part, parties, quote, time, cause)


def claims(rules: "Assessor", parcel: Parcel) -> None:
    """All claims about a parcel, as they are now."""
    if parcel.extra is None:
        return
    for event_id, claim in sorted(parcel.extra.claims.items()):
        withdrawn_first = item_key(WITHDRAWN, event_id)
        if event_id.startswith(BREACH):
            _undo_others(rules, parcel, claim.kind, event_id)
        if not claim.kind:
            if claim.withdrawn:
                _wait(rules, parcel, withdrawn_first, _item(parcel, withdrawn_first, event_id), NO_CLAIM)
            continue
        if withdrawn_first in parcel.extra.items:
            _wait(rules, parcel, withdrawn_first, parcel.extra.items.pop(withdrawn_first), 0)
        live = rules.dues.claimable[claim.kind]
        if claim.withdrawn or not (live.applies is None or live.applies(parcel)):
            undo(rules, parcel, live, event_id)
        else:
            settle(rules, parcel, live, event_id, claim.time, event_id, claim.amount or None)


def _undo_others(rules: "Assessor", parcel: Parcel, kind: str, part: str) -> None:
    """Take back what a breach's claim cost as another due than now."""
    for key, item in sorted(parcel.more().items.items()):
        if item.part == part and (due := due_of(key)) not in (WITHDRAWN, kind):
            undo(rules, parcel, rules.dues.of_name[due], part)


def give_up(rules: "Assessor", parcel: Parcel) -> None:
    """The parcel leaves: what waits of its items waits no more, and says so."""
    if parcel.extra is not None:
        for key, item in sorted(parcel.extra.items.items()):
            if item.waits:
                _wait(rules, parcel, key, item, ABANDONED)


def undo(rules: "Assessor", parcel: Parcel, live: Live, part: str) -> None:
    """Nothing is due: take back what is charged, wait for nothing."""
    if parcel.extra is None or not parcel.extra.items:
        return
    key = item_key(live.due.name, part)
    if (item := parcel.extra.items.get(key)) is not None:
        take_back(rules, parcel, live, item)
        _wait(rules, parcel, key, item, 0)


def undo_idle(rules: "Assessor", parcel: Parcel) -> None:
    """Items of dues that nothing is published for any more: take back what is charged, wait for nothing."""
    if parcel.extra is not None:
        for key, item in sorted(parcel.extra.items.items()):
            if (live := rules.dues.idle.get(due_of(key))) is not None:
                take_back(rules, parcel, live, item)
                _wait(rules, parcel, key, item, 0)


def _unknown(claim: Claimed, due: Due) -> bool:
    """Whether the order is to tell who a claim is about."""
    return bool((due.blames and not claim.responsible) or (due.rewards and not claim.beneficiary))


def _with_defaults(claim: Claimed, due: Due, parcel: Parcel) -> Claimed:
    """A claim with the parties that its due names where it names nobody itself."""
    responsible, beneficiary = claim.responsible, claim.beneficiary
    if due.blames and not responsible:
        responsible = ROLES[due.blames](parcel, NO_EXTRA, NOBODY, NO_NETWORK)
    if due.rewards and not beneficiary:
        beneficiary = ROLES[due.rewards](parcel, NO_EXTRA, NOBODY, NO_NETWORK)
    return Claimed(claim.kind, claim.time, responsible, beneficiary, claim.amount, claim.withdrawn)


def _between(payer: str, payee: str) -> tuple[str, str]:
    """Two parties; nobody where one is missing, or where somebody would owe himself."""
    return (payer, payee) if payer and payee and payer != payee else ("", "")


def _item(parcel: Parcel, key: str, part: str) -> Item:
    items = parcel.more().items
    item = items.get(key)
    if item is None:
        item = items[key] = Item(part)
    return item


def _wait_instead(rules: "Assessor", parcel: Parcel, live: Live, part: str, reason: int) -> None:
    if not reason:
        undo(rules, parcel, live, part)
        return
    key = item_key(live.due.name, part)
    item = _item(parcel, key, part)
    take_back(rules, parcel, live, item)
    _wait(rules, parcel, key, item, reason)


def _book(
    rules: "Assessor",
    parcel: Parcel,
    live: Live,
    part: str,
    parties: list[tuple[str, str]],
    quote: Quoted,
    time: int,
    cause: str,
) -> None:
    key = item_key(live.due.name, part)
    item = _item(parcel, key, part)
    if item.standing:
        same_day = business_day(time) == business_day(item.time)
        if (item.amount, item.parties, item.line) == (quote.amount, parties, parcel.line) and same_day:
            _wait(rules, parcel, key, item, 0)
            return
        take_back(rules, parcel, live, item)
    item.standing, item.amount, item.time = True, quote.amount, time
    item.parties, item.line = parties, parcel.line
    snapshot = rules.weight_of(parcel, quote)
    for code, (payer, payee) in zip(live.codes, parties, strict=True):
        if payer:
            rules.output.charges.add(
                Charge(
                    parcel.key,
                    code,
                    item.revision,
                    False,
                    item.amount,
                    time,
                    cause,
                    *item.line,
                    *snapshot,  # type: ignore[arg-type]
                    quote.row,
                    parcel.order_id,
                    quote.passed_over,
                    quote.steps,
                ),
                Party(part, payer, payee),
            )
    _wait(rules, parcel, key, item, 0)


def standing_otherwise(parcel: Parcel, before: Operators, after: Operators) -> list[tuple[str, Item]]:
    """Items, by key, that are charged for a day on which one of their outlets has another party than before."""
    if parcel.extra is None:
        return []
    return [
        (key, item)
        for key, item in sorted(parcel.extra.items.items())
        if item.standing
        for day in [business_day(item.time)]
        if any(before.of(party, day) != after.of(party, day) for pair in item.parties for party in pair)
    ]


def take_back(rules: "Assessor", parcel: Parcel, live: Live, item: Item) -> None:
    """Reverse an item that is charged: same parties, date and amount, in red."""
    if not item.standing:
        return
    for code, (payer, payee) in zip(live.codes, item.parties, strict=True):
        if payer:
            rules.output.charges.add(
                reversal(parcel.key, code, item.revision, item.amount, item.time, rules.cause, item.line),
                Party(item.part, payer, payee),
            )
    item.standing, item.revision = False, item.revision + 1


def _wait(rules: "Assessor", parcel: Parcel, key: str, item: Item, reason: int) -> None:
    if item.waits == reason:
        return
    extra = parcel.more()
    rules.changed.setdefault(parcel.key, (parcel, parcel.waits))
    rules.changed_items.setdefault((parcel.key, key), (parcel, item, item.waits))
    extra.waits += (reason != 0) - (item.waits != 0)
    item.waits = reason
