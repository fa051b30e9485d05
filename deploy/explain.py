"""`waybook explain`: why a parcel cost what it cost, in the terminal."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from clickhouse_connect.driver.client import Client

from dashboards.live.parcel import anew, place, store_events, timeline, title
from dashboards.queries import Row, Story, story
from dashboards.steps import steps as steps_of
from dashboards.words import (
    ADOPTED,
    BREACHES,
    CASES,
    DIFFERED,
    FEES,
    REASONS,
    RECALLS,
    TREATMENTS,
    UNDECIDED,
    because,
    claim,
    shanghai,
    weight_decision,
)
from deploy.terminal import table
from flows.rating.explain import WEIGHT_CLASSES


def explain(waybill: str, client: Client) -> str:
    """Everything about a waybill as text; empty when nothing is known of it."""
    found = story(client, waybill)
    return "\n".join(_lines(found)) if found.known else ""


def _lines(found: Story) -> Iterator[str]:
    yield f"{title(found)} {found.waybill}"
    yield from _timeline(found)
    yield from _section(
        f"{_heading(found)}, Shanghai time",
        [
            (shanghai(row["event_time"]), row["what"], row["place"], row["said"], row["event_id"])
            for row in store_events(found)
        ],
    )
    weights = [_weight(row) for row in found.weights]
    yield from _section("采信重量 adopted weight", weights)
    claims = [
        (shanghai(row["event_time"]), " ".join(claim(row)), row["claim"])
        + ((f"证据 evidence {row['evidence']}",) if row["evidence"] else (row["why"],))
        for row in found.claims
    ]
    yield from _section("理赔奖惩 claims", claims)
    yield from _section("称重案件 cases of differing weights", list(_cases(found.cases)))
    decisions = [
        (
            shanghai(row["event_time"]),
            *weight_decision(row),
            f"裁决人 by {row['decided_by']}",
            row["reason"],
            row["event_id"],
        )
        for row in found.decisions
    ]
    yield from _section("重量裁决 decisions about the weight", decisions)
    breaches = [
        (
            found.rules.get(row["rule"], ""),
            row["rule"],
            " ".join(BREACHES[row["state"]]),
            row["responsible"],
            f"自 since {shanghai(row['began'])}",
            f"限至 due {shanghai(row['broken'])}",
            row["closed_by"],
        )
        for row in found.breaches
    ]
    yield from _section("扫描链违规 breaches of scan chains", breaches)
    for charge in found.charges:
        yield from _charge(charge, found)
    yield from _journal(found)
    recalls = [
        (
            shanghai(row["event_time"]),
            " ".join(RECALLS[row["status"]]),
            f"冲销 reversed {row['reversed']}",
            f"计费 charged {row['charged']}",
            because(row["cause"], found.publications),
        )
        for row in found.recalls
    ]
    yield from _section("重新计费 assessed again", recalls)
    waiting = [
        (FEES[row["fee"]][0], row["part"], REASONS[row["why"]], shanghai(row["since"]))
        for row in found.waiting
    ]
    yield from _section("等待 waiting", waiting)
    anomalies = [
        (
            REASONS.get(row["kind"], ""),
            str(row["kind"]),
            place(row["site"], found.sites),
            f"应为 expected {row['expected']}",
            f"实为 found {row['found']}",
            str(row["event_id"]),
        )
        for row in found.anomalies
    ]
    yield from _section("异常 anomalies", anomalies)
    refused = [
        (REASONS.get(row["reason"], ""), str(row["reason"]), str(row["detail"])) for row in found.dead_letters
    ]
    yield from _section("拒收 refused", refused)


def _heading(found: Story) -> str:
    """What was said of goods in a store, of a haul or of a month, and not of a parcel."""
    if found.stay:
        return "在库 in the store"
    return "运输 the haul" if found.hauls else "月度合计 the month's sums"


def _timeline(found: Story) -> Iterator[str]:
    """Each event in a line, and below it what it came from."""
    events = timeline(found)
    if not events:
        return
    yield ""
    yield "■ 经过 timeline, Shanghai time"
    lines = table([_event(event) for event in events])
    for event, line in zip(events, lines, strict=True):
        yield line
        if event["ordered"]:
            yield from (f"        {said}" for said in event["ordered"])
        yield f"        {_origin(event)}"


def _event(event: Row) -> tuple[str, ...]:
    place = event["place"] if event["site"] else f"{event['origin']} → {event['destination']}"
    weight = f"{event['weight_g']:,} g" if event["weight_g"] else ""
    size = "×".join(map(str, event["size"])) + " mm" if event["size"] else ""
    name = f"{event['what']} {event['operation']}".strip()
    return shanghai(event["event_time"]), name, place, weight, event["weighed"], size, event["mark"]


def _origin(event: Row) -> str:
    """Where an event's record is, and what the machine said of itself."""
    parts = [
        event["event_id"],
        f"{event['source']} {event['code']}".strip(),
        f"设备 device {event['device']}" if event["device"] else "",
        f"照片 photo {event['photo']}" if event["photo"] else "",
        f"{event['topic']}:{event['partition']}@{event['offset']}",
    ]
    return " · ".join(filter(None, parts))


def _weight(row: Row) -> tuple[str, ...]:
    kind, why = WEIGHT_CLASSES.get(row["weight_class"], ("", ""))[0], ADOPTED[row["why"]]
    return f"{row['weight_g']:,} g", kind, f"{why[0]} {why[1]}", row["event_id"]


def _cases(cases: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """What became of a case, in order: only its newest row says how it stands."""
    for row in cases:
        newest = row is cases[-1]
        zh, en = CASES[row["status"]] if newest or row["status"] == "decided" else DIFFERED
        if newest and row["status"] in UNDECIDED:
            how = TREATMENTS[row["on_difference"]]
            zh, en = f"{zh}，{how[0]}", f"{en}, {how[1]}"
        weights = [
            f"{WEIGHT_CLASSES.get(row[kind], (row[kind], ''))[0]} {row[grams]:,} g"
            for kind, grams in (("weight_class", "weight_g"), ("other_class", "other_g"))
        ]
        events = row["weight_event"], row["other_event"], row["decision"]
        yield shanghai(row["since"]), f"{zh} {en}", " ≠ ".join(weights), *events


def _charge(charge: Row, found: Story) -> Iterator[str]:
    zh, en = FEES[charge["fee"]]
    part = f" {charge['part']}" if charge["part"] else ""
    yield ""
    if charge["reversed"]:
        yield f"■ {zh} {en}{part}: {charge['amount']:,.2f} 元  红字冲销 reversal of revision {charge['revision']}"
        yield f"    原因 cause: {because(charge['cause'], found.publications)}"
        return
    yield (
        f"■ {zh} {en}{part}: {charge['amount']:,.2f} 元  {charge['payer']} → {charge['payee']}  "
        f"{charge['business_date']}  修订 revision {charge['revision']}"
    )
    rows = [(f"{step.label_zh} {step.label_en}", step.text_zh, step.text_en) for step in steps_of(charge)]
    yield from table(rows)
    if charge["book_version"]:
        column = f"「{charge['price_column']}」列" if charge["price_column"] else ""
        yield (
            f"    价格表 {charge['price_table']} 第 {charge['price_row']} 行{column}, "
            f"价格手册 book {found.books.get(charge['book_version'], '')}, 版本 version {charge['book_version']}"
        )
    yield f"    触发 cause: {charge['cause']}"
    if why := anew(charge, found):
        yield f"    重新计费 charged anew: {why}"


def _journal(found: Story) -> Iterator[str]:
    rows = []
    for (entry, book), group in groupby(found.journal, lambda row: (row["entry"], row["book"])):
        for row in group:
            name = found.accounts.get(row["account"], {}).get("name", "")
            debit, credit = (
                (f"{row['amount']:,.2f}", "") if row["side"] == "D" else ("", f"{row['amount']:,.2f}")
            )
            rows.append((book, FEES[row["fee"]][0], f"{row['account']} {name}", debit, credit, entry[-6:]))
    header = ("账册 book", "费用 fee", "科目 account", "借 debit", "贷 credit", "分录 entry")
    yield from _section("分录 journal", [header, *rows] if rows else [])


def _section(title: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield ""
        yield f"■ {title}"
        yield from table(rows)
