"""What no unit test may leave to the next."""

from __future__ import annotations

import pytest
from prometheus_client import values


@pytest.fixture(autouse=True)
def _metrics_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica's metrics make all that its process counts later go to files; a later test's counters would find them there."""
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")  # remembers what it is now, to be put back
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
