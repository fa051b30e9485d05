"""Simulated time and messages that someone who was killed still has: it waits for them, however the counts look."""

from collections.abc import Callable, Iterator

import pytest

from schemas.settings import Settings
from schemas.times import DAY, HOUR
from sources.network import stage as stage_module
from sources.network.directory import build
from sources.network.faults import NONE
from sources.network.pace import Sent
from sources.network.script import Cue, Script
from sources.network.stage import START, Stage
from sources.network.truth import Truth


class Quiet:
    """A publisher and a producer that keep what they get to themselves."""

    unconfirmed = 0

    def __init__(self, *_: object) -> None:
        self.published = 0

    def publish(self, topic: str, payload: bytes, give_up: Callable[[], bool]) -> None:
        """Taken."""
        self.published += 1

    def send(self, *_: object, **__: object) -> None:
        """Taken."""

    def settle(self, give_up: Callable[[], bool]) -> bool:
        """All is confirmed."""
        return True

    def flush(self, seconds: float) -> bool:
        """All is with Kafka."""
        return True

    def poll(self, seconds: float) -> None:
        """Nothing to report."""

    def close(self) -> None:
        """Nothing to leave."""


class Books:
    """Books that claim to have read everything, as counts do after repeats, and book what a test says."""

    trouble = ""

    def __init__(self) -> None:
        self.fresh: list[str] | None = []
        self.read = 0

    def behind(self, sent: Sent) -> bool:
        """Never."""
        return False

    def heard(self) -> bool:
        """Always."""
        return True

    def ticks(self) -> int | None:
        """Every tick is read."""
        self.read += 1
        return 1 << 30

    def drained(self, sent: Sent) -> bool:
        """Always, it seems."""
        return True

    def booked(self) -> list[str] | None:
        """What the test said."""
        found, self.fresh = self.fresh, None if self.fresh is None else []
        return found


class Told:
    """Told to leave after so many questions."""

    asked = False

    def __init__(self, patience: int) -> None:
        self.patience = patience

    @property
    def at_once(self) -> bool:
        """Whether patience has run out."""
        self.patience -= 1
        return self.patience < 0


@pytest.fixture
def played(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage with one message sent."""
    monkeypatch.setattr(stage_module, "Publisher", Quiet)
    monkeypatch.setattr(stage_module, "Kafka", Quiet)
    monkeypatch.setattr(stage_module, "STEP", 0.0)
    truth = Truth(tmp_path)  # type: ignore[arg-type]
    settings = Settings(ahead=24 * HOUR)
    made = Stage(build(60, 1), Script(NONE), settings, truth, Books(), 1, 1.0, 4000.0)
    made._cues.append(Cue(START, 1, 0, "sorter/x/y", b"{}", "YT1", "accepted", event_id="e1"))
    made._publish(Told(1000))
    yield made
    made.close()


def pass_days(stage: Stage, days: int) -> None:
    """Let time pass as far as it can."""
    for _ in range(days * 2):
        stage._pass(DAY, Told(1 << 30))


def test_time_stops_at_a_message_that_is_not_booked(played: Stage) -> None:
    pass_days(played, 10)
    assert played.now == START + Settings().horizon // 4
    assert isinstance(played.books, Books)
    played.books.fresh = ["another", "e1"]
    pass_days(played, 3)
    assert played.now > START + 2 * DAY


def test_the_end_waits_for_it_too(played: Stage) -> None:
    told = Told(50)
    played.finish(told)
    assert told.patience < 0, "it was waited for until patience ran out"
    assert isinstance(played.books, Books)
    played.books.fresh = ["e1"]
    patient = Told(1_000)
    played.finish(patient)
    assert patient.patience > 900


def test_a_repeat_is_not_waited_for_and_a_dead_letter_is(played: Stage) -> None:
    assert isinstance(played.books, Books)
    played.books.fresh = ["e1"]
    played._cues.append(Cue(START, 1, 1, "sorter/x/y", b"{}", "YT1", "repeated", event_id="e1"))
    played._cues.append(Cue(START, 1, 2, "sorter/x/y", b"#", "YT1", "refused", dead_letter="dl-1"))
    played._publish(Told(1000))
    pass_days(played, 10)
    assert len(played.underway) == 1
    assert played.now == START + Settings().horizon // 4
    played.books.fresh = ["dl-1"]
    pass_days(played, 1)
    assert not played.underway


def test_without_books_nothing_is_waited_for(played: Stage) -> None:
    assert isinstance(played.books, Books)
    played.books.fresh = None
    pass_days(played, 3)
    assert played.now > START + 2 * DAY
