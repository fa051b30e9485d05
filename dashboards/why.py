"""Why a payment was matched, or why not: `waybook match explain`, and the payment's page."""

from clickhouse_connect.driver.client import Client

from dashboards.phrases import Told
from dashboards.queries import rows
from dashboards.stored import GROUP_OF, Stored, now_of, phrases_of, rules_of
from dashboards.trail import deducted, is_known
from flows.reconciliation.components import component
from flows.reconciliation.explain import explain
from schemas.payments import ACCOUNT_CHANNEL


def explained(client: Client, payment: str) -> list[Told]:
    """Lines for people, by the rules in force now. Raises LookupError."""
    group = rows(client, GROUP_OF, payment=payment)
    if not group:
        known = "is no payment but a document: waybook payments show tells what has paid it"
        unknown = "is no payment: its key is channel/merchant/kind/number"
        raise LookupError(f"{payment} {known if is_known(client, payment) else unknown}")
    phrases = phrases_of(client)
    if payment.startswith(f"{ACCOUNT_CHANNEL}/"):
        deductions = [Told(step.line, step.line) for step in deducted(client, payment)]
        return [phrases.told("deducted from the account, not matched by a rule"), *deductions]
    facts = Stored(client, group[0]["of"], rules_of(client))
    dues, payments = component([], [payment], facts, facts.rules)
    lines = explain(payment, dues, payments, facts.decided.decisions, facts.rules, now_of(client))
    return [phrases.told(line) for line in lines]
