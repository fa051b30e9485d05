"""Bills against notifications against the books (三方对账): worked out again from what was notified and billed.

For each movement of money: what notifications and bills' lines come to is what the books have of it, and people are
asked about exactly what does not agree. For each day of a merchant: what was notified, billed and booked adds up, and
whatever differs has moved to another day, waits for its bill, or is asked about.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from deploy.audit.agreed import Agreed, Terms, ever_agreed
from deploy.audit.asked import Asked
from deploy.audit.deductions import CHANNEL
from deploy.audit.movements import ALONE, COMPARED, Line, Told, Wholes, asked, held, of_bills, stated
from deploy.audit.report import Check, Findings
from deploy.audit.store import Store, shard_of
from schemas.money import whole_fen, yuan

IN_A_SHARD = 300_000
OF_DAYS = frozenset({"bill_missing", "bill_refused"})
"""Questions about a day's bill."""
_OF_AMOUNTS = COMPARED - {"bill_fee", ALONE}
"""Questions that say why bills have more or less than was notified."""
_BY_PAYMENT = shard_of("payment")

_BOOKED = f"""
    SELECT payment, any(toString(group)) AS of_group, any(toString(channel)) AS of_channel,
           any(toString(merchant)) AS of_merchant, any(toString(kind)) AS of_kind,
           argMax((toString(state), reinterpretAsInt64(amount), toString(currency), toString(direction),
                   if(fee_told = 1, [reinterpretAsInt64(fee)], []), event_time, settled,
                   bitShiftRight(seq, 32)), (seq, line)) AS newest
    FROM $payment WHERE channel != '{CHANNEL}' AND {_BY_PAYMENT} GROUP BY payment"""
_TOLD = f"""
    SELECT payment, groupUniqArray((toString(state), reinterpretAsInt64(amount), toString(currency),
           toString(direction), if(fee_told = 1, [reinterpretAsInt64(fee)], []), event_time, settled)) AS told
    FROM $notification WHERE {_BY_PAYMENT} GROUP BY payment"""
_LINES = f"""
    SELECT payment, any(toString(group)) AS of_group, any(toString(channel)) AS of_channel,
           any(toString(merchant)) AS of_merchant, any(toString(kind)) AS of_kind,
           groupArray((toString(bill), day, toString(sort), toString(state), reinterpretAsInt64(amount),
                       toString(currency), toString(direction), reinterpretAsInt64(fee), event_time)) AS lines,
           uniqExact(group, channel, merchant, kind) > 1
               OR NOT startsWith(payment, concat(of_channel, '/', of_merchant, '/', of_kind, '/')) AS wrong
    FROM $bill_line WHERE {_BY_PAYMENT} GROUP BY payment"""
_OF_BILLS = """
    SELECT toString(channel) AS channel, toString(merchant) AS merchant, toString(sort) AS sort, day,
           toString(bill) AS bill, any(toString(statement)) AS of_statement, uniqExact(part) AS parts, count() AS lines,
           sumIf(reinterpretAsInt64(amount), state = 'success' AND kind != 'refund' AND direction = 'in') AS paid,
           sumIf(reinterpretAsInt64(amount), state = 'success' AND kind = 'refund') AS refunded,
           sumIf(reinterpretAsInt64(fee), state = 'success') AS fee,
           sumIf(reinterpretAsInt64(amount), state = 'success') AS units,
           uniqExact(part, partition, offset) != parts OR uniqExact(part, place) != lines
               OR uniqExact(statement) > 1 AS wrong
    FROM $bill_line GROUP BY channel, merchant, sort, day, bill"""
_ENDS = """
    SELECT toString(channel) AS channel, toString(merchant) AS merchant, toString(sort) AS sort, day, bill,
           statement, toString(group) AS of_group, toString(status) AS status,
           toUInt64(parts) AS parts, toUInt64(lines) AS lines,
           reinterpretAsInt64(paid) AS paid, reinterpretAsInt64(refunded) AS refunded,
           reinterpretAsInt64(fee) AS fee, event_time
    FROM $bill"""
_SUMS = ("parts", "lines", "paid", "refunded", "fee")
Account = tuple[str, str]
"""Channel and merchant."""
Day = tuple[str, str, str, int]
"""Channel, merchant, sort of bill, days since 1970-01-01."""
Statement = tuple[Day, str]
"""A day, and which of its statements; empty: bills that do not say."""


class Movement(NamedTuple):
    """All that is known of one movement of money."""

    key: str
    group: str
    account: Account
    kind: str
    booked: Told | None
    lane: int
    told: tuple[Told, ...]
    lines: tuple[Line, ...]
    """Of bills that count."""
    aside: tuple[Line, ...]
    """Of bills in whose place another one of their day is."""


class Totals:
    """Sums by day, in 0.0001 of the currencies' units."""

    def __init__(self) -> None:
        self.notified: Counter[Day] = Counter()
        self.billed: Counter[Day] = Counter()
        self.booked: Counter[Day] = Counter()
        self.explained: Counter[Day] = Counter()
        """So much more is billed than was notified, and it is known why."""


class ThreeWay:
    """Walks through all movements of money."""

    def __init__(self, store: Store, questions: Asked, documents: Iterable[Terms]) -> None:
        self._store, self._questions = store, questions
        self._agreed = ever_agreed(documents)
        self.bills = Findings("bill_lines", "账单明细与账单合计相符，各部分各一次")
        self.stated = Findings("payments_stated", "每笔收付等于其通知与账单明细独立合成的结果")
        self.asked = Findings("bill_exceptions", "长款、短款、日切、金额、状态、手续费、重复与缺账单各如其实")
        self.totals = Findings(
            "three_way", "按渠道、商户、账单日：通知、账单、账面三方合计相符，差异均有例外或去向"
        )
        self._sums = Totals()
        self._refused: dict[Day, dict[str, str]] = defaultdict(dict)
        """Statements of a day of which a bill is not believed, and their groups."""
        self._stated: dict[Day, set[str]] = defaultdict(set)
        """Statements of a day of which a bill is whole."""
        self._counts: dict[Statement, tuple[int, str]] = {}
        """Which of a statement's bills counts: the latest whole one, then the greatest name; or else one that has
        begun."""
        self._counting: set[tuple[Day, str]] = set()
        """Days and bills that count."""
        self._lines: Counter[Day] = Counter()
        """What lines of bills that count come to."""
        self._wholes: dict[Account, Wholes] = {}
        self._missed: dict[Day, tuple[str, int | None]] = {}
        """Days whose bills have to have something: the group, and since when people must be asked; None: may."""
        self._unseen = dict(questions.open_of(COMPARED | OF_DAYS))
        """What people are asked about and was not looked at yet: group and subject, and the kinds."""

    def walk(self) -> None:
        """Everything."""
        self._bills()
        rows = sum(map(self._store.count, ("payment", "notification", "bill_line")))
        shards = rows // IN_A_SHARD + 1
        for shard in range(shards):
            for one in self._movements({"shard": shard, "shards": shards}):
                self._movement(one)
        self._days()
        for (_, subject), kinds in sorted(self._unseen.items()):
            self.asked.add(f"{subject}: people are asked about {sorted(kinds)}, and nothing is known of it")
        self._add_up()

    def checks(self) -> Iterator[Check]:
        """Their outcome."""
        yield self.bills.check("bills")
        yield self.stated.check("payments")
        yield self.asked.check("movements and days")
        sums = self._sums
        there = ", ".join(
            f"{name} {yuan(sum(of.values()))}"
            for name, of in (("notified", sums.notified), ("billed", sums.billed), ("booked", sums.booked))
        )
        yield self.totals.check(f"days: {there}")

    # Bills

    def _bills(self) -> None:
        there = {_bill_of(row): row for row in self._store.rows(_OF_BILLS)}
        nothing = dict.fromkeys(_SUMS, 0)
        wholes: dict[Account, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self.bills.seen += len(there)
        for (channel, merchant, sort, day, bill), row in there.items():
            self._counted(((channel, merchant, sort, day), row["of_statement"]), 0, bill)
            if row["wrong"]:
                self.bills.add(f"{bill}: a part of it was taken twice, or for another statement")
        for row in self._store.rows(_ENDS):
            self.bills.seen += 1
            channel, merchant, sort, day, bill = _bill_of(row)
            of = channel, merchant, sort, day
            lines = there.get((*of, bill), nothing)
            if row["status"] == "refused":
                self._refused[of][row["statement"]] = row["of_group"]
                continue
            if lines.get("of_statement", row["statement"]) != row["statement"]:
                self.bills.add(f"{bill}: its lines are of another statement than its end")
            whole = all(lines[name] == row[name] for name in _SUMS)
            self._counted((of, row["statement"]), row["event_time"] if whole else 0, bill)
            if whole:
                wholes[channel, merchant][sort].add(day)
                self._stated[of].add(row["statement"])
            elif lines["parts"] == row["parts"]:
                self._refused[of][row["statement"]] = row["of_group"]
        self._wholes = {account: Wholes(days) for account, days in wholes.items()}
        self._counting = {(of, bill) for (of, _), (_, bill) in self._counts.items()}
        for (channel, merchant, sort, day, bill), row in there.items():
            of = channel, merchant, sort, day
            if (of, bill) in self._counting:
                self._lines[of] += row["units"]

    def _counted(self, statement: Statement, time: int, bill: str) -> None:
        self._counts[statement] = max(self._counts.get(statement, (0, "")), (time, bill))

    def _doubted(self, day: Day) -> Sequence[str]:
        """The groups of bills of a day that are not believed and in whose place no other one is."""
        whole = self._stated.get(day, set())
        return [
            group
            for name, group in sorted(self._refused.get(day, {}).items())
            if not whole or (name and name not in whole)
        ]

    # Movements

    def _movements(self, span: Mapping[str, Any]) -> Iterator[Movement]:
        booked = {row["payment"]: row for row in self._store.rows(_BOOKED, **span)}
        told = {row["payment"]: row["told"] for row in self._store.rows(_TOLD, **span)}
        lines = {row["payment"]: row for row in self._store.rows(_LINES, **span)}
        for key in sorted(booked.keys() | told.keys() | lines.keys()):
            row = booked.get(key) or lines.get(key)
            if row is None:
                self.stated.add(f"{key}: was notified, and the books have nothing of it")
                continue
            if key in lines and lines[key]["wrong"]:
                self.bills.add(f"{key}: its lines are of another movement")
            newest = booked[key]["newest"] if key in booked else None
            said = [Line(*one) for one in (lines[key]["lines"] if key in lines else ())]
            count: dict[bool, list[Line]] = {True: [], False: []}
            for line in said:
                of = row["of_channel"], row["of_merchant"], line.sort, line.day
                count[(of, line.bill) in self._counting].append(line)
            yield Movement(
                *(key, row["of_group"], (row["of_channel"], row["of_merchant"]), row["of_kind"]),
                _told(newest[:7]) if newest is not None else None,
                newest[7] if newest is not None else 0,
                tuple(map(_told, told.get(key, ()))),
                *(tuple(count[True]), tuple(count[False])),
            )

    def _movement(self, one: Movement) -> None:
        self.stated.seen += 1
        self._unseen.pop((one.group, one.key), None)
        accepted = (one.group, one.key, ALONE) in self._questions.accepted
        should = stated(one.told, one.lines, one.aside, accepted=accepted)
        if (one.booked not in should) if should else one.booked is not None:
            self.stated.add(f"{one.key}: the books have {one.booked}, should be {_or(should)}")
        said = [*one.told, *(line.told for line in (*one.lines, *one.aside))]
        if not all(whole_fen(told.units) for told in said if told.currency == "CNY"):
            self.stated.add(f"{one.key}: is about a part of a fen")
        self._ask(one)
        self._expect(one)
        self._sum(one)

    def _ask(self, one: Movement) -> None:
        """People are asked about what does not agree in a movement of money; about what is none, nothing is asked."""
        self.asked.seen += 1
        there = frozenset(
            (kind, units)
            for kind, units in self._questions.of(one.group, one.key).items()
            if kind in COMPARED
        )
        should = {frozenset[tuple[str, int]]()}
        alone = not one.told and not any(line.units for line in one.lines)
        if one.booked is not None and (one.booked.state == "success" or alone):
            wholes, bills = self._whole(one.account), of_bills(one.lines)
            should = {
                asked(one.kind, told, bills, agreed, wholes, unmatched=self._is_left(one))
                for told in (held(one.told) if one.told else [None])
                for agreed in self._terms(one.account)
            }
        if there not in should:
            self.asked.add(
                f"{one.key}: people are asked about {_shown(there)}, should be {_or(map(_shown, should))}"
            )

    def _expect(self, one: Movement) -> None:
        """The bills of its day must come."""
        terms = self._terms(one.account)
        days: list[set[Day]] = []
        of = [told for told in held(one.told) if told.state == "success"]
        for agreed in terms:
            days += [_days_of(one.account, agreed, told.time, told.settled) for told in of] or [set()]
            for told in one.told:
                for settled in {0, *(other.settled for other in one.told)} if told.state == "success" else ():
                    for day in _days_of(one.account, agreed, told.time, settled):
                        self._missed.setdefault(day, (one.group, None))
        for day in set.intersection(*days):
            due = max(agreed.due_at(day[3]) for agreed in terms)
            if self._questions.now(one.lane) >= due:
                self._missed[day] = one.group, due

    def _days(self) -> None:
        """People are asked about a day's bill that is not believed, or does not come."""
        for day in self._missed.keys() | self._refused.keys():
            channel, merchant, sort, number = day
            whole = self._whole((channel, merchant)).has(sort, number)
            doubted = self._doubted(day)
            group = next(iter(self._refused.get(day, {}).values()), "") or self._missed[day][0]
            subject = f"{channel}/{merchant}/{sort}/{date(1970, 1, 1) + timedelta(number)}"
            self._unseen.pop((group, subject), None)
            self.asked.seen += 1
            there = self._questions.of(group, subject)
            refused = bool(doubted)
            if refused != ("bill_refused" in there):
                said = "nobody is" if refused else "people are"
                self.asked.add(f"{subject}: {said} asked about a bill that is not believed")
            may, must = day in self._missed, day in self._missed and self._missed[day][1] is not None
            is_asked = "bill_missing" in there
            if (is_asked and (whole or not may)) or (must and not whole and not is_asked):
                said = "people are" if is_asked else "nobody is"
                self.asked.add(f"{subject}: {said} asked about a bill that is missing")

    # Totals

    def _sum(self, one: Movement) -> None:
        """To which days it adds what, and why bills have more or less of it than was notified."""
        agreed = self._terms(one.account)[-1]
        told = next(iter(held(one.told)), None)
        moved = one.booked is not None and one.booked.state == "success"
        notified = told.units if told is not None and told.state == "success" else 0
        day = agreed.day(told.time, told.settled) if told is not None else 0
        billed: Counter[tuple[str, int]] = Counter()
        for line in one.lines:
            if line.state == "success":
                billed[line.sort, line.day] += line.units
        asked_about = any(kind in _OF_AMOUNTS for kind in self._questions.of(one.group, one.key))
        for sort in {*agreed.sorts, *(sort for sort, _ in billed)}:
            of_sort = {at: units for (name, at), units in billed.items() if name == sort}
            booked_on = day if told is not None else min(of_sort, default=0)
            of = (*one.account, sort)
            if moved and one.booked is not None and (notified or of_sort):
                self._sums.booked[*of, booked_on] += one.booked.units
            if notified and sort in agreed.sorts:
                self._sums.notified[*of, day] += notified
            for at, units in of_sort.items():
                self._sums.billed[*of, at] += units
            explained = (
                asked_about
                or (told is None and moved and not self._is_left(one))
                or sum(of_sort.values()) == notified
                or (notified and not of_sort and not self._whole(one.account).has(sort, day))
                or sort not in agreed.sorts
                or not (notified or agreed.notified)
            )
            if explained:
                for at in {day} | of_sort.keys():
                    more = of_sort.get(at, 0)
                    less = notified if at == day and sort in agreed.sorts else 0
                    self._sums.explained[*of, at] += more - less

    def _add_up(self) -> None:
        """The sums of all movements are those of the lines, and what differs is known."""
        sums = self._sums
        lines = Counter({day: units for day, units in self._lines.items() if units})
        for day in sorted(sums.notified.keys() | sums.billed.keys() | lines.keys()):
            self.totals.seen += 1
            told, billed = sums.notified[day], sums.billed[day]
            if billed != lines[day]:
                self.totals.add(f"{_on(day)}: lines come to {yuan(lines[day])}, movements to {yuan(billed)}")
            if billed - told != sums.explained[day]:
                open_ = billed - told - sums.explained[day]
                self.totals.add(
                    f"{_on(day)}: notified {yuan(told)}, billed {yuan(billed)}, booked {yuan(sums.booked[day])}: "
                    f"nobody is asked about {yuan(open_)}"
                )

    def _is_left(self, one: Movement) -> bool:
        """Whether something of it is not matched."""
        return (one.group, one.key) in self._questions.unmatched

    # What is agreed

    def _terms(self, account: Account) -> Sequence[Agreed]:
        return self._agreed.get(account) or (Agreed(),)

    def _whole(self, account: Account) -> Wholes:
        return self._wholes.get(account) or Wholes({})


def _days_of(account: Account, agreed: Agreed, time: int, settled: int) -> set[Day]:
    """Bills in which money has to be."""
    return {(*account, sort, agreed.day(time, settled)) for sort in agreed.sorts}


def _told(row: Sequence[Any]) -> Told:
    state, units, currency, direction, fee, time, settled = row
    return Told(state, units, currency, direction, fee[0] if fee else None, time, settled)


def _bill_of(row: Mapping[str, Any]) -> tuple[str, str, str, int, str]:
    return row["channel"], row["merchant"], row["sort"], row["day"], row["bill"]


def _on(day: Day) -> str:
    channel, merchant, sort, number = day
    return f"{channel}/{merchant} {sort} {date(1970, 1, 1) + timedelta(number)}"


def _shown(found: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{kind} {yuan(units)}" for kind, units in sorted(found)) or "nothing"


def _or(found: Iterable[Any]) -> str:
    return " or ".join(sorted(map(str, found))) or "nothing"


def check_threeway(store: Store, questions: Asked, documents: Iterable[Terms]) -> list[Check]:
    """All of these checks. `documents`: what was published about channels."""
    work = ThreeWay(store, questions, documents)
    work.walk()
    return list(work.checks())
