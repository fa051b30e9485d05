"""The further services that books know: those that a row names, or that a condition about services compares with."""

from collections.abc import Iterable, Iterator

from flows.rating.factors import Named, When, Words


def services_in(named: Iterable[Named]) -> Iterator[str]:
    """Names of services in what rows name; of a condition all of its texts, since any of them may be one."""
    for one in named:
        if isinstance(one, When):
            if "services" in one.condition.names:
                yield from one.condition.texts
        elif isinstance(one, Words) and one.factor == "service":
            yield from one.words
