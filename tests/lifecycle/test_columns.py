"""Rows that become columns in runs: the same columns however the runs fall, and what the hot loop takes for granted."""

from typing import get_args

import numpy as np
import pytest

from flows.lifecycle.charged import BY_ORDER, Charge, Charges, Party, reversal
from flows.lifecycle.kept import Words
from flows.lifecycle.process import HEAD, OPERATION, SITE
from schemas.events import ParcelEvent, Scan

FEES = ("freight", "transit")


def charge(n: int) -> Charge:
    """One of which every field is another one's."""
    grams = (n, n + 1, n + 2, n + 3)
    weight = ("hub_dws", f"w{n}", *grams)
    return Charge(f"YT{n}", n % 2, 0, False, n * 100, n, f"c{n}", "SHA", "XAB", "站", *weight, None, f"o{n}")


def kept(runs: tuple[int, ...]) -> Charges:
    """The same six charges, one between two named parties and one taken back, in runs of so many."""
    charges = Charges(Words(), FEES)
    line = ("SHA", "XAB", "站")
    every = [*map(charge, range(4)), reversal("YT1", 1, 0, 100, 1, "c9", line), charge(5)]
    for size in runs:
        for one in every[len(charges) : len(charges) + size]:
            if one.waybill == "YT2":
                charges.add(one, Party("H1", "SHA", "HQ"))
            else:
                charges.append(one)
        charges.keep()
    assert len(charges) == len(every)
    return charges


@pytest.mark.parametrize("runs", [(1, 1, 1, 1, 1, 1), (2, 4), (3, 0, 3)])
def test_charges_in_runs(runs: tuple[int, ...]) -> None:
    one, several = kept((6,)), kept(runs)
    for name in ("fee", "amount", "reversal", "event_time", "payer", "payee", "origin", "actual_g", "row"):
        assert np.array_equal(one.numbers(name), several.numbers(name)), name
    for name in ("waybill", "part", "cause", "weight_event", "order_event", "steps"):
        assert one.text(name).arrow.equals(several.text(name).arrow), name
    for mine, other in zip(one.ids(), several.ids(), strict=True):
        assert np.array_equal(mine, other)


def test_a_reversal_names_what_it_takes_back() -> None:
    ids, reverses = kept((6,)).ids()
    assert reverses[4].tolist() == ids[1].tolist()
    assert not reverses[[0, 1, 2, 3, 5]].any()
    assert len({tuple(one) for one in ids.tolist()}) == len(ids)


def test_only_named_parties_are_told() -> None:
    charges = kept((2, 4))
    told = charges.numbers("payer")
    assert [n for n, party in enumerate(told.tolist()) if party != BY_ORDER] == [2]
    assert charges.text("part").arrow.to_pylist() == ["", "", "H1", "", "", ""]


def test_charges_of_a_run_that_is_over_are_not_told_as_the_newest() -> None:
    charges = kept((6,))
    with pytest.raises(AssertionError):
        charges.since(5)
    charges.append(charge(7))
    assert charges.since(6) == [charge(7)]


def test_every_event_of_a_parcel_begins_alike() -> None:
    for kind in get_args(ParcelEvent):
        assert kind.__struct_fields__[: len(HEAD)] == HEAD
    assert (Scan.__struct_fields__[OPERATION], Scan.__struct_fields__[SITE]) == ("operation", "site")
