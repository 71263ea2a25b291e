"""How this tier is spread over pytest-xdist's workers: the tests of serving share one host, every other runs where there is room."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "serving" if "/serving/" in nodeid else nodeid

    return Scheduling(config, log)
