"""The network's directory for a flow that reads it beside its data: the newest in Kafka, followed while it runs.

Unlike the lanes, the device flow plans nothing: which messages met the old directory and which the new one is
no part of its promise.
"""

import threading
import time

import msgspec

from flows.engine.log import log
from flows.engine.stop import Stop
from flows.governance.network import Network, read_network
from flows.lifecycle.published import follows
from schemas import topics
from schemas.events import ControlEvent, NetworkPublished
from schemas.problems import UNREADABLE, DocumentError
from schemas.settings import Settings
from sources.kafka import Follower

TELL = 5.0
"""Seconds between words about waiting."""


class Directory:
    """`wait` for the first directory, then ask for the `current` one; a thread follows the topic."""

    def __init__(self, settings: Settings) -> None:
        self._follower = Follower(settings.kafka, topics.CONTROL.name, settings.kafka_options)
        self._network: Network | None = None
        self._failure: BaseException | None = None

    def wait(self, stop: Stop) -> None:
        """Until everything that was published has been read and there is a directory; or until told to stop."""
        told = 0.0
        while not stop.asked:
            self._look(0.5)
            if self._network is not None and self._follower.at_end:
                threading.Thread(target=self._follow, daemon=True).start()
                return
            if time.monotonic() > told + TELL:
                told = time.monotonic()
                log("waiting for the network's directory", topic=topics.CONTROL.name)

    def current(self) -> Network:
        """The newest directory that is valid."""
        if self._network is None or self._failure is not None:
            raise RuntimeError("the directory is not followed") from self._failure
        return self._network

    def _follow(self) -> None:
        try:
            while True:
                self._look(0.5)
        except BaseException as error:
            self._failure = error

    def _look(self, seconds: float) -> None:
        for raw in self._follower.poll(seconds):
            try:
                document = msgspec.json.decode(raw, type=ControlEvent)
                if isinstance(document, NetworkPublished):
                    self._network = follows(self._network, read_network(document.files))
                    log("directory", version=self._network.version, sites=len(self._network.sites))
            except (*UNREADABLE, DocumentError) as error:
                log("a published document is refused", error=str(error)[:300])
