"""The examples in the docstrings are true."""

import doctest
from types import ModuleType

import pytest

from flows.governance import parties
from flows.rating import excel, explain, levels, names, places, rounding, weights
from schemas import counted


@pytest.mark.parametrize(
    "module", [excel, explain, levels, names, places, rounding, weights, parties, counted]
)
def test_examples(module: ModuleType) -> None:
    """Every module here has at least one."""
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
