"""Charges in columns → journal rows in columns, by the posting rules: no row objects.

The legs of all charges are laid out by index arithmetic over the rules' legs, so an entry cannot come out
unbalanced: every leg of a charge carries the same amount, and the rules have as many debits as credits in
each book. Ids are the charge's id with its low byte set: 0x01… for rows, 0x80 and 0x81 for the entries in the
payer's and the payee's book.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa

from flows.journal.rules import PostingRules
from sinks import columns
from sinks.columns import Id128, Ints, Made, Vocabulary

PAYER_ENTRY, PAYEE_ENTRY = 0x80, 0x81
REVERSED = "reversed"
"""The cause of rows that take others back."""


class ChargeColumns(msgspec.Struct):
    """What posting needs of charges; equal lengths, `payer` and `payee` are places in `parties`."""

    ids: Id128
    fees: Ints
    payer: Ints
    payee: Ints
    amounts: Ints
    times: Ints
    days: Ints
    waybills: pa.Array
    parties: Vocabulary
    lines: tuple[Ints, Vocabulary]
    products: tuple[Ints, Vocabulary]
    reversals: Ints
    """1 for a reversal."""


class Poster:
    """The posting rules, laid out for index arithmetic.

    `fees`: the names that fee codes stand for; `triggers`: for each of them what makes it due.
    """

    def __init__(self, rules: PostingRules, fees: Sequence[str], triggers: Sequence[str]) -> None:
        legs = [(leg, code) for code, fee in enumerate(fees) for leg in rules.rules[fee].legs]
        self.version = rules.version
        self.fees = Vocabulary(fees)
        self.causes = Vocabulary((REVERSED, *triggers))
        self._cause = self.causes.codes(triggers)
        self.accounts, self.sides = Vocabulary(), Vocabulary(("D", "C"))
        self._account = self.accounts.codes([leg.account for leg, _ in legs])
        self._side = self.sides.codes([leg.side for leg, _ in legs])
        self._payers = np.array([leg.book == "payer" for leg, _ in legs])
        self._count = np.array([len(rules.rules[fee].legs) for fee in fees])
        self._first = np.cumsum(self._count) - self._count

    def post(self, charges: ChargeColumns) -> dict[str, Made] | None:
        """The journal's columns for these charges; None: there is nothing to post. Amounts of 0 are not."""
        posted = np.flatnonzero(charges.amounts)
        if not len(posted):
            return None
        count = self._count[charges.fees[posted]]
        of = np.repeat(posted, count)
        leg = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
        rule = self._first[charges.fees[of]] + leg
        payers = self._payers[rule]
        charge_ids = charges.ids[of]
        row_ids, entry_ids = charge_ids.copy(), charge_ids.copy()
        row_ids[:, 1] |= (leg + 1).astype(np.uint64) << np.uint64(56)
        entry_ids[:, 1] |= np.where(payers, PAYER_ENTRY, PAYEE_ENTRY).astype(np.uint64) << np.uint64(56)
        payer, payee = charges.payer[of], charges.payee[of]
        return {
            "row_id": columns.ids(row_ids),
            "entry_id": columns.ids(entry_ids),
            "charge_id": columns.ids(charge_ids),
            "book": columns.words(np.where(payers, payer, payee), charges.parties),
            "account": columns.words(self._account[rule], self.accounts),
            "side": columns.words(self._side[rule], self.sides),
            "amount": columns.money(charges.amounts[of]),
            "counterparty": columns.words(np.where(payers, payee, payer), charges.parties),
            "waybill": columns.texts(charges.waybills.take(pa.array(of))),
            "fee": columns.words(charges.fees[of], self.fees),
            "route": columns.words(charges.lines[0][of], charges.lines[1]),
            "product": columns.words(charges.products[0][of], charges.products[1]),
            "cause": columns.words(
                np.where(charges.reversals[of], 0, self._cause[charges.fees[of]]).astype(np.int32),
                self.causes,
            ),
            "event_time": columns.times(charges.times[of]),
            "business_date": columns.dates(charges.days[of]),
            "rules_version": columns.word(self.version, len(of)),
        }
