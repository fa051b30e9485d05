"""The columns of scan chains and weight cases: few rows, so plainness counts."""

from collections.abc import Sequence

from flows.governance.network import Network
from flows.lifecycle.output import CaseRow, ChainRow
from schemas.events import WeightDecided
from sinks import columns
from sinks.columns import Made


def breaches(rows: Sequence[ChainRow]) -> dict[str, Made] | None:
    """Breaches of scan chains as they opened, changed, closed or became final."""
    if not rows:
        return None
    return {
        "waybill": columns.texts([row.waybill for row in rows]),
        "rule": columns.spelled([row.rule for row in rows]),
        "status": columns.spelled([row.status for row in rows]),
        "outlet": columns.spelled([row.outlet for row in rows]),
        "site": columns.spelled([row.site for row in rows]),
        "operation": columns.spelled([row.operation for row in rows]),
        "since": columns.times(columns.ints([row.since for row in rows])),
        "due": columns.times(columns.ints([row.due for row in rows])),
        "age_ms": columns.numbers(columns.ints([row.age for row in rows]), "uint64"),
        "cause": columns.texts([row.cause for row in rows]),
    }


def rules(networks: Sequence[Network]) -> dict[str, Made] | None:
    """The rules of scan chains of directories."""
    full = [(network.version, rule) for network in networks for rule in network.chains]
    if not full:
        return None
    version, found = zip(*full, strict=True)
    return {
        "version": columns.texts(version),
        "rule": columns.texts([rule.name for rule in found]),
        "label": columns.texts([rule.label for rule in found]),
        "operation": columns.spelled([rule.when for rule in found]),
        "place": columns.spelled([rule.at for rule in found]),
        "direction": columns.spelled(["then" if rule.after else "need" for rule in found]),
        "others": columns.texts([" ".join(rule.others) for rule in found]),
        "hours": columns.numbers(columns.ints([rule.hours for rule in found]), "uint32"),
        "responsible": columns.spelled([rule.responsible for rule in found]),
        "due": columns.spelled([rule.due for rule in found]),
        "amount": columns.money(columns.ints([rule.amount for rule in found])),
    }


def cases(rows: Sequence[CaseRow], network: Network) -> dict[str, Made] | None:
    """Cases of differing weights."""
    if not rows:
        return None
    kept, other = [row.kept for row in rows], [row.other for row in rows]
    sites = [network.sites.get(one.site) for one in other]
    return {
        "waybill": columns.texts([row.waybill for row in rows]),
        "status": columns.spelled([row.status for row in rows]),
        "weight_event": columns.texts([one.id for one in kept]),
        "weight_class": columns.spelled([one.weight_class for one in kept]),
        "weight_g": columns.numbers(columns.ints([one.weight_g for one in kept]), "uint32"),
        "event_time": columns.times(columns.ints([max(one.time, 0) for one in kept])),
        "site": columns.spelled([one.site for one in kept]),
        "other_event": columns.texts([one.id for one in other]),
        "other_class": columns.spelled([one.weight_class for one in other]),
        "other_g": columns.numbers(columns.ints([one.weight_g for one in other]), "uint32"),
        "other_time": columns.times(columns.ints([max(one.time, 0) for one in other])),
        "other_site": columns.spelled([one.site for one in other]),
        "other_outlet": columns.spelled(["" if site is None else site.outlet for site in sites]),
        "difference_g": columns.numbers(columns.ints([row.difference_g for row in rows]), "uint32"),
        "difference_percent": columns.numbers(
            columns.ints([row.difference_percent for row in rows]), "uint8"
        ),
        "on_difference": columns.spelled([row.treatment for row in rows]),
        "decision": columns.texts([row.decision for row in rows]),
        "cause": columns.texts([row.cause for row in rows]),
    }


def decisions(rows: Sequence[tuple[WeightDecided, int, int]]) -> dict[str, Made] | None:
    """People's decisions about weights, with partition and offset."""
    if not rows:
        return None
    events = [event for event, _, _ in rows]
    return {
        "event_id": columns.texts([event.id for event in events]),
        "waybill": columns.texts([event.waybill for event in events]),
        "event_time": columns.times(columns.ints([event.time for event in events])),
        "decision": columns.spelled([event.decision for event in events]),
        "weight_event": columns.texts([event.weight_event for event in events]),
        "weight_g": columns.numbers(columns.ints([event.weight_g for event in events]), "uint32"),
        "volume_cm3": columns.numbers(columns.ints([event.volume_cm3 for event in events]), "uint64"),
        "decided_by": columns.texts([event.decided_by for event in events]),
        "reason": columns.texts([event.reason for event in events]),
        "partition": columns.numbers(columns.ints([partition for _, partition, _ in rows]), "uint16"),
        "offset": columns.numbers(columns.ints([offset for _, _, offset in rows]), "uint64"),
    }
