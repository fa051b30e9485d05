"""The demo's cashier: closes each day of every channel's merchant whose bills have come, naming what stays open."""

from clickhouse_connect.driver.client import Client

from dashboards.closes import items, lacks
from dashboards.queries import Row, rows
from deploy.reconciliation.closing import Account, closing, send, span
from schemas.payments import Named
from schemas.settings import Settings
from sinks.kafka import Records

READY = """
SELECT toString(b.`group`) AS of_group, toString(b.channel) AS channel, toString(b.merchant) AS merchant,
       toString(min(b.day)) AS next
FROM bill AS b
LEFT JOIN (SELECT channel, merchant, max(last) AS last FROM close_now WHERE period = 'day'
           GROUP BY channel, merchant) AS c ON c.channel = b.channel AND c.merchant = b.merchant
WHERE b.status = 'complete' AND b.day > c.last
GROUP BY b.`group`, b.channel, b.merchant ORDER BY of_group, channel, merchant"""
"""The first day that is not closed, and whose bill has come; without any close `c.last` is 1970-01-01."""
NEWEST = """
SELECT channel, merchant, argMax(close_id, (seq, line)) AS id, argMax(toString(status), (seq, line)) AS state,
       argMax(toString(last), (seq, line)) AS day, argMax(c.lacks, (seq, line)) AS lacks,
       argMax(c.items, (seq, line)) AS items
FROM close AS c WHERE what = 'close' AND period = 'day' GROUP BY channel, merchant"""
BY, REASON = "夜班出纳", "次日继续查"
NAMED = ("exception_open", "bill_missing")
"""What may stay open, when it is named."""


class Cashier:
    """Asks for one close after the other of each merchant."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.client = client
        self._records = Records(settings)
        self._asked: dict[Account, str] = {}

    def step(self) -> None:
        """One command for each merchant that has a day to close, unless its last one is not decided."""
        newest = {Account(row["channel"], row["merchant"]): row for row in rows(self.client, NEWEST)}
        for row in rows(self.client, READY):
            account = Account(row["channel"], row["merchant"])
            last = newest.get(account)
            if account in self._asked and (last is None or last["id"] != self._asked[account]):
                continue
            day, names = _next(row["next"], last)
            event = closing(self.client, row["of_group"], account, "day", span("day", day), names, BY)
            send(self._records, event)
            self._asked[account] = event.id
        self._records.flush()


def _next(ready: str, last: Row | None) -> tuple[str, tuple[Named, ...]]:
    """The day to close, and what to name: what stood against the last try, and what that named, as it did not hold."""
    if last is None or last["state"] != "refused":
        return ready, ()
    against = lacks(last)
    earlier = [lack.item for lack in against if lack.what == "earlier_open"]
    if earlier:
        return earlier[0], ()
    if all(lack.what in NAMED for lack in against):
        open_ = [item.item for item in items(last) if item.close in ("", last["id"])]
        return last["day"], tuple(Named(item, REASON) for item in open_)
    return ready, ()
