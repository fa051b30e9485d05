"""What falls due, when, for how much: the rules between a parcel's facts and its charges.

Which dues there are stands in `flows/fees/fees.toml`; here is what makes them fall due:

* the order; the pick-up (the first scan 10); the signature (the first scan 50); each hub that was passed; each
  site where it was put into a bag (60);
* the adoption of a weight: at once for a hub's weight, at signing for an outlet's, some hours after signing
  for the declared one, as the tariff book's weight policy says;
* a claim; and for a share of another due, that due.

A parcel that goes back or on (70, 80) before it is signed for ends there: its weight is adopted as at a signature,
and what a signature brings does not fall due.

A due is always assessed from the facts as they are now and compared with what is booked. Nothing booked: it
is charged. The same: nothing happens. Something else: the charge in force is taken back by a reversal of the
same amount and date, and the next revision is charged. So the order in which facts arrive cannot matter.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from flows.fees.current import FEES
from flows.fees.model import Fees
from flows.governance.network import Network
from flows.governance.operators import Operators
from flows.lifecycle import named
from flows.lifecycle.charged import NO_WEIGHT_USED, Charge, reversal
from flows.lifecycle.dues import Dues, Live
from flows.lifecycle.output import Adoption, Anomaly, CaseRow, Output, Wait
from flows.lifecycle.parcel import NEVER, OPEN, Case, Item, Line, Parcel, due_of, pending
from flows.lifecycle.reasons import (
    ABANDONED,
    NO_ORDER,
    NO_PICKUP,
    NO_PRICE,
    NO_WEIGHT,
    REASON_BITS,
    REASON_MASK,
    UNDECIDED,
    Waits,
    reason_of,
    with_reason,
)
from flows.lifecycle.volumes import Volumes
from flows.lifecycle.weighing import case_of, chosen, of_line, origin, weighed
from flows.rating.model import Book
from flows.rating.policy import AFTER_SIGNED, AT_ONCE, WAIT, WHEN_SIGNED, WeightPolicy
from flows.rating.tariffs import Amount, Quote, Quoted, Tariffs
from flows.rating.touched import Spans, covers
from schemas.times import DAY, business_day

Columns = tuple[str, str, int, int, int, int]
"""The weight's columns of a charge: class, event, actual, volumetric, chargeable and continued grams."""


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


NOTHING_COUNTED = Volumes()
HUBS, BAGS, COURIERS = "hubs", "bags", "couriers"


class Assessor:
    """Assesses parcels by the tariffs in force and writes charges into a block's output."""

    def __init__(
        self,
        tariffs: Tariffs,
        network: Network,
        fees: Fees = FEES,
        turn: int = 0,
        volumes: Volumes = NOTHING_COUNTED,
    ) -> None:
        self.tariffs, self.network, self.turn = tariffs, network, turn
        """`turn`: how often a tariff book came into force or was withdrawn before."""
        self.dues = Dues(fees, tariffs)
        at_weighing = {one.price for live in self.dues.at_weighing for one in (live, *live.paid)}
        self.weighing = frozenset(
            fee for fee in tariffs.fees if fee not in at_weighing and tariffs.weighs(fee)
        )
        """Fees whose price depends on the weight though something else makes them due."""
        self.by_hub = tariffs.by_hub
        """Whether a price depends on the hubs that were passed."""
        asked = {
            HUBS: self.by_hub or self.dues.at_hub,
            BAGS: self.dues.at_bag,
            COURIERS: self.dues.by_the_piece,
        }
        self.asks = [what for what, is_asked in asked.items() if is_asked]
        """What of scans something is paid for, so that it is to be remembered."""
        self.by_month, self.volumes = tariffs.by_month, volumes
        """Fees whose price depends on the customers' parcels in the month so far; what is counted of them."""
        self.output = Output()
        self.now = 0
        """Data time, UTC ms."""
        self.cause = ""
        """The event that is being looked at: what a correction is due to."""
        self.changed: dict[str, tuple[Parcel, Waits]] = {}
        """Parcels whose waits changed in this block, with what the plain dues' were before."""
        self.changed_items: dict[tuple[str, str], tuple[Parcel, Item, int]] = {}
        """Items whose waits changed in this block, by waybill and key, with what they were before."""
        self.cases: dict[str, tuple[Parcel, Case | None, str]] = {}
        """Parcels whose cases changed in this block, with what they were before and the newest cause."""

    def all(self, parcel: Parcel, line: Line) -> None:
        """Everything again: the order came or changed. `line`: where it went, as what, until now."""
        if parcel.done and line != parcel.line:
            for live in self.dues.recorded:
                self.take_back(parcel, live, line)
        self.order(parcel)
        self.pick_up(parcel)
        self.weigh(parcel)
        self.sign(parcel)
        if parcel.extra is not None:
            self.sites(parcel)
            named.claims(self, parcel)
        if self.dues.idle:
            self._undo_idle(parcel)

    def _undo_idle(self, parcel: Parcel) -> None:
        """What was charged under other books, and nothing is published for any more."""
        if parcel.done or parcel.waits:
            for live in self.dues.idle_plain:
                self._undo(parcel, live)
        named.undo_idle(self, parcel)

    def order(self, parcel: Parcel) -> None:
        """What falls due when the parcel is ordered."""
        if self.dues.at_order and parcel.order_id:
            self._assess(parcel, self.dues.at_order, parcel.order_time, parcel.order_id)

    def pick_up(self, parcel: Parcel) -> None:
        """What falls due when the parcel is picked up."""
        if parcel.picked == NEVER:
            return
        if parcel.order_id:
            self._assess(parcel, self.dues.at_pick_up, parcel.picked, parcel.picked_id)
        else:
            self._wait_for_all(parcel, self.dues.at_pick_up, NO_ORDER)

    def weigh(self, parcel: Parcel) -> None:
        """What falls due by the weight that may be adopted now."""
        due = self._adoptable(parcel)
        if due == NEVER:
            for live in self.dues.at_weighing:
                self._undo(parcel, live)
            if parcel.adopted and self.weighing:
                self._by_the_weight(parcel)
            if parcel.ended != NEVER:
                reason = NO_WEIGHT if parcel.order_id else NO_ORDER
                self._wait_for_all(parcel, self.dues.at_weighing, reason)
            return
        if not parcel.order_id:
            self._wait_for_all(parcel, self.dues.at_weighing, NO_ORDER)
            return
        fresh = parcel.adopted != parcel.weight_id
        if fresh:
            self._adopt(parcel)
        if self.weighing and (fresh or NO_WEIGHT in self.waits_of(parcel)):
            self._by_the_weight(parcel)
        self._assess(parcel, self.dues.at_weighing, due, parcel.weight_id)

    def sign(self, parcel: Parcel) -> None:
        """What falls due when the parcel is signed for; of one that goes back or on instead, nothing."""
        if parcel.ended == NEVER:
            return
        if parcel.picked == NEVER:
            self._wait_for_all(parcel, self.dues.at_pick_up, NO_PICKUP)
        if parcel.returned:
            for live in self.dues.at_signature:
                self._undo(parcel, live)
        elif parcel.order_id:
            self._assess(parcel, self.dues.at_signature, parcel.signed, parcel.signed_id)
        else:
            self._wait_for_all(parcel, self.dues.at_signature, NO_ORDER)

    def sites(self, parcel: Parcel) -> None:
        """What falls due at each hub that the parcel has passed, and wherever it was put into a bag."""
        if parcel.extra is not None:
            for hub in sorted(parcel.extra.hubs):
                self.hub(parcel, hub)
            for site in sorted(parcel.extra.bags):
                self.bag(parcel, site)

    def hub(self, parcel: Parcel, hub: str) -> None:
        """What falls due at a hub that it has passed."""
        self._at_site(parcel, self.dues.at_hub, hub, *parcel.more().hubs[hub])

    def bag(self, parcel: Parcel, site: str) -> None:
        """What falls due at a site where it was put into a bag."""
        self._at_site(parcel, self.dues.at_bag, site, *parcel.more().bags[site])

    def _at_site(self, parcel: Parcel, dues: Sequence[Live], site: str, time: int, event_id: str) -> None:
        """What falls due there."""
        for live in dues:
            if live.applies is None or live.applies(parcel):
                self._settle_priced(parcel, live, site, time, event_id)
            else:
                named.undo(self, parcel, live, site)

    def _settle_priced(
        self, parcel: Parcel, live: Live, part: str, time: int, cause: str, shared: int = 0
    ) -> None:
        """A due that costs most parcels nothing, which is found out before its parties are. `shared`: as for `rate`."""
        quote = self.rate(parcel, live.price, time, shared) if parcel.order_id else None
        if quote is not None or live.due.required:
            named.settle(self, parcel, live, part, time, cause, shared=shared, quote=quote)
        else:
            named.undo(self, parcel, live, part)

    def _by_the_weight(self, parcel: Parcel) -> None:
        """Other prices that depend on the weight."""
        self.pick_up(parcel)
        self.sign(parcel)
        if parcel.extra is not None:
            self.sites(parcel)
            named.claims(self, parcel)
        self.order(parcel)

    def policy(self, parcel: Parcel) -> WeightPolicy:
        """The weight policy in force for the parcel's line; before its order is known, the usual one."""
        policy = self.tariffs.policy
        if not policy.lines or not parcel.order_id:
            return policy
        return of_line(policy, parcel, self.network)

    def choose(self, parcel: Parcel) -> None:
        """The weights, the order, a decision or the policy changed: choose the weight and look at differences."""
        policy = self.tariffs.policy
        if policy.lines:
            policy = self.policy(parcel)
        best = chosen(parcel, policy)
        parcel.turn = self.turn
        parcel.weight_class, parcel.weight_time, parcel.weight_id = best.weight_class, best.time, best.id
        parcel.weight_g, parcel.volume_cm3 = best.weight_g, best.volume_cm3
        parcel.longest_mm, parcel.weight_site = best.longest_mm, best.site
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
        self.weigh(parcel)
        if self.weighing:
            self._by_the_weight(parcel)

    def lacks_weight(self, parcel: Parcel) -> int:
        """Why nothing can be priced by the weight now; 0: it can."""
        if self._unweighed(parcel):
            return NO_WEIGHT
        case = parcel.case
        return UNDECIDED if case is not None and case.treatment == WAIT and pending(case) else 0

    def waits_for_signature(self, parcel: Parcel) -> bool:
        """Whether the best weight's moment depends on when the parcel's way ended, or it waits for it."""
        if parcel.done & self.dues.needed != self.dues.needed:
            return True
        return self._rule(parcel)[0] not in (AT_ONCE, "")

    def deadline(self, parcel: Parcel) -> int:
        """When the parcel wants to be looked at though nothing arrives (data time); NEVER: not at all."""
        if parcel.ended == NEVER or parcel.done & self.dues.needed == self.dues.needed:
            return NEVER
        after = self._rule(parcel)[1]
        return parcel.ended + after if after else NEVER

    def _rule(self, parcel: Parcel) -> tuple[str, int, int]:
        """When the weight that counts may be adopted ("": never), for `after_signed` after how long, and its moment."""
        weight_class, time = origin(parcel)
        policy = self.tariffs.policy
        if policy.lines:
            policy = self.policy(parcel)
        rank = policy.rank.get(weight_class)
        if rank is not None:
            return policy.adopt[rank], policy.after_ms[rank], time
        return AT_ONCE if _is_decided(parcel) else "", 0, time

    def rate(self, parcel: Parcel, price: str, time: int, shared: int = 0) -> Quote | None:
        """What the tariffs say: the one place where they are asked. `shared`: what is to be shared comes to."""
        day = business_day(time)
        if price in self.by_month:
            parcel.month_parcels, parcel.month_count = self.volumes.of(parcel.customer, day)
        if price in self.weighing and self._unweighed(parcel):
            return self._rate_unweighed(parcel, price, day, shared)
        return self.tariffs.rate(price, day, parcel, shared)

    def _rate_unweighed(self, parcel: Parcel, price: str, day: int, shared: int) -> Quote | None:
        """The same before a weight is adopted: the one that is the best by now does not count, another may be."""
        known = parcel.weight_g, parcel.volume_cm3, parcel.longest_mm
        parcel.weight_g = parcel.volume_cm3 = parcel.longest_mm = 0
        quote = self.tariffs.rate(price, day, parcel, shared)
        parcel.weight_g, parcel.volume_cm3, parcel.longest_mm = known
        return quote

    def _unweighed(self, parcel: Parcel) -> bool:
        """Whether no weight is adopted, or none may be now."""
        return not parcel.adopted or self._adoptable(parcel) == NEVER

    def _adoptable(self, parcel: Parcel) -> int:
        """When the best weight came or comes into force; NEVER: not yet."""
        rule, after, time = self._rule(parcel)
        if rule == AT_ONCE:
            return time
        if not rule or parcel.ended == NEVER:
            return NEVER
        if rule == WHEN_SIGNED:
            return max(time, parcel.ended)
        due = parcel.ended + after
        return due if due <= self.now else NEVER

    def _adopt(self, parcel: Parcel) -> None:
        why = "first" if not parcel.adopted else "better"
        if self._rule(parcel)[0] == AFTER_SIGNED:
            why = "deadline"
        if _is_decided(parcel):
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

    def _assess(self, parcel: Parcel, dues: Sequence[Live], time: int, cause: str) -> None:
        """Dues that one moment brings, of a parcel whose order is known."""
        for live in dues:
            if live.applies is not None and not live.applies(parcel):
                self._undo(parcel, live)
            elif live.named:
                self._settle_named(parcel, live, time, cause)
            elif live.amount is None:
                self._settle(parcel, live, time, cause)
            elif amount := live.amount(parcel):
                self._book(parcel, live, Amount(amount), time, cause)
            else:
                self._undo(parcel, live)

    def _settle_named(self, parcel: Parcel, live: Live, time: int, cause: str) -> None:
        if live.amount is None:
            named.settle(self, parcel, live, "", time, cause)
        elif amount := live.amount(parcel):
            named.settle(self, parcel, live, "", time, cause, amount)
        else:
            named.undo(self, parcel, live, "")

    def _settle(self, parcel: Parcel, live: Live, time: int, cause: str) -> None:
        """Rate a due by the adopted weight, and book it, or let it wait for its price or weight."""
        quote = self.rate(parcel, live.price, time)
        if quote is not None:
            lacking = self.tariffs.needs_weight(quote.row) and self.lacks_weight(parcel)
            if not lacking:
                self._book(parcel, live, quote, time, cause)
                return
        self.take_back(parcel, live, parcel.line)
        if quote is not None:
            self._wait(parcel, live.place, lacking)
        else:
            self._wait(parcel, live.place, NO_PRICE if live.due.required else 0)

    def _book(self, parcel: Parcel, live: Live, quote: Quoted, time: int, cause: str) -> None:
        """Charge what is not booked; correct what is booked otherwise."""
        place = live.place
        booked = parcel.booked or [0] * COMMON
        parcel.booked = booked
        amount, at = quote.amount, 3 * place
        if at >= len(booked):
            booked.extend([0] * (at + 3 - len(booked)))
        if parcel.done & 1 << place:
            if amount == booked[at] and business_day(time) == business_day(booked[at + 1]):
                if parcel.waits:  # a record that knew nothing of this charge was joined to its former life
                    self._wait(parcel, place, 0)
                self._share(parcel, live, amount, time, cause)
                return
            self.take_back(parcel, live, parcel.line)
        parcel.done |= 1 << place
        booked[at], booked[at + 1] = amount, time
        revision = booked[at + 2]
        weight_class, weight_id, actual_g, volumetric_g, chargeable_g, continued_g = self.weight_of(
            parcel, quote
        )
        for code in live.codes:
            self.output.charges.append(
                Charge(
                    parcel.key,
                    code,
                    revision,
                    False,
                    amount,
                    time,
                    cause,
                    parcel.origin,
                    parcel.destination,
                    parcel.product,
                    weight_class,
                    weight_id,
                    actual_g,
                    volumetric_g,
                    chargeable_g,
                    continued_g,
                    quote.row,
                    parcel.order_id,
                    quote.passed_over,
                    quote.steps,
                )
            )
        if parcel.waits:
            self._wait(parcel, place, 0)
        self._share(parcel, live, amount, time, cause)

    def _share(self, parcel: Parcel, live: Live, amount: int, time: int, cause: str) -> None:
        """What is paid of a due that comes to this amount."""
        for share in live.paid:
            self._settle_priced(parcel, share, "", time, cause, amount)

    def weight_of(self, parcel: Parcel, quote: Quoted) -> Columns:
        """The weight's columns of a charge whose price depends on it."""
        row = quote.row
        if row is None or not self.tariffs.needs_weight(row):
            return NO_WEIGHT_USED
        return (
            parcel.weight_class,
            parcel.weight_id,
            parcel.weight_g,
            quote.volumetric_g,
            quote.chargeable_g,
            quote.continued_g,
        )

    def take_back(self, parcel: Parcel, live: Live, line: Line) -> None:
        """Reverse the charge in force, if there is one: same parties, date and amount, in red."""
        place = live.place
        if not parcel.done & 1 << place:
            return
        parcel.done &= ~(1 << place)
        booked, at = parcel.booked, 3 * place
        amount, time, revision = booked[at], booked[at + 1], booked[at + 2]
        booked[at + 2] = revision + 1
        for code in live.codes:
            self.output.charges.append(reversal(parcel.key, code, revision, amount, time, self.cause, line))
        for share in live.shares:
            named.undo(self, parcel, share, "")

    def touched_by(self, spans: Mapping[str, Spans]) -> Callable[[Parcel], bool]:
        """Whether a parcel is charged, or would be, by prices that are touched."""
        every = self.dues.of_name.values()
        dues = [one for one in every if one.price in spans]
        booked = [
            (one.price, live.place)
            for live in every
            if not live.named
            for one in (live, *live.shares)
            if one.price in spans
        ]
        moments = [
            (one, _MOMENTS[one.due.trigger])
            for one in dues
            if one.due.trigger in _MOMENTS and one.due.name not in self.dues.idle and not one.due.required
        ]
        at_hub = [one for one in self.dues.at_hub if one in dues]
        at_bag = [one for one in self.dues.at_bag if one in dues]
        price_of = {due.name: due.price for due in self.dues.fees.dues}

        def days(parcel: Parcel) -> Iterator[tuple[str, int]]:
            for price, place in booked:
                if parcel.done & 1 << place:
                    yield price, parcel.booked[3 * place + 1]
            for live, moment in moments:
                yield live.price, getattr(parcel, moment)
            if parcel.extra is not None:
                for sites, at_site in ((parcel.extra.hubs, at_hub), (parcel.extra.bags, at_bag)):
                    for live in at_site:
                        for time, _ in sites.values():
                            yield live.price, time
                for key, item in parcel.extra.items.items():
                    if item.standing:
                        yield price_of[due_of(key)], item.time

        return lambda parcel: any(
            time != NEVER and price in spans and covers(spans[price], business_day(time))
            for price, time in days(parcel)
        )

    def stand_otherwise(self, parcel: Parcel, before: Operators, after: Operators) -> bool:
        """Whether anything is booked for a day on which one of its outlets has another party than before."""
        return any(
            self._stands_otherwise(parcel, live, before, after) for live in self.dues.recorded
        ) or bool(named.standing_otherwise(parcel, before, after))

    def hand_over(self, parcel: Parcel, before: Operators, after: Operators) -> None:
        """Take back what stands otherwise after a change of hands."""
        for live in self.dues.recorded:
            if self._stands_otherwise(parcel, live, before, after):
                self.take_back(parcel, live, parcel.line)
        for key, item in named.standing_otherwise(parcel, before, after):
            named.take_back(self, parcel, self.dues.of_name[due_of(key)], item)

    @staticmethod
    def _stands_otherwise(parcel: Parcel, live: Live, before: Operators, after: Operators) -> bool:
        if not parcel.done & 1 << live.place:
            return False
        day = business_day(parcel.booked[3 * live.place + 1])
        outlets = [getattr(parcel, end) for end in live.ends]
        return any(before.of(outlet, day) != after.of(outlet, day) for outlet in outlets)

    def _undo(self, parcel: Parcel, live: Live) -> None:
        """Nothing is due: take back what is charged, wait for nothing."""
        if live.named:
            named.undo(self, parcel, live, "")
            return
        self.take_back(parcel, live, parcel.line)
        if parcel.waits:
            self._wait(parcel, live.place, 0)

    def _wait_for_all(self, parcel: Parcel, dues: Sequence[Live], reason: int) -> None:
        for live in dues:
            if live.awaited:
                self._wait(parcel, live.place, reason)

    def _wait(self, parcel: Parcel, place: int, reason: int) -> None:
        waits = with_reason(parcel.waits, place, reason)
        if waits != parcel.waits:
            self.changed.setdefault(parcel.key, (parcel, parcel.waits))
            parcel.waits = waits

    def waits_of(self, parcel: Parcel) -> Iterator[int]:
        """The reasons for which something of a parcel waits."""
        for wait in parcel.waits:
            yield wait & REASON_MASK
        if parcel.extra is not None:
            yield from (item.waits for item in parcel.extra.items.values() if item.waits)

    def give_up(self, parcel: Parcel) -> None:
        """The parcel leaves: what was never booked of it waits no more, and says so, as does what waits besides."""
        for live in self.dues.plain:
            owed = live.awaited and not (parcel.returned and live in self.dues.at_signature)
            if (owed and not parcel.done & 1 << live.place) or reason_of(parcel.waits, live.place):
                self._wait(parcel, live.place, ABANDONED)
        named.give_up(self, parcel)

    def waited(self) -> None:
        """At the end of a block: write the waits that began, changed or ended in it."""
        for parcel, before in self.changed.values():
            for place in sorted({wait >> REASON_BITS for wait in {*before} ^ {*parcel.waits}}):
                due, reason = self.dues.fees.dues[place], reason_of(parcel.waits, place)
                moment = getattr(parcel, _MOMENTS.get(due.trigger, "ended"))
                known = (moment, parcel.ended, parcel.weight_time, parcel.order_time, parcel.at)
                since = next(time for time in known if time != NEVER)
                earlier = reason_of(before, place)
                wait = Wait(parcel.key, due.name, reason, since, parcel.origin, earlier, "")
                self.output.waits.append(wait)
        triggers = {due.name: due.trigger for due in self.dues.fees.dues}
        for (_, key), (parcel, item, earlier) in self.changed_items.items():
            if item.waits != earlier:
                since = _since(parcel, item, triggers.get(due_of(key), ""))
                wait = Wait(parcel.key, due_of(key), item.waits, since, parcel.origin, earlier, item.part)
                self.output.waits.append(wait)
        self.changed.clear()
        self.changed_items.clear()

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


COMMON = 3 * 4
"""Numbers kept for the dues that nearly every parcel has: freight, waybill, transit and delivery."""


_MOMENTS = {"picked_up": "picked", "ordered": "order_time", "signed": "signed"}
"""By trigger: the parcel's moment at which a due falls due."""


def _is_decided(parcel: Parcel) -> bool:
    """Whether a person chose the weight that counts, or said it."""
    decision = parcel.decision
    return decision is not None and parcel.weight_id in (decision.id, decision.weight_event)


def _since(parcel: Parcel, item: Item, trigger: str) -> int:
    """When an item fell due that waits: the claim's time or the scan's at its site, else the newest milestone's."""
    if parcel.extra is not None:
        if item.part in parcel.extra.claims:
            return max(parcel.extra.claims[item.part].time, 0)
        sites = parcel.extra.bags if trigger == "bagged" else parcel.extra.hubs
        if item.part in sites:
            return sites[item.part][0]
    return max(parcel.ended, parcel.picked, parcel.weight_time, parcel.order_time, 0)
