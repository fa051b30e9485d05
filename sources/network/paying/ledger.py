"""What is true of the simulated customers' money, as JSON lines, on the disk before it is told.

`payments.jsonl`   a line for each movement of money: `case.PaymentTruth`
`bills.jsonl`      a line for each bill that is given: `BillTruth`
`decisions.jsonl`  a line for each decision of a person: `case.DecisionTruth`
"""

from collections import Counter
from pathlib import Path

import msgspec

from schemas.payments import Receivable
from sources.network.paying.case import Affair, DecisionTruth, PaymentTruth


class BillTruth(msgspec.Struct, frozen=True, order=True):
    """A day's bill was given. Whether it comes to more exceptions depends on which other bills there are."""

    account: str
    """Channel and merchant: `wechat/1900000801`."""
    day: int
    """Since 1970-01-01."""
    believed: bool
    """It agrees with itself; of several such of a day the last one counts."""


class Ledger:
    """Writes the truth; counts what it wrote."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._files = {
            kind: (directory / f"{name}.jsonl").open("wb")
            for kind, name in (
                (PaymentTruth, "payments"),
                (BillTruth, "bills"),
                (DecisionTruth, "decisions"),
            )
        }
        self._encoder = msgspec.json.Encoder()
        self.counts: Counter[str] = Counter()
        """Of dues, movements, notifications that are told, told again and refused."""

    def expect(self, affair: Affair) -> None:
        """An affair begins."""
        self._write(*affair.truth)
        self._write(*affair.decided)
        self.counts["decisions"] += len(affair.decided)
        self.counts["dues"] += sum(isinstance(said.event, Receivable) for said in affair.said)
        self.counts["movements"] += len(affair.movements)
        self.counts["refused"] += sum(bool(told.spoiled) for told in affair.told)
        self.counts["repeated"] += sum(told.repeat for told in affair.told)

    def given(self, bill: BillTruth) -> None:
        """A bill is about to be given."""
        self._write(bill)
        self.counts["bills"] += 1

    def close(self) -> None:
        """Everything is in the files."""
        for file in self._files.values():
            file.close()

    def _write(self, *truths: PaymentTruth | BillTruth | DecisionTruth) -> None:
        for one in truths:
            self._files[type(one)].write(self._encoder.encode(one) + b"\n")
        for file in self._files.values():
            file.flush()
