"""The tariff books that a lane has: in force, superseded, and on their way in parts."""

from collections.abc import Iterator

import msgspec

from flows.lifecycle.gathering import Gathering
from schemas.events import TariffPublished
from schemas.parts import packed, unpacked


class Shelf(msgspec.Struct):
    """Books that were taken and not withdrawn, in order of publication, as the recovery store keeps them."""

    tariffs: list[TariffPublished] = []
    """Without their files."""
    files: dict[str, bytes] = {}
    """Theirs, packed, by version."""
    gathering: Gathering = msgspec.field(default_factory=Gathering)

    def add(self, published: TariffPublished) -> None:
        """A book comes into force after the others."""
        self.files[published.version] = packed(published.files)
        self.tariffs.append(msgspec.structs.replace(published, files={}))

    def keep(self, tariffs: list[TariffPublished]) -> None:
        """Only these of the books stay."""
        self.tariffs = tariffs
        versions = {tariff.version for tariff in tariffs}
        self.files = {version: kept for version, kept in self.files.items() if version in versions}

    def has(self, publication: str) -> bool:
        """Whether a publication, by its event's id, is among them."""
        return any(tariff.id == publication for tariff in self.tariffs)

    def whole(self) -> Iterator[TariffPublished]:
        """The books one by one, with their files."""
        for tariff in self.tariffs:
            yield msgspec.structs.replace(tariff, files=unpacked(self.files[tariff.version]))
