"""One affair between someone who owes and us: dues, movements of money, what channels tell of them, and the truth.

A story says what happens by `due`, `pay`, `refund`, `cancel` and `decide`; the case notes when everything is said and
what must come of it. Times are UTC ms, amounts fen. Movements are `Payment`s whose payer is raw: an openid, an account.
"""

import random
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from schemas.money import FEN
from schemas.payments import (
    Decision,
    DueKind,
    Flow,
    Kind,
    Payment,
    PaymentDecided,
    Receivable,
    ReceivableCancelled,
    Settle,
    State,
)
from schemas.times import HOUR, MINUTE, SECOND, business_day, date_of
from sources.network.paying.merchants import (
    ALIPAY,
    APART,
    BANK,
    KNOWN,
    OTHER,
    UNIONPAY,
    WECHAT,
    account,
    customer,
    merchant,
)

Spoiled = Literal["", "forged", "altered", "unknown_key", "stranger", "stale", "truncated"]
"""What is wrong with a notification."""
IMITATED: tuple[Spoiled, ...] = ("forged", "altered", "stranger")
"""Of those: nobody paid us anything."""
Billed = Literal[
    "", "short", "bill_amount", "bill_fee", "bill_currency", "bill_duplicate", "bill_status", "fee_alone"
]
"""What is wrong with a movement in its bill, in the words of `schemas.reasons.EXCEPTION`."""
BILLED_WRONG: tuple[Billed, ...] = ("short", "bill_amount", "bill_duplicate")
IN_TABLES = (BANK, OTHER)
"""Channels whose bills tell currencies and what failed, and no fees; those of the others may be wrong about fees."""
REASONS: dict[Spoiled, str] = {
    "forged": "signature_wrong",
    "altered": "signature_wrong",
    "unknown_key": "unknown_key",
    "stranger": "unknown_merchant",
    "stale": "stale_notification",
    "truncated": "",
}
"""And why it is refused, in the words of `schemas.reasons.DEAD_LETTER`; empty: as it comes."""
NUMBERED: dict[DueKind, str] = {
    "order": "DD",
    "consignment": "TY",
    "contract": "HT",
    "statement": "JS",
    "invoice": "FP",
    "topup": "CZ",
}
"""How document numbers begin: 订单, 托运单, 合同, 结算单, 发票, 充值. Ten digits follow; with more they could be
taken for numbers of cards."""


CASHIER, ACCOUNTANT = "cashier", "accountant"
"""Who decides, and who agrees."""
BACK: dict[Kind, str] = {"refund": "退款", "chargeback": "拒付"}
"""Text of money that goes back."""
PAYS_OUT, COMES_BACK = "市场收款机提现", "提现退回"
"""How the bank's text begins where the till has paid out, and what the till writes of what came back."""
Comes = Literal["credit", "back", "nameless", ""]
"""What becomes of a payout: the bank's credit, the money comes back and names it or does not, or nothing."""
BEFORE_MIDNIGHT = HOUR // 2
"""What happens so shortly before midnight stands in the next bill of these channels."""
SHIFTED = (ALIPAY, UNIONPAY)


class Told(msgspec.Struct, frozen=True):
    """A movement is told at a time. `serial` is unique; `repeat`: the channel tells the same again; `together`: further
    movements of which the same notification tells."""

    at: int
    serial: str
    movement: Payment
    spoiled: Spoiled = ""
    repeat: bool = False
    together: tuple[Payment, ...] = ()


class Said(msgspec.Struct, frozen=True):
    """The business system says something of a due at a time, or a person decides something."""

    at: int
    event: Receivable | ReceivableCancelled | PaymentDecided


class PaymentTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a movement; what bills make of it depends on which were given (`ledger`)."""

    payment: str
    story: str
    kind: Kind
    direction: Flow
    amount_e4: int
    currency: str
    told: bool
    """Whether a notification that can be believed was sent; otherwise only the bill knows."""
    shares: dict[str, int]
    """For which documents the money is, e4; of a refund: from which it is taken back."""
    decidable: bool = True
    """Whether rules or people can know that from what they are told."""
    exception: str = ""
    """What a person has to look at, in the words of `schemas.reasons.EXCEPTION`, whatever bills say."""
    day: int
    """In whose bill it has to be, days since 1970-01-01."""
    billed_on: int
    """In whose bill it is; -1: in none."""
    billed: Billed = ""
    """What is wrong with it there."""
    original: str = ""
    """Of money that goes back: the payment that it takes back; of what came of a payout: the payout."""


class DecisionTruth(msgspec.Struct, frozen=True):
    """A person decided."""

    event_id: str
    exception: str = ""
    """What a person has to look at because of it, in the words of `schemas.reasons.EXCEPTION`."""


class Affair(msgspec.Struct, frozen=True, kw_only=True):
    """All that happens in a case."""

    said: Sequence[Said]
    told: Sequence[Told]
    movements: Sequence[tuple[Payment, Billed]]
    """What happened, told or not, and how its bill tells it."""
    truth: Sequence[PaymentTruth]
    decided: Sequence[DecisionTruth]
    refused: Sequence[str]
    """Reasons for which notifications are refused."""


class Chances(msgspec.Struct, frozen=True):
    """How often channels and business systems misbehave, per notification."""

    repeated: float = 0.08
    """Told again, up to a day later."""
    late: float = 0.05
    """Told hours after it happened."""
    due_late: float = 0.04
    """Of dues: told after they were paid."""
    billed: bool = False
    """Channels give bills: what nobody has told is known on the next morning."""
    billed_wrong: float = 0.02
    """Of movements that are told, where there are bills: the bill is wrong about them."""


class Case:
    """Made for one story. `number` is unique; the same seed and number make the same affair."""

    def __init__(self, story: str, number: int, group: str, at: int, seed: int, chances: Chances) -> None:
        self.story, self.number, self.group, self.at = story, number, group, at
        self.r = random.Random(f"{seed}/paying/{number}")
        self.payer = 1 + number % KNOWN
        """Number of the customer."""
        self._chances = chances
        self._said: list[Said] = []
        self._told: list[Told] = []
        self._movements: list[tuple[Payment, Billed]] = []
        self._truth: list[PaymentTruth] = []
        self._decided: list[DecisionTruth] = []
        self._refused: list[str] = []
        self._count = 0

    @property
    def billed(self) -> bool:
        """Whether channels give bills."""
        return self._chances.billed

    @property
    def party(self) -> str:
        """Who owes."""
        return customer(self.payer)

    @property
    def payer_apart(self) -> int:
        """Number of a known customer who pays in no other story: what it owes does not come into question there."""
        return KNOWN + 1 + self.number % APART

    def amount(self) -> int:
        """Some fen: mostly small, never the same twice in a while."""
        return round(self.r.lognormvariate(9.2, 1.1)) + 100

    def due(
        self,
        kind: DueKind,
        amount: int,
        *,
        direction: Flow = "in",
        references: tuple[str, ...] = (),
        party: str = "",
        payer: str = "",
        partial: bool = True,
        days: int = 0,
        settle: Settle = "",
    ) -> Receivable:
        """Someone owes, from now on; `days` until it is due."""
        number = self._next()
        document = f"{NUMBERED[kind]}{number:>010}"
        told = Receivable(
            id=f"due-{number}",
            time=self.at,
            group=self.group,
            document=document,
            kind=kind,
            party=party or self.party,
            amount_e4=amount * FEN,
            direction=direction,
            due_day=date_of(business_day(self.at) + days),
            references=references,
            payer=payer,
            partial=partial,
            settle=settle,
        )
        late = self.r.random() < self._chances.due_late
        self._said.append(Said(self.at + (self.r.randint(1, 5) * HOUR if late else 0), told))
        return told

    def decide(
        self, decision: Decision, hours: int, by: str = CASHIER, *, exception_of: str = "", **said: Any
    ) -> PaymentDecided:
        """A person decides, so many hours after all that was told before. `said`: fields of the event. `exception_of`:
        what a person has to look at because of it."""
        before = [one.at for one in self._said] + [one.at for one in self._told]
        at = max(before) + hours * HOUR
        event = PaymentDecided(
            id=f"decision-{self._next()}", time=at, group=self.group, decision=decision, by=by, **said
        )
        self._decided.append(DecisionTruth(event.id, exception_of))
        self._said.append(Said(at, event))
        return event

    def cancel(self, due: Receivable, minutes: int) -> None:
        """The due is no more, so many minutes after it was told."""
        at = max(said.at for said in self._said if said.event is due) + minutes * MINUTE
        event = ReceivableCancelled(
            id=f"{due.id}-x", time=at, group=self.group, document=due.document, reason="取消", by="业务系统"
        )
        self._said.append(Said(at, event))

    def pay(
        self,
        channel: str,
        amount: int,
        dues: Sequence[Receivable] = (),
        *,
        order: str = "",
        text: str = "",
        minutes: tuple[int, int] = (1, 120),
        shares: dict[str, int] | None = None,
        known: bool = False,
        told: bool = True,
        spoiled: Spoiled = "",
        decidable: bool = True,
        exception: str = "",
        currency: str = "CNY",
        direction: Flow = "in",
        state: State = "success",
        billed: Billed = "",
    ) -> Payment:
        """Money for these dues, filled in their order, or as `shares` say (fen, by document).

        known: from the customer's own account. told: the channel notifies it, as it is then (`state`). spoiled: nobody
        can believe it. billed: what is wrong with it in its bill.
        """
        at = self.at + self.r.randint(minutes[0] * MINUTE, minutes[1] * MINUTE) // SECOND * SECOND
        made = self._paid(
            channel,
            at,
            amount,
            direction=direction,
            order=order,
            payer=account(self.payer) if known else self.stranger(channel),
            text=text,
            currency=currency,
        )
        told = told and not spoiled
        if spoiled not in IMITATED:
            moved = state == "success"
            self._happened(
                made,
                told and moved,
                shares or _shared(amount, dues),
                decidable,
                exception,
                billed if moved else "bill_status",
            )
        if spoiled:
            self._spoil(made, spoiled)
        elif told:
            self._tell(made if state == "success" else replace(made, state=state))
        return made

    def pay_together(self, dues: Sequence[Receivable]) -> list[Payment]:
        """A combined order of WeChat's (合单): a payment for each of these dues, all told by one notification."""
        at = self.at + self.r.randint(MINUTE, 120 * MINUTE) // SECOND * SECOND
        payer = self.stranger(WECHAT)
        made = [self._paid(WECHAT, at, due.amount_e4 // FEN, order=due.document, payer=payer) for due in dues]
        for one, due in zip(made, dues, strict=True):
            self._happened(one, True, {due.document: due.amount_e4 // FEN}, True, "")
        self._tell(*made)
        return made

    def unheard(self, channel: str, amount: int) -> Payment:
        """A payment that never was, for those who tell of it."""
        return self._paid(channel, self.at, amount, payer=self.stranger(channel))

    def tell_again(self, payment: Payment, **otherwise: Any) -> None:
        """The channel tells a movement again, with other words."""
        self._told.append(Told(payment.time + HOUR, self._next(), replace(payment, **otherwise)))

    def charge(self, channel: str, amount: int) -> None:
        """The channel takes a fee under a number that is no trade's; its bill alone tells."""
        made = self._paid(channel, self.at, 0, direction="out", text="账户手续费", fee_e4=amount * FEN)
        self._happened(made, False, {}, True, "", "fee_alone")

    def pay_out(self, amount: int, comes: Comes) -> None:
        """The till pays out to the bank, which only its bill tells; so does what becomes of it, but for the credit."""
        paid = self._paid(OTHER, self.at, amount, direction="out", text="提现")
        out = replace(paid, kind="transfer")
        self._happened(out, False, {out.key: amount}, True, "")
        at = self.at + self.r.randint(1, 60) * MINUTE
        if comes == "credit":
            credit = self._paid(BANK, at, amount, payer=self.stranger(BANK), text=f"{PAYS_OUT} {out.number}")
            self._happened(credit, True, {out.key: amount}, True, "", of=out.key)
            self._tell(credit)
        elif comes:
            named = out.number if comes == "back" else ""
            at += self.r.choice((0, 12, 24)) * HOUR
            back = replace(self._paid(OTHER, at, amount, text=COMES_BACK, original=named), kind="transfer")
            exception = "" if named else "return_orphan"
            self._happened(back, False, {out.key: amount} if named else {}, True, exception)

    def win(self, taken: Payment, shares: dict[str, int]) -> None:
        """The channel gives back what it took (拒付申诉成功), which only its bill tells; `shares`: fen, by document."""
        at = taken.time + self.r.randint(60, 1_500) * MINUTE
        number = self._number(taken.channel, at)
        won = replace(taken, number=number, time=at, direction="in", text="拒付申诉成功")
        self._happened(won, False, shares, True, "")

    def refund(
        self,
        payment: Payment,
        amount: int,
        shares: dict[str, int] | None = None,
        *,
        minutes: tuple[int, int] = (30, 600),
        kind: Kind = "refund",
        before: bool = False,
        decidable: bool = True,
        exception: str = "",
    ) -> Payment:
        """Money goes back, or the channel takes it back (`kind`). `before`: it is told before its payment is."""
        at = payment.time + self.r.randint(minutes[0] * MINUTE, minutes[1] * MINUTE) // SECOND * SECOND
        number = self._number(payment.channel, at)
        made = Payment(
            channel=payment.channel,
            merchant=payment.merchant,
            group=self.group,
            number=f"{payment.number}/{number}" if payment.channel == ALIPAY else number,
            kind=kind,
            state="success",
            amount_e4=amount * FEN,
            time=at,
            direction="out",
            order=payment.order,
            original=payment.number,
            payer=payment.payer,
            text=BACK[kind],
        )
        self._happened(made, True, shares or {}, decidable, exception)
        self._tell(made)
        if before:
            last = max(told.at for told in self._told if told.movement is made)
            self._told = [
                replace(told, at=last + (n + 1) * MINUTE) if told.movement is payment else told
                for n, told in enumerate(self._told)
            ]
        return made

    def affair(self) -> Affair:
        """All that was told so far."""
        return Affair(
            said=self._said,
            told=self._told,
            movements=self._movements,
            truth=self._truth,
            decided=self._decided,
            refused=self._refused,
        )

    def _paid(self, channel: str, at: int, amount: int, **facts: Any) -> Payment:
        """A payment of so many fen. `facts`: fields of it."""
        return Payment(
            channel=channel,
            merchant=merchant(channel, self.group).called,
            group=self.group,
            number=self._number(channel, at),
            kind="payment",
            state="success",
            amount_e4=amount * FEN,
            time=at,
            **facts,
        )

    def _happened(
        self,
        made: Payment,
        told: bool,
        shares: dict[str, int],
        decidable: bool,
        exception: str,
        billed: Billed = "",
        of: str = "",
    ) -> None:
        if told and not exception and not billed:
            billed = self._billed(made)
        self._movements.append((made, billed))
        self._truth.append(
            PaymentTruth(
                payment=made.key,
                story=self.story,
                kind=made.kind,
                direction=made.direction,
                amount_e4=made.amount_e4,
                currency=made.currency,
                told=told,
                shares={document: amount * FEN for document, amount in shares.items()},
                decidable=decidable,
                exception=exception,
                day=business_day(made.time),
                billed_on=-1 if billed == "short" or not self.billed else billed_on(made),
                billed="" if billed == "short" else billed,
                original=f"{made.account}/{_takes_from(made)}/{made.original}" if made.original else of,
            )
        )

    def _billed(self, made: Payment) -> Billed:
        if not self.billed or self.r.random() >= self._chances.billed_wrong:
            return ""
        other: Billed = "bill_currency" if made.channel in IN_TABLES else "bill_fee"
        return self.r.choice((*BILLED_WRONG, other))

    def _tell(self, made: Payment, *together: Payment) -> None:
        late = self.r.random() < self._chances.late
        at = made.time + (self.r.randint(1, 20) * HOUR if late else self.r.randint(1, 5) * SECOND)
        told = Told(at, self._next(), made, together=together)
        self._told.append(told)
        if self.r.random() < self._chances.repeated:
            again = at + self.r.choice((15 * SECOND, MINUTE, 30 * MINUTE, 3 * HOUR))
            self._told.append(replace(told, at=again, repeat=True))

    def _spoil(self, made: Payment, spoiled: Spoiled) -> None:
        at = made.time + (100 * HOUR if spoiled == "stale" else 2 * SECOND)
        self._told.append(Told(at, self._next(), made, spoiled))
        self._refused.append(REASONS[spoiled])

    def _next(self) -> str:
        self._count += 1
        return f"{self.number}{self._count:02d}"

    def _number(self, channel: str, at: int) -> str:
        """The channel's number of a movement."""
        serial = int(self._next())
        day = date_of(business_day(at))
        return {
            "wechat": f"42000{day:%Y%m%d}{serial:015d}",
            "alipay": f"{day:%Y%m%d}22001{serial:015d}",
            "unionpay": f"{day:%Y%m%d}{serial:013d}",
        }.get(channel, f"T{serial:012d}")

    def stranger(self, channel: str) -> str:
        """A payer's identifier in a channel that nobody has seen before."""
        serial = self.r.randrange(10**9)
        return {
            "wechat": f"oUpF8u{serial:022d}",
            "alipay": f"2088{serial:012d}",
            "unionpay": f"6226********{serial % 10_000:04d}",
        }.get(channel, f"6217{serial:015d}")


def _takes_from(movement: Payment) -> Kind:
    """Of what kind the movement is that one names."""
    return "transfer" if movement.kind == "transfer" else "payment"


def billed_on(movement: Payment) -> int:
    """The day in whose bill a movement stands, days since 1970-01-01."""
    return business_day(movement.time + (BEFORE_MIDNIGHT if movement.channel in SHIFTED else 0))


def _shared(amount: int, dues: Iterable[Receivable]) -> dict[str, int]:
    """What of an amount is for which document, in their order."""
    shares, left = {}, amount
    for due in dues:
        if share := min(left, due.amount_e4 // FEN):
            shares[due.document] = share
            left -= share
    return shares
