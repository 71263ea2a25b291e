"""What is applied again around a run, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.operator.training_job.observed import SETTINGS, job, running, seen

from moorage_operator.plan import Apply
from moorage_operator.training_job.children import prerequisites
from moorage_operator.training_job.upkeep import keep_up_training_job


def test_what_a_run_was_told_or_has_said_is_not_touched():
    observed = running()
    kept = [one for action in keep_up_training_job(observed, SETTINGS).actions for one in action.manifests]
    first = [one for action in prerequisites(observed, SETTINGS) for one in action.manifests]
    assert [one["kind"] for one in kept] == ["ServiceAccount", "Role", "NetworkPolicy", "RoleBinding"]
    assert [one["metadata"]["name"] for one in first if one not in kept] == ["digits-run", "digits-report"]
    assert all(isinstance(action, Apply) and not action.existing_stays for action in keep_up_training_job(observed, SETTINGS).actions)


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param(seen(job({})), id="nothing runs"),
        pytest.param(running(deployment="Complete", state="SUCCEEDED"), id="it has ended"),
        pytest.param(running(attempt=2), id="not the present attempt's"),
        pytest.param(running(with_={"deleting": True}), id="its RayJob goes"),
        pytest.param(replace(running(), deleting=True), id="it goes itself"),
    ],
)
def test_around_nothing_that_runs_nothing_is_applied(observed):
    assert keep_up_training_job(observed, SETTINGS).actions == ()
