"""What is true of the simulated customers' money, as JSON lines, on the disk before it is told.

`payments.jsonl`, a line for each movement of money: `case.PaymentTruth`. `status` counts.
"""

from collections import Counter
from pathlib import Path

import msgspec

from sources.network.paying.case import Affair


class Ledger:
    """Writes the truth; counts what it wrote."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = (directory / "payments.jsonl").open("wb")
        self._encoder = msgspec.json.Encoder()
        self.counts: Counter[str] = Counter()
        """Of dues, movements, notifications that are told, told again and refused."""

    def expect(self, affair: Affair) -> None:
        """An affair begins."""
        for one in affair.truth:
            self._file.write(self._encoder.encode(one) + b"\n")
        self._file.flush()
        self.counts["dues"] += sum(said.event.id.count("-") == 1 for said in affair.said)
        self.counts["movements"] += len(affair.movements)
        self.counts["refused"] += sum(bool(told.spoiled) for told in affair.told)
        self.counts["repeated"] += sum(told.repeat for told in affair.told)

    def close(self) -> None:
        """Everything is in the file."""
        self._file.close()
