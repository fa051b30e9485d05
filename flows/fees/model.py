"""Dues and fees as values.

A *due* is what is assessed as one: the delivery fee is one due and two charges, collected from the origin
outlet and paid on to the destination outlet. A *fee* is what one charge is for.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, Self

import msgspec

from flows.journal.rules import PostingRules, Role

Trigger = Literal[
    "",
    "ordered",
    "picked_up",
    "weighed",
    "signed",
    "hub_passed",
    "bagged",
    "claimed",
    "stay_opened",
    "stay_day",
    "stay_closed",
    "hauled",
    "stay_month",
    "parcel_month",
]
Amount = Literal["tariff", "payment", "cod", "claim", "share"]
PRICED = ("tariff", "claim", "share")
"""Sources of amounts for which a tariff is asked."""
Declared = Literal["", "payment", "insured", "cod"]
Direction = Literal["", "forward", "return", "redirect"]

ORDERS_PARTIES = ("customer", "origin", "destination", "headquarters")
"""Roles that the order alone decides; all others are looked up for each charge and kept with it."""
AT_SITES = ("hub_passed", "bagged")
"""Triggers of what is charged once a site."""
OF_STAYS = ("stay_opened", "stay_day", "stay_closed")
"""Triggers in a stay's life."""
OF_MONTHS = ("stay_month", "parcel_month")
"""Triggers of what is owed for a customer's month when it is over."""
OF_STORES = (*OF_STAYS, "hauled", *OF_MONTHS)
"""Triggers of what stores do for their customers, and of customers' months; all others are in a parcel's life."""
STAYS_PARTIES = ("storer", "headquarters")
"""Roles that a stay, or what else a store does, decides."""
MOST_PLAIN = 63
"""So many plain dues, whose parties the order alone decides: each is a bit of a 64-bit number in a parcel's record."""


class Due(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[due]]` of fees.toml, which explains the fields."""

    name: str
    zh: str
    en: str
    trigger: Trigger = ""
    amount: Amount = "tariff"
    price: str = ""
    required: bool = False
    needs: Declared = ""
    parcels: Direction = ""
    fees: tuple[str, ...] = ()
    share_of: str = ""
    month_of: str = ""
    blames: Role | Literal[""] = ""
    rewards: Role | Literal[""] = ""


def is_named(due: Due, rules: PostingRules) -> bool:
    """See `Fees.named`."""
    roles = {role for fee in due.fees for role in (rules.rules[fee].payer, rules.rules[fee].payee)}
    return due.trigger in (*AT_SITES, "claimed") or not roles <= set(ORDERS_PARTIES)


class Fees(msgspec.Struct, frozen=True):
    """All dues and the posting rules of their fees: plain dues first, in their places, those of stores last."""

    dues: tuple[Due, ...]
    rules: PostingRules
    names: tuple[str, ...]
    """Fees of charges; a fee's code is its place here."""

    @classmethod
    def of(cls, dues: Iterable[Due], rules: PostingRules) -> Self:
        """Dues in the order of fees.toml."""
        found = sorted(dues, key=lambda due: (due.trigger in OF_STORES, is_named(due, rules)))
        return cls(tuple(found), rules, tuple(fee for due in found for fee in due.fees))

    @property
    def version(self) -> str:
        """Hash of the documents."""
        return self.rules.version

    def codes(self, due: Due) -> tuple[int, ...]:
        """Codes of the fees that are charged for a due."""
        return tuple(map(self.names.index, due.fees))

    def named(self, due: Due) -> bool:
        """Whether a due's parties or its number of charges are not the order's alone: what is not plain."""
        return is_named(due, self.rules)

    @property
    def plain(self) -> tuple[Due, ...]:
        """Plain dues, each in its place."""
        return tuple(due for due in self.dues if not self.named(due))

    @property
    def finished(self) -> int:
        """Places of the dues that are booked once in every parcel's life, as a bit set."""
        return self._always("picked_up", "weighed", "signed")

    @property
    def undelivered(self) -> int:
        """The same, of a parcel that went back or on before it was signed for."""
        return self._always("picked_up", "weighed")

    def _always(self, *triggers: Trigger) -> int:
        return sum(
            1 << place
            for place, due in enumerate(self.plain)
            if due.required and due.trigger in triggers and not (due.needs or due.parcels)
        )

    @property
    def prices(self) -> Mapping[str, str]:
        """Names that a price table can be for, and the due that such a price is a share of; empty: of none."""
        return {due.price: due.share_of for due in self.dues if due.price}

    @property
    def labels(self) -> Mapping[str, tuple[str, str]]:
        """Chinese and English by the name of a due or a fee; a fee's own label counts."""
        of_fees = {name: (rule.zh, rule.en) for name, rule in self.rules.rules.items() if rule.zh}
        return {due.name: (due.zh, due.en) for due in self.dues} | of_fees
