"""What people and systems ask of a party's virtual accounts: the bodies of `Command` events, by name.

Topic `waybook.commands`, key and `subject`: the party. Amounts are in units of 0.0001 yuan. A command is known by
its subject and id: the same again is a repeat, with other content a conflict. Each is answered on
`waybook.answers` (`schemas.events.Answer`).
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.events import Fen, Name, ReplyTo, Units, Word
from schemas.money import MOST, WHOLE_FEN

Amount = Annotated[int, Meta(gt=0, le=MOST), WHOLE_FEN]
"""An amount that is not nothing."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command's own fields."""


class TopUp(Body, frozen=True, kw_only=True):
    """充值: money came in from outside for the cash account. `reference`: the bank's or channel's number."""

    amount_e4: Amount
    reference: Word = ""


class Withdraw(Body, frozen=True, kw_only=True):
    """提现: money of the party's own goes out of the cash account."""

    amount_e4: Amount
    reference: Word = ""


class Hold(Body, frozen=True, kw_only=True):
    """冻结: money is kept for a purpose. The hold's number is this command's id."""

    amount_e4: Amount
    purpose: Literal["withdraw", "purchase"]


class Release(Body, frozen=True, kw_only=True):
    """解冻: a hold is given up."""

    hold: Name


class Capture(Body, frozen=True, kw_only=True):
    """Money that was held is used for its purpose; what is not used is free again. 0: all of it."""

    hold: Name
    amount_e4: Fen = 0


class Purchase(Body, frozen=True, kw_only=True):
    """购买物料、面单: paid at once from the balance, and from the credit line where the terms allow it.

    `item` stands in the published price list (`materials.csv`), whose price holds where none is given.
    """

    item: Name
    quantity: Annotated[int, Meta(gt=0, le=1_000_000_000)]
    unit_price_e4: Units | None = None


class DepositIn(Body, frozen=True, kw_only=True):
    """缴纳保证金: from cash to the deposit account."""

    amount_e4: Amount


class DepositOut(Body, frozen=True, kw_only=True):
    """退还保证金: from the deposit account to cash."""

    amount_e4: Amount


class SetTerms(Body, frozen=True, kw_only=True):
    """The party's terms from now on: prepaid, or on credit up to a limit; below what to give notice (0: never)."""

    kind: Literal["prepaid", "credit"]
    credit_limit_e4: Units = 0
    low_balance_e4: Units = 0


class Admit(Body, frozen=True, kw_only=True):
    """入库准入: may the party's goods enter a store? Only if it can still pay: so much, or anything at all (0).

    Nothing is moved or held. `reply_to`: the device that asks.
    """

    stay: Word = ""
    amount_e4: Units = 0
    reply_to: ReplyTo = ""


BODIES: dict[str, type[Body]] = {
    "top_up": TopUp,
    "withdraw": Withdraw,
    "hold": Hold,
    "release": Release,
    "capture": Capture,
    "purchase": Purchase,
    "deposit_in": DepositIn,
    "deposit_out": DepositOut,
    "set_terms": SetTerms,
    "admit": Admit,
}
"""Commands that the accounts flow carries out."""
