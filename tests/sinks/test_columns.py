"""Columns made without what nobody asked for."""

import subprocess
import sys

EVERY_KIND = """
import sys
import numpy as np
from sinks import columns

some = columns.ints([1, 2])
texts = columns.strings(["a", "五"])
made = [
    columns.numbers(some, "uint16"), columns.constant(1, 2, "int64"), columns.money(some), columns.times(some),
    columns.dates(some), columns.ids(np.zeros((2, 2), np.uint64)), columns.texts(columns.rows_of(some - 1, texts)),
    columns.texts([b"\\xff", b""]), columns.word("w", 2), columns.spelled(["x", "y"]),
]
for one in made:
    one.arrow.validate(full=True)
    print(one.arrow.to_pylist()[-1], b"".join(one.canonical).hex())
print("pandas" in sys.modules)
"""


def test_no_process_pays_for_pandas() -> None:
    """chDB brings it; 0.2 s and 44 MiB of each process that makes columns, if anything asks Arrow the wrong way."""
    said = subprocess.run([sys.executable, "-c", EVERY_KIND], capture_output=True, text=True, check=True)
    *columns, pandas = said.stdout.splitlines()
    assert pandas == "False"
    assert [line.split(" ")[0] for line in columns] == [
        "2", "1", "0.0002", "1970-01-01", "1970-01-03", f"b'{chr(92)}x00" + f"{chr(92)}x00" * 15 + "'", "五", "b''",
        "w", "y",
    ]  # fmt: skip
    assert columns[0].endswith("0100000000000000" + "0200000000000000")
    assert columns[7].endswith("0100000000000000" + "0000000000000000" + "ff")
