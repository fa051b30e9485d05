"""Dues that are deducted from virtual accounts: what should be asked for, and that it is asked, carried out and booked.

Each flow's rows are its own: what one has said and the other has not heard yet is on the way. That the account could
bear what was taken, and could not bear what was refused, is worked out in `deploy.audit.accounts`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from deploy.audit.asked import Asked
from deploy.audit.decided import Voucher
from deploy.audit.names import content_name
from deploy.audit.receipts import OWN, VIRTUAL, Bounds
from deploy.audit.report import Check, Findings
from deploy.audit.store import Store, shard_of

CHANNEL, RULE, REFUSED = "account", "account", "deduction_refused"
_ROWS = f"""
    SELECT toString(group) AS group, document, seq, line, deduction, toString(status) AS status, party,
           reinterpretAsInt64(amount) AS units, event_time, time
    FROM $deduction WHERE {shard_of("document")} ORDER BY seq, line"""
_PAYMENTS = f"""
    SELECT number, argMax((toString(merchant), toString(group), order, toString(state), reinterpretAsInt64(amount),
           toString(currency), event_time), (seq, line)) AS newest
    FROM $payment WHERE channel = '{CHANNEL}' AND {shard_of("order")} GROUP BY number"""
_OF_PAYMENTS = ("asked", "dropped")
_DONE = {
    (): "",
    ("refused",): "refused",
    ("taken",): "taken",
    ("refused", "taken"): "taken",
    ("withdrawn",): "back",
    ("refused", "withdrawn"): "back",
    ("taken", "returned"): "back",
    ("refused", "taken", "returned"): "back",
}
"""What the accounts flow may do with a deduction, and what that comes to."""
_IN_MONEY = "taken"


class One(NamedTuple):
    """A row about a deduction."""

    seq: int
    line: int
    number: str
    status: str
    party: str
    units: int
    asked: int
    time: int


class Money(NamedTuple):
    """A deduction as a payment."""

    party: str
    group: str
    document: str
    state: str
    units: int
    currency: str
    time: int


class Owed(NamedTuple):
    """What is asked for of a due: facts of its newest word, and what others have paid or given up."""

    group: str
    document: str
    kind: str
    direction: str
    currency: str
    party: str
    settle: str
    units: int
    """0: it is cancelled."""
    paid: int


Key = tuple[str, str]


class Deductions:
    """All deductions. `live`: the flows are writing; `settled`: all has come to rest, so nothing is on the way."""

    def __init__(self, store: Store, bounds: Sequence[Bounds], *, live: bool, settled: bool) -> None:
        self._store, self._bounds, self._live, self._settled = store, bounds, live, settled
        self.asked = Findings("deductions_asked", "应从账户扣款的单据逐张重算：请求与应扣金额一致")
        self.done = Findings("deductions_done", "扣款请求、账户执行与入账三方逐笔一致")
        self._waiting = 0

    def read(self, span: Mapping[str, Any]) -> tuple[dict[Key, list[One]], dict[str, Money]]:
        """Rows by document, and payments by number, of a shard of documents."""
        found: dict[Key, list[One]] = defaultdict(list)
        for row in self._store.rows(_ROWS, **span):
            facts = ("seq", "line", "deduction", "status", "party", "units", "event_time", "time")
            found[row["group"], row["document"]].append(One(*(row[name] for name in facts)))
        money = {row["number"]: Money(*row["newest"]) for row in self._store.rows(_PAYMENTS, **span)}
        return found, money

    def due(
        self,
        owed: Owed,
        rows: Sequence[One],
        money: dict[str, Money],
        vouchers: Sequence[Voucher],
        asked: Asked,
    ) -> None:
        """One due: what is asked for, what was done, and what people are told."""
        standing = self._asks(owed, rows)
        self._wanted(owed, standing)
        mine = {row.number: row for row in rows if row.status == "asked"}
        state = ""
        for number, ask in mine.items():
            done = self._done(ask, [row for row in rows if row.number == number])
            dropped = standing is None or standing.number != number
            self._booked(owed, ask, done, dropped, money.pop(number, None), vouchers)
            if not dropped:
                state = done
        for row in rows:
            if row.number not in mine:
                self._missing(not self._live, f"{row.number}: is {row.status}, and was never asked for")
        self._told(owed, standing, state, asked)

    def rest(self, money: Mapping[str, Money], rows: Mapping[Key, Sequence[One]]) -> None:
        """What belongs to no due."""
        for number in money:
            self.done.add(f"{number}: is a payment, and was never asked for")
        for key in rows:
            self.asked.add(f"{key}: is to be deducted, and there is no such due")

    def checks(self) -> Iterator[Check]:
        """The outcome."""
        yield self.asked.check("dues")
        yield self.done.check(f"deductions, {self._waiting:,} on the way")

    # Each side

    def _asks(self, owed: Owed, rows: Sequence[One]) -> One | None:
        """What the payments flow asks for now; each is dropped before the next."""
        standing: One | None = None
        count = 0
        for row in rows:
            if row.status not in _OF_PAYMENTS:
                continue
            if row.status == "dropped":
                if standing is None or standing[2:3] + standing[4:7] != row[2:3] + row[4:7]:
                    self.asked.add(f"{row.number}: is dropped, and is not what was asked for")
                standing = None
                continue
            count += 1
            names = {
                content_name("ded", owed.group, owed.document, str(n), str(row.asked))
                for n in range(1, count + 1)
            }
            if row.number not in names or standing is not None or row.asked != row.time:
                self.asked.add(f"{row.number}: is not deduction {count} of {owed.document}")
            standing = row
        return standing

    def _wanted(self, owed: Owed, standing: One | None) -> None:
        self.asked.seen += 1
        may = (owed.direction, owed.currency) == ("in", OWN) and owed.kind not in VIRTUAL
        if owed.settle:
            agreed = {owed.settle == "account"}
        else:
            agreed = {one.deducts(owed.group, owed.kind, owed.party) for one in self._bounds} or {False}
        left = max(owed.units - owed.paid, 0)
        wanted = {(owed.party, left) if may and yes and left else None for yes in agreed}
        found = (standing.party, standing.units) if standing is not None else None
        if found not in wanted:
            self.asked.add(f"{owed.document}: asked for is {found}, should be {sorted(wanted, key=str)}")

    def _done(self, ask: One, rows: Sequence[One]) -> str:
        """What the accounts flow has made of it."""
        self.done.seen += 1
        mine = [row for row in rows if row.status not in _OF_PAYMENTS]
        story = tuple(row.status for row in mine)
        if story not in _DONE:
            self.done.add(f"{ask.number}: was {' then '.join(story)}")
        if any(row[4:7] != ask[4:7] for row in mine):
            self.done.add(f"{ask.number}: what was done is not what was asked for")
        if not story:
            self._missing(self._settled, f"{ask.number}: was never answered")
        return _DONE.get(story, "")

    def _booked(
        self,
        owed: Owed,
        ask: One,
        done: str,
        dropped: bool,
        money: Money | None,
        vouchers: Sequence[Voucher],
    ) -> None:
        """What was taken is a payment that pays its due, as long as it is asked for."""
        key = f"{CHANNEL}/{ask.party}/payment/{ask.number}"
        given = [one for one in vouchers if one.payment == key]
        stands = money is not None and money.state == "success"
        facts = (ask.party, owed.group, owed.document, ask.units, OWN)
        if money is not None and (*money[:3], *money[4:6]) != facts:
            self.done.add(f"{ask.number}: is booked as {money}, should be {facts}")
        if money is not None and money.state != ("closed" if dropped else "success"):
            self.done.add(f"{ask.number}: is {money.state}, and is {'no more ' * dropped}asked for")
        if stands and not dropped and done != _IN_MONEY:
            self._missing(not self._live, f"{ask.number}: is booked, and was not taken")
        if not stands and not dropped and done == _IN_MONEY:
            self._missing(self._settled, f"{ask.number}: was taken, and is not booked")
        if dropped and done != "back":
            self._missing(self._settled, f"{ask.number}: is asked for no more, and has not gone back")
        if not dropped and done == "back":
            self._missing(not self._live, f"{ask.number}: has gone back, and is asked for")
        wanted = [("match", ask.units, RULE, owed.party)] if stands else []
        if [(one.what, one.units, one.rule, one.party) for one in given] != wanted:
            self.done.add(f"{ask.number}: pays {given}, should be {wanted}")

    def _told(self, owed: Owed, standing: One | None, state: str, asked: Asked) -> None:
        """People are asked about what was refused, as long as it waits."""
        units = asked.there(owed.group, owed.document, REFUSED)
        if units is None:
            if state == "refused":
                self._missing(self._settled, f"{owed.document}: is refused, and nobody is asked")
        elif standing is None or units != standing.units:
            self.done.add(f"{owed.document}: people are asked about {units}, and it is not asked for")
        elif state != "refused":
            on_the_way = self._live or state == _IN_MONEY
            self._missing(
                self._settled or not on_the_way, f"{owed.document}: people are asked, and it is {state}"
            )

    def _missing(self, wrong: bool, text: str) -> None:
        """One side has not said or heard it: wrong, or it is on the way."""
        if wrong:
            self.done.add(text)
        else:
            self._waiting += 1
