"""What a component of facts comes to: which payment pays what, and what is left to people.

A pure function of the set of facts and of data time: the order in which they are given does not matter, nor does
it if one is given twice. People's decisions come first, then what numbers say, then the payers' pools, then
amounts of payers that nobody knows; each stage sees what the one before has left, at whatever time that came.
"""

from collections.abc import Iterable

from flows.reconciliation.by_amount import match_by_amount
from flows.reconciliation.by_number import ByNumber
from flows.reconciliation.components import for_pool
from flows.reconciliation.leftovers import exceptions_of
from flows.reconciliation.model import NOBODY, Decisions, Due, Match, Outcome, Paid
from flows.reconciliation.payouts import expect_payouts, keep, meet_kept, missing, settle, unclaimed
from flows.reconciliation.pool import Pool
from flows.reconciliation.quoted import normal
from flows.reconciliation.refunds import give_back
from flows.reconciliation.rules import DECIDED, MatchingRules
from flows.reconciliation.working import Book, Claim, Money, Note
from schemas.payments import Kind


def outcome(
    dues: Iterable[Due],
    payments: Iterable[Paid],
    decisions: Decisions,
    rules: MatchingRules,
    now: int,
    note: Note | None = None,
) -> Outcome:
    """Matches and exceptions at data time `now` (UTC ms) of dues and payments that hang together (`components`).

    `note` is told what each payment met on the way, for people who ask why.
    """
    dues, payments = tuple(dues), tuple(payments)
    if note is None and (plain := _plain(dues, payments, decisions, rules)) is not None:
        return plain
    book = Book(dues, payments, dict(decisions.written_off), note)
    _decide(book, decisions, ("payment", "transfer"))
    expect_payouts(book, rules)
    kept = keep(book, decisions.shares)
    usable = [money for money in book.monies.values() if money.paid.kind == "payment"]
    free = [money for money in usable if not decisions.goes_back(money.key, money.paid.amount)]
    decided = {share.payment for share in decisions.shares}
    refunds = [
        money
        for money in book.monies.values()
        if money.paid.kind in ("refund", "chargeback") and money.key not in decided
    ]
    unnumbered = {money.key for money in usable if not money.called and for_pool(money.paid)}

    numbered = ByNumber(book, rules.of("order_number", "reference"), rules.work)
    numbered.run(
        [money for money in free if money.called],
        [money for money in refunds if money.paid.original not in unnumbered],
    )
    claims = [
        claim for claim in book.claims.values() if claim.open and not claim.refunded and not claim.due.account
    ]
    settled = frozenset(book.claims).difference(claim.name for claim in claims)

    pool = Pool(book, rules.of("payer_and_amount", "oldest_first"), rules.work)
    meet_kept(book, kept, payouts=True)
    settle(book, [money for money in free if not money.called], rules)
    pooled = [money for money in free if money.key in unnumbered and money.left]
    _pool(book, pool, claims, pooled, [one for one in refunds if one.paid.original in unnumbered], rules)

    _decide(book, decisions, ("refund", "chargeback"))
    meet_kept(book, kept, payouts=False)
    exceptions, again = exceptions_of(book, unnumbered, pool.of_payer, rules.patience, now)
    not_come, later = missing(book, rules, now)
    returned, last = unclaimed(book, rules, now)
    again = min(filter(None, (again, later, last)), default=0)
    return Outcome(
        matches=book.matches(),
        exceptions=tuple(
            sorted(
                [
                    one
                    for one in exceptions + returned
                    if not decisions.goes_back(one.subject, book.monies[one.subject].left)
                ]
                + not_come
            )
        ),
        differences=book.differences(),
        left=frozenset(money.key for money in book.monies.values() if money.left),
        again=again,
        pooled=frozenset(unnumbered),
        settled=settled,
        transit=book.transit(),
    )


def _plain(
    dues: tuple[Due, ...], payments: tuple[Paid, ...], decisions: Decisions, rules: MatchingRules
) -> Outcome | None:
    """What most come to, without the search: a due that nobody has paid, or one payment with its number and amount."""
    if len(dues) != 1 or len(payments) > 1 or decisions != NOBODY:
        return None
    due = dues[0]
    if not payments:
        return Outcome(settled=frozenset((due.document,)) if due.cancelled else frozenset())
    paid, rule = payments[0], rules.rules[0]
    if (
        rule.kind == "order_number"
        and paid.kind == "payment"
        and paid.order
        and paid.amount == due.amount
        and not due.cancelled
        and paid.direction == due.direction
        and paid.currency == due.currency
        and rule.covers(paid.direction)
        and due.time <= paid.time
        and rule.reaches(due.time, paid.time)
        and normal(paid.order) == normal(due.document)
    ):
        match = Match(paid.key, due.document, paid.amount, rule.name, f"order number {paid.order}")
        return Outcome((match,), settled=frozenset((due.document,)))
    return None


def _decide(book: Book, decisions: Decisions, kinds: tuple[Kind, ...]) -> None:
    """People's shares: of payments before all rules, of refunds when it is known what was paid."""
    for share in sorted(decisions.shares, key=lambda one: (one.payment, one.document, one.amount_e4)):
        money, claim = book.monies.get(share.payment), book.claims.get(share.document)
        if money is not None and claim is not None and money.paid.kind in kinds:
            book.decide(money, claim, share.amount_e4, DECIDED, "a person's decision")


def _pool(
    book: Book,
    pool: Pool,
    claims: list[Claim],
    payments: list[Money],
    refunds: list[Money],
    rules: MatchingRules,
) -> None:
    """The pools of known payers, then amounts of unknown ones."""
    if not payments and not refunds:
        return
    if len(claims) + len(payments) > rules.most:
        for money in payments:
            money.complex = True
            book.tell(money, f"more than {rules.most} dues and payments hang together")
        for refund in sorted(refunds, key=lambda one: one.order):
            give_back(book, refund)
        return
    pool.run(claims, payments, refunds)
    nameless = [money for money in payments if not money.paid.party and not pool.of_payer(money)]
    for rule in rules.of("amount_in_window"):
        match_by_amount(book, claims, nameless, rule)
