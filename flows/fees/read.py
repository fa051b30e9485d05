"""Reading fees.toml: every due checked, and with its fees against the posting rules."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from flows.fees.model import AT_SITES, MOST_PLAIN, OF_STAYS, OF_STORES, PRICED, STAYS_PARTIES, Due, Fees
from flows.journal.rules import PostingRules, read_rules
from schemas.documents import Document

FILE = "fees.toml"


def read_fees(dues: str, posting: str, chart: str) -> Fees:
    """The fees of `fees.toml`, `posting.toml` and `accounts.csv`. Raises DocumentError with every problem."""
    rules = read_rules(posting, chart, dues)
    document = Document(FILE, dues)
    document.require(("due",), ("due",))
    read = [document.read(Due, "due", n) for n in range(document.count("due"))]
    if not read and document.at("due") is None:
        document.wrong("no_dues", "there is no [[due]]", "due")
    document.refuse()
    found = [_completed(due) for due in read if due is not None]
    for n, due in enumerate(found):
        for column, rule, message in (
            *_wrong_name(due, found),
            *_wrong(due, found, rules),
            *_wrong_month(due, found),
            *_wrong_roles(due, rules),
        ):
            document.wrong(rule, f"due {due.name}: {message}", "due", n, column)
    document.refuse()
    fees = Fees.of(found, rules)
    place_of = {due.name: n for n, due in enumerate(found)}
    for name, column, rule, message in (*_too_many(fees), *_wrong_shares(fees), *_not_cleared(fees)):
        document.wrong(rule, f"due {name}: {message}", "due", place_of[name], column)
    document.refuse()
    return fees


def _completed(due: Due) -> Due:
    priced = due.amount in PRICED
    return msgspec.structs.replace(
        due, fees=due.fees or (due.name,), price=(due.price or due.name) if priced else ""
    )


def _wrong(due: Due, dues: list[Due], rules: PostingRules) -> Iterator[tuple[str, str, str]]:
    """Column, rule and message of what is wrong with one due."""
    for fee in due.fees:
        if fee not in rules.rules:
            yield "fees", "unknown_fee", f"posting.toml has no rule for the fee {fee}"
        elif sum(fee in other.fees for other in dues) > 1:
            yield "fees", "repeated_fee", f"the fee {fee} belongs to one due, not to several"
    shared = {other.name: other for other in dues}.get(due.share_of)
    if (due.amount == "share") != bool(due.share_of) or (due.amount == "share") == bool(due.trigger):
        yield "trigger", "wrong_trigger", 'needs either a trigger, or amount = "share" and share_of'
    if due.amount == "share" and (shared is None or shared.amount == "share" or shared is due):
        yield "share_of", "unknown_due", f"{due.share_of!r} is no due with an amount of its own"
    if due.amount == "share" and (due.needs or due.parcels or due.required):
        yield "share_of", "wrong_setting", "follows the other due and has no conditions of its own"
    if due.share_of and any(one.price == due.price and one.share_of != due.share_of for one in dues):
        yield "price", "wrong_price", f"{due.price} prices something else than a share of {due.share_of}, too"
    if (due.amount == "claim") != (due.trigger == "claimed"):
        yield "amount", "wrong_amount", 'amount = "claim" goes with trigger = "claimed", and only with it'
    if due.trigger in AT_SITES and due.amount != "tariff":
        yield "amount", "wrong_amount", "what is charged once a site has a tariff's price"
    if due.trigger != "claimed" and (due.blames or due.rewards):
        yield "blames", "wrong_setting", "only a claim blames or rewards"


def _wrong_name(due: Due, dues: list[Due]) -> Iterator[tuple[str, str, str]]:
    """The same, of what it is called."""
    if sum(other.name == due.name for other in dues) > 1:
        yield "name", "repeated_due", "stands twice"
    if not due.name or "/" in due.name:
        yield "name", "wrong_name", "a name is not empty and has no slash"


def _wrong_month(due: Due, dues: list[Due]) -> Iterator[tuple[str, str, str]]:
    """The same, of what a month's due looks at."""
    months = [other.name for other in dues if other.trigger in (*OF_STAYS, "hauled")]
    if due.month_of not in (months if due.trigger == "stay_month" else [""]):
        message = (
            f"{due.month_of!r} is no due of a store; it goes with the trigger stay_month, and only with it"
        )
        yield "month_of", "unknown_due", message


def _wrong_roles(due: Due, rules: PostingRules) -> Iterator[tuple[str, str, str]]:
    """The same, of who pays whom: what a stay owes, and what a parcel does."""
    roles = {role for fee in due.fees if (rule := rules.rules.get(fee)) for role in (rule.payer, rule.payee)}
    if due.trigger in OF_STORES:
        if due.amount != "tariff" or due.needs or due.parcels:
            yield (
                "trigger",
                "wrong_setting",
                "what is owed to a store has a tariff's price, without conditions",
            )
        if not roles <= set(STAYS_PARTIES):
            yield "fees", "wrong_role", f"a store's fees are between {' and '.join(STAYS_PARTIES)}"
    elif "storer" in roles:
        yield "fees", "wrong_role", "only a stay in a store has a storer"


def _too_many(fees: Fees) -> Iterator[tuple[str, str, str, str]]:
    """Due, column, rule and message."""
    if beyond := fees.plain[MOST_PLAIN:]:
        message = (
            f"there are {len(fees.plain)} dues of parcels that the order's outlets, headquarters "
            f"and customers owe each other, and a parcel's record has places for {MOST_PLAIN}"
        )
        yield beyond[0].name, "name", "too_many_dues", message


def _wrong_shares(fees: Fees) -> Iterator[tuple[str, str, str, str]]:
    shared = {due.share_of for due in fees.dues}
    for due in fees.dues:
        if due.name in shared and fees.named(due):
            message = "is charged to parties that are looked up, so no share can be paid of it"
            yield due.name, "name", "wrong_share", message
        if due.amount == "share" and not fees.named(due):
            message = "a share goes to a party that is looked up: a province or a courier"
            yield due.name, "fees", "wrong_share", message


def _not_cleared(fees: Fees) -> Iterator[tuple[str, str, str, str]]:
    """What a due brings onto a clearing account it takes from it again."""
    for due in fees.dues:
        sums: Counter[tuple[str, str]] = Counter()
        for fee in due.fees:
            rule = fees.rules.rules[fee]
            for leg in rule.legs:
                if fees.rules.accounts[leg.account].nature == "clearing":
                    sums[getattr(rule, leg.book), leg.account] += leg.sign
        for (role, account), remains in sums.items():
            if remains:
                message = f"something remains on clearing account {account} of {role}"
                yield due.name, "fees", "not_cleared", message


def documents(fees: Fees) -> dict[str, list[dict[str, Any]]]:
    """The rules as rows of the tables `fee` and `posting_rule`: what readers and auditors read."""
    of_due = {fee: due for due in fees.dues for fee in due.fees}
    rules = [(name, rule, of_due.get(name)) for name, rule in fees.rules.rules.items()]
    labels = fees.labels
    return {
        "fee": [
            {
                "fee": name,
                "zh": labels.get(name, (name, name))[0],
                "en": labels.get(name, (name, name))[1],
                "payer": rule.payer,
                "payee": rule.payee,
                "place": fees.dues.index(due) if due else 0,
                **{column: getattr(due, field) if due else "" for column, field in _OF_DUE.items()},
                "share_of": due.share_of or due.month_of if due else "",
                "required": int(due.required) if due else 0,
            }
            for name, rule, due in rules
        ],
        "posting_rule": [
            {"fee": name, "leg": n, "book": leg.book, "account": leg.account, "side": leg.side}
            for name, rule, _ in rules
            for n, leg in enumerate(rule.legs, 1)
        ],
    }


_OF_DUE = {
    "due": "name",
    "due_zh": "zh",
    "due_en": "en",
    "trigger": "trigger",
    "source": "amount",
    "price": "price",
    "needs": "needs",
    "parcels": "parcels",
    "blames": "blames",
    "rewards": "rewards",
}
