"""What examples/digits.yaml comes to on a cluster, in full. Write it anew with MOORAGE_WRITE_GOLDEN=1 and read the difference."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.operator.model_service.world import SETTINGS, START, World, succeeded_job

from moorage_api.manifest import load_manifests
from moorage_api.model_service import ModelService
from moorage_api.tenant import Tenant
from moorage_operator.model_service.decide import decide_model_service
from moorage_operator.model_service.observe import ObservedModelService
from moorage_operator.plan import Apply
from moorage_operator.settings import OperatorSettings

ROOT = Path(__file__).parents[4]
GPU_POOL = {"nodeSelector": {"pool": "gpu"}, "tolerations": [{"key": "gpu", "operator": "Exists"}], "gpuResourceName": "nvidia.com/gpu"}


class _Readable(yaml.SafeDumper):
    """Texts of several lines as such."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Readable.add_representer(str, _Readable.represent_str)


def rendered(spec: dict[str, Any] | None = None, settings: OperatorSettings = SETTINGS) -> list[dict[str, Any]]:
    """Every manifest that the first look at examples/digits.yaml applies; spec: fields of the ModelService in place of the example's."""
    resources = [manifest.resource for manifest in load_manifests(ROOT / "examples/digits.yaml")]
    service = next(one for one in resources if isinstance(one, ModelService))
    body = service.to_wire()
    body["metadata"] |= {"uid": "0b0f5a4e-4f5c-4a64-9d3a-5b9b6b1f2c11", "generation": 1}
    body["spec"] |= spec or {}
    world = World()
    world.store(succeeded_job())
    job = world.cache.resource("TrainingJob", "default", "digits")
    tenants = tuple(one for one in resources if isinstance(one, Tenant))
    seen = ObservedModelService(ModelService.from_wire(body), job=job, tenants=tenants)  # type: ignore[arg-type]
    plan = decide_model_service(seen, settings, START)
    return [manifest for action in plan.actions if isinstance(action, Apply) for manifest in action.manifests]


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("digits", None),
        (
            "digits-autoscaled-gpu",
            {
                "replicas": {"min": 1, "max": 4, "targetOngoingRequests": 8.0},
                "resources": {"cpusPerReplica": 1.5, "gpusPerReplica": 1, "memoryPerReplica": "8Gi", "nodePool": "gpu"},
            },
        ),
    ],
)
def test_the_manifests_are_the_golden_ones(name, spec):
    more = {"nodePools": {"default": {}, "gpu": GPU_POOL}, "podMonitorLabels": {"release": "prometheus"}}
    settings = OperatorSettings.from_wire({**SETTINGS.to_wire(), **more})
    file = ROOT / f"tests/golden/modelservice-{name}.yaml"
    found = rendered(spec, settings)
    if os.environ.get("MOORAGE_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.dump_all(json.loads(json.dumps(found)), Dumper=_Readable, sort_keys=False, width=140))
    assert list(yaml.safe_load_all(file.read_text())) == found
