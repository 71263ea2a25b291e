"""A ledger's service that is shared, agents that end with their test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from serving_cluster_world import Agent, LedgerService


@pytest.fixture(scope="module")
def module_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerService]:
    made = LedgerService(tmp_path_factory.mktemp("ledger"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def ledger(module_ledger: LedgerService) -> Iterator[LedgerService]:
    """Up at the test's start and after its end; shared, since it takes seconds to start."""
    if module_ledger.process is None:
        module_ledger.start()
    yield module_ledger
    if module_ledger.process is None:
        module_ledger.start()


@pytest.fixture
def agent(tmp_path: Path, ledger: LedgerService) -> Iterator[Callable[..., Agent]]:
    """Makes agents of pods that share a volume; none outlives the test."""
    made: list[Agent] = []

    def make(pod: str = "pod-1", **fields: Any) -> Agent:
        made.append(Agent(tmp_path / pod, tmp_path / "volume", fields.pop("ledger", ledger.url), pod, **fields))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.kill()
