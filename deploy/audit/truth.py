"""The books against the simulated network's truth: nothing vanished, nothing was invented.

`truth.jsonl` has a line for each message before it is published: `{"fate", "event_id", "reason", "waybill"}`.
`accepted` must be exactly one event, `refused` exactly one dead letter with this reason, `repeated` nothing.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from deploy.audit.report import Check, Findings
from deploy.audit.store import Store

FILE = "truth.jsonl"


class Line(msgspec.Struct, frozen=True):
    """A message and what must come of it."""

    fate: str
    event_id: str = ""
    reason: str = ""
    waybill: str = ""


def check_truth(store: Store, directory: Path) -> list[Check]:
    """Both checks. Raises OSError when there is no truth in the directory, msgspec.DecodeError when it is torn."""
    accepted: dict[str, str] = {}
    refused: Counter[str] = Counter()
    for line in _lines(directory / FILE):
        if line.fate == "accepted":
            accepted[line.event_id] = line.waybill
        elif line.fate == "refused":
            refused[line.reason] += 1
    return [_check_events(store, accepted), _check_dead_letters(store, refused)]


def _lines(file: Path) -> Iterator[Line]:
    decode = msgspec.json.Decoder(Line).decode
    with file.open("rb") as lines:
        for line in lines:
            yield decode(line)


def _check_events(store: Store, expected: dict[str, str]) -> Check:
    found = Findings("truth_events", "模拟网络发出的每个有效事实恰好入账一次")
    found.seen = len(expected)
    for first, last in store.ranges("event", 1_000_000):
        events = store.columns(
            "SELECT event_id, waybill FROM $event WHERE seq BETWEEN {first:UInt64} AND {last:UInt64}",
            first=first,
            last=last,
        )
        for event_id, waybill in zip(events["event_id"], events["waybill"], strict=True):
            if expected.pop(event_id, None) != waybill:
                found.add(f"{waybill} {event_id}: nobody sent this, or it stands twice")
    for event_id, waybill in expected.items():
        found.add(f"{waybill} {event_id}: was sent and is not there")
    return found.check("facts sent")


def _check_dead_letters(store: Store, expected: Counter[str]) -> Check:
    found = Findings("truth_dead_letters", "每条错误输入恰好一条死信，原因相符")
    found.seen = expected.total()
    letters = store.columns("""
        SELECT why, count() AS letters
        FROM (SELECT dead_letter_id, argMinIf(reason, (seq, line), status = 'open') AS why FROM $dead_letter
              GROUP BY dead_letter_id)
        GROUP BY why""")
    there = dict(zip(letters["why"], letters["letters"], strict=True))
    for reason in sorted(expected.keys() | there.keys()):
        sent, kept = expected[reason], there.get(reason, 0)
        if sent != kept:
            found.add(f"{reason}: {sent} were sent, {kept} are dead letters", abs(sent - kept))
    return found.check("faults sent")
