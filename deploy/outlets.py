"""Whose charges are whose: which of a party's charges are an outlet's, whatever else the party runs.

A charge knows its parties, not the outlets for which they pay or are paid. The roles of its fee tell: an outlet of the
order, or the one that a claim names. All other roles (a province, a courier, a customer of a store) are a party's own.
"""

from collections.abc import Iterable

NO_CHARGE = "toFixedString('', 16)"
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


_CLAIMED = f"""
    SELECT groupArray(c.charge_id) AS ids, minIf(c.seq, c.first) AS made,
           any(c.waybill) AS parcel, any(c.part) AS claim, any(c.fee) AS fee,
           any(c.payer) AS payer, any(c.payee) AS payee,
           anyIf(c.origin, c.first) AS origin, anyIf(c.destination, c.first) AS destination
    FROM (SELECT *, reverses = {NO_CHARGE} AS first FROM charge WHERE {_WITHIN}) AS c
    WHERE c.fee IN (SELECT fee FROM roles WHERE hasAny([pays, gets], ['responsible', 'beneficiary']))
    GROUP BY if(c.first, c.charge_id, c.reverses)"""
"""Charges of claims, each with those that take it back, as it was made."""
_SAID = """
    SELECT waybill AS parcel, claim, seq AS at, argMax(responsible, line) AS blames,
           argMax(beneficiary, line) AS rewards
    FROM claim
    WHERE status IN ('claimed', 'breached') AND (waybill, claim) IN (SELECT parcel, claim FROM claimed)
    GROUP BY parcel, claim, at"""
"""What was claimed, by block: a breach's claim may come to name another outlet."""
CHARGES_OF = f"""
WITH roles AS ({_ROLES}), claimed AS ({_CLAIMED}), said AS ({_SAID})
SELECT charge_id FROM charge LEFT JOIN roles USING (fee) WHERE {_WITHIN} AND {_theirs(_ENDS)}
UNION ALL
SELECT arrayJoin(ids) FROM (
    SELECT ids, payer, payee, pays, gets,
           if(blames != '', toString(blames), {_outlet("blamed", _ENDS)}) AS responsible,
           if(rewards != '', toString(rewards), {_outlet("rewarded", _ENDS)}) AS beneficiary
    FROM (
        SELECT claimed.*, said.blames AS blames, said.rewards AS rewards FROM claimed ASOF LEFT JOIN said
            ON claimed.parcel = said.parcel AND claimed.claim = said.claim AND claimed.made >= said.at
    ) AS named LEFT JOIN roles USING (fee)
) WHERE {_theirs(_NAMED)}"""
"""Charges of the days since one and before another that party `former` pays or is paid for `outlet`."""
