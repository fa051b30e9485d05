"""What people may write into the dialects' files, and what is refused with its place."""

from pathlib import Path

import pytest

import flows.governance
from flows.governance.dialects import read_dialects
from schemas.events import OPERATIONS

DATA = Path(flows.governance.__file__).parent
TOML, CSV = (DATA / "dialects.toml").read_text("utf-8"), (DATA / "operations.csv").read_text("utf-8")


def test_every_source_of_scans_can_say_every_operation() -> None:
    known = read_dialects(TOML, CSV)
    for source in ("pda", "gate", "sorter"):
        assert {op for (by, _), op in known.operations.items() if by == source} >= set(OPERATIONS)


def test_a_new_family_of_devices_is_a_table() -> None:
    more = """
[ring]
kind = "scan"
source = "pda"
waybill = "w"
unreadable = []
time = "t"
time_format = "local"
operation = "o"
"""
    assert set(read_dialects(TOML + more, CSV).dialects) == {*read_dialects(TOML, CSV).dialects, "ring"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "scan"', 'kind = "photo"', "photo"),
        ('time_format = "epoch_ms"', 'time_format = "epoch"', "time_format"),
        ('weight_unit = "kg"', 'weight_unit = "lb"', "weight_unit"),
        ('waybill = "Barcode"', 'way_bill = "Barcode"', "way_bill"),
        ('operation = "opName"\n', "", "operation"),
        ('machine = "dws"\n', "", "machine"),
        ('source = "pda"', 'source = "PDA"', "source"),
        ('source = "pda"', 'source = "psion"', "psion"),
        ('sides = ["length", "width", "height"]', 'sides = ["length", "width"]', "sides"),
        ("[gate]", "[gate", "line"),
    ],
)
def test_dialects_that_are_refused(old: str, new: str, said: str) -> None:
    assert old in TOML
    with pytest.raises(ValueError, match=said):
        read_dialects(TOML.replace(old, new, 1), CSV)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("pda,揽投,11,揽投\n", "column operation: operation '11' is none of 10, 20, 30, 40, 50"),
        ("pda,收件,20,收件\n", "column code: code 收件 of pda stands twice"),
    ],
)
def test_operations_that_are_refused(row: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"row {len(CSV.splitlines()) + 1} {said}"):
        read_dialects(TOML, CSV + row)
