"""Posting rules that do not balance, or name what is not there, are refused before anything is posted."""

import pytest

from flows.journal.rules import read_rules
from schemas.problems import DocumentError

CHART = """account,name,english,class,normal_side,nature
1001,应收网点款,receivable,asset,D,mutual
2001,应付网点款,payable,liability,C,mutual
4001,中转收入,revenue,revenue,C,own
6001,面单费支出,expense,expense,D,own
"""
LEG = '{{ book = "{}", account = "{}", side = "{}" }}'


def posting(*legs: tuple[str, str, str], payer: str = "origin") -> str:
    """A fee with these legs: book, account, side."""
    lines = ",\n".join(LEG.format(*leg) for leg in legs)
    return f'[[fee]]\nname = "waybill"\npayer = "{payer}"\npayee = "headquarters"\nlegs = [\n{lines}\n]\n'


BALANCED = (
    ("payer", "6001", "D"),
    ("payer", "2001", "C"),
    ("payee", "1001", "D"),
    ("payee", "4001", "C"),
)


def test_balanced_rules_are_read() -> None:
    rules = read_rules(posting(*BALANCED), CHART)
    assert [(leg.book, leg.account, leg.side) for leg in rules.rules["waybill"].legs] == list(BALANCED)


@pytest.mark.parametrize(
    "legs",
    [
        BALANCED[:1],
        BALANCED[:3],
        (*BALANCED, ("payer", "6001", "D")),
        (("payer", "6001", "D"), ("payee", "4001", "C")),
        (("payer", "6001", "D"), ("payer", "2001", "D")),
    ],
    ids=["one leg", "half an entry", "a debit too many", "two books, each with half", "two debits"],
)
def test_unbalanced_rules_are_refused(legs: tuple[tuple[str, str, str], ...]) -> None:
    with pytest.raises(DocumentError) as refused:
        read_rules(posting(*legs), CHART)
    assert "unbalanced" in {problem.rule for problem in refused.value.problems}


def test_an_account_that_is_not_in_the_chart_is_refused() -> None:
    legs = (*BALANCED[:3], ("payee", "9999", "C"))
    with pytest.raises(DocumentError, match="9999") as refused:
        read_rules(posting(*legs), CHART)
    assert [problem.rule for problem in refused.value.problems] == ["unknown_account"]


def test_the_customer_has_no_book() -> None:
    with pytest.raises(DocumentError) as refused:
        read_rules(posting(*BALANCED, payer="customer"), CHART)
    assert "no_such_book" in {problem.rule for problem in refused.value.problems}
