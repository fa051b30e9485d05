"""Names that were joined to each other, directly or by others between them."""

from collections.abc import Iterable


class Clusters:
    """Sets that have nothing in common, of names that were joined."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def join(self, one: str, other: str) -> None:
        """These two belong together."""
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first

    def of(self, names: Iterable[str]) -> list[list[str]]:
        """The clusters of these names, each in order; a name that was never joined is one of its own."""
        found: dict[str, list[str]] = {}
        for name in sorted(names):
            found.setdefault(self._root(name), []).append(name)
        return list(found.values())

    def _root(self, name: str) -> str:
        while (parent := self._parent.get(name, name)) != name:
            self._parent[name] = self._parent.get(parent, parent)
            name = parent
        return name
