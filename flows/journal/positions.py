"""Charges in columns → what they change between each party and headquarters, summed up, for the accounts flow.

Which accounts of a party's book count stands in `positions.toml`. Sums are exact and by (party, fee, business
date), in an order that depends on the words alone, so that a block leads to the same bytes in every process.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from flows.journal.moves import COST, MOVED
from flows.journal.post import Booked, ChargeColumns, Legs, Poster
from flows.journal.rules import PostingRules
from schemas.documents import Document
from schemas.parties import CUSTOMER, HQ
from schemas.partition import partition_of
from sinks.columns import Ints, Vocabulary

MOST = 20_000
"""Sums in one body, at most: some 400 kB."""


class Sums(msgspec.Struct, frozen=True, array_like=True):
    """What a body says, in columns: row i is (parties[party[i]], fees[fee[i]], days[i], amounts[i]).

    `party`, `fee` and `days` are little-endian int32, `amounts` int64 in units of 0.0001 yuan: what the party
    has gained from headquarters, negative for what it owes.
    """

    parties: list[str]
    party: bytes
    fees: list[str]
    fee: bytes
    days: bytes
    amounts: bytes

    def rows(self) -> Iterator[tuple[str, str, int, int]]:
        """Party, fee, business day, amount."""
        return zip(
            map(self.parties.__getitem__, np.frombuffer(self.party, "<i4").tolist()),
            map(self.fees.__getitem__, np.frombuffer(self.fee, "<i4").tolist()),
            np.frombuffer(self.days, "<i4").tolist(),
            np.frombuffer(self.amounts, "<i8").tolist(),
            strict=True,
        )


class Gains(msgspec.Struct, frozen=True):
    """What parties gained from headquarters, row by row: numbers of parties and fees, business days, amounts."""

    parties: Ints
    fees: Ints
    days: Ints
    amounts: Ints

    def __add__(self, other: "Gains") -> "Gains":
        """These rows and the other's."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Gains(*map(np.concatenate, pairs))


class Mirror(msgspec.Struct, frozen=True):
    """Accounts on which headquarters and a party say the same of each other."""

    party: tuple[str, ...]
    headquarters: tuple[str, ...]


class Counted(msgspec.Struct, frozen=True):
    """What `positions.toml` says: accounts of a party's book that count, and those that mirror headquarters'."""

    accounts: frozenset[str]
    mirror: Mirror


def read_positions(text: str) -> Counted:
    """`positions.toml`. Raises DocumentError."""
    document = Document("positions.toml", text)
    read = document.read(Counted)
    document.refuse()
    assert read is not None
    return read


class Positions:
    """The effect of each fee on payer and payee, laid out for index arithmetic."""

    def __init__(
        self, rules: PostingRules, fees: Sequence[str], accounts: frozenset[str], partitions: int
    ) -> None:
        self._fees, self._partitions, self._accounts = [*fees, MOVED, COST], partitions, accounts
        self._effect = {
            book: np.array(
                [
                    sum(
                        leg.sign
                        for leg in rules.rules[fee].legs
                        if leg.book == book and leg.account in accounts
                    )
                    for fee in fees
                ],
                np.int64,
            )
            for book in ("payer", "payee")
        }
        self._where: Ints = np.zeros(0, np.int32)
        """Each party's partition by its number; -1: it has no virtual accounts."""

    def charged(self, charges: ChargeColumns) -> Gains:
        """What charges change for payers and payees."""
        sides = [
            Gains(codes, charges.fees, charges.days, self._effect[book][charges.fees] * charges.amounts)
            for book, codes in (("payer", charges.payer), ("payee", charges.payee))
        ]
        return sides[0] + sides[1]

    def moved(self, legs: Legs, poster: Poster) -> Gains:
        """What rows of moved balances change: each in the book of the party that it stands in."""
        counts = np.array([account in self._accounts for account in poster.accounts])[legs.accounts]
        signs = np.where(legs.sides == poster.sides["D"], 1, -1)
        return Gains(legs.books, legs.fees, legs.days, signs * legs.amounts * counts)

    def booked(self, booked: Booked) -> Gains | None:
        """What all that a block booked changes; None: it booked nothing."""
        gains = self.charged(booked.charges) if booked.charges is not None else None
        if booked.moved is None:
            return gains
        moved = self.moved(booked.moved, booked.poster)
        return moved if gains is None else gains + moved

    def of(self, gains: Gains, parties: Vocabulary) -> dict[int, list[bytes]]:
        """Bodies by partition; a partition whose parties gained and lost nothing has none."""
        where = self._partition_of(parties)
        told = np.flatnonzero((gains.amounts != 0) & (where[gains.parties] >= 0))
        party, fees, days = gains.parties[told], gains.fees[told], gains.days[told]
        place, names, _ = parties.order()
        key = np.array([where[party], place[party], fees, days], np.int64)
        order = np.lexsort(key[::-1])
        key, amount = key[:, order], gains.amounts[told][order]
        first = np.flatnonzero(np.any(np.diff(key, axis=1, prepend=-1), axis=0)) if key.size else order
        sums = np.add.reduceat(amount, first) if len(first) else amount
        kept = np.flatnonzero(sums)
        partition, at, fee, day = key[:, first[kept]]
        sums = sums[kept]
        return {
            int(number): [
                self._body(names, at[cut], fee[cut], day[cut], sums[cut])
                for start in range(0, int(np.count_nonzero(partition == number)), MOST)
                for cut in [np.flatnonzero(partition == number)[start : start + MOST]]
            ]
            for number in np.unique(partition)
        }

    def _partition_of(self, parties: Vocabulary) -> Ints:
        if len(self._where) != len(parties):
            none = ("", HQ, CUSTOMER)
            new = list(parties)[len(self._where) :]
            more = [-1 if name in none else partition_of(name, self._partitions) for name in new]
            self._where = np.concatenate([self._where, np.array(more, np.int32)])
        return self._where

    def _body(self, names: Sequence[bytes], at: Ints, fee: Ints, days: Ints, sums: Ints) -> bytes:
        used, party = np.unique(at, return_inverse=True)
        known, of_fee = np.unique(fee, return_inverse=True)
        return msgspec.msgpack.encode(
            Sums(
                [names[n].decode() for n in used.tolist()],
                party.astype("<i4").tobytes(),
                [self._fees[n] for n in known.tolist()],
                of_fee.astype("<i4").tobytes(),
                days.astype("<i4").tobytes(),
                sums.astype("<i8").tobytes(),
            )
        )
