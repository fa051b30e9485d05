"""The questions that the live page and `waybook explain` ask of ClickHouse, all with parameters."""

from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.blocks import settings_of

Row = dict[str, Any]

NEWEST_DIRECTORY = "newest AS (SELECT seq, version FROM site ORDER BY seq DESC, line DESC LIMIT 1)"
"""After WITH: rows of the newest directory are those whose (seq, version) is in it."""
EVENTS = """
SELECT event_id, kind, event_time, operation, source, code, site, outlet, city, device, weight_class, weight_g,
       length_mm, width_mm, height_mm, photo, origin, destination, customer, product, payment,
       topic, partition, offset, pieces, channel, insured, cod, promised_hours, direction, billing, related, services
FROM (SELECT * FROM event WHERE waybill = {waybill:String}) AS e
LEFT JOIN (
    SELECT event_id, pieces, channel, insured, cod, promised_hours, direction, billing, related, services
    FROM order_terms WHERE waybill = {waybill:String}
) AS t USING (event_id)
ORDER BY event_time, kind, event_id"""
"""An order that says nothing more than the ordinary has 0 pieces here, and nothing else of its terms."""
PRODUCTS = "SELECT product, argMax(name, (seq, line)) AS name FROM product GROUP BY product"

CHARGES = """
SELECT *, hex(charge_id) AS id, if(reverses = toFixedString('', 16), '', hex(reverses)) AS reversed
FROM charge WHERE waybill = {waybill:String} ORDER BY seq, line"""

JOURNAL = """
SELECT hex(entry_id) AS entry, hex(charge_id) AS charge, book, account, side, amount, counterparty, fee, business_date
FROM journal WHERE waybill = {waybill:String} ORDER BY seq, line"""

WEIGHTS = "SELECT * FROM adopted_weight WHERE waybill = {waybill:String} ORDER BY seq, line"
ANOMALIES = "SELECT * FROM anomaly WHERE waybill = {waybill:String} ORDER BY seq, line"
WAITING = "SELECT fee, part, reason AS why, since FROM waiting_now WHERE waybill = {waybill:String} ORDER BY fee, part"
CLAIMS = "SELECT * FROM claim WHERE waybill = {waybill:String} ORDER BY event_time, event_id"
DEAD_LETTERS = """
SELECT dead_letter_id, reason, detail, event_id, received, raw, topic, partition, offset
FROM dead_letter WHERE waybill = {waybill:String} AND status = 'open' ORDER BY seq, line"""
WAITING_LIST = """
SELECT waybill, fee, reason AS why, since, outlet FROM waiting_now
WHERE {reason:String} = '' OR why = {reason:String}
ORDER BY since, waybill, fee LIMIT {limit:UInt32} OFFSET {skip:UInt32}"""
WAITING_REASONS = "SELECT reason AS why, count() AS n FROM waiting_now GROUP BY why ORDER BY n DESC, why"
DEAD_LETTER_LIST = """
SELECT dead_letter_id, reason AS why, detail, transport, topic, partition, offset, waybill, received,
       substring(raw, 1, 600) AS excerpt
FROM open_dead_letter WHERE {reason:String} = '' OR why = {reason:String}
ORDER BY received DESC, dead_letter_id LIMIT {limit:UInt32} OFFSET {skip:UInt32}"""
DEAD_LETTER_REASONS = (
    "SELECT reason AS why, count() AS n FROM open_dead_letter GROUP BY why ORDER BY n DESC, why"
)
ANOMALY_LIST = """
SELECT kind AS why, waybill, event_id, event_time, site, expected, found FROM anomaly
WHERE {reason:String} = '' OR why = {reason:String}
ORDER BY event_time DESC, waybill, event_id, why LIMIT {limit:UInt32} OFFSET {skip:UInt32}"""
ANOMALY_REASONS = "SELECT kind AS why, count() AS n FROM anomaly GROUP BY why ORDER BY n DESC, why"
RECALLS = "SELECT * FROM recall WHERE waybill = {waybill:String} ORDER BY seq, line"
PUBLICATIONS = """
SELECT event_id, any(name) AS name, any(version) AS version, any(toString(status)) AS status,
       any(published_at) AS at, any(published_by) AS by
FROM tariff_book WHERE event_id IN {causes:Array(String)} GROUP BY event_id"""
BOOKS = "SELECT version, any(name) AS name FROM tariff_book GROUP BY version"
WEIGHT_CASE = """
SELECT c.*, if(c.status = 'decided', d.at, greatest(c.event_time, c.other_time)) AS since FROM weight_case AS c
LEFT JOIN (
    SELECT event_id, any(event_time) AS at FROM weight_decision WHERE waybill = {waybill:String} GROUP BY event_id
) AS d ON d.event_id = c.decision
WHERE c.waybill = {waybill:String} ORDER BY c.seq, c.line"""
"""`since`: when the weights differed, or when that was decided."""
WEIGHT_DECISIONS = (
    "SELECT * FROM weight_decision WHERE waybill = {waybill:String} ORDER BY event_time, event_id"
)
BREACHES = """
SELECT rule, argMax(status, (seq, line)) AS state, argMax(outlet, (seq, line)) AS responsible,
       argMax(since, (seq, line)) AS began, argMax(due, (seq, line)) AS broken, argMax(cause, (seq, line)) AS closed_by
FROM chain_breach WHERE waybill = {waybill:String} GROUP BY rule ORDER BY began, rule"""
RULES = "SELECT rule, argMax(label, (seq, line)) AS label FROM chain_rule GROUP BY rule"
_NAMED = f"LEFT JOIN ({RULES}) AS named USING (rule)"
BREACH_LIST = f"""
SELECT waybill, rule AS why, responsible, at, began, broken, named.label AS label FROM open_breach
{_NAMED}
WHERE {{reason:String}} = '' OR why = {{reason:String}}
ORDER BY broken, waybill, why LIMIT {{limit:UInt32}} OFFSET {{skip:UInt32}}"""
BREACH_REASONS = f"""
SELECT rule AS why, count() AS n, any(named.label) AS label FROM open_breach
{_NAMED}
GROUP BY why ORDER BY n DESC, why"""
CASE_LIST = """
SELECT waybill, treatment AS why, counts_class, counts_g, counts_site, class_of_other, g_of_other, site_of_other,
       outlet, since FROM weight_case_now
WHERE undecided AND ({reason:String} = '' OR why = {reason:String})
ORDER BY since, waybill LIMIT {limit:UInt32} OFFSET {skip:UInt32}"""
CASE_REASONS = """
SELECT treatment AS why, count() AS n FROM weight_case_now WHERE undecided GROUP BY why ORDER BY n DESC, why"""
STAY = "SELECT * FROM stay_event WHERE stay = {waybill:String} ORDER BY event_time, event_id"
HAULS = "SELECT * FROM haul WHERE haul = {waybill:String} ORDER BY event_time, event_id"
MONTHS = "SELECT * FROM stay_month WHERE name = {waybill:String} ORDER BY counted_at, event_id"
STAY_LIST = """
SELECT stay, customer AS why, outlet, since, pallets, temperature, zone, days, accrued FROM open_stay
WHERE {reason:String} = '' OR why = {reason:String}
ORDER BY since, stay LIMIT {limit:UInt32} OFFSET {skip:UInt32}"""
STAY_CUSTOMERS = "SELECT customer AS why, count() AS n FROM open_stay GROUP BY why ORDER BY n DESC, why"
_LINES = """
SELECT route, if(gain < 0, 'loses', 'earns') AS why, income, cost, gain FROM (
    SELECT route, sum(charged) AS income, sum(carriage) AS cost, sum(profit) AS gain FROM line_profit GROUP BY route)"""
LINE_LIST = f"""
SELECT * FROM ({_LINES}) WHERE {{reason:String}} = '' OR why = {{reason:String}}
ORDER BY if({{reason:String}} = 'loses', gain, -gain), route LIMIT {{limit:UInt32}} OFFSET {{skip:UInt32}}"""
"""The best line first; of those that lose the worst."""
LINE_STATES = f"SELECT why, count() AS n FROM ({_LINES}) GROUP BY why ORDER BY why"
ACCOUNTS = "SELECT account, any(name) AS name, any(english) AS english FROM account GROUP BY account"
SITES = (
    "SELECT site, argMax(name, (seq, line)) AS name, argMax(outlet, (seq, line)) AS outlet, "
    "argMax(province_name, (seq, line)) AS province, argMax(city_name, (seq, line)) AS city FROM site GROUP BY site"
)


class Story(msgspec.Struct):
    """All that the books know of a parcel, of a stay in a store, of a haul, or of a customer's month in stores."""

    waybill: str
    events: list[Row]
    charges: list[Row]
    journal: list[Row]
    weights: list[Row]
    anomalies: list[Row]
    waiting: list[Row]
    cases: list[Row]
    decisions: list[Row]
    """Of people about its weight."""
    breaches: list[Row]
    rules: dict[str, str]
    """Labels of scan-chain rules."""
    dead_letters: list[Row]
    claims: list[Row]
    accounts: dict[str, Row]
    sites: dict[str, Row]
    books: dict[str, str]
    """Names of tariff books by version."""
    products: dict[str, str]
    """Names of products by code."""
    stay: list[Row] = []
    """Events of goods in a store."""
    hauls: list[Row] = []
    """Words about a haul."""
    months: list[Row] = []
    """Words about a customer's month."""
    recalls: list[Row] = []
    """How often it was assessed again though no new fact had come."""
    publications: dict[str, Row] = {}
    """Those for which it was, or for which something was taken back, by their events' ids."""

    @property
    def known(self) -> bool:
        """Whether there is anything."""
        words = self.stay or self.hauls or self.months or self.decisions
        return bool(self.events or words or self.charges or self.dead_letters)


def rows(client: Client, sql: str, **parameters: Any) -> list[Row]:
    """A query's rows, by column names; as of the client's moment, where it has one (`dashboards.blocks`)."""
    answer = client.query(sql, parameters=parameters, settings=settings_of(client, sql))
    return list(answer.named_results())


def story(client: Client, waybill: str) -> Story:
    """Ask for everything about one waybill."""

    def ask(sql: str) -> list[Row]:
        return rows(client, sql, waybill=waybill)

    recalls, charges = ask(RECALLS), ask(CHARGES)
    causes = {row["cause"] for row in (*recalls, *(charge for charge in charges if charge["reversed"]))}
    published = rows(client, PUBLICATIONS, causes=sorted(causes)) if causes else []
    return Story(
        waybill=waybill,
        events=ask(EVENTS),
        charges=charges,
        journal=ask(JOURNAL),
        weights=ask(WEIGHTS),
        anomalies=ask(ANOMALIES),
        waiting=ask(WAITING),
        cases=ask(WEIGHT_CASE),
        decisions=ask(WEIGHT_DECISIONS),
        breaches=ask(BREACHES),
        rules={row["rule"]: row["label"] for row in rows(client, RULES)},
        dead_letters=ask(DEAD_LETTERS),
        claims=ask(CLAIMS),
        accounts={row["account"]: row for row in rows(client, ACCOUNTS)},
        sites={row["site"]: row for row in rows(client, SITES)},
        books={row["version"]: row["name"] for row in rows(client, BOOKS)},
        products={row["product"]: row["name"] for row in rows(client, PRODUCTS)},
        stay=ask(STAY),
        hauls=ask(HAULS),
        months=ask(MONTHS),
        recalls=recalls,
        publications={row["event_id"]: row for row in published},
    )
