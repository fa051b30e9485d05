"""What a party is owed and owes, as the books have it: of those without virtual accounts, such as couriers, stations,
carriers and customers of business systems.

Of who keeps a book it is told from that book; of others what is said of them in headquarters' and the parties' books,
turned round.
"""

from datetime import date
from decimal import Decimal

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import Row, rows

CLAIMS = ("10", "11", "12", "20", "21", "23", "24")
"""How accounts of the chart begin that hold claims and debts: not money itself, what clears, and suspense."""
_ROWS = """
    SELECT business_date, toString(fee) AS fee, if(book = {party:String}, counterparty, book) AS other, waybill,
           hex(charge_id) AS charge, bitShiftRight(seq, 32) AS lane, bitAnd(seq, 4294967295) AS block, seq,
           if((side = 'D') = (book = {party:String}), amount, -amount) AS moved
    FROM journal
    WHERE if({own:Bool}, book, counterparty) = {party:String} AND substring(account, 1, 2) IN {claims:Array(String)}"""
KEEPS = "SELECT 1 FROM journal WHERE book = {party:String} LIMIT 1"
NAMED = "SELECT 1 FROM journal WHERE counterparty = {party:String} LIMIT 1"
OPENING = f"SELECT sum(moved) AS amount FROM ({_ROWS}) WHERE business_date < {{first:Date}}"
MOVEMENTS = f"""
SELECT business_date, fee, other, sum(moved) AS amount FROM ({_ROWS})
WHERE business_date BETWEEN {{first:Date}} AND {{last:Date}}
GROUP BY business_date, fee, other ORDER BY business_date, fee, other"""
CAUSES = f"""
SELECT business_date, fee, other, waybill, charge, lane, block, sum(moved) AS gained FROM ({_ROWS})
WHERE business_date BETWEEN {{first:Date}} AND {{last:Date}}
GROUP BY business_date, fee, other, waybill, charge, lane, block, seq
ORDER BY business_date, fee, other, seq, waybill, charge"""


class Claims(msgspec.Struct, frozen=True):
    """Between two days; positive: the party is owed so much."""

    opening: Decimal
    movements: list[Row]
    """By business date, fee and who is on the other side."""
    closing: Decimal
    causes: list[Row]
    """The same by waybill and charge, where asked for."""


def claims(client: Client, party: str, first: date, last: date, *, causes: bool = False) -> Claims | None:
    """By business date, both ends included; None: no book knows the party."""
    own = bool(rows(client, KEEPS, party=party))
    if not own and not rows(client, NAMED, party=party):
        return None
    of = {"party": party, "own": own, "claims": list(CLAIMS), "first": first}
    opening = Decimal(rows(client, OPENING, **of)[0]["amount"])
    movements = rows(client, MOVEMENTS, **of, last=last)
    told = rows(client, CAUSES, **of, last=last) if causes else []
    return Claims(opening, movements, opening + sum(row["amount"] for row in movements), told)
