"""What a block led to, for Prometheus: counts, no identities."""

from collections import Counter as Tally

from prometheus_client import Counter

from flows.lifecycle.refusals import count_refusals
from flows.wallet.output import Output

COMMANDS = Counter(
    "waybook_commands_total", "Commands on virtual accounts by what became of them", ["command", "outcome"]
)
MOVEMENTS = Counter("waybook_account_movements_total", "Movements on virtual accounts", ["account"])
DEDUCTIONS = Counter("waybook_deductions_total", "Dues deducted from accounts by what was done", ["status"])
NOTICES = Counter("waybook_account_notices_total", "Notices of low balances and limits that began", ["kind"])


def count(output: Output) -> None:
    """Add one block's output to the counters."""
    for account, number in Tally(row[2] for row in output.movements).items():
        MOVEMENTS.labels(account).inc(number)
    for said in output.said:
        COMMANDS.labels(said.command.name, said.answer.reason or "accepted").inc()
    for answer in output.again:
        COMMANDS.labels(answer.name, "repeated").inc()
    for status, number in Tally(row[2] for row in output.deductions).items():
        DEDUCTIONS.labels(status).inc(number)
    for _, kind, begins, _, _ in output.notices:
        NOTICES.labels(kind).inc(begins)
    count_refusals(output.refusals, output.refused_again)
