"""What was published and what must come of it, as JSON lines, on the disk before it is published.

`truth.jsonl`, a line for each message:
    {"fate":"accepted","event_id":…,"waybill":…}   exactly one event is booked under this id
    {"fate":"refused","reason":…,"waybill":…}      exactly one dead letter with this reason; its id is
                                                   `dead_letter` where that is not empty
    {"fate":"repeated","event_id":…,"waybill":…}   nothing more: the id was or will be accepted
each with `fault`, the name in `faults.Faults` of what was done to it, or empty. A refused message's `waybill` is
the parcel beside which it was sent, not always the one that it names.

`parcels.jsonl`, a line for each parcel when it is ordered: `script.Outcome`, which is true once all its
messages have been published.

`stays.jsonl`, a line for each event of goods in a store, and for each word about a haul (`stay` is then the haul):
exactly one is booked.
`faults` of `status.json` counts what was done.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sources.network.script import Cue, Outcome


class Truth:
    """Writes the truth; counts what it wrote."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._messages = (directory / "truth.jsonl").open("wb")
        self._parcels = (directory / "parcels.jsonl").open("wb")
        self._stays = (directory / "stays.jsonl").open("wb")
        self._encoder = msgspec.json.Encoder()
        self.fates: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def expect(self, outcome: Outcome) -> None:
        """A parcel is ordered."""
        self._parcels.write(self._encoder.encode(outcome) + b"\n")
        self.faults.update("lost_scan" if lost.isdigit() else "lost_weight" for lost in outcome.lost)

    def add(self, cues: Sequence[Cue]) -> None:
        """These messages are about to be published."""
        for cue in cues:
            if cue.store:
                self._stay(cue)
                continue
            self.fates[cue.fate] += 1
            if cue.fault:
                self.faults[cue.fault] += 1
            if cue.reason:
                self.reasons[cue.reason] += 1
            line = {
                "fate": cue.fate,
                "event_id": cue.event_id,
                "reason": cue.reason,
                "waybill": cue.waybill,
                "fault": cue.fault,
                "dead_letter": cue.dead_letter,
            }
            self._messages.write(self._encoder.encode(line) + b"\n")
        self._messages.flush()
        self._parcels.flush()
        self._stays.flush()

    def _stay(self, cue: Cue) -> None:
        if cue.fate == "accepted":
            line = {"event_id": cue.event_id, "stay": cue.waybill}
            self._stays.write(self._encoder.encode(line) + b"\n")

    def close(self) -> None:
        """Everything is in the files."""
        self._messages.close()
        self._parcels.close()
        self._stays.close()
