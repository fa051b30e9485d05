"""Facts of the matching as the scenario tables write them, and back."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from flows.reconciliation.model import Decisions, Due, Outcome, Paid
from flows.reconciliation.rules import DEFAULT, MatchingRules, read_matching
from schemas.money import parse_yuan, yuan
from schemas.payments import Share
from schemas.reasons import EXCEPTION
from schemas.times import DAY, HOUR, MINUTE, SHANGHAI_OFFSET

FIRST = 20_403 * DAY - SHANGHAI_OFFSET
"""Midnight of the first day of the tables (日 1), Shanghai's time."""
LATER = FIRST + 365 * DAY
"""When everything has been waited for."""

RULES = {
    "": (),
    "最少单据优先": (('prefer = ["fewest_payments"]', 'prefer = ["fewest_payments", "fewest_documents"]'),),
    "最早优先": (('prefer = ["fewest_payments"]', 'prefer = ["fewest_payments", "oldest"]'),),
    "容差0.05元": (("documents = ", 'tolerance = "0.05"\ndocuments = '),),
    "容差千分之一": (("documents = ", "permille = 1\ndocuments = "),),
    "甲挂账": (
        (
            '[[rule]]\nname = "amount_in_window"',
            '[[rule]]\nname = "on_account"\nlabel = "按最早未付"\nkind = "oldest_first"\nparties = ["甲"]\n\n'
            '[[rule]]\nname = "amount_in_window"',
        ),
    ),
    "工作量1000": (("work = 200000", "work = 1000"), ("chance = 2000", "")),
    "上限3": (("most = 2000", "most = 3"),),
    "只收": (('kind = "order_number"', 'kind = "order_number"\ndirection = "in"'),),
}
"""What the tables call the rules that differ from the default, and how."""

DUE_WORDS: dict[str, dict[str, Any]] = {
    "应付": {"direction": "out"},
    "USD": {"currency": "USD"},
    "不可分期": {"partial": False},
    "已取消": {"cancelled": True},
}
PAID_WORDS: dict[str, dict[str, Any]] = {
    "付出": {"direction": "out"},
    "USD": {"currency": "USD"},
    "调拨": {"kind": "transfer"},
}


@cache
def rules(name: str = "") -> MatchingRules:
    """The default rules, changed as a table's name for it says."""
    text = DEFAULT.read_text("utf-8")
    for old, new in RULES[name]:
        assert old in text
        text = text.replace(old, new)
    return read_matching(text)


def moment(day: str) -> int:
    """UTC ms of `3日09:30`."""
    number, clock = day.split("日")
    hours, minutes = clock.split(":")
    return FIRST + (int(number) - 1) * DAY + int(hours) * HOUR + int(minutes) * MINUTE


def listed(cell: str) -> list[list[str]]:
    """Words of each item of a cell."""
    return [item.split() for item in cell.split("；") if item.strip()]


def dues(cell: str) -> list[Due]:
    """`FR-1001 甲 100.00 [应付] [USD] [不可分期] [已取消] [引用C-1] [付款人x] [1日09:00]`; from day 1, 9:00 on."""
    found = []
    for n, (document, party, amount, *rest) in enumerate(listed(cell)):
        due = Due(document, "order", party, parse_yuan(amount), FIRST + 9 * HOUR + n * MINUTE)
        for word in rest:
            due = msgspec.structs.replace(due, **_due_word(word, due))
        found.append(due)
    return found


def _due_word(word: str, due: Due) -> dict[str, Any]:
    if "日" in word:
        return {"time": moment(word)}
    if word.startswith("引用"):
        return {"references": (*due.references, word[2:])}
    if word.startswith("付款人"):
        return {"payer": "tok-" + word[3:]}
    return DUE_WORDS[word]


def payments(cell: str) -> list[Paid]:
    """`P1 100.00 [付出] [USD] [订单X] [附言X] [付款人x] [主体甲] [退款P1] [拒付P1] [追回P1]
    [退汇P1] [调拨] [1日10:00]`; from 10 on."""
    found = []
    for n, (key, amount, *rest) in enumerate(listed(cell)):
        paid = Paid(key, "payment", parse_yuan(amount), FIRST + 10 * HOUR + n * MINUTE)
        for word in rest:
            paid = msgspec.structs.replace(paid, **_paid_word(word))
        found.append(paid)
    return found


def _paid_word(word: str) -> dict[str, Any]:
    if "日" in word:
        return {"time": moment(word)}
    what, name = word[:2], word[2:]
    match what:
        case "订单":
            return {"order": name}
        case "附言":
            return {"text": name.replace("_", " ")}
        case "付款":
            return {"payer": "tok-" + name[1:]}
        case "主体":
            return {"party": name}
        case "退款":
            return {"kind": "refund", "original": name, "direction": "out"}
        case "拒付":
            return {"kind": "chargeback", "original": name, "direction": "out"}
        case "追回":
            return {"kind": "chargeback", "original": name}
        case "退汇":
            return {"kind": "refund", "original": name}
    return PAID_WORDS[word]


def decisions(cell: str) -> Decisions:
    """`P1→FR-1 100.00`, `核销FR-1 5.00`, `退回P1 20.00`."""
    shares, written_off, to_refund = [], {}, {}
    for what, *amount in listed(cell):
        if what.startswith("退回"):
            to_refund[what[2:]] = parse_yuan(amount[0])
        elif what.startswith("核销"):
            written_off[what[2:]] = parse_yuan(amount[0])
        else:
            payment, document = what.split("→")
            shares.append(Share(payment, document, parse_yuan(amount[0])))
    return Decisions(tuple(shares), written_off, to_refund)


def matched(outcome: Outcome) -> list[str]:
    """Matches and differences, as the tables write them."""
    said = [f"{one.payment}→{one.document} {yuan(one.amount)} {one.rule}" for one in outcome.matches]
    return said + [f"{one.payment}→{one.document} 容差{yuan(one.amount)}" for one in outcome.differences]


def excepted(outcome: Outcome) -> list[str]:
    """Exceptions, as the tables write them: with their candidates where there are any."""
    return [
        f"{one.subject} {EXCEPTION[one.kind]} {yuan(one.amount)}"
        + (f"（{'、'.join(one.candidates)}）" if one.candidates else "")
        for one in outcome.exceptions
    ]


def items(cell: str) -> list[str]:
    """Items of a cell, in order."""
    return sorted(item.strip() for item in cell.split("；") if item.strip())


def shown(outcome: Outcome) -> Iterable[str]:
    """All of an outcome, for messages."""
    return [*matched(outcome), *excepted(outcome)]
