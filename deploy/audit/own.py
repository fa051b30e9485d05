"""What whoever runs the simulated network did in it, told apart from what the network sent.

People's words (claims, decisions, commands, what is published) say who spoke: the simulated people have names of their
own, and whoever else speaks is the user. Devices and business systems are simulated only: what claims to be theirs must
have been sent, but for what came of dead letters that the user sent again: their notes keep what was sent.
"""

from collections.abc import Collection

import msgspec

from deploy.audit.names import content_name
from deploy.audit.store import Row, Store

SIMULATED = ("客服", "计重复核", "总部", "simulated", "demo")
"""As whom the simulated people sign."""
_SAID = f"""
    SELECT event_id, waybill, `by` AS signed FROM $claim
    WHERE status IN ('claimed', 'withdrawn') AND signed NOT IN {SIMULATED}
        AND waybill NOT IN (SELECT waybill FROM $service_level)
    UNION ALL
    SELECT event_id, waybill, decided_by FROM $weight_decision WHERE decided_by NOT IN {SIMULATED}"""
_SENT_AGAIN = """
    SELECT note.dead_letter_id AS of, letter.came_to AS topic, hex(note.raw) AS sent FROM $dead_letter AS note
    LEFT JOIN (SELECT dead_letter_id, any(topic) AS came_to FROM $dead_letter WHERE status = 'open'
               GROUP BY dead_letter_id) AS letter ON letter.dead_letter_id = note.dead_letter_id
    WHERE note.status = 'replayed'"""
_SIGNED = ", ".join(
    f"JSONExtractString(raw, '{name}')" for name in ("by", "decided_by", "actor", "published_by")
)
OWN_LETTER = f"""
    topic IN ('waybook.orders', 'waybook.commands', 'waybook.control', 'waybook.payment-control')
    AND concat({_SIGNED}) NOT IN {("", *SIMULATED)}"""
"""Of dead letters: the user's word was refused."""


class Sent(msgspec.Struct, frozen=True):
    """What was sent again of a dead letter, and to which topic."""

    of: str
    topic: str
    raw: bytes
    """Empty: they are not known, since they are sealed or many."""

    @property
    def letter(self) -> str:
        """The dead letter that it is if it was mended, and refused again."""
        return content_name("dl", self.topic, self.raw)

    def became(self, event_id: str, source: str) -> bool:
        """Whether it may be this event: by an id that it says, as it is, as its device's, or hashed, or by all that it
        says."""
        try:
            said = msgspec.json.decode(self.raw, strict=False)
        except msgspec.DecodeError:
            return False
        ids = [str(value) for value in said.values()] if isinstance(said, dict) else []
        device = (f"{source}-{one}" for one in ids)
        hashed = (content_name(source, one) for one in ids)
        return event_id in (*ids, *device, *hashed, content_name(source, self.topic, self.raw))


class Own(msgspec.Struct):
    """What is the user's."""

    said: dict[str, Row]
    """Claims and decisions, by event."""
    again: list[Sent]
    """What was sent again: each may have become an event, or another dead letter."""
    mended: list[str] = []
    """Events that came of letters sent again."""

    def came_again(self, event_id: str, source: str) -> bool:
        """Whether an event came of what was sent again, the first time that it is seen."""
        came = event_id not in self.mended and any(one.became(event_id, source) for one in self.again)
        if came:
            self.mended.append(event_id)
        return came

    @property
    def events(self) -> list[str]:
        """All of these events."""
        return [*self.said, *self.mended]


def own(store: Store, sent: Collection[str]) -> Own:
    """What there is that the simulation, which sent these events, did not send."""
    said = {row["event_id"]: row for row in store.rows(_SAID) if row["event_id"] not in sent}
    again = [Sent(row["of"], row["topic"], bytes.fromhex(row["sent"])) for row in store.rows(_SENT_AGAIN)]
    return Own(said, again)
