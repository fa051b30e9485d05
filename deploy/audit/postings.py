"""The published fees and posting rules, as the auditor reads them from the tables `fee`, `posting_rule` and `account`.

That the rules themselves balance and mirror is asked in `rules.py`; what they lead to is computed again from here.
"""

from collections.abc import Mapping, Sequence

import msgspec

from deploy.audit.store import Store


class Leg(msgspec.Struct, frozen=True):
    """One journal row of a charge: in whose book (`payer`, `payee`), on which account and side."""

    of: str
    account: str
    side: str


class Fee(msgspec.Struct, frozen=True):
    """What a charge is for: the roles that it is between, and its legs."""

    name: str
    payer: str
    payee: str
    legs: tuple[Leg, ...]


class Due(msgspec.Struct, frozen=True):
    """What is assessed as one, with the fees that are charged for it. See the table `fee` for the fields."""

    name: str
    place: int
    trigger: str
    source: str
    price: str
    required: bool
    needs: str
    parcels: str
    share_of: str
    share_bp: int
    blames: str
    rewards: str
    fees: tuple[Fee, ...]

    @property
    def plain(self) -> bool:
        """Whether the order alone tells who pays whom, and how often."""
        roles = {role for fee in self.fees for role in (fee.payer, fee.payee)}
        known = {"customer", "origin", "destination", "headquarters"}
        return self.trigger not in ("hub_passed", "claimed") and roles <= known

    def live(self, priced: frozenset[str]) -> bool:
        """Whether it can come to anything when these fees have prices."""
        if self.source == "share":
            return self.share_bp > 0
        return self.required or self.source != "tariff" or self.price in priced


class Postings(msgspec.Struct, frozen=True):
    """The newest rules."""

    dues: tuple[Due, ...]
    """In their places."""

    def by_trigger(self, trigger: str) -> list[Due]:
        """Dues that something makes due."""
        return [due for due in self.dues if due.trigger == trigger]

    def priced_live(self, priced: frozenset[str], roles: Sequence[str] = (), trigger: str = "") -> bool:
        """Whether a due with one of these roles, or of this trigger, can come to anything."""
        return any(
            due.live(priced)
            and (
                (bool(trigger) and due.trigger == trigger)
                or any(fee.payer in roles or fee.payee in roles for fee in due.fees)
            )
            for due in self.dues
            if due.source != "share"
        )


def read_postings(store: Store) -> Postings:
    """The rules that were published last."""
    newest = "version = (SELECT argMax(version, (seq, line)) FROM $fee)"
    legs: dict[str, list[Leg]] = {}
    for row in store.rows(
        f"SELECT DISTINCT fee, leg, book, account, side FROM $posting_rule WHERE {newest} ORDER BY fee, leg"
    ):
        legs.setdefault(row["fee"], []).append(Leg(row["book"], row["account"], row["side"]))
    fees: dict[str, list[Fee]] = {}
    rows: dict[str, Mapping[str, object]] = {}
    for row in store.rows(
        f"SELECT * FROM $fee WHERE {newest} AND due != '' ORDER BY seq, line LIMIT 1 BY fee"
    ):
        fee = Fee(row["fee"], row["payer"], row["payee"], tuple(legs.get(row["fee"], ())))
        fees.setdefault(row["due"], []).append(fee)
        rows[row["due"]] = row
    names = [name for name in Due.__struct_fields__ if name not in ("name", "fees")]
    dues = [
        msgspec.convert({"name": name, "fees": fees[name], **{n: row[n] for n in names}}, Due, strict=False)
        for name, row in rows.items()
    ]
    return Postings(tuple(sorted(dues, key=lambda due: due.place)))
