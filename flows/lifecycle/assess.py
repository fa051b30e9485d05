"""What falls due, when, for how much: the rules between a parcel's facts and its charges.

* freight and the waybill fee fall due when the parcel is picked up (its first scan 10);
* the transit fee when its weight is adopted: at once for a hub's weight, at signing for an outlet's, some hours
  after signing for the declared one, as the tariff book's weight policy says;
* the delivery fee when the parcel is signed for (its first scan 50).

A due is always assessed from the facts as they are now and compared with what is booked. Nothing booked: it
is charged. The same: nothing happens. Something else: the charge in force is taken back by a reversal of the
same amount and date, and the next revision is charged. So the order in which facts arrive cannot matter.
"""

from collections.abc import Mapping

from flows.governance.network import Site
from flows.lifecycle.fees import (
    COLLECTED,
    DELIVERY,
    DUES,
    FREIGHT,
    NO_ORDER,
    NO_PRICE,
    NO_WEIGHT,
    PAID,
    TRANSIT,
    UNDECIDED,
    WAIT_BITS,
    WAYBILL,
)
from flows.lifecycle.output import Adoption, Anomaly, CaseRow, Charge, Output, Wait
from flows.lifecycle.parcel import NEVER, OPEN, Case, Parcel, pending
from flows.lifecycle.weighing import DECIDED, case_of, chosen, weighed
from flows.rating.model import Book, Row
from flows.rating.policy import AFTER_SIGNED, AT_ONCE, WAIT, WHEN_SIGNED, WeightPolicy
from flows.rating.tariffs import Quote, Tariffs
from schemas.times import DAY, SHANGHAI_OFFSET

Unpriced = tuple[int, int, int, int, Row | None]

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

    def __init__(self, tariffs: Tariffs, outlets: Mapping[str, Site]) -> None:
        self.tariffs, self.outlets = tariffs, outlets
        self.weighed = any(
            table.weight and table.fee != "transit" for book in tariffs.books for table in book.tables
        )
        """Whether another fee than transit depends on the weight."""
        self.books = len(tariffs.books)
        self.output = Output()
        self.now = 0
        """Data time, UTC ms."""
        self.cause = ""
        """The event that is being looked at: what a correction is due to."""
        self.changed: dict[str, tuple[Parcel, int]] = {}
        """Parcels whose waits changed in this block, with what they were before."""
        self.cases: dict[str, tuple[Parcel, Case | None, str]] = {}
        """Parcels whose cases changed in this block, with what they were before and the newest cause."""

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
            if parcel.adopted and self.weighed:
                self.pick_up(parcel)
                self.delivery(parcel)
            why = NO_WEIGHT if parcel.order_id else NO_ORDER
            self._wait(parcel, TRANSIT, why if parcel.signed != NEVER else 0)
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
        if not parcel.order_id:
            self._wait(parcel, DELIVERY, NO_ORDER)
            return
        self._settle(parcel, DELIVERY, "delivery", parcel.signed, parcel.signed_id)

    def policy(self, parcel: Parcel) -> WeightPolicy:
        """The weight policy in force for the parcel's line; before its order is known, the usual one."""
        policy = self.tariffs.policy
        if not policy.lines or not parcel.order_id:
            return policy
        ends = [self.outlets.get(outlet) for outlet in (parcel.origin, parcel.destination)]
        return policy.of(parcel.product, *("" if site is None else site.province for site in ends))

    def weigh(self, parcel: Parcel) -> None:
        """The weights, the order, a decision or the policy changed: choose the weight and look at differences."""
        policy = self.tariffs.policy
        if policy.lines:
            policy = self.policy(parcel)
        best = chosen(parcel, policy)
        parcel.books = self.books
        parcel.weight_class, parcel.weight_time, parcel.weight_id = best.weight_class, best.time, best.id
        parcel.weight_g, parcel.volume_cm3, parcel.weight_site = best.weight_g, best.volume_cm3, best.site
        if policy.limits and parcel.order_id:
            self._remark(parcel, policy)
        weighings = parcel.weighings
        if parcel.case is not None or parcel.decision is not None or len(weighings) > 1:
            if parcel.case is None and parcel.decision is None and len(weighings) == 2:
                one, other = weighings  # the two of nearly every parcel, and nearly always they agree
                if not policy.differs(one.weight_g, other.weight_g):
                    return
            case = case_of(parcel, policy)
            if case != parcel.case:
                before = self.cases.get(parcel.key, (parcel, parcel.case, ""))[1]
                self.cases[parcel.key] = parcel, before, self.cause
                parcel.case = case

    def by_weight(self, parcel: Parcel) -> None:
        """Everything again that depends on the weight."""
        self.transit(parcel)
        if self.weighed:
            self.pick_up(parcel)
            self.delivery(parcel)

    def waits_for_signature(self, parcel: Parcel) -> bool:
        """Whether the best weight's moment depends on when the parcel was signed for."""
        return self._rule(parcel)[0] not in (AT_ONCE, "")

    def deadline(self, parcel: Parcel) -> int:
        """When the parcel wants to be looked at though nothing arrives (data time); NEVER: not at all."""
        if parcel.signed == NEVER or parcel.done & 1 << TRANSIT:
            return NEVER
        after = self._rule(parcel)[1]
        return parcel.signed + after if after else NEVER

    def _rule(self, parcel: Parcel) -> tuple[str, int]:
        """When the weight that counts may be adopted, and for `after_signed` after how long; "": never."""
        if parcel.weight_class == DECIDED:
            return AT_ONCE, 0
        policy = self.tariffs.policy
        if policy.lines:
            policy = self.policy(parcel)
        rank = policy.rank.get(parcel.weight_class)
        if rank is not None:
            return policy.adopt[rank], policy.after_ms[rank]
        confirmed = parcel.decision is not None and parcel.decision.weight_event == parcel.weight_id
        return (AT_ONCE, 0) if confirmed and parcel.weight_id else ("", 0)

    def _adoptable(self, parcel: Parcel) -> int:
        """When the best weight came or comes into force; NEVER: not yet."""
        rule, after = self._rule(parcel)
        if rule == AT_ONCE:
            return parcel.weight_time
        if not rule or parcel.signed == NEVER:
            return NEVER
        if rule == WHEN_SIGNED:
            return max(parcel.weight_time, parcel.signed)
        due = parcel.signed + after
        return due if due <= self.now else NEVER

    def _adopt(self, parcel: Parcel) -> None:
        why = "first" if not parcel.adopted else "better"
        if self._rule(parcel)[0] == AFTER_SIGNED:
            why = "deadline"
        if parcel.decision is not None and parcel.weight_id in (
            parcel.decision.id,
            parcel.decision.weight_event,
        ):
            why = "decided"
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
        why = NO_PRICE if quote is None else 0
        if quote is not None and quote[4].table.weight:
            if not parcel.adopted or parcel.adopted != parcel.weight_id:
                why = NO_WEIGHT
            elif parcel.case is not None and parcel.case.treatment == WAIT and pending(parcel.case):
                why = UNDECIDED
        if quote is not None and not why:
            self._book(parcel, due, quote, time, cause)
            return
        self._take_back(parcel, due, parcel.origin, parcel.destination)
        self._wait(parcel, due, why)

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
        at = WAIT_BITS * due
        waits = parcel.waits & ~((1 << WAIT_BITS) - 1 << at) | reason << at
        if waits != parcel.waits:
            self.changed.setdefault(parcel.key, (parcel, parcel.waits))
            parcel.waits = waits

    def waited(self) -> None:
        """At the end of a block: write the waits that began, changed or ended in it."""
        for parcel, before in self.changed.values():
            for due in (WAYBILL, TRANSIT, DELIVERY):
                at, mask = WAIT_BITS * due, (1 << WAIT_BITS) - 1
                reason, earlier = parcel.waits >> at & mask, before >> at & mask
                if reason != earlier:
                    since = parcel.picked if due == WAYBILL else parcel.signed
                    if since == NEVER:
                        since = parcel.weight_time
                    self.output.waits.append(Wait(parcel.key, due, reason, since, parcel.origin, earlier))
        self.changed.clear()

    def judged(self) -> None:
        """At the end of a block: write the cases that were opened, changed, decided or closed in it."""
        for parcel, before, cause in self.cases.values():
            case = parcel.case
            if case == before:
                continue
            if case is None:
                status = "closed"
            elif case.status != OPEN:
                status = "decided"
            else:
                status = "changed" if before is not None and before.status == OPEN else "opened"
            about = case or before
            assert about is not None
            policy = self.policy(parcel)
            self.output.cases.append(
                CaseRow(
                    parcel.key,
                    status,
                    weighed(parcel, about.kept),
                    weighed(parcel, about.other),
                    policy.difference_g,
                    policy.difference_percent,
                    about.treatment,
                    about.decision,
                    cause,
                )
            )
        self.cases.clear()

    def _remark(self, parcel: Parcel, policy: WeightPolicy) -> None:
        """Weights outside the limits of their class, each once, when the order has told the line."""
        for one in parcel.weighings:
            if not one.remarked and not policy.plausible(one.weight_class, one.weight_g):
                one.remarked = True
                least, most = policy.limits[one.weight_class]
                self.output.anomalies.append(
                    Anomaly(
                        "weight_implausible",
                        parcel.key,
                        one.id,
                        one.time,
                        one.site,
                        f"{least} g - {most} g",
                        f"{one.weight_g} g",
                    )
                )
