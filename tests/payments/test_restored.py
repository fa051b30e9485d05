"""A lane that began again writes what one that went on writes, block by block: else it contradicts its plans."""

import random

import pytest

from schemas.times import DAY, HOUR, MINUTE
from tests.channels.world import NOON
from tests.crash.payments import RULES, facts
from tests.payments.world import Books, tick


@pytest.mark.parametrize("seed", range(4))
def test_whether_a_lane_began_again_shows_nowhere(seed: int) -> None:
    r, at = random.Random(seed), NOON
    told = [event for some in facts() for event in some]
    r.shuffle(told)
    went_on, again = Books(RULES), Books(RULES)
    while told:
        some = [told.pop() for _ in range(min(len(told), r.choice((1, 3, 10, 40))))]
        if r.random() < 0.3:
            at += r.choice((MINUTE, HOUR, DAY, 3 * DAY))
            some.append(tick(at))
        for lane in (went_on, again):
            lane.digests.clear()
            lane.take(*some)
        assert again.digests == went_on.digests, again.n
        if r.random() < 0.3:
            again.restart()
