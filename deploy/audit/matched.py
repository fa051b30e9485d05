"""Payments: what is booked of them, what they pay, what is said of it and asked about it, again from the facts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from deploy.audit.agreed import published
from deploy.audit.asked import Asked, names_in
from deploy.audit.cards import check_cards
from deploy.audit.closed import Closes, check_closed
from deploy.audit.decided import Decided, Voucher
from deploy.audit.deductions import CHANNEL, Deductions, Money, One, Owed
from deploy.audit.names import content_name, name_of
from deploy.audit.payouts import OF_NO_DUE, Payouts
from deploy.audit.postings import words
from deploy.audit.receipts import (
    CLEARING,
    DUES,
    ELSEWHERE,
    IN_TRANSIT,
    OWN,
    RECEIPTS,
    VIRTUAL,
    Line,
    lines,
    posting_of,
    read_bounds,
)
from deploy.audit.repeated import check_repeats
from deploy.audit.report import Check, Findings
from deploy.audit.store import Store, shard_of
from deploy.audit.threeway import check_threeway

IN_A_SHARD = 500_000
DAY, SHANGHAI = 86_400_000, 28_800_000
REVERSED, OVER, BACK = "reversed", "amount_over", "refund_over"
RECEIVABLES = "1122"
BACK_KINDS = ("refund", "chargeback")
AGED = ("open", "part_paid", "part_refunded")
"""Statuses of documents of which what was not paid is owed, and stands in the aging of receivables."""

_PAYMENTS = """
    SELECT payment, count() AS rows, argMax((toString(channel), toString(merchant), toString(group), number,
           toString(kind), toString(direction), toString(state), reinterpretAsInt64(amount), toString(currency),
           reinterpretAsInt64(fee), order, original, event_time, bitShiftRight(seq, 32)), (seq, line)) AS newest
    FROM $payment WHERE {where} GROUP BY payment"""
_WORDS = f"""
    SELECT toString(group) AS group, document, groupArray((toString(status), event_id, event_time, toString(kind),
           toString(direction), party, reinterpretAsInt64(amount), toString(currency), toString(settle))) AS words
    FROM $receivable WHERE {shard_of("document")} GROUP BY group, document"""
_VOUCHERS = """
    SELECT toString(what) AS what, toString(group) AS group, payment, document,
           groupArray((revision, reversal, hex(match_id), reinterpretAsInt64(amount), toString(currency), party,
                       toString(posting), toString(rule), evidence, event_time)) AS rows
    FROM $payment_match WHERE {where} GROUP BY what, group, payment, document"""
_JOURNAL = """
    SELECT hex(charge_id) AS charge, waybill, toString(fee) AS fee, toString(book) AS book,
           toString(account) AS account, toString(side) AS side, reinterpretAsInt64(amount) AS units,
           toString(counterparty) AS other, event_time, business_date AS day, toString(cause) AS cause, seq
    FROM $journal WHERE fee IN {fees} AND {where}"""
_CLEARING = f"""
    SELECT toString(account) AS account, toString(counterparty) AS other,
           sum(if(side = 'D', 1, -1) * reinterpretAsInt64(amount)) AS units FROM $journal
    WHERE account IN {(*CLEARING.values(), ELSEWHERE)} GROUP BY account, other HAVING units != 0"""
_RECEIVABLES = f"""
    SELECT toString(counterparty) AS party, sum(if(side = 'D', 1, -1) * reinterpretAsInt64(amount)) AS units
    FROM $journal WHERE account = '{RECEIVABLES}' GROUP BY party HAVING units != 0"""
_IN_TRANSIT = """
    SELECT party, sum(reinterpretAsInt64(amount) * if(status = 'taken', -1, 1)) AS units FROM $deduction
    WHERE status IN ('taken', 'returned') GROUP BY party"""
_STATUSES = f"""
    SELECT toString(group) AS group, document, groupArray((serial, status_id, toString(status),
           reinterpretAsInt64(due), reinterpretAsInt64(paid), reinterpretAsInt64(refunded),
           reinterpretAsInt64(overpaid), payments)) AS said
    FROM $order_status WHERE {shard_of("document")} GROUP BY group, document"""
_FIRST = """
    SELECT payment, min(document) AS document FROM (
        SELECT payment, document FROM $payment_match
        WHERE what = 'match' AND payment IN (
            SELECT arrayJoin([subject, replaceAll(replaceAll(candidates, '%20', ' '), '%25', '%')])
            FROM $payment_exception WHERE kind IN ('amount_over', 'duplicate_payment', 'cancelled_paid')
        )
        GROUP BY payment, document HAVING sum(reinterpretAsInt64(amount)) != 0
    ) GROUP BY payment"""
"""Of payments of which there is too much, or that are repeated: the first document that each is matched with."""
_UNHEARD = f"""
    SELECT payment, cause FROM $payment
    WHERE {shard_of("payment")} AND startsWith(cause, 'ntf-') AND channel != '{CHANNEL}'
        AND (cause, payment) NOT IN (SELECT notification_id, payment FROM $notification WHERE {shard_of("payment")})"""
_UNSEALED = f"""
    SELECT notification_id, payment, length(sealed) AS bytes, payment IN (SELECT payment FROM $payment) AS known,
           count() AS times FROM $notification WHERE {shard_of("payment")}
    GROUP BY notification_id, payment, bytes, known HAVING bytes < 32 OR NOT known OR times > 1"""
Journal = dict[str, list[tuple[str, bool, Line, int]]]
"""Rows of each charge: posting rule, whether it takes back, what it says, its block."""
_NUMBERED = """upper(replaceRegexpAll({0}, '[^0-9A-Za-z]', ''))"""


class Paid(NamedTuple):
    """A movement of money as its newest row has it."""

    channel: str
    merchant: str
    group: str
    number: str
    kind: str
    direction: str
    state: str
    units: int
    currency: str
    fee: int
    order: str
    original: str
    time: int
    lane: int

    @property
    def party(self) -> str:
        """The other side of its receipt."""
        return f"{self.channel}/{self.merchant}"

    def pays(self, direction: str) -> bool:
        """Whether it is money from outside that goes this way."""
        return self.direction == direction and self.channel != CHANNEL


class Due(msgspec.Struct):
    """A due as its newest word has it."""

    group: str
    document: str
    kind: str
    direction: str
    party: str
    units: int
    currency: str
    since: int
    cancelled: bool
    words: int
    settle: str = ""

    @property
    def asked(self) -> int:
        """What is to be paid before anything is given up."""
        return 0 if self.cancelled else self.units


class Matched:
    """Walks through all payments and all dues."""

    def __init__(self, store: Store, data_time: int | None, *, live: bool, settled: bool) -> None:
        self._store = store
        self._bounds = read_bounds(store)
        self.asked = Asked(store, self._bounds, data_time or 0)
        self.decided = Decided(store, self._bounds)
        self._closes = Closes(store)
        self._patience = max((one.patience for one in self._bounds), default=0)
        self.payouts = Payouts(store, self.asked, self.decided, self._patience)
        self.deductions = Deductions(store, self._bounds, live=live, settled=settled)
        self.receipts = Findings("receipts_posted", "每笔成功支付及其手续费按渠道逐行入账，不多不少")
        self.dues = Findings("dues_posted", "每张应收应付按最新内容逐行入账，不多不少")
        self.names = Findings("payment_names", "支付、核销、状态编号由内容独立重算")
        self.within = Findings("within_dues", "核销不超过应收应付，科目与往来方相符")
        self.clearing = Findings("clearing", "各渠道、商户的清算余额等于收支与手续费之差")
        self.statuses = Findings("statuses", "每张单据的状态由单据与核销独立重算，序号连续")
        self.evidence = Findings("payment_evidence", "每笔支付有其通知，每条通知有加密原件")
        self.numbers = Findings("payments_by_number", "仅凭订单号即可核销的款项独立重配")
        self.aged = Findings(
            "receivables_aged", "应收账款账面按往来方等于账龄所列未付款加已退款，拒付后重新计入"
        )
        self._clearing: Counter[tuple[str, str]] = Counter()
        self._aged: Counter[str] = Counter()
        """By party: what its documents say is owed."""
        self._gone: Counter[str] = Counter()
        """And what the ledger has beside: what went back, less what was paid too much."""
        self._beyond = self._over()
        check_repeats(store, self.asked)

    def walk(self) -> None:
        """Everything."""
        for shard, shards in self._store.shards("payment", IN_A_SHARD):
            self._payments(shard, shards)
        for shard, shards in self._store.shards("receivable", IN_A_SHARD):
            self._dues(shard, shards)
        for row in self._store.rows(_IN_TRANSIT):
            self._clearing[IN_TRANSIT, row["party"]] += row["units"]
        found = {(row["account"], row["other"]): row["units"] for row in self._store.rows(_CLEARING)}
        for key in found.keys() | self._clearing.keys():
            self.clearing.seen += 1
            if found.get(key, 0) != self._clearing[key]:
                self.clearing.add(f"{key}: holds {found.get(key, 0)}, should be {self._clearing[key]}")

        ledger = {row["party"]: row["units"] for row in self._store.rows(_RECEIVABLES)}
        for party in ledger.keys() | self._aged.keys() | self._gone.keys():
            self.aged.seen += 1
            if ledger.get(party, 0) != self._aged[party] + self._gone[party]:
                self.aged.add(
                    f"{party}: the ledger has {ledger.get(party, 0)}, owed is {self._aged[party]}, "
                    f"went back {self._gone[party]}"
                )

    def checks(self) -> Iterator[Check]:
        """Their outcome."""
        yield self.receipts.check("entries")
        yield self.dues.check("entries")
        yield self.within.check("dues")
        yield self.clearing.check("balances")
        yield self.statuses.check("documents")
        yield self.aged.check("parties")
        yield self.asked.check()
        yield self.decided.check(self.asked, self._patience)
        yield from self.deductions.checks()
        yield self.payouts.check()
        yield self.numbers.check("payments")
        yield self.names.check("names")
        yield self.evidence.check("notifications")
        channels = published(self._store)
        yield from check_closed(self._store, self._closes, channels)
        yield from check_threeway(self._store, self.asked, channels)
        yield check_cards(self._store)

    # Payments

    def _payments(self, shard: int, shards: int) -> None:
        span: dict[str, Any] = {"shard": shard, "shards": shards}
        by_original = shard_of("if(original != '', original, payment)")
        paid: dict[str, Paid] = {}
        rows: dict[str, int] = {}
        for row in self._store.rows(_PAYMENTS.format(where=by_original), **span):
            paid[row["payment"]] = Paid(*row["newest"])
            rows[row["payment"]] = row["rows"]
        mine = f"payment IN (SELECT payment FROM $payment WHERE {by_original})"
        vouchers: dict[str, list[Voucher]] = defaultdict(list)
        for voucher in self._standing(mine, span):
            vouchers[voucher.payment].append(voucher)
            self.payouts.see(voucher)
        journal = self._entries(RECEIPTS, mine.replace("payment", "waybill", 1), span)
        for key, one in paid.items():
            self._payment(key, one, rows[key], vouchers.get(key, ()), journal)
        for charge in journal:
            self.receipts.add(f"{charge}: its rows are not called for")
        for key in vouchers.keys() - paid.keys():
            self.within.add(f"{key}: is matched, and there is no such payment")
        self._left(paid, vouchers)
        self.evidence.seen += len(paid)
        self.evidence.rows(self._store.rows(_UNHEARD + " LIMIT 1000", **span))
        self.evidence.rows(self._store.rows(_UNSEALED + " LIMIT 1000", **span))

    def _payment(
        self,
        key: str,
        paid: Paid,
        rows: int,
        vouchers: Sequence[Voucher],
        journal: Journal,
    ) -> None:
        self.names.seen += 1
        if key != f"{paid.party}/{paid.kind}/{paid.number}":
            self.names.add(f"{key}: is not the key of its channel, merchant, kind and number")
        moved = paid.state == "success"
        ours = moved and paid.currency == OWN
        rule = "payment_in" if paid.direction == "in" else "payment_out"
        day = (paid.time + SHANGHAI) // DAY
        for what, name, units in (("receipt", rule, paid.units), ("fee", "channel_fee", paid.fee)):
            wanted = [(name, line) for line in lines(name, paid.party, units, paid.time, day)] if ours else []
            self._stands(self.receipts, f"{what}|{paid.group}|{key}|", rows, wanted, journal, paid.party)
        if ours:
            account = CLEARING.get(paid.channel, ELSEWHERE)
            signed = paid.units if paid.direction == "in" else -paid.units
            accepted = _sum(vouchers, "channel_over") - _sum(vouchers, "channel_short")
            self._clearing[account, paid.party] += signed - paid.fee + accepted
        self.decided.payment(key, paid.group, paid.kind, paid.units, vouchers)

    def _left(self, paid: Mapping[str, Paid], vouchers: Mapping[str, Sequence[Voucher]]) -> None:
        """What no match has taken of each payment is what people are asked about."""
        used = {key: sum(one.units for one in vouchers.get(key, ()) if _takes(one)) for key in paid}
        moved = {key for key, one in paid.items() if one.state == "success"}
        returned: Counter[str] = Counter()
        owed = {key: _sum(vouchers.get(key, ()), "refund_owed") for key in paid}
        by_rule = {
            key
            for key, one in paid.items()
            if one.kind in BACK_KINDS and key in moved and one.original in moved
            if (one.group, key) not in self.decided.shared
        }
        """Refunds and chargebacks, and what comes back of them, that take from their payment by rule."""
        gone: Counter[str] = Counter()
        open_: Counter[str] = Counter()
        for key in by_rule:
            one = paid[key]
            left = 0 if owed[key] else self.asked.amount(one.group, key)
            sign = 1 if one.direction != paid[one.original].direction else -1
            returned[one.original] += sign * (one.units - used[key] - left)
            gone[one.original] += sign * (one.units - left) if one.currency == OWN else 0
            open_[one.original] += owed[key] - _sum(vouchers.get(key, ()), "refund_recovered")
        for key in gone.keys() & moved:
            there = paid[key].units - sum(
                one.units for one in vouchers.get(key, ()) if one.what == "difference" and _takes(one)
            )
            beyond = max(gone[key] - there, 0)
            if (paid[key].direction, paid[key].currency) == ("in", OWN) and open_[key] != beyond:
                self.within.add(f"{key}: {beyond} went back beyond it, {open_[key]} is booked as owed")
        for key, one in paid.items():
            if key not in moved:
                self.asked.nothing(one.group, key)
                continue
            left = one.units - used[key] - returned[key]
            if owed[key]:
                continue  # what is asked about it is compared with what is still to come (`payouts`)
            if key in by_rule:  # what was unmatched of its payment is not told elsewhere
                left = self.asked.amount(one.group, key)
            if left:
                self.asked.unmatched.add((one.group, key))
            if one.kind == "transfer":
                self.asked.nothing(one.group, key)
                continue
            self.asked.payment(
                key,
                one.group,
                one.kind,
                left,
                one.time,
                one.lane,
                goes_back=self.decided.goes_back(one.group, key, left),
            )

    # Dues

    def _dues(self, shard: int, shards: int) -> None:
        span: dict[str, Any] = {"shard": shard, "shards": shards}
        dues = dict(self._read_dues(span))
        mine = shard_of("document")
        vouchers: dict[tuple[str, str], list[Voucher]] = defaultdict(list)
        for one in self._standing(mine, span):
            if one.posting not in OF_NO_DUE:
                vouchers[one.group, one.document].append(one)
        sql = _PAYMENTS.format(where=f"payment IN (SELECT payment FROM $payment_match WHERE {mine})")
        paid = {row["payment"]: Paid(*row["newest"]) for row in self._store.rows(sql, **span)}
        statuses = {
            (row["group"], row["document"]): sorted(row["said"])
            for row in self._store.rows(_STATUSES, **span)
        }
        journal = self._entries(DUES, shard_of("waybill"), span)
        deducted, money = self.deductions.read(span)
        for key, due in dues.items():
            self._due(due, vouchers.get(key, ()), journal, paid)
            self._status(due, vouchers.get(key, ()), statuses.pop(key, []), paid)
            self._deducted(due, vouchers.get(key, ()), paid, deducted.pop(key, []), money)
            self.asked.owed(*key, _open_of(due, vouchers.get(key, ()), paid))
        self.deductions.rest(money, deducted)
        for charge in journal:
            self.dues.add(f"{charge}: its rows are not called for")
        for key in vouchers.keys() - dues.keys():
            self.within.add(f"{key}: is paid, and there is no such due")
        for key in statuses:
            self.statuses.add(f"{key}: has a status, and there is no such due")
        self._by_number(dues, vouchers, span)

    def _read_dues(self, span: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Due]]:
        for row in self._store.rows(_WORDS, **span):
            said = sorted((word[2], word[1], *word) for word in row["words"])
            told = [word for word in said if word[2] == "told"]
            if not told:
                continue
            time, event, _, _, _, kind, direction, party, units, currency, settle = told[-1]
            cancelled = any((word[0], word[1]) > (time, event) for word in said if word[2] == "cancelled")
            key = row["group"], row["document"]
            yield (
                key,
                Due(*key, kind, direction, party, units, currency, said[0][0], cancelled, len(said), settle),
            )

    def _due(
        self,
        due: Due,
        vouchers: Sequence[Voucher],
        journal: Journal,
        paid: Mapping[str, Paid],
    ) -> None:
        wanted: list[tuple[str, Line]] = []
        if not due.cancelled and due.currency == OWN and due.kind not in VIRTUAL:
            rule = "receivable" if due.direction == "in" else "payable"
            day = (due.since + SHANGHAI) // DAY
            wanted = [(rule, line) for line in lines(rule, due.party, due.units, due.since, day)]
        self._stands(self.dues, f"due|{due.group}||{due.document}", due.words, wanted, journal)
        self.within.seen += 1
        given_up = sum(one.units for one in vouchers if one.what == "write_off")
        net = sum(
            one.units if paid[one.payment].direction == due.direction else -one.units
            for one in vouchers
            if one.what == "match" and one.payment in paid
        )
        by_people = any(one.rule == "decided" for one in vouchers)
        if net > max(due.asked - given_up, 0) and not by_people:
            self.within.add(f"{due.group} {due.document}: {net} is paid of {due.asked} less {given_up}")
        for one in vouchers:
            money = paid[one.payment].direction if one.payment in paid else due.direction
            ours = one.currency == OWN == due.currency
            posting = posting_of(one.what, due.kind, due.direction, money, _signed(one)) if ours else ""
            if (one.posting, one.party) != (posting, due.party):
                self.within.add(
                    f"{due.document} {one.payment}: posted as {one.posting!r} with {one.party!r}, "
                    f"should be {posting!r} with {due.party!r}"
                )
        self.decided.due(due.group, due.document, due.asked, vouchers)

    def _status(
        self, due: Due, vouchers: Sequence[Voucher], said: Sequence[Any], paid: Mapping[str, Paid]
    ) -> None:
        self.statuses.seen += 1
        for number, row in enumerate(said, 1):
            serial, status_id, *rest = row
            self.names.seen += 1
            *facts, payments = rest
            parts = (due.group, due.document, str(serial), *map(str, facts), *names_in(payments))
            if status_id != content_name("os", *parts):
                self.names.add(f"{status_id}: is not the id of status {serial} of {due.document}")
            if serial != number:
                self.statuses.add(f"{due.document}: status {number} has the serial {serial}")
        matches = [one for one in vouchers if one.what == "match" and one.payment in paid]
        there = {
            way: sum(one.units for one in matches if paid[one.payment].direction == way)
            for way in ("in", "out")
        }
        charged, refunds = (_gone_back(kind, due, matches, paid) for kind in ("chargeback", "refund"))
        back = charged + refunds
        got = there[due.direction] - there["out" if due.direction == "in" else "in"] + back
        kept, refunded = max(got - charged, 0), back - charged
        given_up = sum(one.units for one in vouchers if _gives_up(one))
        asked = due.units - given_up
        payments = sorted({one.payment for one in matches})
        over = max(got - back - (0 if due.cancelled else asked), 0) if matches else 0
        if over != (self.asked.there(due.group, due.document, OVER) or 0):
            self.statuses.add(
                f"{due.document}: {over} too much is matched with it, and people are asked otherwise"
            )
        if max(back - got, 0) != (self.asked.there(due.group, due.document, BACK) or 0):
            self.statuses.add(
                f"{due.document}: {back} went back of {got} that was paid, and people are asked otherwise"
            )
        beyond = self._beyond[due.group, due.document]
        if due.cancelled:
            name = "cancelled"
        elif refunded and refunded >= got:
            name = "refunded"
        elif kept - refunded >= asked:
            name = "over_paid" if beyond else "paid"
        elif refunded:
            name = "part_refunded"
        else:
            name = "part_paid" if kept else "open"
        wanted = (name, asked, kept, refunded, beyond, payments)
        found = (*said[-1][2:-1], names_in(said[-1][-1])) if said else ("open", *wanted[1:])
        if tuple(found) != wanted:
            self.statuses.add(f"{due.document}: said {found}, should be {wanted}")
        if (due.direction, due.currency) == ("in", OWN) and due.kind not in VIRTUAL:
            told, total, came, went = found[:4]
            open_ = (0 if due.cancelled else total) - came
            owed = max(open_, 0) if told in AGED else 0
            self._aged[due.party] += owed
            self._gone[due.party] += open_ - owed + went + max(charged - got, 0)

    def _deducted(
        self,
        due: Due,
        vouchers: Sequence[Voucher],
        paid: Mapping[str, Paid],
        rows: Sequence[One],
        money: dict[str, Money],
    ) -> None:
        """What is to be deducted is what others have not paid, and nobody has given up."""
        matches = [one for one in vouchers if one.what == "match" and one.payment in paid]
        others = sum(one.units for one in matches if paid[one.payment].pays(due.direction))
        charged = sum(one.units for one in matches if _is_charged_back(paid[one.payment], due))
        others = max(others - charged, 0) + sum(one.units for one in vouchers if _gives_up(one))
        owed = Owed(
            *(due.group, due.document, due.kind, due.direction, due.currency, due.party, due.settle),
            due.asked,
            others,
        )
        self.deductions.due(owed, rows, money, vouchers, self.asked)

    def _by_number(
        self,
        dues: Mapping[tuple[str, str], Due],
        vouchers: Mapping[tuple[str, str], Sequence[Voucher]],
        span: Mapping[str, Any],
    ) -> None:
        """Money with the number and the amount of one due that nothing else touches has paid it."""
        if not self._bounds or not all(bounds.plain for bounds in self._bounds):
            return
        called = self._store.rows(
            f"""
            SELECT toString(group) AS group, order AS document, groupUniqArray(payment) AS payments FROM $payment
            WHERE kind = 'payment' AND order != '' AND {shard_of("order")} GROUP BY group, order""",
            **span,
        )
        wanted = {(row["group"], row["document"]): row["payments"] for row in called}
        alone = [key for key, payments in wanted.items() if len(payments) == 1 and key in dues]
        if not alone:
            return
        shared = self._shared_numbers()
        sql = _PAYMENTS.format(
            where=f"payment IN (SELECT payment FROM $payment WHERE order != '' AND {shard_of('order')})"
        )
        paid = {row["payment"]: Paid(*row["newest"]) for row in self._store.rows(sql, **span)}
        refunded = set(
            self._store.columns("SELECT DISTINCT original AS payment FROM $payment WHERE original != ''")[
                "payment"
            ]
        )
        for key in alone:
            (payment,) = wanted[key]
            due, money = dues[key], paid[payment]
            others = any(one.what != "match" or one.payment != payment for one in vouchers.get(key, ()))
            if (
                not due.document.isascii()
                or others
                or due.cancelled
                or payment in refunded
                or (money.state, money.direction, money.currency, money.units)
                != ("success", due.direction, due.currency, due.units)
                or (due.group, _plain(due.document)) in shared
                or self.decided.touches(due.group, payment, due.document)
            ):
                continue
            self.numbers.seen += 1
            if sum(one.units for one in vouchers.get(key, ())) != due.units:
                self.numbers.add(f"{payment}: names {due.document} and its amount, and has not paid it")

    def _shared_numbers(self) -> set[tuple[str, str]]:
        """Numbers that more than one due of a group has, as its document or reference."""
        rows = self._store.columns(
            f"""
            SELECT toString(group) AS group, {_NUMBERED.format("number")} AS plain FROM (
                SELECT group, document, arrayJoin(arrayConcat([document], splitByChar(' ', references))) AS number
                FROM $receivable
            ) WHERE number != '' GROUP BY group, plain HAVING uniqExact(document) > 1"""
        )
        return set(zip(rows["group"], rows["plain"], strict=True))

    def _over(self) -> Counter[tuple[str, str]]:
        """By group and document: what was paid beyond what it asks for, each payment's rest told of one document."""
        first = {row["payment"]: row["document"] for row in self._store.rows(_FIRST)}
        found: Counter[tuple[str, str]] = Counter()
        for one in self.asked.over:
            matched = [first[key] for key in (one.subject, *one.candidates) if key in first]
            found[one.group, min(matched or one.candidates or [one.subject])] += one.units
        return found

    # What stands

    def _standing(self, where: str, span: Mapping[str, Any]) -> Iterator[Voucher]:
        """What stands of each voucher; revisions follow each other, each taken back before the next."""
        for row in self._store.rows(_VOUCHERS.format(where=where), **span):
            key = row["what"], row["group"], row["payment"], row["document"]
            standing: tuple[Any, ...] | None = None
            after = 0
            for revision, reversal, number, *facts in sorted(row["rows"]):
                self.names.seen += 1
                name = f"{'|'.join(key)}|{revision}{'-' if reversal else '+'}"
                if number != name_of(name):
                    self.names.add(f"{number}: is not the id of {name}")
                if reversal and standing is not None and revision == after:
                    back = (-facts[0], *facts[1:])
                    if back != standing:
                        self.within.add(f"{name}: takes back {back}, stood was {standing}")
                    standing, after = None, after + 1
                elif not reversal and standing is None and revision == after:
                    standing = tuple(facts)
                else:
                    self.within.add(f"{name}: is out of turn")
            if standing is not None:
                yield Voucher(*key, *standing)

    def _entries(self, fees: Iterable[str], where: str, span: Mapping[str, Any]) -> Journal:
        """Journal rows by what they stand for."""
        found: Journal = defaultdict(list)
        for row in self._store.rows(_JOURNAL.format(fees=words(tuple(fees)), where=where), **span):
            line = (
                *(row["book"], row["account"], row["side"], row["units"], row["other"]),
                *(row["event_time"], row["day"]),
            )
            found[row["charge"]].append((row["fee"], row["cause"] == REVERSED, line, row["seq"]))
        return found

    def _stands(
        self,
        found: Findings,
        name: str,
        most: int,
        wanted: Sequence[tuple[str, Line]],
        journal: Journal,
        account: str = "",
    ) -> None:
        """Of all revisions of an entry, at most `most`, one stands, and it is the wanted one.

        `account`: the channel's merchant, whose days may be closed: then an entry is booked on the first open one.
        """
        found.seen += 1
        standing: list[tuple[str, Line]] = []
        for revision in range(most + 1):
            made = journal.pop(name_of(f"{name}|{revision}+"), [])
            back = journal.pop(name_of(f"{name}|{revision}-"), [])
            if any(reversal for _, reversal, *_ in made) or not all(reversal for _, reversal, *_ in back):
                found.add(f"{name}|{revision}: what is made and what is taken back are mixed up")
            rows = [
                (fee, self._undated(line, account, (line[-2] + SHANGHAI) // DAY, seq))
                for fee, _, line, seq in made
            ]
            booked = max((line[-1] for _, _, line, _ in made), default=0)
            reds = [(fee, _red(self._undated(line, account, booked, seq))) for fee, _, line, seq in back]
            if back and sorted(reds) != sorted(rows):
                found.add(f"{name}|{revision}: takes back something else than was booked")
            elif not back:
                standing += rows
        if sorted(standing) != sorted(wanted):
            found.add(f"{name}: stands as {sorted(standing)}, should be {sorted(wanted)}")

    def _undated(self, line: Line, account: str, day: int, seq: int) -> Line:
        """A journal row as if no day was closed. `day`: to which it belongs; of what takes back: where that stands."""
        *rest, time, booked = line
        late = booked - self._closes.day(account, day, seq)
        return (*rest, time, (time + SHANGHAI) // DAY + late)  # type: ignore[return-value]


def _red(line: Line) -> Line:
    book, account, side, units, *rest = line
    return book, account, side, -units, *rest  # type: ignore[return-value]


def _is_charged_back(one: Paid, due: Due) -> bool:
    """Whether a channel took back with it what was paid of a due, which is owed again."""
    return one.kind == "chargeback" and one.direction != due.direction


def _gone_back(kind: str, due: Due, matches: Iterable[Voucher], paid: Mapping[str, Paid]) -> int:
    """What channels took back of what was paid of a due, or what else was given back, less what came back of that."""
    found = 0
    for one in matches:
        of = paid[one.payment]
        came = of.direction == due.direction
        if (of.kind == "chargeback") == (kind == "chargeback") and not (came and of.kind not in BACK_KINDS):
            found += -one.units if came else one.units
    return max(found, 0)


def _sum(vouchers: Iterable[Voucher], posting: str) -> int:
    return sum(one.units for one in vouchers if one.posting == posting)


def _takes(one: Voucher) -> bool:
    """Whether it takes from its payment."""
    return one.what == "match" or (one.what == "difference" and one.evidence == "kept")


def _open_of(due: Due, vouchers: Sequence[Voucher], paid: Mapping[str, Paid]) -> int:
    """What a payment from outside could still pay of a due: nothing that is deducted stands in its way."""
    asked = max(due.asked - sum(one.units for one in vouchers if _gives_up(one)), 0)
    got = sum(
        one.units if paid[one.payment].direction == due.direction else -one.units
        for one in vouchers
        if one.what == "match" and one.payment in paid and paid[one.payment].channel != CHANNEL
    )
    return max(asked - got, 0)


def _gives_up(one: Voucher) -> bool:
    return one.what == "write_off" or (one.what == "difference" and one.evidence == "given up")


def _signed(one: Voucher) -> int:
    """Of a difference: negative where it was given up."""
    return -one.units if one.what == "difference" and one.evidence == "given up" else one.units


def _plain(number: str) -> str:
    return "".join(letter for letter in number if letter.isalnum()).upper()


def check_matched(
    store: Store, data_time: int | None, *, live: bool = False, settled: bool = False
) -> list[Check]:
    """All of these checks. `data_time`: as the lanes have it, at least, UTC ms."""
    work = Matched(store, data_time, live=live, settled=settled)
    work.walk()
    return list(work.checks())
