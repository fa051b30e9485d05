"""Which groups of merchants there are: who names another one is told so, instead of being shown nothing."""

from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from dashboards.stored import RULES
from sources.channels.read import FILE, read_channels

GROUPS = """
SELECT DISTINCT toString(of) AS of_group FROM (
    SELECT `group` AS of FROM payment UNION ALL SELECT `group` FROM receivable UNION ALL SELECT `group` FROM bill
    UNION ALL SELECT `group` FROM payment_exception
)"""


def require_group(client: Client, group: str) -> None:
    """Raises LookupError for a group of which neither the channels' rules in force nor the books tell; none will do."""
    if not group:
        return
    there = {row["of_group"] for row in rows(client, GROUPS)}
    if group in there:
        return
    for row in rows(client, RULES, file=FILE):
        channels = read_channels({FILE: row["content"]}).channels.values()
        there |= {merchant.group for channel in channels for merchant in channel.merchant}
    if group not in there:
        raise LookupError(f"there is no group {group}; there are: {', '.join(sorted(there)) or 'none yet'}")
