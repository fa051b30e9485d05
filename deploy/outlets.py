"""Whose charges are whose: which of a party's charges are an outlet's, whatever else the party runs.

A charge knows its parties, not the outlets for which they pay or are paid. The roles of its fee tell: an outlet of the
order, or the one that a claim names. All other roles (a province, a courier, a customer of a store) are a party's own.
"""

from collections.abc import Iterable

_ENDS = ("origin", "destination")
_NAMED = ("responsible", "beneficiary")
_WITHIN = """
    (has({formers:Array(String)}, toString(payer)) OR has({formers:Array(String)}, toString(payee)))
    AND business_date >= {first:Date} AND business_date < {last:Date}"""
_SPANS = """
    SELECT s.1 AS span, s.2 AS outlet, s.3 AS former, s.4 AS since, s.5 AS day
    FROM (SELECT arrayJoin({spans:Array(Tuple(UInt32, String, String, Date, Date))}) AS s)"""
_ROLES = """
    SELECT fee, argMax(payer, (seq, line)) AS pays, argMax(payee, (seq, line)) AS gets,
           argMax(blames, (seq, line)) AS blamed, argMax(rewards, (seq, line)) AS rewarded FROM fee GROUP BY fee"""


def _outlet(role: str, outlets: Iterable[str]) -> str:
    """SQL for the outlet of a role; empty: none of these."""
    cases = (f"{role} = '{one}', toString({one})" for one in outlets)
    return f"multiIf({', '.join(cases)}, '')"


_NAMES = f"""
    SELECT waybill, claim AS part, toString(argMax(responsible, (seq, line))) AS blames,
           toString(argMax(beneficiary, (seq, line))) AS rewards
    FROM claim
    WHERE status IN ('claimed', 'breached') AND $sealed AND (waybill, claim) IN (
        SELECT waybill, part FROM charge
        WHERE {_WITHIN} AND fee IN (SELECT fee FROM roles WHERE hasAny([pays, gets], {[*_NAMED]})))
    GROUP BY waybill, part"""
"""Whom claims name. A breach's may come to name another outlet: what it charged the former is then taken back."""
CHARGES_OF = f"""
WITH roles AS ({_ROLES}), names AS ({_NAMES})
SELECT DISTINCT span, charge_id, former, since, day FROM (
    SELECT charge_id, business_date,
           arrayJoin([(toString(payer), {_outlet("pays", (*_ENDS, *_NAMED))}),
                      (toString(payee), {_outlet("gets", (*_ENDS, *_NAMED))})]) AS side,
           side.1 AS former, side.2 AS outlet
    FROM (
        SELECT charge_id, business_date, payer, payee, pays, gets, origin, destination,
               if(blames != '', blames, {_outlet("blamed", _ENDS)}) AS responsible,
               if(rewards != '', rewards, {_outlet("rewarded", _ENDS)}) AS beneficiary
        FROM charge LEFT JOIN roles USING (fee) LEFT JOIN names USING (waybill, part) WHERE {_WITHIN}
    )
) AS sides INNER JOIN ({_SPANS}) AS spans USING (outlet, former)
WHERE business_date >= since AND business_date < day"""
"""For each of `spans` (a number, an outlet, a party `former`, a day and the one after the last): charges of these days
that the party pays or is paid for the outlet; of claims as they stand in blocks that are known (`$sealed`).

`formers`: all of the parties. `first`, `last`: days that hold all spans."""
