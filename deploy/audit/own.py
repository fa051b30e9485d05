"""What whoever runs the simulated network did in it, told apart from what the network sent.

People's words (claims, decisions, commands, what is published) say who spoke: the simulated people have names of their
own, and whoever else speaks is the user. Devices and business systems are simulated only: what claims to be theirs must
have been sent, but for as many as dead letters that the user sent again.
"""

from collections.abc import Collection

import msgspec

from deploy.audit.store import Row, Store

SIMULATED = ("客服", "计重复核", "总部", "simulated", "demo")
"""As whom the simulated people sign."""
_SAID = f"""
    SELECT event_id, waybill, `by` AS signed FROM $claim
    WHERE status IN ('claimed', 'withdrawn') AND signed NOT IN {SIMULATED}
        AND waybill NOT IN (SELECT waybill FROM $service_level)
    UNION ALL
    SELECT event_id, waybill, decided_by FROM $weight_decision WHERE decided_by NOT IN {SIMULATED}"""
_SENT_AGAIN = "SELECT uniqExact(dead_letter_id) AS n FROM $dead_letter WHERE status = 'replayed'"
_SIGNED = ", ".join(
    f"JSONExtractString(raw, '{name}')" for name in ("by", "decided_by", "actor", "published_by")
)
OWN_LETTER = f"""
    topic IN ('waybook.orders', 'waybook.commands', 'waybook.control', 'waybook.payment-control')
    AND concat({_SIGNED}) NOT IN {("", *SIMULATED)}"""
"""Of dead letters: the user's word was refused."""


class Own(msgspec.Struct):
    """What is the user's."""

    said: dict[str, Row]
    """Claims and decisions, by event."""
    again: int
    """Dead letters that were sent again: each may have become an event, or another dead letter."""
    mended: list[str] = []
    """Events that came of letters sent again."""

    @property
    def events(self) -> list[str]:
        """All of these events."""
        return [*self.said, *self.mended]


def own(store: Store, sent: Collection[str]) -> Own:
    """What there is that the simulation, which sent these events, did not send."""
    said = {row["event_id"]: row for row in store.rows(_SAID) if row["event_id"] not in sent}
    return Own(said, store.value(_SENT_AGAIN))
