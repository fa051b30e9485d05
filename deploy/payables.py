"""The demo's accounts payable: publishes what carriers and suppliers have billed, a file a day, as someone would."""

from pathlib import Path

from deploy import costs
from deploy.files import text_of
from schemas.settings import Settings

BY = "应付会计"


class Payables:
    """Takes each file of a directory once, as `waybook costs publish` does."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._settings, self._directory = settings, directory
        self._taken: set[str] = set()

    def step(self) -> None:
        """Publish what is new. Raises DeliveryError; what was not taken is tried again."""
        for file in sorted(self._directory.glob("*.csv")):
            if file.name not in self._taken:
                costs.publish(self._settings, text_of(file), BY, file.name)
                self._taken.add(file.name)
