"""How old a fact may be, and when a parcel of which nothing is heard is given up.

A fact begins a parcel's record only while it is younger than the horizon. About a parcel whose record is there,
facts are taken that were young enough when the record *began*, up to an absolute age. So whatever waits for its
order can still get it after days, and yet no repeat is ever booked twice: a record is forgotten `horizon + ahead`
after it was last touched or later, when each of its events is older than the horizon; a record of the same waybill
that begins afterwards begins after that, and takes none of them.
"""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from flows.lifecycle.intake import RefusedError
from schemas.times import DAY, iso


def leaps(tick: int, now: int, received: int, leap: int) -> bool:
    """Whether a tick is further ahead of data time and of Kafka's clock than `leap`: from a wrong clock.

    It would make all that follows too old for ever. The first tick cannot leap.
    """
    return now != 0 and tick > max(now, received) + leap


class Heard(Protocol):
    """What is asked of a record: when something was heard of it last, and first, in data time."""

    key: str
    at: int
    born: int


R = TypeVar("R", bound=Heard)


class Ages:
    """The limits, in milliseconds of data time. Raises ValueError when they do not fit together."""

    def __init__(self, horizon: int, ahead: int, oldest: int) -> None:
        if oldest < horizon + ahead:
            raise ValueError(
                f"the setting oldest ({oldest} ms) is less than horizon and ahead together ({horizon + ahead} ms)"
            )
        self.horizon, self.oldest = horizon, oldest

    def check(self, time: int, known: Heard | None, now: int) -> None:
        """A time that is outside of what is usual. `known`: the record that it is about. Raises RefusedError."""
        if time > now:
            rule = "time_in_future"
        elif known is not None and self.takes(known, time, now):
            return
        else:
            rule = "time_too_old"
        raise RefusedError(rule, f"{iso(time)} is out of the range around data time {iso(now)}")

    def takes(self, parcel: Heard, time: int, now: int) -> bool:
        """Whether a fact that is older than the horizon is taken about a parcel whose record is there."""
        return time >= now - self.oldest and time >= parcel.born - self.horizon

    def unheard(self, parcels: Iterable[R], before: int, now: int) -> list[R]:
        """Parcels of which nothing was heard for too long, by waybill; looked for once a day of data time.

        `before`: data time when this was asked last.
        """
        if before // DAY == now // DAY:
            return []
        last = now - self.oldest
        return sorted((parcel for parcel in parcels if parcel.at < last), key=lambda parcel: parcel.key)
