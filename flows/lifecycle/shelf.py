"""The documents that a lane has: a directory, tariff books in force and superseded, and what is on its way in parts;
and until when the books are closed."""

from collections.abc import Iterator

import msgspec

from flows.lifecycle.gathering import Gathering
from flows.lifecycle.periods import Periods
from schemas.events import NetworkPublished, TariffPublished
from schemas.parts import packed, unpacked


class Directories(msgspec.Struct):
    """The directory in force and what is on its way in parts, as the recovery store keeps them."""

    network: NetworkPublished | None = None
    gathering: Gathering = msgspec.field(default_factory=Gathering)

    def known(self) -> Iterator[str]:
        """Publications, by their events' ids, that are whole already."""
        if self.network is not None:
            yield self.network.id


class Closable(Directories):
    """Until when days are closed, too."""

    periods: Periods = msgspec.field(default_factory=Periods)


class Shelf(Closable):
    """Books that were taken and not withdrawn, too, in order of publication."""

    tariffs: list[TariffPublished] = []
    """Without their files."""
    files: dict[str, bytes] = {}
    """Theirs, packed, by version."""

    def add(self, published: TariffPublished) -> None:
        """A book comes into force after the others."""
        self.files[published.version] = packed(published.files)
        self.tariffs.append(msgspec.structs.replace(published, files={}))

    def keep(self, tariffs: list[TariffPublished]) -> None:
        """Only these of the books stay."""
        self.tariffs = tariffs
        versions = {tariff.version for tariff in tariffs}
        self.files = {version: kept for version, kept in self.files.items() if version in versions}

    def known(self) -> Iterator[str]:
        """Publications, by their events' ids, that are whole already."""
        yield from super().known()
        yield from (tariff.id for tariff in self.tariffs)

    def whole(self) -> Iterator[TariffPublished]:
        """The books one by one, with their files."""
        for tariff in self.tariffs:
            yield msgspec.structs.replace(tariff, files=unpacked(self.files[tariff.version]))
