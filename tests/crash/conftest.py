"""Where processes die is another matter each time, so with more volume each crash test runs as many times."""

import pytest

from tests.volume import TIMES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One life after the other."""
    if TIMES > 1:
        metafunc.fixturenames.append("life")
        metafunc.parametrize("life", range(TIMES))
