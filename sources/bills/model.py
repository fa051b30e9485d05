"""What every reader of bills takes and gives: bytes in, lines out, or the reason why the bill is refused."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import BinaryIO, Protocol

import msgspec

from schemas.payments import BillLine, Kind, Sort
from schemas.times import DAY, HOUR, MINUTE, SHANGHAI_OFFSET, date_of, day_of
from sources.bills.cells import number_of
from sources.channels.model import CutOff

MOST_BYTES = 4_000_000_000
"""Of an unpacked bill: several million lines."""
MOST_LINES = 20_000_000
PIECE_LINES = 1_000
"""Lines in one event, at most."""
MOST_DAYS = 100
"""In one file: a quarter."""
MOST_WIDTH = 65_536
"""Bytes of a line; no bill has longer ones."""


class BillError(ValueError):
    """A bill that is not believed. `reason` is a key of `schemas.reasons.BILL`.

    `detail` says where and what would be right, for people; never a value out of the bill that could be a payer's.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


def too_many_days() -> BillError:
    """Of a file that tells of more days than one can."""
    return BillError("bill_too_large", f"is of more than {MOST_DAYS} days: export fewer at a time")


class Hiding(Protocol):
    """What makes payers unknown (`sources.channels.tokens`)."""

    def token(self, identifier: str) -> str:
        """The token of a payer's identifier."""

    def scrub(self, text: str) -> str:
        """A text without anything that could be a card's number."""


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a table (CSV, Excel) has what: names of its columns; empty: it has no such column."""

    number: str
    time: str
    clock: str = ""
    """Time of day, where `time` has only the date."""
    amount: str = ""
    """What leaves us is negative, a fee, too; refunds and chargebacks leave us with either sign
    (what comes back of them, `refund_returned` and `chargeback_won` of `kinds`, comes to us). Or else `money_in` and
    `money_out`, which say it of every kind."""
    money_in: str = ""
    money_out: str = ""
    fee: str = ""
    order: str = ""
    original: str = ""
    payer: str = ""
    """Account or identifier of the other side; only its token is kept."""
    text: str = ""
    currency: str = ""
    kind: str = ""
    state: str = ""
    balance: str = ""
    """Balance after the row: each row's must follow from the one before it."""


class Totals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a table's rows of totals (合计) are known, mostly one at its end; they may stand above the rows, or share the
    sums among them (收入合计, 支出合计). What one says in the columns of amounts and fees is the sum of all other rows
    of the table, also of those that are skipped or failed."""

    column: str
    """Name of the column in which it is known; best one that customers do not write."""
    value: str
    """What stands there: `合计`, or with `*` and `?` a pattern."""
    count: str = ""
    """Name of the column in which it tells how many rows there are, as `3` or `共3笔`; empty: it does not."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sort of bill of one merchant, as `bills.toml` says."""

    channel: str
    merchant: str
    """As payments name it: the merchant's name in `channels.toml`, or else its number."""
    group: str
    format: str
    """A key of `sources.bills.formats.FORMATS`."""
    number: str = ""
    """The merchant or account as the bill writes it; left out: as `merchant`."""
    sort: Sort = "trade"
    files: str = ""
    """Pattern of the names of dropped files, with `*` and `?`."""
    charset: str = "utf-8"
    """Of tables and MT940; the other formats have their own."""
    fee_is_negative: bool = True
    """Alipay: 服务费 is written as what leaves the account."""
    kinds: dict[str, Kind | str] = {}
    """Words of the bill for what a row is, beyond those that the format knows; `skip` and, where fees have rows, `fee`
    are possible, too. A fee's row has the number of the trade that it is for: what a bank charges under a number of
    its own is a `payment`, which leaves us."""
    states: dict[str, str] = {}
    columns: Columns | None = None
    totals: Totals | None = None
    """Of a table; left out: its rows end with the file."""
    skip_rows: int = 0
    """Rows of a table before its header."""
    time_format: str = "%Y-%m-%d %H:%M:%S"
    cut_off: CutOff = "24:00"
    """When the day of a table's bill ends, in Shanghai, as `channels.toml` says of the channel."""
    several_days: bool = False
    """Whether a table's file may hold several days, of each of them all rows; if not, such a file is refused."""
    download: str = ""
    """`wechat`, `alipay` or `unionpay`: how the channel is asked; empty: files are dropped."""
    address: str = ""
    """Where the channel is asked."""
    ready: CutOff = "10:00"
    """From when on it is asked, in Shanghai on the day after the bill's: before, it may not have written the bill yet,
    and say that there is none."""
    app: str = ""
    """Alipay: our app id."""
    key: str = ""
    """File of our private key (PEM) among the keys."""
    serial: str = ""
    """WeChat, UnionPay (certId, in decimal digits): serial of our certificate."""
    certificates: tuple[str, ...] = ()
    """UnionPay: files of its certificates (PEM) among the keys. One of them has to have signed its answer; there are
    two while it changes them."""
    provider: str = ""
    """WeChat: number of the service provider (服务商) who asks for the bill, where `merchant` is one of its
    sub-merchants; key and serial are the provider's."""

    @property
    def account(self) -> str:
        """How the bill has to call the merchant."""
        return self.number or self.merchant

    def gives(self, day: date) -> int:
        """From when on (UTC ms) the channel is asked for a day's bill."""
        return (day_of(day) + 1) * DAY + _since_midnight(self.ready) - SHANGHAI_OFFSET


def _since_midnight(text: str) -> int:
    """Milliseconds until a time of day (`23:00`)."""
    hours, _, minutes = text.partition(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place in an object store that speaks S3, where files are dropped, as `bills.toml` says."""

    address: str
    """Of the store: `https://oss-cn-hangzhou.aliyuncs.com`."""
    path: str
    """Bucket, or bucket and what names begin with up to a slash: `bills/north`."""
    region: str
    key: str
    """File among the keys: the access key's id and its secret."""
    bucket_in_host: bool = False
    """Whether the store wants the bucket as part of its host's name, not of the path."""


class Asked(msgspec.Struct):
    """A file of bills that is to be read. A reader says of which day and statement what it reads is, and where it is
    another one's."""

    source: Source
    hiding: Hiding
    wanted: date | None = None
    """Whoever asks for the bill says that it has to be of this day."""
    called: date | None = None
    """The day in the file's name, which may be that on which it was exported: it counts where the bill tells none."""
    over: Callable[[], object] = lambda: None
    """Called when a statement, or what a table has of a day, was read and something else begins."""
    day: date | None = None
    """Of what is being read; None: it has not been told."""
    opened: date | None = None
    """Of a statement: the date of its opening balance. It may tell of each day from then to its own."""
    statement: str = ""
    """Which of the account's statements it is; of several of a day in a file the first."""
    told: dict[date, str] = {}
    """The days that the file has told of, in its order, each with its statement."""

    def begins(self) -> None:
        """A further statement begins, once the one before it has told its day: it has a day of its own."""
        if self.day is not None:
            self.over()
            self.day, self.opened, self.statement = None, None, ""

    def is_from(self, day: date) -> None:
        """It says of which date its opening balance is; of a statement of several pages the first counts."""
        self.opened = self.opened or day

    def is_statement(self, number: str) -> None:
        """It says which statement it is."""
        self.begins()
        self.statement = self.statement or self.hiding.scrub(number_of(number))

    def needs_day(self) -> date:
        """Its day, of a bill that tells none. Raises BillError where nobody says it."""
        if self.day is not None:
            return self.day
        day = self.wanted or self.called
        if day is None:
            what = "does not say its day, as a table without rows: call the file by its day (2025-11-11)"
            raise BillError("bill_of_another", f"{what}, or say `--day`")
        self.is_of(day, "it")
        return day

    def is_of(self, day: date, where: str) -> None:
        """It says which day it is of. Raises BillError when that is not the day that it should be."""
        if day != (due := self.day or self.wanted or day):
            raise BillError(
                "bill_of_another", f"{where} is of {day}, the bill should be of {due}{self._advice}"
            )
        self.day = day
        self._tell(day, self.statement)

    @property
    def has_balances(self) -> bool:
        """Whether balances follow from each other through what is read: what it does not tell did not happen."""
        columns = self.source.columns
        return self.opened is not None or (columns is not None and bool(columns.balance))

    def is_also_of(self, day: date) -> None:
        """What is read tells of a day before its own: it adds to what that day's own statement says, and never takes
        its place, whatever that is called. Raises BillError where one day alone is asked for."""
        if self.wanted is not None:
            what = f"tells of {day}, too, the bill should be of {self.wanted} alone: leave `--day` out"
            raise BillError("bill_of_another", what)
        self._tell(day, f"{self.statement} {self.day}".strip())

    def _tell(self, day: date, statement: str) -> None:
        self.told.setdefault(day, statement)
        if len(self.told) > MOST_DAYS:
            raise too_many_days()

    @property
    def _advice(self) -> str:
        if self.wanted is not None or self.source.columns is None:
            return ""
        return ": export each day by itself, or say in bills.toml that its files hold `several_days`"

    def has_moment(self, time: int, where: str) -> None:
        """A table's row tells of a movement at that time (UTC ms): by the channel's cut-off, of which day it is. Raises
        BillError likewise."""
        end = _since_midnight(self.source.cut_off)
        days = (time + SHANGHAI_OFFSET + DAY - end) // DAY
        if self.day is None or day_of(self.day) != days:
            if self.source.several_days:
                self.begins()
            self.is_of(date_of(days), where)

    def is_for(self, account: str, where: str) -> None:
        """The bill says whose it is. Raises BillError when it is somebody else's."""
        if account != self.source.account:
            raise BillError("bill_of_another", f"{where} is another merchant's or account's")


Reader = Callable[[BinaryIO, Asked], Iterator[BillLine]]
"""Gives a bill's lines one after the other, in bounded memory; raises BillError at the latest after the last one."""
