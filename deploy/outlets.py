"""Whose charges are whose: which of a party's charges are an outlet's, whatever else the party runs.

A charge knows its parties, not the outlets for which they pay or are paid. The roles of its fee tell: an outlet of the
order, or the one that a claim names. All other roles (a province, a courier, a customer of a store) are a party's own.
"""

from collections.abc import Iterable

_ENDS = ("origin", "destination")
_NAMED = ("responsible", "beneficiary")
_WITHIN = "{former:String} IN (payer, payee) AND business_date >= {since:Date} AND business_date < {day:Date}"
_ROLES = """
    SELECT fee, argMax(payer, (seq, line)) AS pays, argMax(payee, (seq, line)) AS gets,
           argMax(blames, (seq, line)) AS blamed, argMax(rewards, (seq, line)) AS rewarded FROM fee GROUP BY fee"""


def _outlet(role: str, outlets: Iterable[str]) -> str:
    """SQL for the outlet of a role; empty: none of these."""
    cases = (f"{role} = '{one}', toString({one})" for one in outlets)
    return f"multiIf({', '.join(cases)}, '')"


def _theirs(outlets: Iterable[str]) -> str:
    """SQL for whether the party has its side of a charge by the outlet."""
    sides = (
        f"{party} = {{former:String}} AND {_outlet(role, outlets)} = {{outlet:String}}"
        for party, role in (("payer", "pays"), ("payee", "gets"))
    )
    return f"({' OR '.join(sides)})"


_OF_CLAIMS = "fee IN (SELECT fee FROM roles WHERE hasAny([pays, gets], ['responsible', 'beneficiary']))"
_NAMES = f"""
    SELECT waybill, claim AS part, toString(argMax(responsible, (seq, line))) AS blames,
           toString(argMax(beneficiary, (seq, line))) AS rewards
    FROM claim
    WHERE status IN ('claimed', 'breached') AND $sealed
        AND (waybill, claim) IN (SELECT waybill, part FROM charge WHERE {_OF_CLAIMS} AND {_WITHIN})
    GROUP BY waybill, part"""
"""Whom claims name. A breach's may come to name another outlet: what it charged the former is then taken back."""
CHARGES_OF = f"""
WITH roles AS ({_ROLES}), names AS ({_NAMES})
SELECT charge_id FROM charge LEFT JOIN roles USING (fee) WHERE {_WITHIN} AND {_theirs(_ENDS)}
UNION ALL
SELECT charge_id FROM (
    SELECT charge_id, payer, payee, pays, gets,
           if(blames != '', blames, {_outlet("blamed", _ENDS)}) AS responsible,
           if(rewards != '', rewards, {_outlet("rewarded", _ENDS)}) AS beneficiary
    FROM charge LEFT JOIN roles USING (fee) LEFT JOIN names USING (waybill, part)
    WHERE {_OF_CLAIMS} AND {_WITHIN}
) WHERE {_theirs(_NAMED)}"""
"""Charges of the days since one and before another that party `former` pays or is paid for `outlet`; of claims as they
stand in blocks that are known (`$sealed`)."""
