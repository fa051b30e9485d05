"""What falls due, when, for how much: the rules between a parcel's facts and its charges.

* freight and the waybill fee fall due when the parcel is picked up (its first scan 10);
* the transit fee when its weight is adopted: at once for a hub's weight, at signing for an outlet's, some hours
  after signing for the declared one, as the tariff book's weight policy says;
* the delivery fee when the parcel is signed for (its first scan 50).

A due is always assessed from the facts as they are now and compared with what is booked. Nothing booked: it
is charged. The same: nothing happens. Something else: the charge in force is taken back by a reversal of the
same amount and date, and the next revision is charged. So the order in which facts arrive cannot matter.
"""

from flows.lifecycle.fees import (
    ABANDONED,
    COLLECTED,
    DELIVERY,
    DUES,
    FREIGHT,
    NO_ORDER,
    NO_PICKUP,
    NO_PRICE,
    NO_WEIGHT,
    PAID,
    REASON_BITS,
    TRANSIT,
    WAYBILL,
)
from flows.lifecycle.output import Adoption, Charge, Output, Wait
from flows.lifecycle.parcel import NEVER, UNRANKED, Parcel
from flows.rating.model import Book, Row
from flows.rating.policy import AFTER_SIGNED, AT_ONCE, WHEN_SIGNED, WeightPolicy
from flows.rating.tariffs import Quote, Tariffs
from schemas.times import DAY, SHANGHAI_OFFSET

Unpriced = tuple[int, int, int, int, Row | None]
_REASON = (1 << REASON_BITS) - 1

NO_BOOK = Book(
    version="",
    name="",
    policy=WeightPolicy(
        rank={"hub_dws": 0, "hub_scale": 1, "outlet_dws": 2, "outlet_scale": 3, "declared": 4},
        adopt=(AT_ONCE, AT_ONCE, WHEN_SIGNED, WHEN_SIGNED, AFTER_SIGNED),
        after_ms=(0, 0, 0, 0, DAY),
        difference_g=500,
        difference_percent=10,
    ),
    tables=(),
    rows=(),
)
"""Before the first tariff book everything that is due waits for a price."""


class Assessor:
    """Assesses parcels by the tariffs in force and writes charges into a block's output."""

    def __init__(self, tariffs: Tariffs) -> None:
        self.tariffs = tariffs
        self.weighed = any(
            table.weight and table.fee != "transit" for book in tariffs.books for table in book.tables
        )
        """Whether another fee than transit depends on the weight."""
        self.output = Output()
        self.now = 0
        """Data time, UTC ms."""
        self.cause = ""
        """The event that is being looked at: what a correction is due to."""
        self.changed: dict[str, tuple[Parcel, int]] = {}
        """Parcels whose waits changed in this block, with what they were before."""

    def all(self, parcel: Parcel, origin: str, destination: str) -> None:
        """Everything again: the order came or changed. `origin`, `destination`: the parties until now."""
        moved = origin != parcel.origin or destination != parcel.destination
        if moved and parcel.done:
            for due in range(len(DUES)):
                self._take_back(parcel, due, origin, destination)
        self.pick_up(parcel)
        self.transit(parcel)
        self.delivery(parcel)

    def pick_up(self, parcel: Parcel) -> None:
        """Freight and the waybill fee."""
        if parcel.picked == NEVER:
            return
        if not parcel.order_id:
            self._wait(parcel, WAYBILL, NO_ORDER)
            return
        time = parcel.picked
        if parcel.payment or parcel.done & 1 << FREIGHT:
            self._book(parcel, FREIGHT, (parcel.payment, 0, 0, 0, None), time, parcel.picked_id)
        self._settle(parcel, WAYBILL, "waybill", time, parcel.picked_id)

    def transit(self, parcel: Parcel) -> None:
        """The transit fee, by the weight that may be adopted now."""
        due = self._adoptable(parcel)
        if due == NEVER:
            self._take_back(parcel, TRANSIT, parcel.origin, parcel.destination)
            if parcel.signed != NEVER:
                self._wait(parcel, TRANSIT, NO_WEIGHT if parcel.order_id else NO_ORDER)
            return
        if not parcel.order_id:
            self._wait(parcel, TRANSIT, NO_ORDER)
            return
        if parcel.adopted != parcel.weight_id:
            self._adopt(parcel)
            if self.weighed:
                self.pick_up(parcel)
                self.delivery(parcel)
        self._settle(parcel, TRANSIT, "transit", due, parcel.weight_id)

    def delivery(self, parcel: Parcel) -> None:
        """The delivery fee, collected and paid on."""
        if parcel.signed == NEVER:
            return
        if parcel.picked == NEVER:
            self._wait(parcel, WAYBILL, NO_PICKUP)
        if not parcel.order_id:
            self._wait(parcel, DELIVERY, NO_ORDER)
            return
        self._settle(parcel, DELIVERY, "delivery", parcel.signed, parcel.signed_id)

    def rank(self, weight_class: str) -> int:
        """How good a class of weight is by the policy in force: 0 is the best, UNRANKED is never adopted."""
        return self.tariffs.policy.rank.get(weight_class, UNRANKED)

    def waits_for_signature(self, parcel: Parcel) -> bool:
        """Whether the best weight's moment depends on when the parcel was signed for."""
        rank = self.rank(parcel.weight_class)
        return rank != UNRANKED and self.tariffs.policy.adopt[rank] != AT_ONCE

    def deadline(self, parcel: Parcel) -> int:
        """When the parcel wants to be looked at though nothing arrives (data time); NEVER: not at all."""
        rank = self.rank(parcel.weight_class)
        if parcel.signed == NEVER or rank == UNRANKED or parcel.done & 1 << TRANSIT:
            return NEVER
        after = self.tariffs.policy.after_ms[rank]
        return parcel.signed + after if after else NEVER

    def _adoptable(self, parcel: Parcel) -> int:
        """When the best weight came or comes into force; NEVER: not yet."""
        rank = self.rank(parcel.weight_class)
        if rank == UNRANKED:
            return NEVER
        rule = self.tariffs.policy.adopt[rank]
        if rule == AT_ONCE:
            return parcel.weight_time
        if parcel.signed == NEVER:
            return NEVER
        if rule == WHEN_SIGNED:
            return max(parcel.weight_time, parcel.signed)
        due = parcel.signed + self.tariffs.policy.after_ms[rank]
        return due if due <= self.now else NEVER

    def _adopt(self, parcel: Parcel) -> None:
        why = "first" if not parcel.adopted else "better"
        if self.tariffs.policy.adopt[self.rank(parcel.weight_class)] not in (AT_ONCE, WHEN_SIGNED):
            why = "deadline"
        self.output.adoptions.append(
            Adoption(
                parcel.key,
                parcel.weight_id,
                parcel.weight_class,
                parcel.weight_g,
                parcel.volume_cm3,
                parcel.weight_time,
                parcel.weight_site,
                parcel.adopted,
                why,
            )
        )
        parcel.adopted = parcel.weight_id

    def _settle(self, parcel: Parcel, due: int, fee: str, time: int, cause: str) -> None:
        """Rate a due by the adopted weight, and book it, or let it wait for its price or weight."""
        quote = self.tariffs.rate(
            fee,
            (time + SHANGHAI_OFFSET) // DAY,
            parcel.origin,
            parcel.destination,
            parcel.product,
            parcel.weight_g,
            parcel.volume_cm3,
        )
        if quote is not None and (parcel.adopted or not quote[4].table.weight):
            self._book(parcel, due, quote, time, cause)
            return
        self._take_back(parcel, due, parcel.origin, parcel.destination)
        self._wait(parcel, due, NO_PRICE if quote is None else NO_WEIGHT)

    def _book(self, parcel: Parcel, due: int, quote: Unpriced | Quote, time: int, cause: str) -> None:
        """Charge what is not booked; correct what is booked otherwise."""
        booked = parcel.booked or [0] * (3 * len(DUES))
        parcel.booked = booked
        amount, at = quote[0], 3 * due
        if parcel.done & 1 << due:
            day = (time + SHANGHAI_OFFSET) // DAY
            if amount == booked[at] and day == (booked[at + 1] + SHANGHAI_OFFSET) // DAY:
                return
            self._take_back(parcel, due, parcel.origin, parcel.destination)
        parcel.done |= 1 << due
        booked[at], booked[at + 1] = amount, time
        self._write(parcel, due, booked[at + 2], quote, time, cause)
        if parcel.waits:
            self._wait(parcel, due, 0)

    def _write(
        self, parcel: Parcel, due: int, revision: int, quote: Unpriced | Quote, time: int, cause: str
    ) -> None:
        amount, volumetric_g, chargeable_g, continued_g, row = quote
        weight: tuple[str, str, int, int, int, int]
        if row is not None and row.table.weight:
            weight = (
                parcel.weight_class,
                parcel.weight_id,
                parcel.weight_g,
                volumetric_g,
                chargeable_g,
                continued_g,
            )
        else:
            weight = "", "", 0, 0, 0, 0
        key, append = parcel.key, self.output.charges.append
        line = parcel.origin, parcel.destination, parcel.product
        for fee in (COLLECTED, PAID) if due == DELIVERY else (due,):
            append(Charge(key, fee, revision, False, amount, time, cause, *line, *weight, row))  # type: ignore[arg-type]

    def _take_back(self, parcel: Parcel, due: int, origin: str, destination: str) -> None:
        """Reverse the charge in force, if there is one: same parties, date and amount, in red."""
        if not parcel.done & 1 << due:
            return
        parcel.done &= ~(1 << due)
        amount, time, revision = parcel.booked[3 * due : 3 * due + 3]
        parcel.booked[3 * due + 2] = revision + 1
        line = origin, destination, parcel.product
        for fee in (COLLECTED, PAID) if due == DELIVERY else (due,):
            self.output.charges.append(
                Charge(
                    parcel.key,
                    fee,
                    revision,
                    True,
                    -amount,
                    time,
                    self.cause,
                    *line,
                    "",
                    "",
                    0,
                    0,
                    0,
                    0,
                    None,
                )
            )

    def _wait(self, parcel: Parcel, due: int, reason: int) -> None:
        place = REASON_BITS * due
        waits = parcel.waits & ~(_REASON << place) | reason << place
        if waits != parcel.waits:
            self.changed.setdefault(parcel.key, (parcel, parcel.waits))
            parcel.waits = waits

    def give_up(self, parcel: Parcel) -> None:
        """The parcel leaves: what was never booked of it waits no more, and says so."""
        for due in (WAYBILL, TRANSIT, DELIVERY):
            if not parcel.done & 1 << due:
                self._wait(parcel, due, ABANDONED)

    def waited(self) -> None:
        """At the end of a block: write the waits that began, changed or ended in it."""
        for parcel, before in self.changed.values():
            for due in (WAYBILL, TRANSIT, DELIVERY):
                reason = parcel.waits >> REASON_BITS * due & _REASON
                earlier = before >> REASON_BITS * due & _REASON
                if reason != earlier:
                    known = (parcel.signed, parcel.weight_time, parcel.order_time, parcel.at)
                    times = (parcel.picked, *known) if due == WAYBILL else known
                    since = next(time for time in times if time != NEVER)
                    self.output.waits.append(Wait(parcel.key, due, reason, since, parcel.origin, earlier))
        self.changed.clear()
