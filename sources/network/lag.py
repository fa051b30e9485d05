"""How far the books are behind the network: what was published less what the lanes have planned."""

import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import msgspec

from schemas import topics
from schemas.settings import Settings

_SQL = """
SELECT sum(arraySum(arrayMap((i, u) -> if(i LIKE 'waybook.orders:%' OR i LIKE 'waybook.devices:%'
    OR i LIKE 'waybook.dead-letters:%', u, 0), inputs, upto)))
FROM (SELECT inputs, upto FROM block ORDER BY lane, n DESC LIMIT 1 BY lane)
"""
assert {topics.ORDERS.name, topics.DEVICES.name, topics.DEAD_LETTERS.name} <= {t.name for t in topics.TOPICS}


class Lag:
    """Asks ClickHouse four times a second, in a thread; a store that is away means: behind."""

    def __init__(self, settings: Settings, budget: int) -> None:
        self._url = f"{settings.clickhouse}/?" + urllib.parse.urlencode(
            {"database": settings.database, "query": _SQL}
        )
        self._headers = {
            "X-ClickHouse-User": settings.clickhouse_user,
            "X-ClickHouse-Key": settings.clickhouse_password,
        }
        self.budget = budget
        self.processed = 0
        self._asked = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def behind(self, published: int) -> bool:
        """Whether more than the budget is on its way, or nobody knows."""
        return published - self.processed > self.budget or time.monotonic() > self._asked + 5

    def _watch(self) -> None:
        while True:
            try:
                request = urllib.request.Request(self._url, headers=self._headers)  # noqa: S310
                with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                    self.processed = msgspec.json.decode(answer.read().strip() or b"0", type=int)
                self._asked = time.monotonic()
            except (OSError, urllib.error.URLError, msgspec.DecodeError):
                pass
            time.sleep(0.25)
