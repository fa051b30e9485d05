"""What a lane of the payments flow keeps: dues, payments, decisions, and what was refused."""

from collections.abc import Callable, Container
from typing import Literal

import msgspec

from flows.reconciliation.accounts import Bill, Sums
from flows.reconciliation.model import Due
from flows.reconciliation.threeway import Billed
from schemas.payments import Payment, PaymentDecided, Period, Sort, exception_id
from schemas.times import date_of

MOST_TOLD = 8
"""Different contents that are kept of one payment."""
MOST_WORDS = 200
"""Events about one due."""
RECEIPT, FEE, MATCH, DIFFERENCE, LOSS = "receipt", "fee", "match/", "difference/", "write_off/"
"""Vouchers of a payment; those of a match, and of what its rule's tolerance let pass, go on with the document, that of
money that people gave up with the payment itself."""
DecisionState = Literal["", "in_force", "waiting", "withdrawing", "withdrawn"]
"""waiting: for another person; withdrawing: it counts until another person says so, too; empty: nothing was said."""


class Booked(msgspec.Struct, array_like=True, gc=False):
    """What stands, or stood, of one voucher: a due, a receipt, a fee, a match, a write-off."""

    amount: int = 0
    revision: int = 0
    """Of what stands, or of what comes next."""
    stands: bool = False
    rule: str = ""
    """Name of the posting rule."""
    party: str = ""
    """The other side of the entry."""
    time: int = 0
    currency: str = ""
    by: str = ""
    """Of a match: name of the matching rule."""
    evidence: str = ""
    day: int = 0
    """Business day on which it is booked, where its own was closed; 0: its own."""
    voucher: str = ""
    """Of a payment's vouchers: which one it is."""


class Told(msgspec.Struct, array_like=True, gc=False):
    """An exception as it was told last."""

    kind: str
    amount: int
    evidence: str
    candidates: tuple[str, ...]
    since: int
    """Data time when it was opened."""
    until: int = 0
    """It sleeps until then; 0: it does not."""
    accepted: bool = False
    """A person has accepted it as it is: nobody is asked any more."""


class Deduction(msgspec.Struct, array_like=True, gc=False):
    """What was asked of the party's account for a due, and the answer."""

    number: str
    """Of no other deduction."""
    party: str
    amount: int
    asked: int
    """Data time at which it was asked for."""
    state: Literal["asked", "refused", "taken"] = "asked"
    reason: str = ""
    """Why it was refused; it waits all the same."""
    available: int = 0
    time: int = 0
    """When it was answered, by the accounts flow's data time."""
    booked: bool = False
    """It was taken, and is booked as a payment of the due."""
    day: int = 0
    """Business day on which it is booked, where its own was closed; 0: its own."""


class Kept(msgspec.Struct, array_like=True, gc=False):
    """How every record of the lane's ring begins."""

    key: str
    place: int
    epoch: int
    at: int
    """Data time when something was heard of it last, UTC ms."""
    finished: bool = False
    """It may be forgotten: see `over`."""


class Subject(Kept):
    """A record that people may be asked about."""

    open: tuple[Told, ...] = ()
    """Its exceptions that are true, in order of their kinds."""

    @property
    def subject(self) -> str:
        """What its exceptions are about: the document, the payment's key, the day's bill."""
        return self.key[2:]

    def exceptions(self, group: str) -> list[str]:
        """Their ids. `group`: the record's."""
        return [exception_id(group, told.kind, self.subject) for told in self.open]

    @property
    def asked(self) -> tuple[Told, ...]:
        """Those that nobody has accepted."""
        return tuple([told for told in self.open if not told.accepted])

    def has_open(self, kinds: Container[str]) -> bool:
        """Whether an exception of one of these kinds is true."""
        return any(told.kind in kinds for told in self.open)


class DueRecord(Subject, tag="d"):
    """A receivable or payable, and what is booked of it. It is finished when it is settled, and so is all that hangs
    together with it."""

    group: str = ""
    document: str = ""
    due: Due | None = None
    """By the newest word, with the time of the first one; None: only that it is cancelled."""
    newest: tuple[int, str] = (0, "")
    """Time and id of the newest word."""
    since: int = 0
    """Time of its first word."""
    cancelled: tuple[int, str] = (0, "")
    """Time and id of the newest cancellation."""
    settled: bool = False
    """Numbers and decisions alone leave nothing of it open."""
    words: tuple[tuple[str, int], ...] = ()
    """Id and hash of the content of each event."""
    booked: Booked | None = None
    written_off: Booked | None = None
    serial: int = 0
    status: tuple[str, int, int, int, tuple[str, ...]] = ("", 0, 0, 0, ())
    """What was said of it last: status, due, paid, refunded, payments."""
    deduction: Deduction | None = None
    """What should be taken from the party's account, or is."""
    asks: int = 0
    """How often that was asked for."""
    over: int = 0
    """What was said of it last: how much was paid beyond what it asks for."""

    @property
    def subject(self) -> str:
        """The document."""
        return self.document


class PaymentRecord(Subject, tag="p"):
    """A payment, what was told of it, and what is booked of it. `key` is the ring's, with the group.

    Millions of them may be open, so short tuples stand where dictionaries would be handier.
    """

    told: tuple[Payment, ...] = ()
    """Different contents of its notifications, in order of their bytes."""
    seen: bytes = b""
    """Hashes of the notifications' ids, eight bytes each."""
    booked: tuple[Booked, ...] = ()
    """Its vouchers: see `RECEIPT`."""
    pooled: bool = False
    """No number leads from it to a due."""
    again: int = 0
    """Data time from which on what it hangs together with may come to something else; 0: never."""
    billed: tuple[Billed, ...] = ()
    """What bills have of it."""
    aside: tuple[Billed, ...] = ()
    """What bills have of it that do not count: another one of their day does."""

    @property
    def by_bill(self) -> tuple[Payment, ...]:
        """As bills tell it, from when no notification had told that money moved."""
        return tuple(said for one in self.billed for said in one.said if said.amount_e4)

    @property
    def alone(self) -> tuple[Payment, ...]:
        """The fees that bills tell of it: of no amount."""
        return tuple(said for one in self.billed for said in one.said if not said.amount_e4)

    @property
    def former(self) -> tuple[Payment, ...]:
        """As bills tell it that do not count; where they tell no money, its fees."""
        said = tuple(said for one in self.aside for said in one.said)
        return tuple(one for one in said if one.amount_e4) or said

    @property
    def known(self) -> tuple[Payment, ...]:
        """What is known of it, by whoever knows best."""
        return self.told or self.by_bill or self.alone or self.former

    @property
    def group(self) -> str:
        """Its merchant's group."""
        return self.known[0].group if self.known else ""

    @property
    def documents(self) -> list[str]:
        """Documents that it is booked for."""
        return [one.voucher.removeprefix(MATCH) for one in self.booked if one.voucher.startswith(MATCH)]

    def has_heard(self, mark: bytes) -> bool:
        """Whether a notification was taken, by the hash of its id."""
        return any(self.seen[at : at + 8] == mark for at in range(0, len(self.seen), 8))

    def of_voucher(self, voucher: str) -> Booked | None:
        """What stands, or stood, of a voucher."""
        return next((one for one in self.booked if one.voucher == voucher), None)

    def to_book(self, voucher: str) -> Booked:
        """The same, begun where there was nothing."""
        booked = self.of_voucher(voucher)
        if booked is None:
            booked = Booked(voucher=voucher)
            self.booked += (booked,)
        return booked


class DecisionRecord(Subject, tag="k"):
    """A person's decision, who agreed to it and who withdrew it; or what came before it."""

    said: PaymentDecided | None = None
    content: int = 0
    """Hash of what was said, also of a close and its undoing, which are kept elsewhere; 0: nothing was."""
    approved: dict[str, int] = {}
    """Who agreed, and the time of the first word."""
    withdrawn: dict[str, int] = {}
    """Who said that it no longer counts, likewise."""
    state: DecisionState = ""
    """As it was told last."""

    @property
    def subject(self) -> str:
        """The decision's id."""
        return self.key.split("/", 2)[2]


class DayRecord(Subject, tag="y"):
    """A day's bill of one sort for a merchant: whether it has come, and whether it is missed."""

    finished: bool = True
    group: str = ""
    channel: str = ""
    merchant: str = ""
    sort: Sort = "trade"
    day: int = 0
    bills: dict[str, Bill] = {}
    """Those that have begun to come, by their files' hashes."""
    refused: dict[str, tuple[str, str]] = {}
    """Those that are not believed: their statements, and why."""
    expected: bool = False
    """Money was notified that has to be in it."""

    def counts(self, statement: str) -> str:
        """Which bill of a statement counts: of those that are whole the latest by its time, then its name; while none
        is, one of those that have begun. Empty: there is none."""
        mine = [name for name, bill in self.bills.items() if bill.statement == statement]
        return max(
            mine, key=lambda name: (self.bills[name].is_whole and self.bills[name].time, name), default=""
        )

    @property
    def said(self) -> Sums:
        """What its bills that count come to, as far as they are whole."""
        counting = {self.counts(bill.statement) for bill in self.bills.values()}
        whole = [self.bills[name].said for name in sorted(counting) if self.bills[name].is_whole]
        return Sums(*map(sum, zip(Sums(), *whole, strict=True)))

    @property
    def doubted(self) -> dict[str, str]:
        """Bills that are not believed and in whose place no other one is, and why; a bill that does not say which
        statement it is, any other of the day makes up for."""
        whole = {bill.statement for bill in self.bills.values() if bill.is_whole}
        return {
            name: why
            for name, (statement, why) in self.refused.items()
            if not whole or (statement and statement not in whole)
        }


class AccountRecord(Kept, tag="a"):
    """A channel's merchant: which days' bills have come as wholes. It never leaves, so that nothing is missed again."""

    channel: str = ""
    merchant: str = ""
    whole: dict[Sort, list[int]] = {}
    """By sort: days since 1970-01-01, in order."""


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A close that nobody has undone. Days are days since 1970-01-01."""

    close: str
    """Id of the command."""
    period: Period
    first: int
    last: int
    by: str
    before: int = -1
    """Of a day: until which day it was closed before."""
    suspense: int = 0
    """Of a day: what was in suspense then."""


class ClosingRecord(Kept, tag="c"):
    """Until where a channel's merchant is closed. It never leaves."""

    account: str = ""
    """channel/merchant."""
    upto: int = -1
    """Closed until this day, and what was in suspense at its end."""
    suspense: int = 0
    standing: tuple[Standing, ...] = ()
    """Closes that may still be undone, in order of their making."""
    named: dict[str, tuple[str, str]] = {}
    """Open items that a standing close names: the close and the reason."""


class SumsRecord(Kept, tag="f"):
    """What is booked on one day of a channel's merchant; it stays until its month can no longer be closed."""

    account: str = ""
    day: int = 0
    sums: list[int] = []
    """See `figures`."""


class Register(Kept, tag="r"):
    """The dues that were first told of in epochs of one place of the ring, with whose segment it is stored anyway. It
    never leaves, so that a due that has left is known."""

    dues: bytearray = msgspec.field(default_factory=bytearray)
    """Hashes of their keys, of eight bytes each."""


class Note(Kept, tag="n"):
    """A dead letter, or a note about one."""

    finished: bool = True
    replayed: bool = False
    """A dead letter was sent again, so that the same bytes open it again."""


Record = (
    DueRecord
    | PaymentRecord
    | DecisionRecord
    | DayRecord
    | AccountRecord
    | ClosingRecord
    | SumsRecord
    | Register
    | Note
)
_DAY = "y/"
BILL = "bill/"
"""How an open item begins that is a bill which has not come; its sort and day follow."""


def over(kept: int) -> Callable[[Record, int], bool]:
    """Forget what is finished `kept` ms of data time after the last word of it."""

    def is_over(record: Record, now: int) -> bool:
        return record.finished and record.at < now - kept

    return is_over


def due_key(group: str, document: str) -> str:
    """Key of a due's record."""
    return f"d/{group}/{document}"


def payment_key(payment: str) -> str:
    """Key of a payment's record."""
    return f"p/{payment}"


def decision_key(group: str, decision: str) -> str:
    """Key of a decision's record."""
    return f"k/{group}/{decision}"


def day_key(channel: str, merchant: str, sort: Sort, day: int) -> str:
    """Key of the record of a day's bill."""
    return f"{_DAY}{channel}/{merchant}/{sort}/{date_of(day)}"


def account_key(channel: str, merchant: str) -> str:
    """Key of the record of a channel's merchant."""
    return f"a/{channel}/{merchant}"


def closing_key(account: str) -> str:
    """Key of the record of a channel's merchant's closes."""
    return f"c/{account}"


def sums_key(account: str, day: int) -> str:
    """Key of the record of what is booked on a day."""
    return f"f/{account}/{day}"


def register_key(place: int) -> str:
    """Key of the register of a place of the ring."""
    return f"r/{place}"
