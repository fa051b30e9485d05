"""A topic of one partition that is followed beside a flow's data: looked at until it is known, then by a thread."""

import threading
from collections.abc import Callable

from schemas.settings import Settings
from sources.kafka import Follower

LOOK = 0.5
"""Seconds that one look waits for something new."""


class Following:
    """Gives each record to `take`; a failure of the thread is raised by whoever asks `check`."""

    def __init__(
        self, settings: Settings, topic: str, take: Callable[[bytes], None], *, only_newest: bool = False
    ) -> None:
        self._follower = Follower(settings.kafka, topic, settings.kafka_options, only_newest=only_newest)
        self._topic, self._take = topic, take
        self._failure: BaseException | None = None

    @property
    def at_end(self) -> bool:
        """Whether everything that was there has been taken once."""
        return self._follower.at_end

    def look(self) -> None:
        """Take what is new."""
        for raw in self._follower.poll(LOOK):
            self._take(raw)

    def begin(self) -> None:
        """Look on in a thread, for as long as the process lives."""
        threading.Thread(target=self._follow, daemon=True).start()

    def check(self) -> None:
        """Raises RuntimeError when the topic is not followed any more."""
        if self._failure is not None:
            raise RuntimeError(f"{self._topic} is not followed") from self._failure

    def _follow(self) -> None:
        try:
            while True:
                self.look()
        except BaseException as error:
            self._failure = error
