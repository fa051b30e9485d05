"""The same under fire with parcels with which everything goes wrong: every table has rows, and what stands is equal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.harness import Field, Input, at_points, every, field
from tests.crash.rich import HORIZON, Rich, at_stake, standing
from tests.servers.kafka import Kafka

FILL = Rich(500)
Standing = dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Input]:
    """A Kafka with unlucky parcels in it."""
    with Kafka(tmp_path_factory.mktemp("kafka")) as kafka:
        assert isinstance(kafka, Kafka)
        yield Input(kafka, FILL)


@pytest.fixture(scope="module")
def undisturbed(source: Input, tmp_path_factory: pytest.TempPathFactory) -> Standing:
    """What stands after an uninterrupted run."""
    with field(tmp_path_factory.mktemp("undisturbed"), source, horizon=HORIZON) as place:
        place.run()
        source.add(FILL.late)
        place.run()
        place.audited()
        found = at_stake(place.client)
        assert all(found.values()), found
        stands = standing(place.client)
        assert all(count for count, _ in stands.values()), stands
        return stands


def test_killed_at_random_and_at_named_points(tmp_path: Path, source: Input, undisturbed: Standing) -> None:
    with field(tmp_path, source, crash=at_points(0.04), horizon=HORIZON, budget=150) as place:
        place.run(every((0.4, 1.2), Field.kill_a_lane, 6))
        assert place.killed > 3
        assert standing(place.client) == undisturbed
        place.audited()
        place.replayed()
        place.audited()
