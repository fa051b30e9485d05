"""Watching scan chains: breaches open when data time passes, close when the scan comes, and end in time.

A parcel's trail holds its scans, and at most one timer is wanted for it (`Parcel.look`): the earliest moment at
which a rule may be broken. Most parcels are looked at a few times and leave no row.

A breach is open while its rule's clock has run out; a scan that comes late closes it. It becomes final the
horizon after the parcel was signed for, or when the parcel is given up: before it leaves the state, so nothing
stays open behind it. If the rule has a due, a final breach claims a penalty. A scan that comes even then, because
the parcel was kept for something else, closes the breach all the same, and its claim is gone. A parcel that goes
back or on is watched no more: whatever was open of it, or final, closes. Records born without rules in force are
not watched, because their earlier scans are not known.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from flows.engine.timers import Timers
from flows.governance.chains import (
    BREACH,
    LATER,
    MOST_SITES,
    NUMBER,
    OPERATION_BITS,
    SITE_BITS,
    TIME_BITS,
    Chains,
    Start,
)
from flows.governance.network import Network
from flows.lifecycle.output import ChainRow, Output, Penalty
from flows.lifecycle.parcel import NEVER, Breach, Claimed, Parcel
from schemas.events import OPERATIONS, Broken, Scan
from schemas.times import iso

OPEN, CLOSED, FINAL = "open", "closed", "final"


class Watch:
    """The rules in force, the timers and how many breaches are open."""

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self.timers = Timers()
        self.open: Counter[str] = Counter()
        self.output = Output()
        self.now = 0
        self.chains: Chains | None = None
        """None: nothing is watched."""
        self.marks = {code: number << SITE_BITS for code, number in NUMBER.items()}
        """What an operation adds to a scan's number in a trail."""
        self.numbers: dict[str, int] = {}
        """Sites' numbers in trails."""
        self._sites: list[str] = []
        self._network: Network | None = None

    def rules(self, network: Network, sites: list[str]) -> None:
        """A directory is in force. `sites`: all that were ever published, by number; grows by the new ones."""
        self.numbers = {site: number for number, site in enumerate(sites)}
        if network.chains:
            for site in network.sites:
                if site not in self.numbers:
                    self.numbers[site] = len(sites)
                    sites.append(site)
        self._sites, self._network = sites, network
        known = [network.sites.get(site) for site in sites]
        kinds = [None if site is None else site.kind == "hub" for site in known]
        self.chains = Chains(network.chains, kinds.__getitem__) if network.chains else None

    def restored(self, parcels: Iterable[Parcel]) -> None:
        """Derive timers and counts from the records. A stored moment may be too early, never too late."""
        for parcel in parcels:
            if parcel.look != LATER:
                self.timers.set(parcel.look, parcel.key)
            for breach in parcel.breaches:
                self.open[breach.rule] += not breach.final

    def at(self, parcel: Parcel, moment: int) -> None:
        """Look at a parcel when data time reaches this moment."""
        if moment < parcel.look:
            parcel.look = moment
            self.timers.set(moment, parcel.key)

    def passed(self, parcel: Parcel) -> None:
        """A parcel's timer fired: open what is broken by now."""
        if parcel.look <= self.now:
            parcel.look = LATER
            self._judge(parcel, "", opens=True)

    def again(self, parcel: Parcel) -> None:
        """Judge a parcel at the end of the block: what ends its way is no longer what it was."""
        if parcel.trail is not None:
            self.at(parcel, self.now)

    def heard(self, parcel: Parcel, cause: str) -> None:
        """Something came for a parcel with open breaches: close what it closes."""
        self._judge(parcel, cause, opens=False)

    def renewed(self, parcel: Parcel, cause: str) -> bool:
        """Other rules are in force. Whether the record has changed: its moment may be earlier now."""
        if parcel.trail is None or parcel.given_up:
            return False
        if self.chains is None:
            self._unwatch(parcel, cause)
            return True
        if self._end(parcel) > self.now:
            self.at(parcel, self.now)
        return True

    def brought_back(
        self, parcel: Parcel, broken: Sequence[Broken], scans: Iterable[Scan], cause: str
    ) -> None:
        """A record knows its former life again: all of its scans, and what was final then.

        Where nothing was broken then, nothing is watched any more: nor is it known whether it was.
        """
        if self.chains is None or not broken:
            self._unwatch(parcel, cause)
            return
        own = {breach.rule: breach for breach in parcel.breaches}
        for one in broken:
            own[one.rule] = Breach(
                one.rule, one.operation, one.since, one.due, one.site, one.outlet, final=True
            )
        parcel.breaches = [breach for _, breach in sorted(own.items())]
        parcel.trail = b"".join(
            (scan.time << TIME_BITS | self.marks[scan.operation] | self.numbers[scan.site]).to_bytes(
                8, "little"
            )
            for scan in scans
        )

    def _unwatch(self, parcel: Parcel, cause: str) -> None:
        for breach in parcel.breaches:
            if not breach.final:
                self._write(parcel, breach, CLOSED, cause)
        parcel.trail, parcel.breaches, parcel.look = None, [], LATER

    def left(self, parcel: Parcel) -> None:
        """A parcel leaves the state, or its time is over: what is still open is final."""
        parcel.breaches = [
            breach if breach.final else self._finish(parcel, breach) for breach in parcel.breaches
        ]
        parcel.look = LATER

    def _end(self, parcel: Parcel) -> int:
        """When its breaches are final."""
        return parcel.signed + self.horizon if parcel.signed != NEVER else LATER

    def _judge(self, parcel: Parcel, cause: str, *, opens: bool) -> None:
        """Compare the clocks that run with the breaches that are open, and set the next timer."""
        if self.chains is None or parcel.trail is None:
            return
        end = self._end(parcel)
        now = min(self.now, end)
        opens = opens or now == end
        before = {breach.rule: breach for breach in parcel.breaches}
        running, look = [], LATER
        for start in () if parcel.returned else self.chains.running(parcel.trail):
            known = before.get(start.rule.name)
            if start.due <= now and start.due < end and (opens or known is not None):
                running.append(self._keep(parcel, start, known))
                before.pop(start.rule.name, None)
            elif start.due < end:
                look = min(look, start.due)
        for breach in before.values():
            self._write(parcel, breach, CLOSED, cause, counts=not breach.final)
            if breach.final:
                self._unclaim(parcel, breach)
        parcel.breaches = running
        if now == end:
            self.left(parcel)
            return
        look = min(look, end) if running else look
        if look != LATER:
            self.at(parcel, look)

    def _keep(self, parcel: Parcel, start: Start, known: Breach | None) -> Breach:
        """A breach as it is now; a row if it is new or another than before."""
        site = self._sites[start.site]
        place = self._network.sites.get(site) if self._network is not None else None
        of_order = {"origin": parcel.origin, "destination": parcel.destination}.get(start.rule.responsible)
        outlet = of_order or (place.outlet if place is not None else "")
        final = known is not None and known.final
        breach = Breach(start.rule.name, start.rule.when, start.time, start.due, site, outlet, final)
        if breach == known:
            return breach
        if final:
            return self._finish(parcel, breach, counts=False)
        self._write(parcel, breach, OPEN, "", counts=known is None)
        return breach

    def _finish(self, parcel: Parcel, breach: Breach, *, counts: bool = True) -> Breach:
        """A breach is final: its row, and the penalty that its rule asks for."""
        self._write(parcel, breach, FINAL, "", counts=counts)
        final = msgspec.structs.replace(breach, final=True)
        rules = self.chains.rules if self.chains is not None else ()
        rule = next((rule for rule in rules if rule.name == breach.rule), None)
        self._unclaim(parcel, breach)
        if rule is None or not rule.due:
            return final
        claim = parcel.more().claims.setdefault(rule.claim, Claimed())
        claim.kind, claim.time, claim.amount = rule.due, breach.due, rule.amount
        claim.responsible, claim.of_breach = breach.outlet, True
        self._say(parcel, "breached", breach, claim)
        return final

    def _unclaim(self, parcel: Parcel, breach: Breach) -> None:
        """A breach claims nothing any more. Withdrawals of its claim stay, and wait again."""
        name = BREACH + breach.rule
        claim = parcel.extra.claims.get(name) if parcel.extra is not None else None
        if claim is not None and claim.of_breach:
            self._say(parcel, "mended", breach, claim)
            parcel.more().claims[name] = Claimed(withdrawn=claim.withdrawn)

    def _say(self, parcel: Parcel, status: str, breach: Breach, claim: Claimed) -> None:
        scan = f"{breach.operation} {OPERATIONS[breach.operation]} {breach.site} {iso(breach.since)}"
        self.output.penalties.append(
            Penalty(
                parcel.key,
                BREACH + breach.rule,
                status,
                claim.kind,
                claim.time,
                claim.responsible,
                claim.amount,
                f"chain {breach.rule}: {scan}",
            )
        )

    def _write(self, parcel: Parcel, breach: Breach, status: str, cause: str, *, counts: bool = True) -> None:
        if counts:
            self.open[breach.rule] += 1 if status == OPEN else -1
        self.output.breaches.append(
            ChainRow(
                parcel.key,
                breach.rule,
                status,
                breach.outlet,
                breach.site,
                breach.operation,
                breach.since,
                breach.due,
                self.now - breach.since,
                cause,
                counts and status == OPEN,
            )
        )


assert len(NUMBER) <= 1 << OPERATION_BITS, "a trail has no room for so many operations"
assert MOST_SITES == 1 << SITE_BITS
