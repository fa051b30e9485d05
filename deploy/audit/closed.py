"""Closes of channels' merchants: each follows from those before it, its figures are what is booked, and no row of a
closed day was booked after its close."""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from deploy.audit import periods
from deploy.audit.agreed import Terms
from deploy.audit.postings import words
from deploy.audit.receipts import RECEIPTS, SUSPENSE
from deploy.audit.report import Check, Findings
from deploy.audit.store import LAST, Row, Store, shard_of
from schemas.identity import person_of
from schemas.times import date_of

DAY, SHANGHAI = 86_400_000, 28_800_000
NEVER = -1
IN_A_SHARD = 1_000_000
MAY_CLOSE = {"closed": "close", "ready": "preview"}
"""What becomes of a command when nothing stands against it, and which one that is."""
_BACK = ("refund", "chargeback")
_KINDS = "payment|refund|chargeback|transfer"
_ACCOUNT = re.compile(f"(.+?)/(?:{_KINDS})/")
_OF_MONEY_IN = (
    "receivable_paid",
    "payable_refunded",
    "account_topped_up",
    "difference_kept",
    *("payout_arrived", "payout_returned", "refund_recovered", "deposit_arrived", "money_kept"),
)
_OF_MONEY_OUT = (
    "receivable_refunded",
    "payable_paid",
    "account_paid_out",
    "difference_paid",
    "payout_sent",
    "deposit_sent",
    "refund_owed",
)

_ROWS = """
    SELECT seq, line, close_id, toString(what) AS what, toString(status) AS status, toString(group) AS group,
           concat(channel, '/', merchant) AS account, toString(channel) AS channel, toString(period) AS period,
           first, last, by, of, reason, lacking, open_count, reinterpretAsInt64(open) AS open, items,
           [received_count, reinterpretAsInt64(received), refunded_count, reinterpretAsInt64(refunded),
            paid_out_count, reinterpretAsInt64(paid_out), fees_count, reinterpretAsInt64(fees),
            matched_count, reinterpretAsInt64(matched), matched_out_count, reinterpretAsInt64(matched_out),
            billed_lines, reinterpretAsInt64(billed), reinterpretAsInt64(billed_refunds),
            reinterpretAsInt64(billed_fees)] AS sums,
           reinterpretAsInt64(suspense) AS suspense, time
    FROM $close ORDER BY seq, line"""
_RECEIVED = f"""
    SELECT toString(counterparty) AS whose, business_date AS day, toString(fee) AS fee,
           match(substring(waybill, length(counterparty) + 2), '^({"|".join(_BACK)})/') AS back,
           sum(if(cause = 'reversed', -1, 1)) AS n, sum(reinterpretAsInt64(amount)) AS units
    FROM $journal
    WHERE fee IN {words(RECEIPTS)} AND account IN ('{SUSPENSE}', '6301') AND {{where}}
    GROUP BY whose, day, fee, back"""
_MATCHED = f"""
    SELECT extract(payment, '^(.+?)/(?:{_KINDS})/') AS whose, business_date AS day,
           posting IN {words(_OF_MONEY_IN)} AS came, sum(if(what != 'difference', if(reversal = 1, -1, 1), 0)) AS n,
           sum(reinterpretAsInt64(amount)) AS units
    FROM $payment_match
    WHERE posting IN {words((*_OF_MONEY_IN, *_OF_MONEY_OUT))} AND {{where}} GROUP BY whose, day, came"""
_BILLS = """
    SELECT greatest(e.seq, p.newest) AS seq, concat(channel, '/', merchant) AS account, toString(sort) AS sort,
           day, bill, statement, event_time, toUInt64(e.lines) AS lines, reinterpretAsInt64(e.paid) AS paid,
           reinterpretAsInt64(e.refunded) AS refunded, reinterpretAsInt64(e.fee) AS fee
    FROM (SELECT * FROM $bill WHERE status = 'complete') AS e
    LEFT JOIN (
        SELECT channel, merchant, sort, day, bill, max(seq) AS newest, uniqExact(part) AS parts, count() AS lines,
               sumIf(bill_line.amount, state = 'success' AND kind != 'refund' AND direction = 'in') AS paid,
               sumIf(bill_line.amount, state = 'success' AND kind = 'refund') AS refunded,
               sumIf(bill_line.fee, state = 'success') AS fee
        FROM $bill_line AS bill_line GROUP BY channel, merchant, sort, day, bill
    ) AS p USING (channel, merchant, sort, day, bill)
    WHERE (e.parts, e.lines, e.paid, e.refunded, e.fee) = (p.parts, p.lines, p.paid, p.refunded, p.fee)
    ORDER BY seq"""
"""Those of which all has come, and agrees: since which block."""
_EXCEPTIONS = """
    SELECT seq, exception_id, toString(status) AS status, toString(kind) AS kind, subject,
           reinterpretAsInt64(amount) AS units
    FROM $payment_exception ORDER BY seq, line"""
_TIMES = """
    SELECT payment, groupArray((seq, line, event_time, toString(currency))) AS told FROM $payment
    WHERE payment IN (SELECT subject FROM $payment_exception) GROUP BY payment"""
_BOOKED = f"""
    SELECT toString(what) AS what, payment, document, groupArray((revision, reversal, seq, event_time, business_date))
           AS rows
    FROM $payment_match
    WHERE {shard_of("payment")} AND (
        business_date != toDate(addHours(event_time, 8), 'UTC')
        OR toDate(addHours(event_time, 8), 'UTC') <= toDate({{latest:Int32}})
        OR arrayExists(account -> startsWith(payment, account), {{accounts:Array(String)}}))
    GROUP BY what, group, payment, document"""

WIDTH = 16
"""Figures of a close: received, refunded, paid out, fees, matched, matched out, each a count and an amount; bills'."""


class Standing(NamedTuple):
    """A close that was not undone."""

    row: Row
    before: int


class Closes:
    """All closes in order, and until which day each account was closed when; so were `books`, too."""

    def __init__(self, store: Store) -> None:
        self.books = periods.Closes(store)
        self.rows = store.rows(_ROWS)
        self.found = Findings("closes", "日结、周结、月结与反结账依次成立：按序、已过、不缺、由他人反结")
        self.standing: dict[str, list[Standing]] = defaultdict(list)
        self.undone: set[tuple[str, str]] = set()
        self.before: dict[tuple[str, str], int] = {}
        """Of each close and preview: until which day its account was closed before."""
        self._changes: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        seen: set[tuple[str, str]] = set()
        for row in self.rows:
            self.found.seen += 1
            if (key := (row["group"], row["close_id"])) in seen:
                self.found.add(f"{row['close_id']}: stands twice")
            seen.add(key)
            if (row["status"] == "refused") != (row["lacking"] > 0):
                self.found.add(
                    f"{row['close_id']}: is {row['status']}, and {row['lacking']} stand against it"
                )
            elif row["status"] in MAY_CLOSE:
                self._close(row)
            elif row["status"] == "reopened":
                self._reopen(row)

    def upto(self, account: str, seq: int) -> int:
        """Until which day an account was closed when a block was booked."""
        if account not in self._changes:
            return NEVER
        seqs, days = self._changes[account]
        at = bisect_left(seqs, seq)
        return days[at - 1] if at else NEVER

    def day(self, account: str, day: int, seq: int) -> int:
        """The day on which a block books what belongs to a day."""
        return self.books.booked_on(seq, max(day, self.upto(account, seq) + 1))

    @property
    def accounts(self) -> list[str]:
        """Those that were ever closed."""
        return sorted(self._changes)

    def _now(self, account: str) -> int:
        return next((one.row["last"] for one in reversed(self._days(account))), NEVER)

    def _days(self, account: str) -> list[Standing]:
        return [one for one in self.standing[account] if one.row["period"] == "day"]

    def _change(self, row: Row, day: int) -> None:
        seqs, days = self._changes[row["account"]]
        seqs.append(row["seq"])
        days.append(day)

    def _close(self, row: Row) -> None:
        account, first, last = row["account"], row["first"], row["last"]
        before = self.before[row["group"], row["close_id"]] = self._now(account)
        wrong = MAY_CLOSE[row["status"]] != row["what"]
        wrong |= row["time"] < (last + 1) * DAY - SHANGHAI or not _is_period(row["period"], first, last)
        if row["period"] == "day":
            wrong |= last <= before
        else:
            wrong |= last > before or any(
                (one.row["period"], one.row["first"]) == (row["period"], first)
                for one in self.standing[account]
            )
        if wrong or not row["by"]:
            self.found.add(f"{row['close_id']}: closes {date_of(first)} to {date_of(last)} and may not")
        if row["status"] == "ready":
            return
        if row["period"] == "day":
            self._change(row, last)
        self.standing[account].append(Standing(row, before))

    def _reopen(self, row: Row) -> None:
        several = self.standing[row["account"]]
        of = next((one for one in several if one.row["close_id"] == row["of"]), None)
        if of is None:
            self.found.add(f"{row['close_id']}: undoes {row['of']}, which does not stand")
            return
        several.remove(of)
        self.undone.add((of.row["group"], of.row["close_id"]))
        day = of.row["period"] == "day"
        rests = day and any(
            one.row["last"] > of.row["last"]
            or (one.row["period"] != "day" and one.row["last"] == of.row["last"])
            for one in several
        )
        if person_of(of.row["by"]) == person_of(row["by"]) or rests or not row["reason"].strip():
            self.found.add(f"{row['close_id']}: undoes {row['of']} and may not")
        if (row["period"], row["first"], row["last"]) != tuple(
            of.row[name] for name in ("period", "first", "last")
        ):
            self.found.add(f"{row['close_id']}: names another period than {row['of']}")
        if day:
            self._change(row, self._now(row["account"]))


class Booked:
    """What is booked by account and day, and what bills say; `where`: of which rows."""

    def __init__(
        self, store: Store, closes: Closes, bills: Iterable[Row], where: str = "true", last: int = LAST
    ) -> None:
        self.days: dict[str, dict[int, list[int]]] = defaultdict(dict)
        for row in store.rows(_RECEIVED.format(where=where)):
            place = {"payment_in": 0, "channel_fee": 6}.get(row["fee"], 2 if row["back"] else 4)
            self._add(row, place)
        for row in store.rows(_MATCHED.format(where=where)):
            self._add(row, 8 if row["came"] else 10)
        self.bills: dict[str, dict[tuple[int, str], list[int]]] = defaultdict(dict)
        newest: dict[tuple[str, int, str], dict[str, tuple[int, str, list[int]]]] = defaultdict(dict)
        for row in bills:
            of = newest[row["account"], row["day"], row["sort"]]
            time, bill, _ = of.get(row["statement"], (0, "", []))
            if row["seq"] > last or (row["event_time"], row["bill"]) < (time, bill):
                continue
            before, said = _together(of), [row[name] for name in ("lines", "paid", "refunded", "fee")]
            of[row["statement"]] = (
                row["event_time"],
                row["bill"],
                said,
            )  # it takes the place of an earlier one
            if _together(of) != before and row["day"] > closes.upto(row["account"], row["seq"]):
                self.bills[row["account"]][row["day"], row["sort"]] = _together(of)

    def _add(self, row: Row, place: int) -> None:
        sums = self.days[row["whose"]].setdefault(row["day"], [0] * WIDTH)
        sums[place] += row["n"]
        sums[place + 1] += row["units"]

    def sums(self, account: str, first: int, last: int) -> list[int]:
        """The figures of a period."""
        found = [0] * WIDTH
        for day, sums in self.days.get(account, {}).items():
            if first <= day <= last:
                found = [one + other for one, other in zip(found, sums, strict=True)]
        bills = self.bills.get(account, {})
        for day in {day for day, _ in bills if first <= day <= last}:
            trade, fund = (bills.get((day, sort), [0] * 4) for sort in ("trade", "fund"))
            for at, units in enumerate(trade if trade[0] else fund, WIDTH - 4):
                found[at] += units
        return found

    def suspense(self, account: str, last: int) -> int:
        """Money of which nobody knows what it is for, at the end of a day."""
        found = self.sums(account, NEVER, last)
        return found[1] - found[3] - found[5] - found[9] + found[11]

    def agrees(self, row: Row) -> bool:
        """Whether a close's figures are what is booked."""
        account, last = row["account"], row["last"]
        sums, held = self.sums(account, row["first"], last), self.suspense(account, last)
        return sums == list(row["sums"]) and held == row["suspense"]

    def between(self, account: str, first: int, last: int) -> list[int]:
        """Days of which anything is booked, or that bills have lines of."""
        days = {day for day in self.days.get(account, {}) if first <= day <= last}
        return sorted(days | {day for day, _ in self.bills.get(account, {}) if first <= day <= last})


class Item(msgspec.Struct, frozen=True):
    """Something open at a close, as its row has it."""

    item: str
    kind: str
    subject: str
    amount_e4: int
    reason: str
    close: str
    currency: str = ""
    """Empty: closes of former versions did not tell it, and added all amounts up."""


def check_closed(store: Store, closes: Closes, documents: Iterable[Terms]) -> list[Check]:
    """All checks of closes. `documents`: what was published about channels."""
    bills = store.rows(_BILLS) if closes.rows else []
    return [
        closes.found.check("commands"),
        _figures(store, closes, bills),
        _items(store, closes, bills, _sorts(documents)),
        _dates(store, closes),
    ]


def _figures(store: Store, closes: Closes, bills: Sequence[Row]) -> Check:
    """A close's figures are what is booked on its days, those of each account's newest preview what was then."""
    found = Findings("close_figures", "结账数等于期间内逐笔入账与账单之和，期末待核销相符，不漏日子")
    previews = {row["account"]: row["close_id"] for row in closes.rows if row["status"] == "ready"}
    now = Booked(store, closes, bills) if closes.rows else None
    for row in closes.rows:
        ready = row["status"] == "ready"
        if row["status"] not in MAY_CLOSE or (ready and row["close_id"] != previews[row["account"]]):
            continue
        found.seen += 1
        booked = now
        undone = (row["group"], row["close_id"]) in closes.undone
        if booked is None or undone or (ready and not booked.agrees(row)):
            booked = Booked(store, closes, bills, f"seq <= {row['seq']}", row["seq"])
        account, first, last = row["account"], row["first"], row["last"]
        if (wanted := booked.sums(account, first, last)) != list(row["sums"]):
            found.add(f"{row['close_id']}: says {list(row['sums'])}, booked is {wanted}")
        if (held := booked.suspense(account, last)) != row["suspense"]:
            found.add(f"{row['close_id']}: says {row['suspense']} in suspense, there is {held}")
        before = closes.before.get((row["group"], row["close_id"]), NEVER)
        if row["period"] == "day" and before != NEVER:
            for day in booked.between(account, before + 1, last - 1):
                found.add(f"{row['close_id']}: {date_of(day)} was not closed before it")
    return found.check("closes")


def _items(store: Store, closes: Closes, bills: Sequence[Row], sorts: Mapping[str, Sequence[str]]) -> Check:
    """What was open at a close, and nobody had accepted, is named in it, and nothing else; bills were there."""
    found = Findings("close_items", "结账时未了的差异逐项列明，各日账单齐全或已列明")
    asked = [row for row in closes.rows if row["what"] != "reopen"]
    if not asked:
        return found.check("items")
    told = {row["payment"]: sorted(row["told"]) for row in store.rows(_TIMES)}
    first_came = {(row["account"], row["sort"], row["day"]): row["seq"] for row in reversed(bills)}
    rows = iter(store.rows(_EXCEPTIONS))
    waiting = next(rows, None)
    open_: dict[str, Row] = {}
    accepted: dict[str, Row] = {}
    for row in asked:
        while waiting is not None and waiting["seq"] <= row["seq"]:
            open_.pop(waiting["exception_id"], None)
            accepted.pop(waiting["exception_id"], None)
            if waiting["status"] != "closed":
                (accepted if waiting["status"] == "accepted" else open_)[waiting["exception_id"]] = waiting
            waiting = next(rows, None)
        items = msgspec.json.decode(row["items"], type=list[Item])
        found.seen += len(items)
        wanted = {
            (number, one["kind"], one["subject"], one["units"], _currency(one["subject"], told, row))
            for number, one in open_.items()
            if _is_of(one["subject"], row["account"], told, row)
        }
        there = [one for one in items if not one.item.startswith("bill/")]
        named = {
            (
                one.item,
                one.kind,
                one.subject,
                one.amount_e4,
                one.currency or _currency(one.subject, told, row),
            )
            for one in there
        }
        if named != wanted:
            found.add(f"{row['close_id']}: does not name what was open")
        ours = sum(one.amount_e4 for one in items if one.currency in ("", "CNY"))
        if len(items) != row["open_count"] or ours != row["open"]:
            found.add(f"{row['close_id']}: its open items do not add up")
        if row["status"] in MAY_CLOSE and not all(one.reason and one.close for one in items):
            found.add(f"{row['close_id']}: was closed with open items that nobody named")
        if row["status"] in MAY_CLOSE and row["period"] == "day":
            first = closes.before.get((row["group"], row["close_id"]), NEVER)
            known = {one.subject for one in items} | {one["subject"] for one in accepted.values()}
            for day in range(row["last"] if first == NEVER else first + 1, row["last"] + 1):
                for sort in sorts.get(row["account"], ()):
                    came = first_came.get((row["account"], sort, day))
                    if (came is None or came > row["seq"]) and (
                        f"{row['account']}/{sort}/{date_of(day)}" not in known
                    ):
                        found.add(f"{row['close_id']}: the {sort} bill of {date_of(day)} had not come")
    return found.check("items")


def _together(statements: Mapping[str, tuple[int, str, list[int]]]) -> list[int]:
    """What the statements of a day come to."""
    return [sum(said[n] for _, _, said in statements.values()) for n in range(4)]


def _is_of(subject: str, account: str, told: Mapping[str, Sequence[Any]], row: Row) -> bool:
    """Whether an exception is about an account's payment, or bill, of a day through a close's last."""
    if not subject.startswith(f"{account}/"):
        return False
    if subject in told:
        times = [time for seq, _, time, _ in told[subject] if seq <= row["seq"]]
        return bool(times) and (times[-1] + SHANGHAI) // DAY <= row["last"]
    sort, _, day = subject.removeprefix(f"{account}/").partition("/")
    return sort in ("trade", "fund") and day <= str(date_of(row["last"]))


def _currency(subject: str, told: Mapping[str, Sequence[Any]], row: Row) -> str:
    """That of a payment at a close; a bill's exceptions have no amount."""
    known = [currency for seq, _, _, currency in told.get(subject, ()) if seq <= row["seq"]]
    return known[-1] if known else "CNY"


def _sorts(documents: Iterable[Terms]) -> dict[str, tuple[str, ...]]:
    """By account: sorts of bills that its channel gives, where all that was published says the same."""
    found: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for told in documents:
        for (channel, merchant), agreed in told.items():
            found[f"{channel}/{merchant}"].add(agreed.sorts)
    return {account: next(iter(several)) for account, several in found.items() if len(several) == 1}


def _dates(store: Store, closes: Closes) -> Check:
    """A match is booked on its own day, or on the first that was open then; receipts: see `matched`."""
    found = Findings("closed_days", "已结日不再入账：迟到的核销记在首个未结日，冲回不早于原记")
    accounts, latest = [f"{account}/" for account in closes.accounts], closes.books.latest
    for shard, shards in store.shards("payment_match", IN_A_SHARD):
        for row in store.rows(_BOOKED, shard=shard, shards=shards, accounts=accounts, latest=latest):
            account = _ACCOUNT.match(row["payment"])
            made: Counter[int] = Counter()
            for revision, reversal, seq, time, day in sorted(row["rows"]):
                found.seen += 1
                own = made[revision] if reversal else (time + SHANGHAI) // DAY
                wanted = closes.day(account[1] if account else "", own, seq)
                made[revision] = day
                if day != wanted:
                    name = f"{row['what']} of {row['payment']} and {row['document']}"
                    found.add(f"{name}: is booked on {date_of(day)}, should be on {date_of(wanted)}")
    return found.check("matches")


def _is_period(period: str, first: int, last: int) -> bool:
    start, end = date_of(first), date_of(last)
    if period == "day":
        return first == last
    if period == "week":
        return start.isoweekday() == 1 and last == first + 6
    return (
        start.day == 1 and date_of(last + 1).day == 1 and (start.year, start.month) == (end.year, end.month)
    )
