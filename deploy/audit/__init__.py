"""The independent auditor: what ClickHouse holds is checked, and every charge is computed again.

It shares no code with the flows, on purpose: it reads the tariff books, finds the best match, rounds and posts in
its own way, in SQL and exact fractions, so that the same mistake is not made twice.
"""

from deploy.audit.whole import run

__all__ = ["run"]
