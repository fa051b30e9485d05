"""The doors as they were published last, followed by a thread."""

import threading

import msgspec

from deploy.receiver.doors import Door, doors_of
from schemas import topics
from schemas.payments import PaymentRulesPublished
from schemas.problems import DocumentError
from schemas.settings import Settings
from sources.channels.read import read_channels
from sources.kafka import Follower

SECONDS = 1.0
"""Until a publication is known, at most."""


class Following:
    """`doors`: by channel, of the newest publication that could be read."""

    def __init__(self, settings: Settings) -> None:
        self.doors: dict[str, Door] = {}
        self.refused = ""
        """Why the newest publication is not used; empty: it is."""
        self._settings = settings
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="doors", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Follow no longer."""
        self._ending.set()
        self._thread.join()

    def _follow(self) -> None:
        follower = Follower(self._settings.kafka, topics.PAYMENT_CONTROL.name, self._settings.kafka_options)
        while not self._ending.is_set():
            for value in follower.poll(SECONDS):
                self._take(value)
            self._ending.wait(0.05)
        follower.close()

    def _take(self, value: bytes) -> None:
        try:
            files = msgspec.json.decode(value, type=PaymentRulesPublished).files
            self.doors, self.refused = doors_of(read_channels(files)), ""
        except (DocumentError, msgspec.MsgspecError) as error:
            self.refused = f"a publication is not used: {error}"
