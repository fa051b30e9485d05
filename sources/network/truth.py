"""What was published and what must come of it: JSON lines in `truth.jsonl`, written before they are published.

`{"fate":"accepted","event_id":…,"waybill":…}`   exactly one row of table `event`
`{"fate":"refused","reason":…,"waybill":…}`      exactly one dead letter with this reason
`{"fate":"repeated",…}`                          nothing
"""

from pathlib import Path

import msgspec

from sources.network.script import Cue


class Truth:
    """Writes the truth; counts what it wrote."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = (directory / "truth.jsonl").open("ab")
        self.accepted = self.refused = self.repeated = 0

    def add(self, cue: Cue) -> None:
        """A message is about to be published."""
        setattr(self, cue.fate, getattr(self, cue.fate) + 1)
        line = {"fate": cue.fate, "event_id": cue.event_id, "reason": cue.reason, "waybill": cue.waybill}
        self._file.write(msgspec.json.encode(line) + b"\n")

    def flush(self) -> None:
        """What is written is in the file."""
        self._file.flush()
