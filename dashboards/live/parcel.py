"""A parcel's page: the books' rows as what the template shows."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from dashboards.ordered import ordered
from dashboards.queries import Row, Story
from dashboards.steps import steps
from dashboards.words import (
    ADOPTED,
    BREACHES,
    CASES,
    FEES,
    REASONS,
    RECALLS,
    STAYS,
    TREATMENTS,
    because,
    claim,
    readable,
    weight_decision,
    what,
    yuan,
)
from flows.rating.explain import WEIGHT_CLASSES
from flows.rating.measures import decimal
from flows.rating.names import in_both
from schemas.parties import HQ


def page_of(found: Story) -> dict[str, Any]:
    """Everything that the template needs."""
    reversed_ = {row["reversed"] for row in found.charges if row["reversed"]}
    names = {site["outlet"]: f"{site['name']} {site['outlet']}" for site in found.sites.values()}
    orders = [event for event in found.events if event["kind"] == "order"]
    stay = store_events(found)
    opened = [event for event in stay if event["kind"] == "opened"]
    return {
        "waybill": found.waybill,
        "title": title(found),
        "stay": stay,
        "opened": opened[-1] if opened else None,
        "left": any(event["kind"] == "closed" for event in stay),
        "order": orders[-1] if orders else None,
        "route": [names.get(orders[-1][end], orders[-1][end]) for end in ("origin", "destination")]
        if orders
        else [],
        "sites": found.sites,
        "events": timeline(found),
        "charges": [_charge(row, reversed_, found) for row in found.charges],
        "recalls": [
            (RECALLS[row["status"]], because(row["cause"], found.publications), row) for row in found.recalls
        ],
        "entries": _entries(found),
        "waiting": [(FEES[row["fee"]], REASONS[row["why"]], row["since"]) for row in found.waiting],
        "claims": [{**row, "title": claim(row)} for row in found.claims],
        "refused": [_refused(row, found) for row in found.dead_letters],
        "breaches": [
            (found.rules.get(row["rule"], row["rule"]), BREACHES[row["state"]], row) for row in found.breaches
        ],
        "case": {
            **found.cases[-1],
            "words": CASES[found.cases[-1]["status"]],
            "treated": TREATMENTS[found.cases[-1]["on_difference"]],
            "measured": measured(found.cases),
        }
        if found.cases
        else None,
        "decisions": [{**row, "title": weight_decision(row)} for row in found.decisions],
        "anomalies": [(REASONS[row["kind"]], row) for row in found.anomalies],
        "total": sum(row["amount"] for row in found.charges if row["payee"] == HQ),
    }


def place(code: str, sites: dict[str, Row]) -> str:
    """A site by its name, with its outlet, city and province; its code where the directory lacks it."""
    site = sites.get(code)
    if site is None:
        return code
    where = dict.fromkeys((site["province"], site["city"]))
    return f"{site['name']}（{''.join(where)}，{site['outlet']}）"


def title(found: Story) -> str:
    """What it is."""
    if found.stay:
        return "在库批次"
    if found.hauls:
        return "运输"
    return "客户月" if found.months else "运单"


def store_events(found: Story) -> list[dict[str, Any]]:
    """What happened to goods in a store, or was said of a haul or a month, in words."""
    return [
        *(
            {**row, "what": STAYS[row["kind"]], "place": place(row["site"], found.sites), "said": said(row)}
            for row in found.stay
        ),
        *(_hauled(row, found) for row in found.hauls),
        *(_counted(row) for row in found.months),
    ]


def _hauled(row: Row, found: Story) -> dict[str, Any]:
    what = " ".join(FEES[row["service"]]) + (" 取消 cancelled" if row["status"] == "cancelled" else "")
    end = f" → {row['destination']}" if row["destination"] else ""
    where = place(row["site"], found.sites) + end
    told = " · ".join(filter(None, (str(row["business_date"]), row["customer"], said(row))))
    return {**row, "kind": "haul", "what": what, "place": where, "said": told, "device": row["source"]}


def _counted(row: Row) -> dict[str, Any]:
    told = f"{row['parcels']} 票 parcels" if row["parcels"] else f"{yuan(row['amount'])} 元"
    amount = "无 nothing" if row["status"] == "cancelled" else told
    what = f"{row['month']:%Y-%m} 合计 sum of the month: {' '.join(FEES[row['due']])}"
    said_by = {"event_time": row["counted_at"], "device": row["counted_by"]}
    return {**row, **said_by, "kind": "month", "what": what, "place": row["outlet"], "said": amount}


def said(row: Row) -> str:
    """What an event of a stay or a haul says: goods, place and vehicle."""
    row = {"zone": "", "pallet": "", "lot": "", **row}
    parts = [
        f"{row['pallets']} 板" if row["pallets"] >= 0 else "",
        f"{decimal(row['volume_cm3'], 1_000_000)} 立方米" if row["volume_cm3"] >= 0 else "",
        f"{decimal(row['weight_g'], 1_000)} 公斤" if row["weight_g"] >= 0 else "",
        *(in_both(name, row[name]) for name in ("temperature", "billing")),
        f"库区 {row['zone']}" if row["zone"] else "",
        *(row[name] for name in ("vehicle", "plate")),
        f"托盘 {row['pallet']}" if row["pallet"] else "",
        f"批号 {row['lot']}" if row["lot"] else "",
    ]
    return " · ".join(filter(None, parts))


def timeline(found: Story) -> list[dict[str, Any]]:
    """The parcel's events with where they happened and what became of its weights."""
    adopted = {row["event_id"]: row for row in found.weights}
    lacking = any(row["why"] == "no_weight" for row in found.waiting)
    in_force = found.weights[-1]["event_id"] if found.weights and not lacking else ""
    return [_event(event, found, adopted, in_force) for event in found.events]


def _event(event: Row, found: Story, adopted: dict[str, Row], in_force: str) -> dict[str, Any]:
    mark = ""
    if event["weight_g"]:
        if event["event_id"] == in_force:
            why = ADOPTED[adopted[in_force]["why"]]
            mark = f"采信：{why[0]} — {why[1]}"
        elif event["event_id"] in adopted:
            mark = (
                "曾采信，已被取代 — adopted before, replaced"
                if in_force
                else "曾采信，现无采信重量 — adopted before, no weight is in force"
            )
        else:
            mark = "未采信 — passed over"
    return {
        **event,
        "what": what(event),
        "place": place(event["site"], found.sites),
        "weighed": WEIGHT_CLASSES.get(event["weight_class"], ("", ""))[0],
        "ordered": ordered(event, found.products) if event["kind"] == "order" else None,
        "size": (event["length_mm"], event["width_mm"], event["height_mm"]) if event["length_mm"] else None,
        "mark": mark,
        "in_force": event["event_id"] == in_force,
    }


def _charge(row: Row, reversed_: set[str], found: Story) -> dict[str, Any]:
    return {
        **row,
        "title": FEES[row["fee"]],
        "steps": [] if row["reversed"] else steps(row),
        "was_reversed": row["id"] in reversed_,
        "book": found.books.get(row["book_version"], ""),
        "because": because(row["cause"], found.publications),
        "anew": anew(row, found),
    }


def anew(charge: Row, found: Story) -> str:
    """Why a charge was made anew, as the reversal of the one before says that was made with it; empty: nothing more
    than its own cause, as where it had waited in between.
    """
    before = [
        row
        for row in found.charges
        if row["reversed"]
        and (row["fee"], row["part"]) == (charge["fee"], charge["part"])
        and row["revision"] < charge["revision"]
    ]
    if charge["reversed"] or not before:
        return ""
    taken = max(before, key=lambda row: int(row["revision"]))
    told = taken["seq"] == charge["seq"] and taken["cause"] != charge["cause"]
    return because(taken["cause"], found.publications) if told else ""


def measured(cases: Sequence[Row]) -> Row | None:
    """Of a decided case: the newest row that has both measurements, of which a decided weight replaces one."""
    if not cases or not cases[-1]["decision"]:
        return None
    return next((row for row in reversed(cases) if not row["decision"]), None)


def _entries(found: Story) -> list[dict[str, Any]]:
    """Entries with their legs, headquarters' book beside the outlets'."""
    entries = []
    for (entry, book), legs in groupby(found.journal, lambda row: (row["entry"], row["book"])):
        rows = [{**leg, "name": found.accounts.get(leg["account"], {}).get("name", "")} for leg in legs]
        site = next((known for known in found.sites.values() if known["outlet"] == book != HQ), None)
        entries.append(
            {
                "id": entry,
                "book": "总部 HQ" if book == HQ else f"{site['name'] if site else ''} {book}",
                "fee": FEES[rows[0]["fee"]],
                "legs": rows,
                "debit": sum(leg["amount"] for leg in rows if leg["side"] == "D"),
                "credit": sum(leg["amount"] for leg in rows if leg["side"] == "C"),
            }
        )
    return entries


def _refused(row: Row, found: Story) -> dict[str, Any]:
    first = next((event for event in found.events if event["event_id"] == row["event_id"]), None)
    return {
        **row,
        "label": REASONS.get(row["reason"], row["reason"]),
        "raw": readable(row["raw"]),
        "first": first if row["reason"] == "conflicting_duplicate" else None,
    }
