"""One party on a card for the terminal: what its page tells of its place in the network, and what it has."""

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from dashboards import accounts
from dashboards.queries import Row
from dashboards.words import PARTIES, handover
from deploy import statements
from deploy.terminal import table
from schemas.parties import HQ
from schemas.problems import hint
from schemas.rows import ALWAYS, FOR_EVER
from schemas.times import day_of


def found(client: Client, word: str) -> str:
    """The code of the party that a word means, by code or name. Raises LookupError with the nearest, or with all."""
    if accounts.is_party(client, word):
        return word
    codes = accounts.called(client, word)
    if not codes:
        near = hint(word, accounts.like(client, word))
        raise LookupError(f"there is no party {word}{near}; waybook parties lists all")
    if len(codes) > 1:
        raise LookupError(f"{len(codes)} parties are called {word}: say which, {', '.join(codes)}")
    return codes[0]


def card(client: Client, word: str, reader: str = "") -> str:
    """What the newest directory and the books say of a party. Raises LookupError for one that nobody knows.

    `reader`: who looks; empty: headquarters. Others see what only the party sees of their own alone.
    """
    party = found(client, word)
    about = accounts.membership(client, party)
    lines = [f"{party}  {accounts.name_of(client, party)}", *table(list(_periods(about.periods)), indent=2)]
    if about.members:
        members = "、".join(f"{PARTIES[row['kind']]} {row['members']}" for row in about.members)
        lines.append(f"下级 members: {members}")
    if about.counties:
        counties = "、".join(row["county_name"] for row in about.counties)
        lines.append(f"服务区县 area served: {counties}")
    balance = statements.balance(client, party, reader=reader) if reader in ("", HQ, party) else ""
    if balance:
        return "\n".join([*lines, "", balance])
    return "\n".join([*lines, *(f"! {handover(row)}" for row in accounts.handed_over(client, party))])


def _periods(periods: list[Row]) -> Iterator[tuple[str, ...]]:
    """By period: what it is, to whom it belongs, who owns it, and since when; a line of heads above."""
    if periods:
        yield (
            "类别 kind",
            "上级 belongs to",
            "法人 legal entity",
            "结算账户 settlement account",
            "客户等级 level",
            "起 from",
            "止 to",
        )
    for row in periods:
        yield (
            PARTIES[row["kind"]],
            f"{row['parent_name']} {row['parent']}".strip(),
            row["legal_entity"],
            row["settlement_account"],
            row["customer_level"],
            "" if day_of(row["first_day"]) == ALWAYS else str(row["first_day"]),
            "" if day_of(row["last_day"]) == FOR_EVER else str(row["last_day"]),
        )
