"""The page of a payment or a document."""

from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards.trail import is_payment, trail
from dashboards.why import explained


def payment_page(client: Client, name: str) -> dict[str, Any] | None:
    """Everything that the template needs; None: there is no such payment and no such document."""
    try:
        steps = trail(client, name)
    except LookupError:
        return None
    return {"name": name, "steps": steps, "why": explained(client, name) if is_payment(steps) else []}
