"""What few parcels have: terms of their orders, couriers, hubs that were passed, claims. Small questions, by shard."""

from collections.abc import Iterator

import msgspec

from deploy.audit.eras import Eras
from deploy.audit.postings import Postings
from deploy.audit.store import BLOCKS, LANE, OF_SHARD, Store

_TERMS = f"""
    SELECT event_id, waybill, reinterpretAsInt64(insured) AS insured, reinterpretAsInt64(cod) AS cod,
           toString(direction) AS direction, related, pieces, toString(channel) AS channel,
           toString(billing) AS billing, promised_hours, toString(services) AS services
    FROM $order_terms WHERE {OF_SHARD}"""

_COURIERS = f"""
    SELECT waybill, event_id, toString(courier) AS courier FROM $event
    WHERE {OF_SHARD} AND courier != '' AND operation IN ('10', '50') AND $live"""

_SCANS = f"""
    SELECT waybill, toString(site) AS site,
           argMin((toUnixTimestamp64Milli(event_time), event_id, seq), (event_time, event_id)) AS first
    FROM $event WHERE {OF_SHARD} AND kind = 'scan' AND $which AND $live GROUP BY waybill, site"""
_AT_HUBS, _OF_BAGS = "outlet = 'HQ'", "operation = '60'"

_LIVE = f"""
    (($blocks) OR waybill IN (SELECT waybill FROM $recall WHERE {OF_SHARD} AND status != 'assessed'))"""
"""Facts of the blocks in which they count, and all of parcels that were brought back."""

_CLAIMS = f"""
    SELECT waybill, claim, countIf(status = 'claimed') AS claimed, countIf(status = 'withdrawn') AS withdrawn,
           anyIf(toString(kind), status = 'claimed') AS kind,
           anyIf(toUnixTimestamp64Milli(event_time), status = 'claimed') AS time,
           anyIf(toString(responsible), status = 'claimed') AS responsible,
           anyIf(toString(beneficiary), status = 'claimed') AS beneficiary,
           anyIf(reinterpretAsInt64(amount), status = 'claimed') AS amount, max(seq) AS seq
    FROM $claim WHERE {OF_SHARD} AND status IN ('claimed', 'withdrawn') GROUP BY waybill, claim ORDER BY claim"""


class Terms(msgspec.Struct, frozen=True):
    """An order's terms that decide about fees. Amounts in 0.0001 yuan."""

    insured: int = 0
    cod: int = 0
    direction: str = "forward"
    related: str = ""
    pieces: int = 1
    channel: str = ""
    billing: str = ""
    promised_hours: int = 0
    services: str = ""
    """Joined by |."""

    @property
    def parcels(self) -> str:
        """Which kind of parcel: forward, return or redirect."""
        return "redirect" if self.direction == "forward" and self.related else self.direction


class Passed(msgspec.Struct, frozen=True):
    """The first scan at a hub, or the first at a site that put it into a bag."""

    site: str
    time: int
    event_id: str
    seq: int


class Claimed(msgspec.Struct, frozen=True):
    """A claim (`claimed`), its withdrawals, or both."""

    claim: str
    claimed: int
    withdrawn: int
    kind: str
    time: int
    responsible: str
    beneficiary: str
    amount: int
    seq: int


class Extras(msgspec.Struct):
    """All of a shard."""

    terms: dict[str, Terms] = {}
    """By the order's event."""
    couriers: dict[tuple[str, str], str] = {}
    """By waybill and scan."""
    hubs: dict[str, list[Passed]] = {}
    bags: dict[str, list[Passed]] = {}
    claims: dict[str, list[Claimed]] = {}

    def claimed(self, waybill: str, more: list[Claimed]) -> None:
        """Further claims than those that came as events; withdrawals that came for them count."""
        known = {claim.claim: claim for claim in self.claims.get(waybill, ())}
        for claim in more:
            back = known.get(claim.claim, claim)
            seq = max(back.seq, claim.seq)
            known[claim.claim] = msgspec.structs.replace(claim, withdrawn=back.withdrawn, seq=seq)
        if known:
            self.claims[waybill] = [known[name] for name in sorted(known)]


def read_extras(store: Store, eras: Eras, postings: Postings, shard: int, shards: int) -> Extras:
    """What there is. Couriers, hubs and bags count from the block on in which something is paid for them, or of a
    parcel that was brought back."""
    found = Extras()
    for row in store.rows(_TERMS, shard=shard, shards=shards):
        found.terms[row["event_id"]] = Terms(**{name: row[name] for name in Terms.__struct_fields__})
    paid = [postings.priced_live(era.priced, ("picked_by", "signed_by")) for era in eras.eras]
    if live := _live(eras, paid):
        for row in store.rows(_COURIERS.replace("$live", live), shard=shard, shards=shards):
            found.couriers[row["waybill"], row["event_id"]] = row["courier"]
    passed = [
        era.prices.by_hub or postings.priced_live(era.priced, trigger="hub_passed") for era in eras.eras
    ]
    bagged = [postings.priced_live(era.priced, trigger="bagged") for era in eras.eras]
    for which, where, count in ((_AT_HUBS, found.hubs, passed), (_OF_BAGS, found.bags, bagged)):
        if live := _live(eras, count):
            sql = _SCANS.replace("$which", which).replace("$live", live)
            for row in store.rows(sql, shard=shard, shards=shards):
                where.setdefault(row["waybill"], []).append(Passed(row["site"], *row["first"]))
    for row in store.rows(_CLAIMS, shard=shard, shards=shards):
        found.claims.setdefault(row["waybill"], []).append(
            Claimed(**{name: row[name] for name in Claimed.__struct_fields__})
        )
    return found


def _live(eras: Eras, live: list[bool]) -> str:
    """SQL for the facts that count; empty: none do."""
    blocks = " OR ".join(_blocks(eras, live))
    return _LIVE.replace("$blocks", blocks) if blocks else ""


def _blocks(eras: Eras, live: list[bool]) -> Iterator[str]:
    """SQL for the blocks of the eras that are live: what has a price keeps it."""
    if True in live:
        first = live.index(True)
        for lane, start in eras.starts(first).items():
            yield f"seq BETWEEN {lane << LANE | start} AND {lane << LANE | BLOCKS}"
