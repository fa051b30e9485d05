"""The examples in the docstrings are true."""

import doctest
from types import ModuleType

import pytest

from flows.rating import explain, levels, places, rounding, weights


@pytest.mark.parametrize("module", [explain, levels, places, rounding, weights])
def test_examples(module: ModuleType) -> None:
    """Every module here has at least one."""
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
