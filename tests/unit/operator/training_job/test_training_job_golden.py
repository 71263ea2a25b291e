"""What TrainingJobs come to on a cluster, in full. Write it anew with MOORAGE_WRITE_GOLDEN=1 and read the difference."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.operator.training_job.observed import FINALIZER, NOW, SETTINGS, UID

from moorage_api.dataset import Dataset
from moorage_api.manifest import load_manifests
from moorage_api.training_job import TrainingJob
from moorage_operator.plan import Apply
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.decide import decide_training_job
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.records import records_of
from moorage_operator.training_job.run_identity import run_of

ROOT = Path(__file__).parents[4]
GPU_POOL = {
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "gpuResourceName": "nvidia.com/gpu",
    "cpuRequestFraction": 0.5,
}
QUEUED = {
    "resources": {"workers": 4, "cpusPerWorker": 8, "gpusPerWorker": 1, "memoryPerWorker": "32Gi", "nodePool": "gpu", "queue": "research"},
    "runPolicy": {"activeDeadlineSeconds": 3600},
    "image": "registry.example/team/runtime:7",
    "podTemplate": {
        "metadata": {"labels": {"cost-centre": "42"}},
        "spec": {
            "securityContext": {"supplementalGroups": [2000]},
            "containers": [
                {"name": "ray", "env": [{"name": "NCCL_DEBUG", "value": "INFO"}], "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "images", "readOnly": True}}],
        },
    },
}


class _Readable(yaml.SafeDumper):
    """Texts of several lines as such."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Readable.add_representer(str, _Readable.represent_str)


def rendered(spec: dict[str, Any] | None = None, settings: OperatorSettings = SETTINGS) -> list[dict[str, Any]]:
    """Every manifest that the first look at examples/digits.yaml applies; spec: fields of the TrainingJob in place of the example's."""
    resources = [manifest.resource for manifest in load_manifests(ROOT / "examples/digits.yaml")]
    body = next(one for one in resources if isinstance(one, TrainingJob)).to_wire()
    body["metadata"] |= {"uid": UID, "generation": 1}
    body["spec"] |= spec or {}
    job = TrainingJob.from_wire(body)
    records = records_of(job, [one for one in resources if isinstance(one, Dataset)])
    seen = ObservedTrainingJob(job=job, run=run_of(job), tenant="harbour", records=records, finalizers=FINALIZER)
    plan = decide_training_job(seen, settings, NOW)
    return [manifest for action in plan.actions if isinstance(action, Apply) for manifest in action.manifests]


@pytest.mark.parametrize(("name", "spec"), [("digits", None), ("digits-queued-gpu", QUEUED)])
def test_the_manifests_are_the_golden_ones(name, spec):
    settings = OperatorSettings.from_wire({**SETTINGS.to_wire(), "nodePools": {"default": {}, "gpu": GPU_POOL}})
    file = ROOT / f"tests/golden/trainingjob-{name}.yaml"
    found = rendered(spec, settings)
    if os.environ.get("MOORAGE_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.dump_all(json.loads(json.dumps(found)), Dumper=_Readable, sort_keys=False, width=140))
    assert list(yaml.safe_load_all(file.read_text())) == found
