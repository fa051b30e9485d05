"""The questions about virtual accounts and ledgers that the terminal and the live page ask, all with parameters."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

import flows.journal
from dashboards.queries import ACCOUNTS, NEWEST_DIRECTORY, Row, rows
from flows.journal.positions import Mirror, read_positions
from schemas.parties import HQ
from schemas.shipped import shipped

BALANCES = """
SELECT account, sum(amount) AS amount FROM account_movement
WHERE party = {party:String} AND time <= fromUnixTimestamp64Milli({at:Int64}, 'UTC') GROUP BY account"""
HELD = """
SELECT hold, argMax(remains, (seq, step, line)) AS left, argMax(purpose, (seq, step, line)) AS purpose
FROM hold WHERE party = {party:String} AND time <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')
GROUP BY hold HAVING left > 0 ORDER BY hold"""
TERMS = """
SELECT kind, credit_limit, low_balance FROM terms
WHERE party = {party:String} AND time <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')
ORDER BY seq DESC, step DESC LIMIT 1"""
NOTICES = """
SELECT kind, argMax(status, seq) AS now FROM notice
WHERE party = {party:String} AND time <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')
GROUP BY kind HAVING now = 'begun' ORDER BY kind"""
KNOWN = """
SELECT count() AS n FROM (
    SELECT 1 FROM site WHERE outlet = {party:String} LIMIT 1
    UNION ALL SELECT 1 FROM account_movement WHERE party = {party:String} LIMIT 1)"""
BOOKS_KNOWN = """
SELECT count() AS n FROM (
    SELECT 1 FROM journal WHERE book = {book:String} LIMIT 1
    UNION ALL SELECT 1 FROM party WHERE party = {book:String} LIMIT 1
    UNION ALL SELECT 1 FROM site WHERE outlet = {book:String} LIMIT 1)"""
ACCOUNT_KNOWN = """
SELECT count() AS n FROM (
    SELECT 1 FROM account WHERE account = {account:String} LIMIT 1
    UNION ALL SELECT 1 FROM journal WHERE account = {account:String} LIMIT 1)"""
NAME = """
SELECT name FROM (
    SELECT name, seq, line, 1 AS told FROM party WHERE party = {party:String}
    UNION ALL SELECT name, seq, line, 0 FROM site WHERE outlet = {party:String} AND kind = 'outlet')
ORDER BY told DESC, seq DESC, line DESC LIMIT 1"""
MEMBERSHIPS = f"""
WITH {NEWEST_DIRECTORY}
SELECT p.kind AS kind, p.name AS name, p.parent AS parent, a.name AS parent_name, p.legal_entity AS legal_entity,
       p.settlement_account AS settlement_account, p.customer_level AS customer_level, p.first_day AS first_day,
       p.last_day AS last_day
FROM (SELECT * FROM party WHERE (seq, version) IN newest AND party = {{party:String}}) AS p
LEFT JOIN (SELECT party, any(name) AS name FROM party WHERE (seq, version) IN newest GROUP BY party) AS a
    ON a.party = p.parent
ORDER BY first_day"""
MEMBERS = f"""
WITH {NEWEST_DIRECTORY}
SELECT kind, uniqExact(party) AS members FROM party
WHERE (seq, version) IN newest AND parent = {{party:String}} GROUP BY kind ORDER BY kind"""
SERVED = f"""
WITH {NEWEST_DIRECTORY}
SELECT county, county_name FROM area WHERE (seq, version) IN newest AND outlet = {{party:String}} ORDER BY county"""
_NAMED = f"""
WITH {NEWEST_DIRECTORY}
SELECT party, name FROM party WHERE (seq, version) IN newest
UNION ALL SELECT outlet, name FROM site WHERE (seq, version) IN newest AND kind = 'outlet'"""
CALLED = f"SELECT DISTINCT party FROM ({_NAMED}) WHERE {{word:String}} IN (party, name) ORDER BY party"
LIKE = f"""
SELECT DISTINCT arrayJoin([toString(party), toString(name)]) AS word FROM ({_NAMED})
ORDER BY length(arrayIntersect(extractAll(word, '.'), extractAll({{word:String}}, '.'))) DESC, word LIMIT 200"""
"""Codes and names that have most of a word's letters: among them is the nearest."""
HANDED_OVER = """
SELECT kind, party, first_day, next = 'handover_withdrawn' AS withdrawn FROM (
    SELECT seq, line, kind, party, first_day, leadInFrame(toString(kind)) OVER (
        PARTITION BY first_day ORDER BY seq, line ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
    FROM operator WHERE outlet = {party:String}
) WHERE kind != 'handover_withdrawn' ORDER BY first_day, seq, line"""
MOVED_DAYS = """
SELECT min(business_date) AS first, max(business_date) AS last FROM account_movement
WHERE party = {party:String} HAVING count() > 0"""

OPENING = """
SELECT account, sum(amount) AS amount FROM account_movement
WHERE party = {party:String} AND business_date < {first:Date} GROUP BY account"""
MOVEMENTS = """
SELECT business_date, kind, fee, command_id, sum(if(account = 'cash', amount, 0)) AS cash,
       sum(if(account = 'business', amount, 0)) AS business, sum(if(account = 'deposit', amount, 0)) AS deposit
FROM account_movement
WHERE party = {party:String} AND business_date BETWEEN {first:Date} AND {last:Date}
GROUP BY business_date, kind, fee, command_id ORDER BY business_date, min((seq, step)), kind, fee, command_id"""
CAUSES = """
SELECT business_date, fee, waybill, hex(charge_id) AS charge, bitShiftRight(seq, 32) AS lane,
       bitAnd(seq, 4294967295) AS block, sum(if(side = 'D', amount, -amount)) AS gained
FROM journal
WHERE book = {party:String} AND business_date BETWEEN {first:Date} AND {last:Date}
    AND account IN {accounts:Array(String)} AND ({fee:String} = '' OR fee = {fee:String})
GROUP BY business_date, fee, waybill, charge_id, seq ORDER BY business_date, fee, seq, waybill, charge
LIMIT {limit:UInt64}"""

_SHOWN = """
SELECT command_id FROM account_movement
WHERE party = {party:String} AND business_date BETWEEN {first:Date} AND {last:Date}"""
ASKED = f"""
SELECT command_id, actor, command_time, body, amount FROM answer
WHERE party = {{party:String}} AND accepted AND command_id IN ({_SHOWN})
UNION ALL
SELECT deduction, toString(`group`), time, document, amount FROM deduction
WHERE party = {{party:String}} AND status IN ('taken', 'returned') AND deduction IN ({_SHOWN})"""

SEEN_BY_BOTH = "SELECT account FROM account GROUP BY account HAVING argMax(seen_by, (seq, line)) = 'parties'"
_READ = (
    "({reader:String} IN ('', {hq:String}, book) OR "
    f"counterparty = {{reader:String}} AND account IN ({SEEN_BY_BOTH}))"
)
"""Rows that a reader sees: headquarters (or nobody said who) all; a party its own book, and of others' what is between
the two, on accounts that the chart says both may see."""
TRIAL_BALANCE = f"""
SELECT account, sumIf(amount, side = 'D') AS debit, sumIf(amount, side = 'C') AS credit
FROM journal WHERE ({{book:String}} = '' OR book = {{book:String}}) AND business_date <= {{at:Date}} AND {_READ}
GROUP BY account ORDER BY account"""
MIRROR = """
SELECT if(book = {hq:String}, counterparty, book) AS party,
       sumIf(if(side = 'D', amount, -amount), book = {hq:String}) AS in_hq_book,
       sumIf(if(side = 'C', amount, -amount), book != {hq:String}) AS in_party_book
FROM journal
WHERE business_date <= {at:Date} AND if(book = {hq:String}, account IN {of_hq:Array(String)},
                                         counterparty = {hq:String} AND account IN {of_party:Array(String)})
GROUP BY party ORDER BY party"""
LEDGER_OPENING = f"""
SELECT sum(if(side = 'D', amount, -amount)) AS amount FROM journal
WHERE book = {{book:String}} AND account = {{account:String}} AND business_date < {{first:Date}} AND {_READ}"""
LEDGER = f"""
SELECT business_date, fee, waybill, counterparty, side, amount, hex(entry_id) AS entry FROM journal
WHERE book = {{book:String}} AND account = {{account:String}}
    AND business_date BETWEEN {{first:Date}} AND {{last:Date}} AND {_READ}
ORDER BY business_date, seq, line LIMIT {{limit:UInt32}}"""


LATEST = 4102444800000
"""Later than all data time (UTC ms; ClickHouse's DateTime64 reaches further): the balance as it is now."""
VIRTUAL = ("cash", "business", "deposit")
"""The virtual accounts of a party."""
ALL = 1 << 62
"""More rows than there are."""


def mirror_accounts() -> Mirror:
    """As the posting rules' data says."""
    return shipped(read_positions, Path(flows.journal.__file__).parent / "positions.toml").mirror


class Balance(msgspec.Struct, frozen=True):
    """A party's virtual accounts at a moment. Amounts in yuan."""

    accounts: Row
    holds: list[Row]
    terms: Row
    notices: list[Row]

    @property
    def held(self) -> Any:
        """All that is held."""
        return sum(hold["left"] for hold in self.holds)

    @property
    def limit(self) -> Any:
        """How far below zero it may go."""
        return self.terms["credit_limit"] if self.terms["kind"] == "credit" else 0

    @property
    def available(self) -> Any:
        """What can be spent, the credit line included."""
        return self.accounts["cash"] + self.accounts["business"] - self.held + self.limit


def is_known(client: Client, party: str) -> bool:
    """Whether it is an outlet of the directory or has virtual accounts."""
    return bool(rows(client, KNOWN, party=party)[0]["n"])


def is_party(client: Client, party: str) -> bool:
    """Whether it is that, or any other party of the newest directory."""
    return is_known(client, party) or bool(rows(client, MEMBERSHIPS, party=party))


def require_book(client: Client, book: str, account: str = "") -> None:
    """Raises LookupError for a book, or an account, that neither the directory nor the journal has."""
    if book != HQ and not rows(client, BOOKS_KNOWN, book=book)[0]["n"]:
        raise LookupError(f"there is no book {book}: it is {HQ}, or a party's as waybook parties lists it")
    if account and not rows(client, ACCOUNT_KNOWN, account=account)[0]["n"]:
        raise LookupError(f"there is no account {account}: waybook trial-balance lists those that are used")


def require_reader(client: Client, reader: str, book: str, account: str = "") -> None:
    """Raises LookupError for what a party may not see: another's statement, an account that only its owner sees."""
    if reader in ("", HQ, book):
        return
    if not account:
        seers = " and ".join(dict.fromkeys((book, HQ)))
        raise LookupError(f"a statement of {book} is for {seers}, not for {reader}")
    if account not in {row["account"] for row in rows(client, SEEN_BY_BOTH)}:
        seers = " and ".join(dict.fromkeys((book, HQ)))
        raise LookupError(f"account {account} of {book} is seen by {seers}, not by {reader}")


def name_of(client: Client, party: str) -> str:
    """What it is called, by the newest directory; empty: nobody says."""
    return "".join(row["name"] for row in rows(client, NAME, party=party))


def called(client: Client, word: str) -> list[str]:
    """Codes of the parties of the newest directory that have this code or name."""
    return [row["party"] for row in rows(client, CALLED, word=word)]


def like(client: Client, word: str) -> list[str]:
    """Codes and names of the newest directory that are somewhat like this one."""
    return [row["word"] for row in rows(client, LIKE, word=word)]


class Membership(msgspec.Struct, frozen=True):
    """What the newest directory says of a party: its periods in order of time, who belongs to it, what it serves."""

    periods: list[Row]
    members: list[Row]
    """Kinds of parties with how many of each ever belonged to it."""
    counties: list[Row]


def membership(client: Client, party: str) -> Membership:
    """Where a party stands in the tree; without periods where `parties.csv` does not name it."""
    return Membership(*(rows(client, question, party=party) for question in (MEMBERSHIPS, MEMBERS, SERVED)))


def handed_over(client: Client, party: str) -> list[Row]:
    """Changes of hands of an outlet, in order of days: to which party, from which day on, and whether not at all."""
    return rows(client, HANDED_OVER, party=party)


def moved_days(client: Client, party: str) -> tuple[date, date] | None:
    """First and last business date on which anything moved; None: nothing has."""
    return next(((row["first"], row["last"]) for row in rows(client, MOVED_DAYS, party=party)), None)


def balance(client: Client, party: str, at: int = LATEST) -> Balance | None:
    """A party's balance when data time was `at` (UTC ms); None: nobody knows the party."""
    if not is_known(client, party):
        return None
    found = rows(client, TERMS, party=party, at=at)
    return Balance(
        _sums(rows(client, BALANCES, party=party, at=at)),
        rows(client, HELD, party=party, at=at),
        found[0] if found else {"kind": "prepaid", "credit_limit": 0, "low_balance": 0},
        rows(client, NOTICES, party=party, at=at),
    )


def _sums(found: list[Row]) -> Row:
    """Amounts by virtual account, nothing where nothing was found."""
    return dict.fromkeys(VIRTUAL, 0) | {row["account"]: row["amount"] for row in found}


class Statement(msgspec.Struct, frozen=True):
    """A statement of account: opening balances, movements, closing balances; what the movements come from."""

    opening: Row
    movements: list[Row]
    closing: Row
    causes: list[Row]
    """Journal rows, by waybill and charge; none unless they are wanted."""
    asked: dict[str, Row]
    """Commands by id."""


def statement(
    client: Client, party: str, first: date, last: date, *, causes: bool = False
) -> Statement | None:
    """By business date, both ends included; None: nobody knows the party."""
    if not is_known(client, party):
        return None
    opening = _sums(rows(client, OPENING, party=party, first=first))
    span = {"party": party, "first": first, "last": last}
    movements = rows(client, MOVEMENTS, **span)
    closing = {
        name: amount + sum(movement[name] for movement in movements) for name, amount in opening.items()
    }
    asked = {row["command_id"]: row for row in rows(client, ASKED, **span)}
    told = lines(client, party, first, last) if causes else []
    return Statement(opening, movements, closing, told, asked)


def lines(client: Client, party: str, first: date, last: date, fee: str = "", limit: int = ALL) -> list[Row]:
    """What postings come from, by waybill and charge: of one fee or (empty) of all, the first `limit`."""
    span = {"party": party, "first": first, "last": last, "fee": fee, "limit": limit}
    return rows(client, CAUSES, accounts=list(mirror_accounts().party), **span)


def trial_balance(client: Client, at: date, book: str = "", reader: str = "") -> list[Row]:
    """Debits and credits of every account up to a business date, of one book or of all; what `reader` sees of them."""
    names = {row["account"]: row for row in rows(client, ACCOUNTS)}
    found = rows(client, TRIAL_BALANCE, at=at, book=book, reader=reader, hq=HQ)
    return [{"name": names.get(row["account"], {}).get("name", ""), **row} for row in found]


def mirror(client: Client, at: date) -> list[Row]:
    """What headquarters and each party say of each other up to a business date."""
    of = mirror_accounts()
    return rows(client, MIRROR, at=at, hq=HQ, of_hq=list(of.headquarters), of_party=list(of.party))


def ledger(
    client: Client, book: str, account: str, first: date, last: date, limit: int, reader: str = ""
) -> tuple[Any, list[Row]]:
    """An account of a book: what stood there before (debits less credits), and its rows; what `reader` sees of them."""
    of = {"book": book, "account": account, "first": first, "reader": reader, "hq": HQ}
    before = rows(client, LEDGER_OPENING, **of)[0]["amount"]
    return before, rows(client, LEDGER, **of, last=last, limit=limit)
