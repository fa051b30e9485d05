"""One check of an audit without all the others: where a test changes something that one check has to notice."""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from clickhouse_connect.driver.client import Client

from deploy.audit.accounts import check_accounts
from deploy.audit.chain import Log, check_blocks, check_chain, check_closed, check_plans, read_log
from deploy.audit.drafts import check_drafts
from deploy.audit.ledger import check_offsets, check_sums
from deploy.audit.payments import check_payments
from deploy.audit.recompute import check_recomputed
from deploy.audit.report import Check
from deploy.audit.rules import RULES, Rule, check_rule
from deploy.audit.steps import check_steps
from deploy.audit.store import Store
from schemas.settings import from_environment
from tests.audit.remembered import Remembered

Part = Callable[[Store, Log, int | None], Iterable[Check]]
"""Some checks of a store with this log, as of a data time (UTC ms or None)."""


def _rule(rule: Rule) -> Part:
    return lambda store, _log, _at: [check_rule(store, rule)]


SMALL: Mapping[str, Part] = {
    **{rule.name: _rule(rule) for rule in RULES},
    **dict.fromkeys(("block_rows", "digests"), lambda store, log, _: check_blocks(store, log)[:2]),
    "plans": lambda _, log, __: [check_plans(log)],
    "chain": lambda _, log, __: [check_chain(log)],
    "closed": lambda _, log, __: [check_closed(log)],
    "offsets": lambda store, log, _: [check_offsets(store, log)],
    "sums": lambda store, _, __: [check_sums(store)],
    "steps": lambda store, _, __: [check_steps(store)],
    "drafts": lambda store, _, __: [check_drafts(store)],
    **dict.fromkeys(
        (
            "told",
            *(f"recomputed_{what}" for what in ("accounts", "answers", "holds", "notices", "deductions")),
        ),
        lambda store, log, _: check_accounts(store, log, settled=False),
    ),
}
"""By check, the part of an audit that makes it."""
LARGE: tuple[Part, ...] = (
    lambda store, log, at: check_recomputed(store, log, at, from_environment()),
    lambda store, _, at: check_payments(store, at),
)
"""Parts that make all others: every charge is computed again, payments are matched again."""


def alone(client: Client, name: str, data_time: int | None = None) -> Check:
    """What `deploy.audit.run` says in the check of this name. Raises KeyError. Tables do not change meanwhile."""
    store, log = _looked_at(client)
    for part in (SMALL[name],) if name in SMALL else LARGE:
        for check in part(store, log, data_time):
            if check.name == name:
                return check
    raise KeyError(name)


def every(client: Client, data_time: int | None = None) -> dict[str, Check]:
    """By name, all checks."""
    store, log = _looked_at(client)
    return {check.name: check for part in {*SMALL.values(), *LARGE} for check in part(store, log, data_time)}


def _looked_at(client: Client) -> tuple[Store, Log]:
    known: object = client if isinstance(cast("object", client), Remembered) else Remembered(client)
    store = Store(cast("Client", known))
    return store, read_log(store)
