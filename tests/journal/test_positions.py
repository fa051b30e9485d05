"""What the parcel flow tells the accounts flow: exact, complete, the same bytes whatever the order of words."""

from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.fees.current import FEES
from flows.journal.positions import Positions, Sums
from flows.journal.post import Booked, ChargeColumns, Poster
from flows.parcels import letters, positions_of
from schemas.parties import CUSTOMER, HQ
from schemas.partition import partition_of
from sinks.columns import Vocabulary, strings

PARTITIONS = 3
FIRST = FEES.names[:5]
"""Freight, waybill, transit and the two of delivery."""
POSTER = Poster(FEES.rules, FEES.names, FEES.names)
PAYERS = {"freight": (CUSTOMER, "A"), "delivery_paid": (HQ, "B")}
OWES = {"waybill", "transit", "delivery_collected"}

Charge = tuple[str, str, int, int]
"""Fee, outlet, amount, day."""
CHARGES = st.lists(
    st.tuples(
        st.sampled_from(FIRST),
        st.sampled_from(["SHC", "XAD", "网点一", "A", "BB"]),
        st.integers(-(10**14), 10**14),
        st.integers(20_000, 20_002),
    ),
    max_size=60,
)


def columns(charges: list[Charge], known: list[str]) -> Booked:
    """As the parcel flow lays them out; `known`: the words that the process has met before."""
    parties = Vocabulary(["", HQ, CUSTOMER, *known])
    payers, payees = [], []
    for fee, outlet, _, _ in charges:
        payer, payee = {"freight": (CUSTOMER, outlet), "delivery_paid": (HQ, outlet)}.get(fee, (outlet, HQ))
        payers.append(payer)
        payees.append(payee)
    n = len(charges)
    made = ChargeColumns(
        np.zeros((n, 2), np.uint64),
        np.array([FEES.names.index(fee) for fee, *_ in charges], np.int32),
        parties.codes(payers),
        parties.codes(payees),
        np.array([amount for _, _, amount, _ in charges], np.int64),
        np.zeros(n, np.int64),
        np.array([day for *_, day in charges], np.int64),
        strings(["w"] * n),
    )
    return Booked(POSTER, parties, made)


def positions() -> Positions:
    """By the rules of this version."""
    return positions_of(FEES, PARTITIONS)


def told(booked: Booked) -> dict[int, list[bytes]]:
    """Bodies by partition."""
    made = positions()
    gains = made.booked(booked)
    return made.of(gains, booked.parties) if gains is not None else {}


@given(CHARGES, st.permutations(["XAD", "BB", "网点一", "Z"]))
def test_sums_are_exact_and_the_bytes_depend_on_the_charges_alone(
    charges: list[Charge], known: list[str]
) -> None:
    bodies = told(columns(charges, known))
    assert bodies == told(columns(charges[::-1], []))
    expected: Counter[tuple[str, str, int]] = Counter()
    for fee, outlet, amount, day in charges:
        if fee != "freight":
            expected[outlet, fee, day] += -amount if fee in OWES else amount
    found = {}
    for partition, parts in bodies.items():
        for part in parts:
            for party, fee, day, amount in msgspec.msgpack.decode(part, type=Sums).rows():
                assert partition_of(party, PARTITIONS) == partition
                assert (party, fee, day) not in found
                found[party, fee, day] = amount
    assert found == {key: amount for key, amount in expected.items() if amount}


def test_large_blocks_are_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.journal.positions.MOST", 2)
    charges = [("transit", "SHC", 5, day) for day in range(5)]
    (parts,) = told(columns(charges, [])).values()
    assert [len(msgspec.msgpack.decode(part, type=Sums).days) // 4 for part in parts] == [2, 2, 1]


def test_nothing_charged_nothing_said() -> None:
    assert letters(0, 1, Booked(POSTER, Vocabulary(), None), positions()) == []
    assert letters(0, 1, columns([("freight", "SHC", 7, 20_000)], []), positions()) == []
