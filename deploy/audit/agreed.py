"""What was agreed with channels about their bills, as the auditor reads it in the published `channels.toml`."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from deploy.audit.store import Store

DAY, HOUR, MINUTE, SHANGHAI = 86_400_000, 3_600_000, 60_000, 28_800_000
FEN = 100


class Agreed(NamedTuple):
    """What counts for a merchant of a channel. Times in milliseconds, amounts in 0.0001."""

    sorts: tuple[str, ...] = ()
    """Sorts of bills in each of which money has to be."""
    notified: bool = True
    cut_off: int = DAY
    grace: int = 3
    """Days."""
    rate: Fraction | None = None
    slack: int = FEN
    due: int = 36 * HOUR

    def day(self, time: int, settled: int) -> int:
        """In which day's bill money has to be, days since 1970-01-01."""
        return settled or (time + SHANGHAI + DAY - self.cut_off) // DAY

    def due_at(self, day: int) -> int:
        """When a day's bill has to be there."""
        return day * DAY - SHANGHAI + self.due

    def fee(self, units: int) -> int | None:
        """What the channel keeps of an amount, to the fen; None: it is not agreed."""
        return None if self.rate is None else int(units * self.rate / FEN + Fraction(1, 2)) * FEN


Terms = dict[tuple[str, str], Agreed]
"""By channel and merchant."""


def published(store: Store) -> list[Terms]:
    """What each of the published documents says, in order."""
    rows = store.columns("SELECT content FROM $payment_rules WHERE file = 'channels.toml' ORDER BY seq, line")
    return [dict(_of(tomllib.loads(text))) for text in rows["content"]]


def ever_agreed(documents: Iterable[Terms]) -> dict[tuple[str, str], list[Agreed]]:
    """By channel and merchant: all that was ever agreed, each once, the newest last."""
    found: dict[tuple[str, str], list[Agreed]] = {}
    for told in documents:
        for key in found.keys() | told.keys():
            one = told.get(key, Agreed())
            known = found.setdefault(key, [])
            if one in known:
                known.remove(one)
            known.append(one)
    return found


def _of(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Agreed]]:
    for channel in document.get("channel", ()):
        bills = channel.get("bills")
        for merchant in channel.get("merchant", ()):
            rate = merchant.get("fee", channel.get("fee"))
            one = Agreed(rate=None if rate is None else Fraction(rate))
            if bills is not None:
                hours, _, minutes = bills.get("cut_off", "24:00").partition(":")
                one = one._replace(
                    sorts=tuple(bills.get("sorts", ("trade",))),
                    notified=bills.get("notified", True),
                    cut_off=int(hours) * HOUR + int(minutes) * MINUTE,
                    grace=bills.get("grace_days", 3),
                    slack=int(Fraction(bills.get("slack", "0.01")) * 10_000),
                    due=bills.get("due_hours", 36) * HOUR,
                )
            yield (channel["name"], merchant.get("name") or merchant["number"]), one
