"""The documents between the parts: every field's name and form is pinned, for a part may meet another's of an older release.

A change that makes one of these fail needs a new version of the document, not a new golden file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from moorage_api.access_policy import AccessPolicy
from moorage_api.agent_config import AgentConfig
from moorage_api.artifact import ArtifactManifest, digest_of
from moorage_api.base import ApiModel
from moorage_api.manifest import parse_resource
from moorage_api.run_config import Admission, ResolvedDataset, RunConfig, run_config_for
from moorage_api.run_report import RunReport
from moorage_api.service_config import ServiceUpdate, ServingConfig, ServingStatus
from moorage_api.training_job import TrainingJob
from moorage_api.usage import UsageEvent

FOLDER = Path(__file__).parent / "wire"
DOCUMENTS: dict[str, type[ApiModel]] = {
    "access_policy": AccessPolicy,
    "admission": Admission,
    "agent_config": AgentConfig,
    "artifact": ArtifactManifest,
    "run_config": RunConfig,
    "run_report": RunReport,
    "service_update": ServiceUpdate,
    "serving_config": ServingConfig,
    "serving_status": ServingStatus,
    "usage_event": UsageEvent,
}
VERSIONS = {
    "access_policy": "moorage.dev/access.v1",
    "agent_config": "moorage.dev/agent.v1",
    "artifact": "moorage.dev/artifact.v1",
    "run_config": "moorage.dev/run.v1",
    "run_report": "moorage.dev/report.v1",
    "serving_config": "moorage.dev/serving.v1",
    "serving_status": "moorage.dev/servingstatus.v1",
}


def golden(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def models_in(value: Any) -> Iterator[ApiModel]:
    """Every model in `value`, itself included."""
    if isinstance(value, ApiModel):
        yield value
        for field in type(value).model_fields:
            yield from models_in(getattr(value, field))
    elif isinstance(value, list):
        for item in value:
            yield from models_in(item)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_read_and_written_as_it_stands(name: str) -> None:
    document = DOCUMENTS[name].from_wire(golden(name))
    assert document.to_wire() == golden(name)
    assert golden(name).get("version") == VERSIONS.get(name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_golden_document_holds_every_field(name: str) -> None:
    given: dict[type[ApiModel], set[str]] = {}
    for model in models_in(DOCUMENTS[name].from_wire(golden(name))):
        given.setdefault(type(model), set()).update(model.model_fields_set)
    for model_type, fields in given.items():
        assert set(model_type.model_fields) == fields, model_type


@pytest.mark.parametrize("name", VERSIONS)
def test_another_version_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="version"):
        DOCUMENTS[name].from_wire({**golden(name), "version": "moorage.dev/other.v9"})


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_unknown_field_and_a_pythonic_name_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="extra"):
        DOCUMENTS[name].from_wire({**golden(name), "colour": "red"})
    with pytest.raises(ValidationError, match="extra"):
        UsageEvent.from_wire({**golden("usage_event"), "subject": {**golden("usage_event")["subject"], "uid_": "x"}})


def test_the_digest_of_an_artifact_is_pinned() -> None:
    manifest = ArtifactManifest.from_wire(golden("artifact"))
    assert manifest.digest == digest_of(manifest) == golden("artifact")["digest"]


@pytest.mark.parametrize("time", ["2026-01-31", "2026-01-31 10:00:00Z", "2026-01-31T10:00:00", "2026-01-31T10:00:00+02:00", "now"])
def test_a_time_is_rfc_3339_in_utc(time: str) -> None:
    with pytest.raises(ValidationError, match="time"):
        UsageEvent.from_wire({**golden("usage_event"), "time": time})


def test_a_training_job_is_rendered_into_a_run_config() -> None:
    job = parse_resource(
        {
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": "digits", "generation": 3},
            "spec": {
                "dataset": {"name": "digits"},
                "task": {"type": "ImageClassification"},
                "optimization": {"epochs": 1},
                "runPolicy": {"backoffLimit": 1},
                "gates": [{"metric": "accuracy", "minimum": 0.5}],
            },
        },
        "test",
    )
    assert isinstance(job, TrainingJob)
    dataset = ResolvedDataset(dataset="digits", uri="sklearn://digits", format="Bundled")
    config = run_config_for(job, uid="u", tenant="acme", dataset=dataset, folder="/r", output="/o", admission_required=True)
    assert config.job.to_wire() == {"namespace": "default", "name": "digits", "uid": "u", "generation": 3, "tenant": "acme"}
    assert (config.max_failures, config.admission_required, config.dataset) == (1, True, dataset)
    assert (config.task, config.optimization, config.gates) == (job.spec.task, job.spec.optimization, job.spec.gates)
