"""The steps that a charge keeps of its price: each is worked out again, and each follows from the one before."""

import json
from collections.abc import Iterator
from decimal import Decimal, localcontext
from typing import Any

from deploy.audit.pricing import FEN, ROUNDINGS
from deploy.audit.report import Check, Findings
from deploy.audit.rules import AS_OF, BLOCK_RANGE
from deploy.audit.store import Store

_STEPS = f"""
    SELECT waybill, fee, reinterpretAsInt64(amount) AS units, rounding, steps FROM $charge
    WHERE {BLOCK_RANGE} AND {AS_OF} AND steps != ''"""

E4 = 10_000


def told_by(steps: str) -> tuple[tuple[str, ...], Decimal]:
    """Where the prices of a charge stand, by its steps, and what they come to before the rounding."""
    found = json.loads(steps)
    rows = tuple(step["where"] for step in found if step["kind"] not in ("factors", "rounding"))
    return rows, Decimal(found[-1]["total"])


def check_steps(store: Store) -> Check:
    """Every step of every charge that keeps steps."""
    found = Findings("steps", "每笔费用的计费步骤逐步验算")
    for first, last in store.ranges("charge", 1_000_000):
        for row in store.rows(_STEPS, first=first, last=last):
            found.seen += 1
            for wrong in _wrong(row):
                found.add(f"{row['waybill']} {row['fee']}: {wrong}")
    return found.check("charges")


def _wrong(row: dict[str, Any]) -> Iterator[str]:
    try:
        steps = json.loads(row["steps"])
        with localcontext(prec=80):
            total = Decimal(0)
            for step in steps:
                if step["kind"] in ("factors", "rounding"):
                    continue
                amount = sum((_term(term) for term in step["terms"]), Decimal(0))
                if amount != Decimal(step["amount"]) and step["kind"] != "discount":
                    yield f"{step['where']} comes to {amount}, not {step['amount']}"
                amount = Decimal(step["amount"])
                total = total - amount if step["kind"] == "discount" else total + amount
                if total != Decimal(step["total"]):
                    yield f"after {step['where']} it is {total}, not {step['total']}"
            if total != Decimal(steps[-1]["total"]):
                yield f"the steps end in {total}, not {steps[-1]['total']}"
            rounding = ROUNDINGS[row["rounding"].removesuffix("_fen")]
            if total.quantize(FEN, rounding) * E4 != row["units"]:
                yield f"the steps end in {total}, charged is {row['units']}"
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        yield f"its steps cannot be read: {error!r}"


def _term(term: list[str]) -> Decimal:
    """What a term comes to, worked out where it is a quantity times a price."""
    _, quantity, measure, price, amount = term
    if measure in ("", "percent") or not price:
        return Decimal(amount)
    return Decimal(quantity) * Decimal(price)
