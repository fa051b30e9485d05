"""Where processes die is another matter each time, so with more volume each test that kills some runs as many times.

Tests without a place of their own look at one field, one after the other: they run once.
"""

import pytest

from tests.volume import TIMES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One life after the other."""
    if TIMES > 1 and "tmp_path" in metafunc.fixturenames:
        metafunc.fixturenames.append("life")
        metafunc.parametrize("life", range(TIMES))
