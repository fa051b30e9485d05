"""A block's output → the columns of its tables, and their bytes."""

from collections.abc import Iterable, Sequence

import numpy as np

from flows.governance.network import Network
from flows.journal.chart import chart
from flows.journal.deductions import deductions
from flows.journal.post import Booked, ChargeColumns, Poster, charge_ids
from flows.journal.rules import PostingRules
from flows.lifecycle import periods
from flows.lifecycle.refusals import refusals
from flows.lifecycle.tables import encoded
from flows.wallet.output import Entry, Output
from flows.wallet.spend import DEDUCT, GIVE_BACK
from schemas.parties import HQ
from sinks import columns
from sinks.columns import Id128, Made, Vocabulary
from sinks.encode import Encoded


class Tables:
    """Makes a lane's blocks into rows. `writes_documents`: the first lane writes what every lane reads."""

    def __init__(self, rules: PostingRules, writes_documents: bool) -> None:
        self.rules, self.writes_documents = rules, writes_documents
        self.poster = Poster(rules, tuple(rules.rules), tuple(rules.rules))
        self.parties = Vocabulary((HQ,))
        self.accounts, self.kinds, self.fees = Vocabulary(), Vocabulary(), Vocabulary(("",))
        self._receives = {fee: rule.payee == "party" for fee, rule in rules.rules.items()}

    def make(self, output: Output, seq: int) -> list[Encoded]:
        """All tables of a block that have rows, in order of their names."""
        made: dict[str, dict[str, Made] | None] = {
            "account_movement": self._movements(output),
            "answer": _answers(output),
            "books_close": periods.rows(output.closes),
            "deduction": deductions(output.deductions, output.now) if output.deductions else None,
            "dead_letter": refusals(output.refusals),
            "hold": _holds(output),
            "journal": self._journal(output.entries),
            "notice": _notices(output),
            "terms": _terms(output),
        }
        if self.writes_documents and output.networks:
            made |= {"material": _materials(output.networks), "account": chart(self.rules)}
        return encoded(made, seq)

    def _movements(self, output: Output) -> dict[str, Made] | None:
        rows = output.movements
        if not rows:
            return None
        step, party, account, kind, amount, balance, day, fee, sender, command = zip(*rows, strict=True)
        n = len(rows)
        ids = np.zeros((n, 2), np.uint64)
        booked = [i for i, row in enumerate(rows) if row[9] and row[7]]
        if booked:
            ids[booked] = charges_of((fee[i], party[i], command[i]) for i in booked)
        return {
            "step": columns.numbers(columns.ints(step), "uint32"),
            "party": columns.words(self.parties.codes(party), self.parties),
            "account": columns.words(self.accounts.codes(account), self.accounts),
            "kind": columns.words(self.kinds.codes(kind), self.kinds),
            "amount": columns.money(columns.ints(amount)),
            "balance": columns.money(columns.ints(balance)),
            "business_date": columns.dates(columns.ints(day)),
            "time": _now(output, n),
            "fee": columns.words(self.fees.codes(fee), self.fees),
            "sender": columns.numbers(columns.ints(sender), "uint64"),
            "command_id": columns.texts(command),
            "charge_id": columns.ids(ids),
            "counterparty": columns.word(HQ, n),
        }

    def _journal(self, entries: Sequence[Entry]) -> dict[str, Made] | None:
        """Both books' rows of what commands moved, by the posting rules."""
        if not entries:
            return None
        party = self.parties.codes([entry.party for entry in entries])
        hq = np.full(len(entries), self.parties[HQ], np.int32)
        receives = np.array([self._receives[entry.fee] for entry in entries])
        return Booked(
            self.poster,
            self.parties,
            ChargeColumns(
                charges_of((entry.fee, entry.party, entry.number) for entry in entries),
                self.poster.fees.codes([entry.fee for entry in entries]),
                np.where(receives, hq, party),
                np.where(receives, party, hq),
                columns.ints([entry.amount for entry in entries]),
                columns.ints([entry.time for entry in entries]),
                columns.ints([entry.day for entry in entries]),
                columns.strings([""] * len(entries)),
            ),
        ).post()


def charges_of(entries: Iterable[tuple[str, str, str]]) -> Id128:
    """What stands for charges' ids in journal rows of commands and deductions, by fee, party and number: a command has
    one; a deduction one, and another when it is given back."""
    return charge_ids(
        f"{fee if fee in (DEDUCT, GIVE_BACK) else 'command'}|{party}|{number}"
        for fee, party, number in entries
    )


def _holds(output: Output) -> dict[str, Made] | None:
    if not output.holds:
        return None
    step, party, change, command = zip(*output.holds, strict=True)
    return {
        "step": columns.numbers(columns.ints(step), "uint32"),
        "party": columns.spelled(party),
        "hold": columns.texts([one.hold for one in change]),
        "status": columns.spelled([one.status for one in change]),
        "purpose": columns.spelled([one.purpose for one in change]),
        "amount": columns.money(columns.ints([one.amount for one in change])),
        "remains": columns.money(columns.ints([one.remains for one in change])),
        "time": _now(output, len(step)),
        "command_id": columns.texts(command),
    }


def _notices(output: Output) -> dict[str, Made] | None:
    if not output.notices:
        return None
    party, kind, begins, available, threshold = zip(*output.notices, strict=True)
    return {
        "party": columns.spelled(party),
        "kind": columns.spelled(kind),
        "status": columns.spelled(["begun" if one else "over" for one in begins]),
        "available": columns.money(columns.ints(available)),
        "threshold": columns.money(columns.ints(threshold)),
        "time": _now(output, len(party)),
    }


def _terms(output: Output) -> dict[str, Made] | None:
    if not output.terms:
        return None
    step, party, terms, cause = zip(*output.terms, strict=True)
    return {
        "step": columns.numbers(columns.ints(step), "uint32"),
        "party": columns.spelled(party),
        "kind": columns.spelled([one.kind for one in terms]),
        "credit_limit": columns.money(columns.ints([one.credit_limit for one in terms])),
        "low_balance": columns.money(columns.ints([one.low_balance for one in terms])),
        "time": _now(output, len(step)),
        "cause": columns.texts(cause),
    }


def _answers(output: Output) -> dict[str, Made] | None:
    said = output.said
    if not said:
        return None
    commands, answers = [one.command for one in said], [one.answer for one in said]
    return {
        "step": columns.numbers(columns.ints([one.step for one in said]), "uint32"),
        "party": columns.texts([one.subject for one in commands]),
        "command_id": columns.texts([one.id for one in commands]),
        "command": columns.spelled([one.name for one in commands]),
        "actor": columns.texts([one.actor for one in commands]),
        "command_time": columns.times(columns.ints([one.time for one in commands])),
        "body": columns.texts([one.body for one in said]),
        "accepted": columns.numbers(columns.ints([one.accepted for one in answers]), "uint8"),
        "reason": columns.spelled([one.reason for one in answers]),
        "amount": columns.money(columns.ints([one.amount_e4 for one in answers])),
        "unit_price": columns.money(columns.ints([one.unit_price for one in said])),
        "available": columns.money(columns.ints([one.available_e4 for one in answers])),
        "time": _now(output, len(said)),
    }


def _materials(networks: Sequence[Network]) -> dict[str, Made] | None:
    found = [
        (network.version, material)
        for network in networks
        for material in network.agreements.materials.values()
    ]
    if not found:
        return None
    return {
        "version": columns.texts([version for version, _ in found]),
        "item": columns.texts([material.item for _, material in found]),
        "name": columns.texts([material.name for _, material in found]),
        "price": columns.money(columns.ints([material.price for _, material in found])),
    }


def _now(output: Output, rows: int) -> Made:
    return columns.times(np.full(rows, output.now, np.int64))
