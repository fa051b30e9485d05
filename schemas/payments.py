"""Payments, what they pay, bills and people's decisions: the events of the payments flow, and its vocabulary.

A *group* (商户组) is a set of merchants whose money belongs together: all that can match lies in one group, and a
group lies on one partition. A *due* is a receivable or a payable, known by its `document`: our order, consignment,
contract, statement or invoice number. A *payment* is money that moved through a channel, in whichever direction.
Amounts end in `_e4` (0.0001 of the currency's unit), times are UTC milliseconds. Payer identifiers appear as
tokens only (`tok-…`, a keyed hash); raw ones are in the encrypted evidence alone.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.events import Dated, Event, Instant, Name, Units, Word
from schemas.identity import content_id, guarded_id
from schemas.limits import MOST_IDENTIFIER
from schemas.money import FEN, MOST

Text = Annotated[str, Meta(max_length=1024)]
"""Free text of people or banks, without anything that could be a card number."""
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
"""ISO 4217."""
Amount = Annotated[int, Meta(gt=0, le=MOST)]
Key = Annotated[str, Meta(min_length=1, max_length=256)]
"""A payment's `key`: of an Alipay refund it has both numbers."""
Signed = Annotated[int, Meta(ge=-MOST, le=MOST)]

MOST_REFERENCES, MOST_SHARES, MOST_NAMED = 64, 256, 2_000
"""Further numbers of a due, shares of one decision, and open items that one close names."""
MOST_REASON = 256
"""Characters of why an item stays open."""
Group = Annotated[str, Meta(min_length=1, max_length=MOST_IDENTIFIER, pattern="^[^/]+$")]
"""A merchant group. Without a slash: it is part of addresses and of records' keys."""

Kind = Literal["payment", "refund", "chargeback", "transfer"]
"""payment: someone pays; refund: we give back; chargeback: the channel takes back; transfer: between own accounts."""
State = Literal["pending", "success", "failed", "closed"]
"""Only `success` is money; the others say what may still become of it, or that nothing will."""
Flow = Literal["in", "out"]
"""Money that comes to us, or leaves us."""
Sort = Literal["trade", "fund"]
"""Sort of a bill: the trades that a channel carried out, or the movements of the account that it keeps for us (a bank's
statement, 资金账单). A channel may give both; a movement is looked for in each that it gives."""
Period = Literal["day", "week", "month"]
"""日结, 周结, 月结."""
Settle = Literal["", "account", "payment"]
"""account: deducted from the party's virtual account, on credit as far as its terms allow (自动扣款、挂账);
payment: money has to come; empty: as agreed in `matching.toml`."""
DueKind = Literal["order", "consignment", "contract", "statement", "invoice", "topup"]
"""订单, 托运单, 仓储合同, 结算单, 供应商或承运商发票, 虚拟账户充值."""
ACCOUNT_CHANNEL = "account"
"""Of what is deducted from virtual accounts; no channel of `channels.toml` has this name."""


class Payment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A movement of money as a channel tells it, in one vocabulary. Its identity is `key`."""

    channel: str
    merchant: str
    """The channel's number for who is paid: 商户号, PID, 商户代码, our bank account's name in the configuration."""
    group: str
    number: str
    """The channel's number of this movement: transaction_id, refund_id, trade_no, queryId, the bank's serial."""
    kind: Kind
    state: State
    amount_e4: int
    """As kind and `direction` say; never negative."""
    time: int
    """When the channel says it happened."""
    direction: Flow = "in"
    order: str = ""
    """Our number that the payer's app or the channel carried; empty: none."""
    original: str = ""
    """Of a refund or chargeback: the channel's number of the payment that it takes back."""
    currency: str = "CNY"
    fee_e4: int | None = None
    """What the channel keeps; None: not told (the bill tells)."""
    payer: str = ""
    """Token of the payer; empty: not told."""
    text: str = ""
    """Remittance text, subject or attachment."""
    settled: date | None = None
    """The channel's settlement date; None: not told."""

    @property
    def key(self) -> str:
        """The same movement has the same key, whoever tells of it and however often."""
        return f"{self.channel}/{self.merchant}/{self.kind}/{self.number}"

    @property
    def account(self) -> str:
        """The channel's merchant, whose account the money moved on."""
        return f"{self.channel}/{self.merchant}"


class BillLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line of a channel's bill (T+1), in the words of `Payment`."""

    kind: Kind
    number: Annotated[str, Meta(min_length=1, max_length=256)]
    order: Annotated[str, Meta(max_length=256)]
    original: Annotated[str, Meta(max_length=256)]
    amount_e4: Units
    """0: the line tells only a fee of that number, which a bill of movements has in a row of its own."""
    fee_e4: Signed
    """Of a refund what the channel gives back of its fee, negative."""
    time: Instant
    direction: Flow = "in"
    state: State = "success"
    payer: Word = ""
    text: Text = ""
    currency: Currency = "CNY"


class Notification(Event, frozen=True, kw_only=True, tag="notification"):
    """What a channel said, exactly as it said it. Topic `waybook.notifications.{channel}`, key: group.

    `id` is `notification_id`, so that a repeat of the same bytes is known; `time` is when it was received.
    `headers`: names in lower case. `body`: the raw bytes (Base64 in JSON).
    """

    channel: Name
    group: Group
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""


def notification_id(channel: str, headers: Mapping[str, str], body: bytes) -> str:
    """A notification's id: the same bytes with the same headers (those that are kept) are the same notification."""
    said = (f"{name}:{headers[name]}" for name in sorted(headers))
    return guarded_id("ntf", channel, *said, body)


def exception_id(group: str, kind: str, subject: str) -> str:
    """An exception's identity: what it is about, the payment's key, the document or the day's bill."""
    return content_id("ex", group, kind, subject)


class Receivable(Dated, frozen=True, kw_only=True, tag="receivable"):
    """A due: what someone owes us (`direction` in) or we owe (out). Topic `waybook.receivables`, key: group.

    A later event (by time, then id) of the same document amends it.
    """

    group: Group
    document: Name
    kind: DueKind
    party: Name
    amount_e4: Amount
    """Of CNY whole fen."""
    direction: Flow = "in"
    currency: Currency = "CNY"
    due_day: date | None = None
    references: Annotated[tuple[Name, ...], Meta(max_length=MOST_REFERENCES)] = ()
    """Further numbers that a payer may quote: a combined order's, the consignment's, the contract's."""
    payer: Word = ""
    """Who is expected to pay: an openid or account's number, or its token (see `waybook token`), which alone stands in
    tables; empty: not known."""
    partial: bool = True
    """Whether it may be paid in parts."""
    text: Text = ""
    settle: Settle = ""
    """Only what is owed to us in CNY, and no top-up or statement, is deducted."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.currency == "CNY" and self.amount_e4 % FEN:
            raise ValueError(f"amount_e4 is {self.amount_e4}, no multiple of {FEN}")


class ReceivableCancelled(Event, frozen=True, kw_only=True, tag="receivable_cancelled"):
    """A due is no more; money that came for it has to go back or elsewhere. Topic `waybook.receivables`, key: group."""

    group: Group
    document: Name
    reason: Text = ""
    by: Word = ""


class BillLines(Dated, frozen=True, kw_only=True, tag="bill_lines"):
    """Some lines of a bill whose hash, trailer and counts were verified. Topic `waybook.bills`, key: group."""

    group: Group
    channel: Name
    merchant: Name
    bill: Name
    """Hash of the file's content."""
    day: date
    """The bill's settlement date."""
    part: Annotated[int, Meta(ge=1, lt=2**31)]
    lines: Annotated[tuple[BillLine, ...], Meta(min_length=1)]
    sort: Sort = "trade"
    statement: Word = ""
    """Which of several statements of the day it is, as the bank numbers them; empty: it does not say. A later bill of
    the same one takes its place, those of others stand beside it."""


class BillComplete(Dated, frozen=True, kw_only=True, tag="bill"):
    """All of a bill's lines have been sent. Topic `waybook.bills`, key: group, after its lines."""

    group: Group
    channel: Name
    merchant: Name
    bill: Name
    day: date
    parts: Annotated[int, Meta(ge=0, lt=2**31)]
    """0: the channel says that nothing happened on that day."""
    lines: Annotated[int, Meta(ge=0, lt=2**31)]
    paid_e4: Units
    refunded_e4: Units
    fee_e4: Signed
    file: Word = ""
    sort: Sort = "trade"
    statement: Word = ""


class BillRefused(Dated, frozen=True, kw_only=True, tag="bill_refused"):
    """A bill that is not believed: nothing of it counts. Topic `waybook.bills`, key: group."""

    group: Group
    channel: Name
    merchant: Name
    bill: Name
    day: date
    reason: Name
    """Of `schemas.reasons.BILL`."""
    detail: Text = ""
    file: Word = ""
    sort: Sort = "trade"
    statement: Word = ""
    """Empty: it was not read so far; then any bill of its day that is believed makes up for it."""


class Share(msgspec.Struct, frozen=True, gc=False):
    """So much of a payment for a document."""

    payment: Key
    """Key of the payment."""
    document: Key
    """A document; or the key of money that left, of which the payment came."""
    amount_e4: Amount


Decision = Literal["match", "write_off", "refund", "ignore", "accept", "approve", "withdraw"]


class PaymentDecided(Event, frozen=True, kw_only=True, tag="payment_decision"):
    """What a person decided about an exception, a payment or a due. Topic `waybook.payment-decisions`, key: group.

    Of two about the same thing the later one counts: by `time`, and of one moment by `id`, letter by letter, so that it
    does not matter which came first.

    match: `shares` are so, whatever the rules say; where a share's document is the key of money that left and has to
    come back (a payout, what went back beyond what was paid), its payment came of that. write_off: `amount_e4` of
    `document` is given up. refund: `amount_e4` of `payment` has to go back; all of it: no rule may use it. ignore: the
    exception sleeps until `until`. accept: the exception, which is about `amount_e4`, is accepted as it is (登记认可),
    until it is about another amount; only what no match, write-off or refund can answer; of money that does not come
    back it is a loss. approve: another person agrees to decision `of` (the four-eyes rule). withdraw: decision `of` no
    longer counts; of one that needed approval and had it, another person has to say so, too.

    Amounts of match, write_off and refund have whole hundredths of their currency's unit, which a decision does not
    name; that of accept is the exception's. write_off, accept and withdraw need a `reason`.
    """

    group: Group
    decision: Decision
    by: Name
    exception: Word = ""
    shares: Annotated[tuple[Share, ...], Meta(max_length=MOST_SHARES)] = ()
    payment: Annotated[str, Meta(max_length=256)] = ""
    document: Word = ""
    amount_e4: Units = 0
    until: Instant = 0
    of: Word = ""
    reason: Text = ""


class Named(msgspec.Struct, frozen=True, gc=False):
    """An open item that a close names, and why it stays open."""

    item: Name
    """An exception's id; or `bill/SORT/DAY`: that day's bill has not come."""
    reason: Annotated[str, Meta(min_length=1, max_length=MOST_REASON)]


class CloseAsked(Dated, frozen=True, kw_only=True, tag="close_asked"):
    """A day, week or month of a channel's merchant is to be closed. Topic `waybook.payment-decisions`, key: group.

    `first` to `last`: a day; Monday to Sunday; the first to the last of a month, in Shanghai. Refused while something
    of it is open that is not `named`.
    """

    group: Group
    channel: Name
    merchant: Name
    period: Period
    first: date
    last: date
    by: Name
    named: Annotated[tuple[Named, ...], Meta(max_length=MOST_NAMED)] = ()
    reason: Text = ""


class PreviewAsked(CloseAsked, frozen=True, kw_only=True, tag="preview_asked"):
    """What would become of such a close (试结)? Nothing is closed. Topic `waybook.payment-decisions`, key: group."""


class ReopenAsked(Event, frozen=True, kw_only=True, tag="reopen_asked"):
    """Close `of` is to be undone, by another person, for a `reason`. Topic `waybook.payment-decisions`, key: group."""

    group: Group
    channel: Name
    merchant: Name
    of: Name
    by: Name
    reason: Text = ""


class PaymentRulesPublished(Event, frozen=True, kw_only=True, tag="payment_rules"):
    """Channels, merchants, payers' tokens and matching rules. Topic `waybook.payment-control`, partition 0.

    `files`: `channels.toml`, `matching.toml`, `payers.csv`; no secrets. `version` is the content's address.
    """

    version: Name
    files: dict[str, str]
    published_by: str = ""


class DeductionAnswered(Event, frozen=True, kw_only=True, tag="deduction_answered"):
    """Whether a due was deducted from its party's virtual account. Topic `waybook.deductions`, key: group.

    A deduction that is refused waits. When the account can bear it, it is carried out and answered once more.
    """

    group: Group
    document: Name
    deduction: Name
    """The number under which it was asked for."""
    party: Name
    amount_e4: Amount
    accepted: bool
    reason: Word = ""
    """Of `schemas.reasons.ANSWER`; empty: it is deducted."""
    available_e4: Signed = 0
    """What the party may spend afterwards, its credit line included."""


class OrderStatus(Event, frozen=True, kw_only=True, tag="order_status"):
    """What is paid of a document now. Topic `waybook.order-status`, key: document.

    Sent again after a crash with the same `id`. `time` is that of the newest fact it rests on. `serial` grows by
    one with each new status of the document. Amounts are in 0.0001 of the document's currency.

    What a channel took back (chargeback) is owed again, as if it had not been paid: it is not in `paid_e4`, and the
    document is `open` or `part_paid`. What we gave back is in both `paid_e4` and `refunded_e4`. What came back of
    either itself is as if it had not gone back.
    """

    group: Group
    document: Name
    serial: Annotated[int, Meta(ge=1, lt=2**31)]
    status: Literal["open", "part_paid", "paid", "over_paid", "part_refunded", "refunded", "cancelled"]
    due_e4: Units
    paid_e4: Units
    refunded_e4: Units
    over_e4: Units = 0
    """What was paid beyond what the document asks for, and nobody has decided about: the rest of a payment, a payment
    that repeats another, one of a cancelled document, what people matched too much. A payment's rest is told of one
    document only. 0: nothing."""
    payments: tuple[str, ...] = ()


Colour = Literal["blue", "red"]
"""Of an e-invoice."""


class InvoiceRequested(Event, frozen=True, kw_only=True, tag="invoice_requested"):
    """An e-invoice is due: blue for what was paid, red for what was given back. On `waybook.invoices` by document."""

    group: Group
    document: Name
    colour: Colour
    party: Name
    amount_e4: Amount
    payment: str
    currency: Currency = "CNY"


PaymentEvent = (
    Notification
    | Receivable
    | ReceivableCancelled
    | BillLines
    | BillComplete
    | BillRefused
    | PaymentDecided
    | CloseAsked
    | PreviewAsked
    | ReopenAsked
    | PaymentRulesPublished
    | DeductionAnswered
    | OrderStatus
    | InvoiceRequested
)
