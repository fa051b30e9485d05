"""The page of a payment or a document."""

from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards import named
from dashboards.trail import is_payment, known_of, trail
from dashboards.why import explained


def payment_page(client: Client, name: str) -> dict[str, Any] | None:
    """Everything that the template needs; None: there is no such payment and no such document."""
    try:
        steps = trail(client, name)
    except LookupError:
        return None
    why = explained(client, name) if is_payment(steps) else []
    told = named.keys(*(text for line in why for text in line))
    there = known_of(client, [*(step.other for step in steps), *told])
    return {"name": name, "steps": steps, "there": there, "why": why}
