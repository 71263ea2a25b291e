"""What the operator tells Ray Serve is what Ray Serve and the replicas understand, and what changes in place restarts nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.operator.model_service.world import GOOD, SETTINGS, VOLUME

from moorage_api.errors import InvalidInput
from moorage_api.model_service import ModelService
from moorage_api.service_config import ServiceConfig, ServiceUpdate
from moorage_operator.model_service.revisions import Served
from moorage_operator.model_service.serve_config import artifact_path, serve_config


def service(replicas: dict[str, Any], tenants: tuple[str, ...] = ("harbour",)) -> ModelService:
    spec = {"model": {"trainingJob": "digits"}, "access": {"tenants": list(tenants)}, "replicas": replicas}
    metadata = {"name": "digits", "namespace": "default", "uid": "u"}
    return ModelService.from_wire({"apiVersion": "moorage.dev/v1alpha1", "kind": "ModelService", "metadata": metadata, "spec": spec})


def config(replicas: dict[str, Any], autoscaled: bool = False, **changes: Any) -> dict[str, Any]:
    model = {"uri": f"{VOLUME}/a", "digest": GOOD}
    served = {
        "model": model,
        "tenant": "t",
        "batching": {},
        "resources": {},
        "autoscaled": autoscaled,
        "image": "i",
        "rayVersion": "2.60.0",
    }
    found: dict[str, Any] = json.loads(serve_config(service(replicas, **changes), Served.from_wire(served), SETTINGS))
    return found


def test_replicas_understand_their_arguments():
    [application] = config({"min": 2})["applications"]
    told = ServiceConfig.from_wire(application["args"])
    assert (told.artifact, told.digest, told.policy_required) == (f"{VOLUME}/a", GOOD, True)
    [deployment] = application["deployments"]
    assert ServiceUpdate.from_wire(deployment["user_config"]).access.tenants == ["harbour"]


def test_ray_serve_understands_the_whole():
    schema = pytest.importorskip("ray.serve.schema")
    for one in (config({"min": 2}), config({"min": 1, "max": 4}, autoscaled=True)):
        parsed = schema.ServeDeploySchema.model_validate(one)
        [application] = parsed.applications
        assert (application.name, application.route_prefix, str(parsed.proxy_location.value)) == ("digits", "/default/digits", "EveryNode")


def test_sizes_and_access_change_without_another_code_version():
    schema, versions = pytest.importorskip("ray.serve.schema"), pytest.importorskip("ray.serve._private.deploy_utils")

    def version(one: dict[str, Any]) -> str:
        return versions.get_app_code_version(schema.ServeDeploySchema.model_validate(one).applications[0])

    assert version(config({"min": 1})) == version(config({"min": 5, "maxOngoingRequests": 3}, tenants=("lighthouse", "harbour")))
    some, more = {"min": 1, "max": 2}, {"min": 2, "max": 9, "targetOngoingRequests": 3.0}
    assert version(config(some, autoscaled=True)) == version(config(more, autoscaled=True))


@pytest.mark.parametrize("uri", ["s3://bucket/x", "/tmp/model", "models/a", f"{VOLUME}/../../etc", VOLUME, f"file://{VOLUME}-other/a"])
def test_an_artifact_that_pods_do_not_see_is_refused(uri):
    with pytest.raises(InvalidInput, match=VOLUME):
        artifact_path(uri, "ModelService default/digits")


@pytest.mark.parametrize("uri", [f"{VOLUME}/artifacts/a", f"file://{VOLUME}/artifacts/a", f"{VOLUME}/artifacts/b/../a/"])
def test_an_artifact_on_the_volume_is_found(uri):
    assert artifact_path(uri, "ModelService default/digits") == f"{VOLUME}/artifacts/a"
