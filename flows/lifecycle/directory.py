"""What is published about parties → the columns of its tables."""

from collections.abc import Sequence

from flows.governance.network import Network, city_of
from flows.governance.operators import Change, outlet_of
from flows.governance.parties import masked
from flows.journal.moves import Move
from schemas.events import HandoverWithdrawn, PartyTransferred, VolumesCounted
from schemas.times import day_of
from sinks import columns
from sinks.columns import Made


def areas(networks: Sequence[Network]) -> dict[str, Made] | None:
    """Table `area`: counties with the outlets that serve them."""
    rows = [
        (network.version, county, name, city_of(county), outlet)
        for network in networks
        for county, name in network.counties.items()
        for outlet in network.areas.get(county, ("",))
    ]
    if not rows:
        return None
    version, county, name, city, outlet = zip(*rows, strict=True)
    return {
        "version": columns.texts(version),
        "county": columns.texts(county),
        "county_name": columns.texts(name),
        "city": columns.spelled(city),
        "outlet": columns.texts(outlet),
    }


def parties(networks: Sequence[Network]) -> dict[str, Made] | None:
    """Table `party`: every period of every party; settlement accounts masked."""
    full = [
        (network.version, one)
        for network in networks
        for periods in network.parties.values()
        for one in periods
    ]
    if not full:
        return None
    version, rows = zip(*full, strict=True)
    return {
        "version": columns.texts(version),
        "party": columns.texts([one.party for one in rows]),
        "kind": columns.spelled([one.kind for one in rows]),
        "name": columns.texts([one.name for one in rows]),
        "parent": columns.texts([one.parent for one in rows]),
        "legal_entity": columns.texts([one.legal_entity for one in rows]),
        "settlement_account": columns.texts([masked(one.settlement_account) for one in rows]),
        "customer_level": columns.spelled([one.customer_level for one in rows]),
        "first_day": columns.dates(columns.ints([one.first_day for one in rows])),
        "last_day": columns.dates(columns.ints([one.last_day for one in rows])),
    }


def changes(accepted: Sequence[tuple[Change | HandoverWithdrawn, Change, int]]) -> dict[str, Made] | None:
    """Table `operator`: accepted transfers, mergers and withdrawals (with what they take back), records' offsets."""
    if not accepted:
        return None
    events, rows, offset = zip(*accepted, strict=True)
    return {
        "change_id": columns.texts([one.id for one in events]),
        "kind": columns.spelled([str(one.__struct_config__.tag) for one in events]),
        "outlet": columns.texts([outlet_of(one) for one in rows]),
        "party": columns.texts(
            [one.party if isinstance(one, PartyTransferred) else one.into for one in rows]
        ),
        "first_day": columns.dates(columns.ints([day_of(one.from_day) for one in rows])),
        "published_at": columns.times(columns.ints([one.time for one in events])),
        "published_by": columns.texts([one.by for one in events]),
        "reason": columns.texts([one.reason for one in events]),
        "offset": columns.numbers(columns.ints(offset), "uint64"),
    }


def balances(moves: Sequence[Move]) -> dict[str, Made] | None:
    """Table `balance_moved`: the totals of each move; one without any has a row of nothing."""
    rows = [
        (move.event, *account, units)
        for move in moves
        for account, units in (sorted(move.totals.items()) or [(("party", "", ""), 0)])
    ]
    if not rows:
        return None
    events, book, account, counterparty, units = zip(*rows, strict=True)
    return {
        "move_id": columns.texts([one.id for one in events]),
        "outlet": columns.texts([one.outlet for one in events]),
        "first_day": columns.dates(columns.ints([day_of(one.from_day) for one in events])),
        "former": columns.texts([one.former for one in events]),
        "party": columns.texts([one.party for one in events]),
        "business_date": columns.dates(columns.ints([day_of(one.day) for one in events])),
        "published_at": columns.times(columns.ints([one.time for one in events])),
        "published_by": columns.texts([one.by for one in events]),
        "blocks": columns.texts([blocks_of(one.blocks) for one in events]),
        "book": columns.spelled(book),
        "account": columns.spelled(account),
        "counterparty": columns.texts(counterparty),
        "amount": columns.money(columns.ints(units)),
    }


def volumes(counts: Sequence[tuple[VolumesCounted, int]]) -> dict[str, Made] | None:
    """Table `volume`: counts with the offsets of their records, a row a customer; one of nobody has a row of nobody."""
    full = [(one, at, *of) for one, at in counts for of in (sorted(one.volumes.items()) or [("", 0)])]
    if not full:
        return None
    events, offset, customer, parcels = zip(*full, strict=True)
    return {
        "event_id": columns.texts([one.id for one in events]),
        "count_id": columns.texts([one.count for one in events]),
        "counted_at": columns.times(columns.ints([one.time for one in events])),
        "counted_by": columns.texts([one.by for one in events]),
        "month": columns.dates(columns.ints([day_of(one.month) for one in events])),
        "through_day": columns.dates(columns.ints([day_of(one.through_day) for one in events])),
        "part": columns.numbers(columns.ints([one.part for one in events]), "uint16"),
        "parts": columns.numbers(columns.ints([one.parts for one in events]), "uint16"),
        "blocks": columns.texts([blocks_of(one.blocks) for one in events]),
        "customer": columns.texts(customer),
        "parcels": columns.numbers(columns.ints(parcels), "uint64"),
        "offset": columns.numbers(columns.ints(offset), "uint64"),
    }


def blocks_of(blocks: dict[str, int]) -> str:
    """Lanes and their newest complete blocks: `0:118 1:97`."""
    return " ".join(f"{lane}:{block}" for lane, block in sorted(blocks.items()))
