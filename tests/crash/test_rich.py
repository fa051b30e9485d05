"""The same under fire with parcels with which everything goes wrong and jobs beside the lanes: what stands is equal."""

from pathlib import Path

import pytest

from deploy import audit
from tests.audit.conftest import emptied
from tests.crash.harness import Field, Input, at_points, every, field
from tests.crash.rich import HORIZON, Rich, at_stake, standing
from tests.servers.kafka import Kafka
from tests.servers.store import Store

FILL = Rich(250)
Standing = dict[str, tuple[int, int]]


@pytest.fixture
def source(kafka: Kafka) -> Input:
    """A Kafka with unlucky parcels in it."""
    return Input(kafka, FILL)


@pytest.fixture
def undisturbed(lasting_store: Store) -> Standing:
    """What stands where nothing is killed."""
    client = emptied(lasting_store.client())
    FILL.undisturbed(client)
    report = audit.run(client, closed=True)
    assert report.passed, report.to_text()
    found = at_stake(client)
    assert all(found.values()), found
    stands = standing(client)
    assert all(count for count, _ in stands.values()), stands
    return stands


def test_killed_at_random_and_at_named_points(tmp_path: Path, source: Input, undisturbed: Standing) -> None:
    with field(tmp_path, source, crash=at_points(0.01), horizon=HORIZON, budget=150) as place:
        FILL.play(place, every((0.4, 1.2), Field.kill_a_lane, 4))
        assert place.killed > 3
        assert standing(place.client) == undisturbed
        place.replayed()
        place.audited()
