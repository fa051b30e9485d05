"""Charges in columns → journal rows in columns, by the posting rules: no row objects.

The legs of all charges are laid out by index arithmetic over the rules' legs, so an entry cannot come out
unbalanced: every leg of a charge carries the same amount, and the rules have as many debits as credits in
each book. Ids are the charge's id with its low byte set: 0x01… for rows, 0x80 and 0x81 for the entries in the
payer's and the payee's book.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import pyarrow as pa
from xxhash import xxh3_128_digest

from flows.journal.rules import PostingRules
from sinks import columns
from sinks.columns import Id128, Ints, Made, Vocabulary

PAYER_ENTRY, PAYEE_ENTRY = 0x80, 0x81
_LAST = np.uint64(56)
"""Where the last byte of an id begins in its second half."""
REVERSED = "reversed"
"""The cause of rows that take others back."""


def charge_ids(names: Iterable[str]) -> Id128:
    """Ids of charges by their names: 128-bit hashes with the last byte cleared, for what is derived from them."""
    ids = (
        np.frombuffer(b"".join([xxh3_128_digest(name.encode()) for name in names]), "<u8")
        .reshape(-1, 2)
        .copy()
    )
    ids[:, 1] &= np.uint64((1 << 56) - 1)
    return ids


def derived(ids: Id128, last: Ints) -> Id128:
    """Charges' ids with other last bytes."""
    made = ids.copy()
    made[:, 1] |= last.astype(np.uint64) << _LAST
    return made


class ChargeColumns(msgspec.Struct):
    """What posting needs of charges; equal lengths, `payer` and `payee` are parties' codes."""

    ids: Id128
    fees: Ints
    payer: Ints
    payee: Ints
    amounts: Ints
    times: Ints
    days: Ints
    waybills: pa.Array
    lines: tuple[Ints, Vocabulary] | None = None
    """Numbers and words of the lines; None: there are none."""
    products: tuple[Ints, Vocabulary] | None = None
    reversals: Ints | None = None
    """1 for a reversal; None: there is none."""


class Legs(msgspec.Struct):
    """Journal rows before they are columns of the table; equal lengths, words as their codes."""

    row_ids: Id128
    entry_ids: Id128
    charge_ids: Id128
    books: Ints
    accounts: Ints
    sides: Ints
    amounts: Ints
    counterparties: Ints
    waybills: pa.Array
    fees: Ints
    times: Ints
    days: Ints
    causes: Ints
    lines: Ints
    products: Ints

    def __add__(self, other: "Legs") -> "Legs":
        """These rows, then the other's."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Legs(
            *(
                pa.concat_arrays(pair) if isinstance(pair[0], pa.Array) else np.concatenate(pair)
                for pair in pairs
            )
        )


class Booked(msgspec.Struct):
    """What a block booked: charges, and rows that stand for none: balances that moved, costs."""

    poster: "Poster"
    parties: Vocabulary
    """The words of all parties' codes."""
    charges: ChargeColumns | None
    moved: Legs | None = None

    def add(self, legs: Legs | None) -> None:
        """Further rows that stand for no charge."""
        if legs is not None:
            self.moved = legs if self.moved is None else self.moved + legs

    def open_from(self, day: int) -> None:
        """Days before this one are closed: what belongs to them is booked on it."""
        for booked in (self.charges, self.moved):
            if booked is not None:
                booked.days = np.maximum(booked.days, day)

    def post(self) -> dict[str, Made] | None:
        """The journal's columns; None: there is nothing to post. Amounts of 0 are not posted."""
        legs = self.poster.legs(self.charges) if self.charges is not None else None
        if self.moved is not None:
            legs = self.moved if legs is None else legs + self.moved
        return self.poster.columns(legs, self.parties) if legs is not None else None


NOWHERE = Vocabulary(("",))
"""The words of a column that has none."""


class Poster:
    """The posting rules, laid out for index arithmetic.

    `fees`: the names that fee codes stand for; `triggers`: for each of them what makes it due. `others`: what
    stands in the place of a fee, and of its cause, where rows come from elsewhere; their codes follow.
    """

    def __init__(
        self, rules: PostingRules, fees: Sequence[str], triggers: Sequence[str], others: Sequence[str] = ()
    ) -> None:
        legs = [(leg, code) for code, fee in enumerate(fees) for leg in rules.rules[fee].legs]
        self.version = rules.version
        self.fees = Vocabulary((*fees, *others))
        self.causes = Vocabulary((REVERSED, *triggers, *others))
        self._cause = self.causes.codes(triggers)
        self.lines, self.products = NOWHERE, NOWHERE
        """The words of the newest charges' lines and products."""
        self.accounts, self.sides = Vocabulary(), Vocabulary(("D", "C"))
        self._account = self.accounts.codes([leg.account for leg, _ in legs])
        self._side = self.sides.codes([leg.side for leg, _ in legs])
        self._payers = np.array([leg.book == "payer" for leg, _ in legs])
        self._count = np.array([len(rules.rules[fee].legs) for fee in fees])
        self._first = np.cumsum(self._count) - self._count

    def legs(self, charges: ChargeColumns) -> Legs | None:
        """The journal rows of charges; None: all amounts are 0."""
        posted = np.flatnonzero(charges.amounts)
        if not len(posted):
            return None
        count = self._count[charges.fees[posted]]
        of = np.repeat(posted, count)
        leg = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
        rule = self._first[charges.fees[of]] + leg
        payers = self._payers[rule]
        ids = charges.ids[of]
        payer, payee = charges.payer[of], charges.payee[of]
        return Legs(
            derived(ids, leg + 1),
            derived(ids, np.where(payers, PAYER_ENTRY, PAYEE_ENTRY)),
            ids,
            np.where(payers, payer, payee),
            self._account[rule],
            self._side[rule],
            charges.amounts[of],
            np.where(payers, payee, payer),
            columns.rows_of(of, charges.waybills),
            charges.fees[of],
            charges.times[of],
            charges.days[of],
            self._causes(charges, of),
            self._coded(charges.lines, of, "lines"),
            self._coded(charges.products, of, "products"),
        )

    def _causes(self, charges: ChargeColumns, of: Ints) -> Ints:
        causes = self._cause[charges.fees[of]]
        if charges.reversals is None:
            return causes
        return np.where(charges.reversals[of], 0, causes).astype(np.int32)

    def _coded(self, words: tuple[Ints, Vocabulary] | None, of: Ints, name: str) -> Ints:
        if words is None:
            setattr(self, name, NOWHERE)
            return np.zeros(len(of), np.int32)
        codes, vocabulary = words
        setattr(self, name, vocabulary)
        return codes[of]

    def columns(self, legs: Legs, parties: Vocabulary) -> dict[str, Made]:
        """The columns of the table. Parties' codes are those of `parties`."""
        return {
            "row_id": columns.ids(legs.row_ids),
            "entry_id": columns.ids(legs.entry_ids),
            "charge_id": columns.ids(legs.charge_ids),
            "book": columns.words(legs.books, parties),
            "account": columns.words(legs.accounts, self.accounts),
            "side": columns.words(legs.sides, self.sides),
            "amount": columns.money(legs.amounts),
            "counterparty": columns.words(legs.counterparties, parties),
            "waybill": columns.texts(legs.waybills),
            "fee": columns.words(legs.fees, self.fees),
            "route": columns.words(legs.lines, self.lines),
            "product": columns.words(legs.products, self.products),
            "cause": columns.words(legs.causes, self.causes),
            "event_time": columns.times(legs.times),
            "business_date": columns.dates(legs.days),
            "rules_version": columns.word(self.version, len(legs.amounts)),
        }
