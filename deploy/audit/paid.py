"""Payments in the books against the simulated network's truth: who really paid what.

`payments.jsonl`   a line for each movement of money (`sent.PaymentLine`), whether anybody was told of it or not
`bills.jsonl`      a line for each bill that a channel gave (`sent.BillLine`), right or wrong
`decisions.jsonl`  a line for each decision of a person (`sent.DecisionLine`)
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TypeVar

import msgspec

from deploy.audit.receipts import CLEARING, ELSEWHERE, IN_TRANSIT, OWN
from deploy.audit.report import Check, Findings
from deploy.audit.sent import BillLine, DecisionLine, PaymentLine, lines, status_of
from deploy.audit.store import Row, Store
from schemas.money import yuan
from schemas.parties import HQ

FILE, BILLS, DECISIONS = "payments.jsonl", "bills.jsonl", "decisions.jsonl"
DAY, SHANGHAI = 86_400_000, 28_800_000
GRACE = {"wechat": 1, "alipay": 1, "unionpay": 3, "bank": 3, "other": 3}
"""Days whose bills may still bring what its own day's bill lacks, as the simulated channels have agreed."""
DUE = 96 * 3_600_000
"""When a day's bill is missed: ms after its day begins in Shanghai, as the simulated channels have agreed."""
TRANSFER = "/transfer/"
"""Stands in the key of a payout, and of what came back of one."""
T = TypeVar("T")

_PAYMENTS = """
    SELECT payment, argMax(reinterpretAsInt64(amount), (seq, line)) AS amount,
           argMax(state, (seq, line)) = 'success' AS moved
    FROM $payment WHERE channel != 'account' GROUP BY payment"""
_WAITS = "deduction_refused"
"""Nobody knows beforehand what an account can bear: there have to be as many as the accounts flow has refused."""
_DEDUCTIONS = """
    SELECT countIf(newest = 'taken') AS deducted, countIf(newest = 'refused') AS waiting FROM (
        SELECT argMax(toString(status), (seq, step)) AS newest FROM $deduction
        WHERE status NOT IN ('asked', 'dropped') GROUP BY deduction
    )"""
_MATCHES = """
    SELECT payment, document, sum(reinterpretAsInt64(amount)) AS matched FROM $payment_match
    WHERE what = 'match' AND posting NOT IN ('refund_owed', 'deposit_sent') GROUP BY payment, document
    HAVING matched != 0"""
"""Without what a refund of more than was paid, or a deposit, takes of itself."""
_EXCEPTIONS = """
    SELECT kind, count() AS n FROM (
        SELECT exception_id, argMax(kind, (seq, line)) AS kind, argMax(status, (seq, line)) AS state
        FROM $payment_exception GROUP BY exception_id HAVING state NOT IN ('closed', 'accepted')
    ) GROUP BY kind"""
_CASH = f"""
    SELECT toString(counterparty) AS place, sum(if(side = 'D', 1, -1) * reinterpretAsInt64(amount)) AS units
    FROM $journal WHERE book = '{HQ}' AND account IN {tuple(sorted({*CLEARING.values(), ELSEWHERE} - {IN_TRANSIT}))}
        AND fee NOT IN ('channel_fee', 'channel_short', 'channel_over') GROUP BY place"""
"""What channels have brought and taken, by channel and merchant; what they keep they told, and nobody else knows; what
they have not people accepted."""
_DECIDED = "SELECT event_id, of, payment, document, shares FROM $payment_decision"
_NOT_TAKEN = """
    SELECT DISTINCT event_id FROM $dead_letter WHERE topic = 'waybook.payment-decisions' AND status = 'open'"""
_REFUSED = """
    SELECT count() AS n FROM (
        SELECT dead_letter_id FROM $dead_letter WHERE startsWith(topic, 'waybook.notifications.') AND status = 'open'
        GROUP BY dead_letter_id
    )"""


class Paid(msgspec.Struct, frozen=True):
    """What the books know of payments, beside what is true."""

    happened: int
    told: int
    """Of those: notified, so that the books must have them."""
    booked: int
    matched: int
    """Payments that are for exactly what they were meant for."""
    open: int
    """Not matched, or not wholly, though it could be known what they are for."""
    wrong: tuple[str, ...]
    """Matched to what they are not for."""
    missing: tuple[str, ...]
    """Told and not there, or with another amount; or there and never happened."""
    cash: dict[str, tuple[int, int]]
    """By channel and merchant, before fees: what the books say that is there, and what truly moved, in 0.0001 yuan."""
    refused: int
    exceptions: dict[str, tuple[int, int]]
    """By kind: open in the books, and how many there truly are, with the bills that were given."""
    decisions: int
    """That people took."""
    undecided: tuple[str, ...]
    """Of those: not in the books; what was refused where somebody else has decided, too, may be so because of that."""
    own: int
    """Decisions that nobody of the simulation took: whoever runs it did."""
    aside: tuple[str, ...]
    """Payments that are matched otherwise than they were meant, by such decisions or because of them: that is no fault
    of matching, so they are not compared."""
    deducted: int
    """Dues that are paid from virtual accounts; `waiting`: those that the accounts cannot bear."""
    waiting: int


def paid(store: Store, directory: Path) -> Paid:
    """The comparison. Raises OSError when there is no truth about payments."""
    truth = {line.payment: line for line in lines(directory / FILE, PaymentLine)}
    booked = {row["payment"]: row["amount"] for row in store.rows(_PAYMENTS) if row["moved"]}
    shares: dict[str, dict[str, int]] = defaultdict(dict)
    for row in store.rows(_MATCHES):
        shares[row["payment"]][row["document"]] = row["matched"]
    missing = [name for name, one in truth.items() if one.told and booked.get(name) != one.amount_e4]
    missing += [name for name in booked if name not in truth]
    known = [one for name, one in truth.items() if name in booked]
    right = [one for one in known if one.shares and shares.get(one.payment) == one.shares]
    wrong = [one for one in known if not _within(shares.get(one.payment, {}), one.shares)]
    decided = {row["event_id"]: row for row in store.rows(_DECIDED)}
    said = _lines(directory / DECISIONS, DecisionLine)
    decisions = [one.event_id for one in said]
    refused = {row["event_id"] for row in store.rows(_NOT_TAKEN)}
    own = decided.keys() - set(decisions)
    touched = touched_by([decided[name] for name in own], decided, known, shares)
    aside = [one for one in wrong if one.payment in touched]
    wrong = [one for one in wrong if one.payment not in touched]
    settled = {one.payment for one in (*right, *wrong)} | touched
    cash = {row["place"]: row["units"] for row in store.rows(_CASH)}
    moved = true_cash(known)
    (deductions,) = store.rows(_DEDUCTIONS)
    there = {row["kind"]: row["n"] for row in store.rows(_EXCEPTIONS)}
    bills = _lines(directory / BILLS, BillLine)
    true = true_exceptions(list(truth.values()), bills, said, status_of(directory).time)
    true += Counter({_WAITS: deductions["waiting"]})
    return Paid(
        happened=len(truth),
        told=sum(one.told for one in truth.values()),
        booked=len(booked),
        matched=len(right),
        open=sum(one.decidable and bool(one.shares) and one.payment not in settled for one in known),
        wrong=tuple(f"{one.payment}: {shares[one.payment]}, should be {one.shares}" for one in wrong),
        missing=tuple(missing),
        cash={place: (cash.get(place, 0), moved[place]) for place in sorted(cash.keys() | moved.keys())},
        refused=int(store.value(_REFUSED)),
        deducted=deductions["deducted"],
        waiting=deductions["waiting"],
        exceptions={kind: (there.get(kind, 0), true[kind]) for kind in sorted(there.keys() | true.keys())},
        decisions=len(decisions),
        undecided=tuple(one for one in decisions if one not in decided and not (own and one in refused)),
        own=len(own),
        aside=tuple(one.payment for one in aside),
    )


def touched_by(
    own: Sequence[Row],
    decided: Mapping[str, Row],
    truth: Sequence[PaymentLine],
    shares: Mapping[str, Mapping[str, int]],
) -> set[str]:
    """Payments that decisions of whoever runs the simulation are about, and those that hang together with them by
    documents, meant or matched: a document that a person gave to another payment is not there for its own."""
    touched: set[str] = set()
    documents: set[str] = set()
    for row in [*own, *(decided[row["of"]] for row in own if row["of"] in decided)]:
        parts = msgspec.json.decode(row["shares"] or "[]", type=list[dict[str, str | int]])
        touched |= {row["payment"], *(str(part["payment"]) for part in parts)}
        documents |= {row["document"], *(str(part["document"]) for part in parts)}
    of = {one.payment: {*one.shares, *shares.get(one.payment, {})} for one in truth}
    while more := {name for name in of.keys() - touched if of[name] & documents} | (touched & of.keys()):
        documents |= {document for name in more for document in of.pop(name)}
        touched |= more
    return touched - {""}


def true_cash(truth: Iterable[PaymentLine]) -> Counter[str]:
    """By channel and merchant: yuan that came, less yuan that left."""
    moved: Counter[str] = Counter()
    for one in truth:
        if one.currency == OWN:
            moved[one.account] += one.amount_e4 if one.direction == "in" else -one.amount_e4
    return moved


def true_exceptions(
    truth: Sequence[PaymentLine], bills: Iterable[BillLine], decisions: Iterable[DecisionLine], now: int
) -> Counter[str]:
    """How many exceptions of each kind there truly are when it is `now` (UTC ms), these bills were given and people
    decided this."""
    whole: dict[str, set[int]] = defaultdict(set)
    doubted: set[tuple[str, int]] = set()
    for bill in bills:
        if bill.believed:
            whole[bill.account].add(bill.day)
        else:
            doubted.add((bill.account, bill.day))
    billed = {one.payment for one in truth if one.billed_on in whole[one.account]}
    known = billed | {one.payment for one in truth if one.told}
    unknown = {one.payment for one in truth} - known
    came = {one.original for one in truth if one.payment in known}
    true = Counter(one.exception for one in decisions)
    for one in truth:
        if one.payment in known:
            true[_exception_of(one, came, unknown)] += 1
        days = whole[one.account]
        if one.payment in billed:
            used_up = one.is_used_up and one.original not in unknown
            true[one.billed or ("" if one.told or used_up else "long")] += 1
        elif one.told and one.day in days:
            over = max(days) >= one.day + GRACE[one.account.partition("/")[0]]
            true["short" if over else "cut_off"] += 1
    awaited = {(one.account, one.day) for one in truth if one.told and _is_due(one.day, now)}
    true["bill_missing"] = sum(day not in whole[account] for account, day in awaited)
    true["bill_refused"] = sum(day not in whole[account] for account, day in doubted)
    del true[""]
    return +true


def _exception_of(one: PaymentLine, came: AbstractSet[str], unknown: AbstractSet[str]) -> str:
    """What people are asked about a movement that is known, whatever bills say. `came`: of what something has come."""
    if TRANSFER in one.payment and one.direction == "out":
        return "" if one.payment in came else "payout_missing"
    if one.original not in unknown:
        return one.exception
    if TRANSFER in one.payment:
        return "return_orphan"
    return "unknown_payment" if TRANSFER in one.original else "refund_orphan"


def _is_due(day: int, now: int) -> bool:
    return now >= day * DAY - SHANGHAI + DUE


def _lines(file: Path, kind: type[T]) -> list[T]:
    """Nothing where there is no such file."""
    return list(lines(file, kind)) if file.exists() else []


def check_paid(store: Store, directory: Path) -> list[Check]:
    """Every payment that was told is there, none was invented, none is matched to what it is not for; what is at each
    channel is what came and went; every decision is there, too."""
    result = paid(store, directory)
    there = Findings("truth_payments", "模拟渠道通知的每笔收付恰好入账一次，伪造的一笔也没有")
    there.seen = result.told
    for name in result.missing:
        there.add(f"{name}: there is another amount, or nothing, or nobody paid this")
    matched = Findings("truth_matches", "没有一笔收付核销到别的单据")
    matched.seen = result.matched
    for example in result.wrong:
        matched.add(example)
    cash = Findings("truth_cash", "各渠道商户的资金等于模拟客户实际收付（手续费前）")
    cash.seen = len(result.cash)
    for place, (there_is, moved) in result.cash.items():
        if there_is != moved:
            cash.add(f"{place}: {yuan(there_is)} yuan by the books, {yuan(moved)} moved")
    decided = Findings("truth_decisions", "模拟人员的每项裁决都在账中")
    decided.seen = result.decisions
    for name in result.undecided:
        decided.add(f"{name}: was decided and is not there")
    return [
        there.check("payments told"),
        matched.check("payments matched as they were meant"),
        cash.check("channels' merchants"),
        decided.check("decisions"),
    ]


def _within(found: dict[str, int], true: dict[str, int]) -> bool:
    return all(0 < amount <= true.get(document, 0) for document, amount in found.items())
