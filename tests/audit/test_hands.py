"""Whoever says what of three outlets: the lanes and the auditor read the same, and what went over stays true."""

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.audit.hands import Change, Hands, check_changes
from flows.fees.current import FEES
from flows.governance.network import Network, read_network
from flows.governance.operators import Operators, outlet_of
from flows.lifecycle import handover
from flows.lifecycle.intake import RefusedError
from schemas.events import BalanceMoved, HandoverWithdrawn, PartiesMerged, PartyTransferred
from schemas.times import DAY, business_day, date_of, day_of
from tests.lifecycle.test_transfers import FILES
from tests.lifecycle.world import START
from tests.volume import TIMES

NETWORK: Network = read_network(FILES)
OUTLETS, PARTIES = ("SHC", "SHA", "XAD"), ("SHC", "SHA", "无锡")
FIRST = date_of(business_day(START))
SPAN = 2
"""Days on which something is said, and for which."""
Said = PartyTransferred | PartiesMerged | HandoverWithdrawn


class Known(msgspec.Struct):
    """What lanes know, and the rows of table `operator` that they write of it."""

    hands: handover.Hands
    operators: Operators
    rows: list[Change]

    def say(self, event: Said) -> None:
        """Take it or refuse it."""
        try:
            if isinstance(event, HandoverWithdrawn):
                change, self.operators = self.hands.withdraw(event, self.operators)
            else:
                change = event
                self.operators = self.hands.change(event, self.operators, NETWORK)
        except RefusedError:
            return
        party = change.party if isinstance(change, PartyTransferred) else change.into
        kind = str(event.__struct_config__.tag)
        of = outlet_of(change), party, day_of(change.from_day)
        self.rows.append(Change(0, event.id, kind, *of, event.time, len(self.rows)))

    def move(self, time: int) -> None:
        """All balances go over whose day has come; of some there is nothing."""
        for n, one in enumerate(self.operators.handovers()):
            if one.day <= business_day(time):
                day = date_of(one.day)
                moved = BalanceMoved(
                    id=f"m-{time}-{n}",
                    time=time,
                    outlet=one.outlet,
                    from_day=day,
                    former=one.former,
                    party=one.party,
                    day=day,
                    balances=(),
                )
                self.hands.move(moved, self.operators, FEES.rules.transfer)


def drawn(data: st.DataObject, name: str, time: int, known: Known) -> Said:
    """Something that somebody may say."""
    about: dict[str, Any] = {"id": name, "time": time}
    first = FIRST + timedelta(days=data.draw(st.integers(0, SPAN)))
    match data.draw(st.sampled_from(["transfer", "merge", "withdraw"])):
        case "transfer":
            outlet, party = data.draw(st.sampled_from(OUTLETS)), data.draw(st.sampled_from(PARTIES))
            return PartyTransferred(**about, outlet=outlet, party=party, from_day=first)
        case "merge":
            absorbed, into = data.draw(st.permutations(OUTLETS))[:2]
            return PartiesMerged(**about, absorbed=absorbed, into=into, from_day=first)
        case _:
            said = [row.change_id for row in known.rows] or ["nothing"]
            return HandoverWithdrawn(**about, handover=data.draw(st.sampled_from(said)))


@settings(max_examples=300 * TIMES)
@given(st.data())
def test_lanes_and_auditor_read_the_same(data: st.DataObject) -> None:
    known, gone = Known(handover.Hands(), Operators(), []), set[tuple[str, int, str, str]]()
    for n in range(data.draw(st.integers(1, 12))):
        time = START + data.draw(st.integers(0, SPAN)) * DAY
        if data.draw(st.integers(0, 2)):
            known.say(drawn(data, f"e{n}", time, known))
        else:
            known.move(time)
            gone |= {
                (one.outlet, one.day, one.former, one.party)
                for one in known.operators.handovers()
                if one.day <= business_day(time)
            }
    read = Hands.of(known.rows)
    check = check_changes(read)
    assert check.passed, check
    for outlet in OUTLETS:
        for day in range(business_day(START) - 1, business_day(START) + SPAN + 2):
            assert read.party(outlet, day) == known.operators.of(outlet, day)
        spans = read.spans(outlet)
        steps = {(outlet, day, spans[at][1], party) for at, (day, party) in enumerate(spans[1:])}
        assert {one for one in gone if one[0] == outlet} <= steps
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(known.hands), type=handover.Hands)
    assert saved.operators().histories == known.operators.histories
