"""What becomes of a look at a key that does not end well."""

from __future__ import annotations

import asyncio
import json

import pytest

from moorage_operator.cache import Cache
from moorage_operator.dependents import WorkKey
from moorage_operator.kube.errors import ApiError, Conflict, Forbidden, NamespaceTerminating, error_of
from moorage_operator.metrics import OperatorMetrics
from moorage_operator.reconciler import CONFLICT_SECONDS, TERMINATING_SECONDS, Reconciler

KEY = WorkKey("TrainingJob", "team-a", "digits")


def refusal(*causes: str) -> bytes:
    """As the API server answers: with a cause in a namespace that is being deleted, with none where the right is wanting."""
    details = {"name": "digits", "kind": "rayjobs", "causes": [{"reason": cause, "field": "metadata.namespace"} for cause in causes]}
    return json.dumps({"kind": "Status", "reason": "Forbidden", "message": "rayjobs is forbidden", "details": details}).encode()


def look(error: ApiError, metrics: OperatorMetrics) -> float | None:

    async def step(_: WorkKey) -> None:
        raise error

    return asyncio.run(Reconciler({"TrainingJob": step}, metrics)(KEY))


@pytest.fixture
def metrics() -> OperatorMetrics:
    return OperatorMetrics(Cache(), lambda: 0.0, lambda: 0.0)


def counts_as_failed(metrics: OperatorMetrics) -> bool:
    return b'moorage_reconcile_errors_total{kind="TrainingJob"}' in metrics.page()


@pytest.mark.parametrize(("causes", "kind"), [(("NamespaceTerminating",), NamespaceTerminating), ((), Forbidden), (("Other",), Forbidden)])
def test_an_answer_of_403_is_told_by_its_cause(causes: tuple[str, ...], kind: type[ApiError]) -> None:
    assert type(error_of("create RayJob", 403, refusal(*causes))) is kind


def test_work_in_a_namespace_that_goes_is_no_error(metrics: OperatorMetrics, caplog: pytest.LogCaptureFixture) -> None:
    assert look(error_of("create RayJob", 403, refusal("NamespaceTerminating")), metrics) == TERMINATING_SECONDS
    assert not counts_as_failed(metrics)
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_a_conflict_is_looked_at_again_at_once(metrics: OperatorMetrics) -> None:
    assert look(Conflict("apply", 409, "Conflict", "changed"), metrics) == CONFLICT_SECONDS
    assert not counts_as_failed(metrics)


def test_a_right_that_is_wanting_is_an_error(metrics: OperatorMetrics, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Forbidden):
        look(error_of("create RayJob", 403, refusal()), metrics)
    assert counts_as_failed(metrics)
    assert "rayjobs is forbidden" in caplog.text
