"""A test that needs Helm or kubeconform is skipped where it is not, and says what makes it."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from chart.rendering import Missing


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Missing is no failure here."""
    try:
        return (yield)
    except Missing as missing:
        pytest.skip(str(missing))
