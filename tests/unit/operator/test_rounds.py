"""The operator's own rounds over what it knows."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, cast

import pytest

from moorage_operator.cache import Cache
from moorage_operator.dependents import WorkKey
from moorage_operator.kube.client import Kube
from moorage_operator.rounds import UPKEEP, UPKEEP_TURNS, Rounds
from moorage_operator.settings import OperatorSettings

SETTINGS = OperatorSettings.from_wire(
    {"namespace": "moorage", "ledger": {"url": "http://ledger"}, "images": {"runtime": "registry.example/runtime:1"}, "driftSeconds": 600}
)


def known(count: int) -> Cache:
    cache = Cache()
    for number in range(count):
        metadata = {"name": f"job-{number}", "namespace": "team-a", "uid": f"uid-{number}", "resourceVersion": str(number + 1)}
        cache.put({"apiVersion": "moorage.dev/v1alpha1", "kind": "TrainingJob", "metadata": metadata})
    return cache


def test_in_one_drift_period_everything_has_its_turn_once_and_never_much_at_a_time():
    added: list[WorkKey] = []
    kept: list[WorkKey] = []
    nobody = cast(Kube, None)
    rounds = Rounds(SETTINGS, known(3000), nobody, added.append, lambda _: None, kept.append)
    most, waited = 0, 0.0
    for _ in range(UPKEEP_TURNS):
        before = len(added)
        waited += cast(Any, asyncio.run(rounds.upkeep(UPKEEP)))
        most = max(most, len(added) - before)
    assert waited == pytest.approx(600)
    assert kept == added
    assert set(Counter(added).values()) == {1}
    assert len(added) == 3000
    assert most < 100
