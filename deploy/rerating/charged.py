"""What stores charged in blocks, and what it comes to by drafts: by all that was said up to the charge's own block.

A reversal is rated as the charge that it takes back. A month is rated by what was counted for it, and by what the same
stays would have come to up to the blocks that were counted.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from clickhouse_connect.driver.client import Client

from dashboards.blocks import BLOCK, LANE, within
from dashboards.queries import rows
from deploy.rerating.compare import Bools
from deploy.rerating.read import OF_STORES_ALONE, Days, Sample, of_blocks, on
from deploy.rerating.stores import Months, Stores, What, assessed, in_months, ints, otherwise, sample_of
from deploy.rerating.words import COUNTED, KINDS, Kind, Row, record, told
from flows.fees.model import Due, Fees
from flows.rating.rerate import Ints
from flows.storage.assess import Assessor
from schemas.times import day_of

CHARGED = """
SELECT seq, known, sign, waybill AS name, toString(fee) AS fee, part, toString(payer) AS payer,
       toString(origin) AS origin, toString(destination) AS destination, toInt32(business_date) AS day,
       toInt64(amount * 10000) AS amount
FROM ($charged) ORDER BY seq, line"""


class _Asked(NamedTuple):
    """A stay, haul or month as it was known at the end of a block; `way`: by which draft."""

    way: int
    kind: Kind
    name: str
    known: int


class Charged:
    """Charges and reversals of stores in some blocks, by lane: the first and the last."""

    def __init__(self, client: Client, blocks: Mapping[int, tuple[int, int]], fees: Fees) -> None:
        self._client = client
        found = (
            rows(client, CHARGED.replace("$charged", of_blocks(blocks, of=OF_STORES_ALONE))) if blocks else []
        )
        self._dues = {fee: due for due in fees.dues for fee in due.fees}
        self._of_sums = {due.name for due in fees.dues if due.month_of}
        """Dues of months that look at what stays come to."""
        self._whats = [What(**{name: row[name] for name in What._fields}) for row in found]
        amounts, signs, seqs, known = (
            ints([row[name] for row in found]) for name in ("amount", "sign", "seq", "known")
        )
        self.sample: Sample = sample_of(self._whats, amounts, signs, seqs, known)
        """In order of the blocks' rows."""

    def rate(self, ways: Ints, assessors: Mapping[int, Assessor]) -> tuple[Ints, Bools]:
        """What the rows come to, money units without sign, and whether they have no price; `ways`: by which one."""
        asked: dict[_Asked, list[int]] = defaultdict(list)
        for row, what in enumerate(self._whats):
            kind = next(one for one in KINDS if self._dues[what.fee].trigger in one.triggers)
            asked[_Asked(int(ways[row]), kind, what.name, int(self.sample.known[row]))].append(row)
        words = {kind: self._told(kind, asked) for kind in KINDS}
        after, unpriced = np.zeros(len(self._whats), np.int64), np.ones(len(self._whats), np.bool_)
        for one, at in asked.items():
            known = [word for word in words[one.kind].get(one.name, ()) if _is_known(word, one.known)]
            found = self._assessed(one, known, at, assessors[one.way]) if known else {}
            for row in at:
                amount = found.get((self._due(row).name, self._whats[row].part))
                if amount is not None:
                    after[row], unpriced[row] = amount, False
        return after, unpriced

    def _due(self, row: int) -> Due:
        return self._dues[self._whats[row].fee]

    def _told(self, kind: Kind, asked: Mapping[_Asked, object]) -> dict[str, list[Row]]:
        names = sorted({one.name for one in asked if one.kind is kind})
        upto = {one.known >> LANE: one.known & BLOCK for one in sorted(asked, key=lambda one: one.known)}
        return told(self._client, kind, names, within(upto)) if names else {}

    def _assessed(
        self, one: _Asked, words: Sequence[Row], at: Sequence[int], assessor: Assessor
    ) -> dict[tuple[str, str], int]:
        """What is asked for, by due and part."""
        sums = [word for word in words if one.kind is COUNTED and word["due"] in self._of_sums]
        months = self._months(sums[-1], assessor) if sums else {}
        stay, days = record(one.kind, words, otherwise(months)), [self._whats[row].day for row in at]
        if all(self._due(row).trigger == "stay_day" for row in at):
            stay.until = min(days) - 1  # days before are not asked for
        found = assessed(assessor, stay, max(days))
        return {key: booked.amount for key, booked in found.items()}

    def _months(self, word: Row, assessor: Assessor) -> Months:
        """What the stays that were counted for a month come to otherwise."""
        counted = {
            int(lane): int(n) for lane, _, n in (one.partition(":") for one in word["counted"].split())
        }
        day = day_of(word["month"])
        return Stores(self._client, on(in_months(Days(day, day))), assessor, counted).months_of(
            word["customer"]
        )


def _is_known(word: Row, known: int) -> bool:
    seq: int = word["seq"]
    return seq >> LANE == known >> LANE and seq <= known
