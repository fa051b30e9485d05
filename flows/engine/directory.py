"""The network's directory for a flow that reads it beside its data: the newest in Kafka, followed while it runs.

Unlike the lanes, the device flow plans nothing: which messages met the old directory and which the new one is
no part of its promise.
"""

import time

import msgspec

from flows.engine.following import Following
from flows.engine.log import log
from flows.engine.stop import Stop
from flows.governance.network import Network, read_network
from flows.lifecycle.published import follows
from flows.lifecycle.shelf import Directories
from schemas import topics
from schemas.events import ControlEvent, NetworkPart, NetworkPublished
from schemas.problems import UNREADABLE, DocumentError
from schemas.settings import Settings

TELL = 5.0
"""Seconds between words about waiting."""


class Directory:
    """`wait` for the first directory, then ask for the `current` one; a thread follows the topic."""

    def __init__(self, settings: Settings) -> None:
        self._following = Following(settings, topics.CONTROL.name, self._take)
        self._documents = Directories()
        self._network: Network | None = None

    def wait(self, stop: Stop) -> None:
        """Until everything that was published has been read and there is a directory; or until told to stop."""
        told = 0.0
        while not stop.asked:
            self._following.look()
            if self._network is not None and self._following.at_end:
                self._following.begin()
                return
            if time.monotonic() > told + TELL:
                told = time.monotonic()
                log("waiting for the network's directory", topic=topics.CONTROL.name)

    def current(self) -> Network:
        """The newest directory that is valid."""
        self._following.check()
        if self._network is None:
            raise RuntimeError("there is no directory yet")
        return self._network

    def _take(self, raw: bytes) -> None:
        try:
            documents, said = self._documents, msgspec.json.decode(raw, type=ControlEvent)
            document = documents.gathering.document(said, documents.known(), NetworkPart)
            if isinstance(document, NetworkPublished):
                self._network = follows(self._network, read_network(document.files))
                documents.network = document
                log("directory", version=self._network.version, sites=len(self._network.sites))
        except (*UNREADABLE, DocumentError) as error:
            log("a published document is refused", error=str(error)[:300])
