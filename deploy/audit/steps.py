"""The steps that a charge keeps of its price: each is worked out again, and each follows from the one before."""

import json
from collections.abc import Iterator
from decimal import Decimal, localcontext
from itertools import zip_longest
from typing import Any

from deploy.audit.pricing import FEN, ROUNDINGS
from deploy.audit.report import Check, Findings
from deploy.audit.rules import AS_OF
from deploy.audit.store import BLOCK_RANGE, Store
from deploy.audit.tariffs import Pass, Price

_STEPS = f"""
    SELECT waybill, fee, reinterpretAsInt64(amount) AS units, rounding, steps FROM $charge
    WHERE {BLOCK_RANGE} AND {AS_OF} AND steps != ''"""

E4 = 10_000
_DIFFERENCES = ("minimum", "maximum")
"""Terms whose price is what the row comes to with them."""


def untrue(steps: str, price: Price) -> Iterator[str]:
    """What the steps of a charge say otherwise than the auditor's own price; no steps: its columns say it all."""
    if bool(steps) != price.in_full:
        yield "has steps, and its columns say it all" if steps else "has no steps"
        return
    if not steps:
        return
    try:
        found = json.loads(steps)
        told = [_told(step) for step in found if step["kind"] not in ("factors", "rounding")]
        for one, wanted in zip_longest(told, price.passes):
            if one != wanted:
                yield f"a step says {one}, should be {wanted}"
        if Decimal(found[-1]["total"]) != price.total:
            yield f"the steps come to {found[-1]['total']}, should be {price.total}"
        for step in found:
            factors = step.get("factors", {})
            if "month_parcels" in factors and "month_count" not in factors:
                yield "does not say which count of the month it used"
            for name, text in step.get("factors", {}).items():
                if text not in price.facts.get(name, ()):
                    yield f"{name} was {price.facts.get(name)}, not {text!r}"
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        yield f"its steps cannot be read: {error!r}"


def _told(step: dict[str, Any]) -> Pass:
    return Pass(
        step["kind"],
        step.get("name", ""),
        step["where"],
        step["shape"],
        step.get("of", ""),
        step.get("each", ""),
        Decimal(step.get("times", 1)),
        Decimal(step["amount"]),
        step.get("passed_over", ""),
        step.get("factors", {}),
    )


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
            less = Decimal(0)
            if steps[-1]["kind"] == "accrued":  # what the days before a day in store come to
                *steps, last = steps
                less = Decimal(last["amount"])
                if Decimal(last["total"]) * E4 != row["units"]:
                    yield f"the day comes to {last['total']}, charged is {row['units']}"
            total = base = subtotal = shared = Decimal(0)
            for step in steps:
                shared = Decimal(step.get("factors", {}).get("shared", shared))
                if step["kind"] in ("factors", "rounding"):
                    continue
                known = {"base": base, "total": total, "subtotal": subtotal, "shared": shared}
                of = known.get(step.get("of", ""))
                amount = sum((_term(term, of) for term in step["terms"]), Decimal(0))
                amount *= Decimal(step.get("times", 1))
                amount = min(amount, total) if step["kind"] == "discount" else amount
                if amount != Decimal(step["amount"]):
                    yield f"{step['where']} comes to {amount}, not {step['amount']}"
                amount = Decimal(step["amount"])
                total = total - amount if step["kind"] == "discount" else total + amount
                base = total if step["kind"] == "base" else base
                subtotal += amount if step["kind"] in ("base", "surcharge") else 0
                if total != Decimal(step["total"]):
                    yield f"after {step['where']} it is {total}, not {step['total']}"
            if total != Decimal(steps[-1]["total"]):
                yield f"the steps end in {total}, not {steps[-1]['total']}"
            rounding = ROUNDINGS[row["rounding"].removesuffix("_fen")]
            if (total.quantize(FEN, rounding) - less) * E4 != row["units"]:
                yield f"the steps end in {total}, charged is {row['units']}"
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        yield f"its steps cannot be read: {error!r}"


def _term(term: list[str], of: Decimal | None) -> Decimal:
    """What a term comes to, worked out where it is a quantity times a price, or a share of what is known (`of`)."""
    label, quantity, measure, price, amount = term
    if measure == "percent" and of is not None:
        return of * Decimal(quantity) / 100
    if not measure and Decimal(quantity) != 1:
        raise ValueError(f"{label} counts nothing, and has the quantity {quantity}")
    if label in _DIFFERENCES or not price:
        return Decimal(amount)
    return Decimal(quantity) * Decimal(price)
