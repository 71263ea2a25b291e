"""The pods of Ray clusters: what every one has, and what a user's podTemplate may and may not say."""

from __future__ import annotations

from typing import Any

import pytest
from unit.operator.training_job.observed import SETTINGS, job

from moorage_api.errors import InvalidInput
from moorage_operator.settings import OperatorSettings
from moorage_operator.workload.pod_template import CONTAINER_SECURITY, ray_pod_template

POOLS = {
    "default": {},
    "gpu": {
        "gpuResourceName": "nvidia.com/gpu",
        "nodeSelector": {"pool": "gpu"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "runtimeClassName": "nvidia",
        "cpuRequestFraction": 0.5,
    },
}
IMAGES = {"runtime": "r:1", "pullPolicy": "Always", "pullSecrets": ["registry"]}
SETTINGS_WITH_POOLS = OperatorSettings.from_wire({**SETTINGS.to_wire(), "nodePools": POOLS, "images": IMAGES})


def template(override: Any = None, **what: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"pool_name": "default", "role": "worker", "cpus": 1.5, "gpus": 0, "memory": "2Gi", "automount_token": False}
    common = {"owner": job(), "tenant": "harbour", "settings": SETTINGS_WITH_POOLS, "image": "r:1", "service_account": "digits-training"}
    return ray_pod_template(**common, **{**usual, **what}, override=override)


def test_resources_are_those_of_the_pool():
    container = template(pool_name="gpu", gpus=2)["spec"]["containers"][0]
    assert container["resources"] == {
        "limits": {"cpu": "1500m", "memory": "2Gi", "nvidia.com/gpu": "2"},
        "requests": {"cpu": "750m", "memory": "2Gi", "nvidia.com/gpu": "2"},
    }
    spec = template(pool_name="gpu", gpus=2)["spec"]
    assert (spec["nodeSelector"], spec["tolerations"]) == ({"pool": "gpu"}, [{"key": "gpu", "operator": "Exists"}])
    assert spec["runtimeClassName"] == "nvidia"
    assert "runtimeClassName" not in template(pool_name="gpu")["spec"], "a pod without GPUs needs no runtime for them"


def test_images_are_pulled_as_the_platform_says():
    spec = template()["spec"]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["containers"][0]["imagePullPolicy"] == "Always"


def test_a_pod_stays_until_it_is_billed_and_belongs_to_its_job():
    metadata = template()["metadata"]
    assert metadata["finalizers"] == ["moorage.dev/metering"]
    assert metadata["labels"]["moorage.dev/tenant"] == "harbour"
    assert metadata["labels"]["moorage.dev/node-pool"] == "default"
    assert metadata["labels"]["moorage.dev/role"] == "worker"


def test_options():
    made = template(
        pre_stop=["sh", "-c", "true"],
        grace_seconds=7,
        automount_token=True,
        ports=[{"name": "serve", "containerPort": 8000}],
        env=[{"name": "A", "value": "1"}],
        volumes=[{"name": "v", "emptyDir": {}}],
        volume_mounts=[{"name": "v", "mountPath": "/v"}],
        init_containers=[{"name": "agent", "image": "r:1", "restartPolicy": "Always"}],
        annotations={"a": "b"},
    )
    spec, container = made["spec"], made["spec"]["containers"][0]
    assert container["lifecycle"] == {"preStop": {"exec": {"command": ["sh", "-c", "true"]}}}
    assert (spec["terminationGracePeriodSeconds"], spec["automountServiceAccountToken"]) == (7, True)
    assert container["ports"] == [{"name": "serve", "containerPort": 8000}]
    assert {"name": "A", "value": "1"} in container["env"]
    assert {"name": "v", "emptyDir": {}} in spec["volumes"]
    assert {"name": "v", "mountPath": "/v"} in container["volumeMounts"]
    assert spec["initContainers"] == [{"name": "agent", "image": "r:1", "restartPolicy": "Always", "securityContext": CONTAINER_SECURITY}]
    assert made["metadata"]["annotations"] == {"a": "b"}


def test_an_unknown_pool_is_told_with_those_there_are():
    with pytest.raises(InvalidInput, match=r"no such node pool \(got tpu\); known: default, gpu"):
        template(pool_name="tpu")
    with pytest.raises(InvalidInput, match=r"has no GPUs, and 1 are asked for .*; pools with GPUs: gpu"):
        template(gpus=1)


def test_a_probe_of_the_user_stands_in_place_of_ours():
    probe = {"exec": {"command": ["true"]}}
    (ray,) = template({"spec": {"containers": [{"name": "ray", "readinessProbe": probe}]}})["spec"]["containers"]
    assert ray["readinessProbe"] == probe
    (ray,) = template({})["spec"]["containers"]
    assert ray["readinessProbe"]["httpGet"]["port"] == 52365


def test_an_override_is_merged_by_name():
    made = template(
        {
            "metadata": {"labels": {"team": "x"}, "annotations": {"a": "b"}},
            "spec": {
                "priorityClassName": "high",
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "spot"}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
                "containers": [
                    {
                        "name": "ray",
                        "env": [{"name": "RAY_USAGE_STATS_ENABLED", "value": "1"}, {"name": "NEW", "value": "1"}],
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                        "resources": {"limits": {"rdma/ib": 1}, "requests": {"rdma/ib": 1}},
                    },
                    {"name": "side", "image": "s", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
                ],
            },
        },
        pool_name="gpu",
    )
    spec = made["spec"]
    ray, side = spec["containers"]
    assert made["metadata"]["labels"]["team"] == "x"
    assert made["metadata"]["labels"]["moorage.dev/tenant"] == "harbour"
    assert spec["nodeSelector"] == {"pool": "gpu", "disk": "ssd"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists"}, {"key": "spot"}]
    assert [v["value"] for v in ray["env"] if v["name"] == "RAY_USAGE_STATS_ENABLED"] == ["1"]
    assert {"name": "NEW", "value": "1"} in ray["env"]
    assert ray["resources"]["limits"] == {"cpu": "1500m", "memory": "2Gi", "rdma/ib": 1}
    assert side["securityContext"] == ray["securityContext"] == CONTAINER_SECURITY
    assert [v["name"] for v in spec["volumes"]] == ["moorage", "runtime", "tmp", "data"]
    assert spec["priorityClassName"] == "high"


def test_null_says_nothing():
    made = template(
        {"metadata": {"labels": None}, "spec": {"containers": [{"name": "ray", "resources": {"limits": None}}], "securityContext": None}}
    )
    assert made["spec"] == template()["spec"]


RAY = {"name": "ray"}


@pytest.mark.parametrize(
    ("override", "field"),
    [
        ({"kind": "Pod"}, "kind"),
        ({"spec": []}, "spec"),
        ({"metadata": {"finalizers": []}}, "metadata.finalizers"),
        ({"metadata": {"name": "x"}}, "metadata.name"),
        ({"metadata": {"labels": {"moorage.dev/tenant": "other"}}}, "metadata.labels[moorage.dev/tenant]"),
        ({"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}, "metadata.labels[app.kubernetes.io/managed-by]"),
        ({"metadata": {"annotations": {"ray.io/overwrite-container-cmd": "true"}}}, "metadata.annotations[ray.io/overwrite-container-cmd]"),
        ({"metadata": {"labels": {"a": 1}}}, "metadata.labels[a]"),
        ({"spec": {"serviceAccountName": "admin"}}, "spec.serviceAccountName"),
        ({"spec": {"automountServiceAccountToken": True}}, "spec.automountServiceAccountToken"),
        ({"spec": {"hostNetwork": True}}, "spec.hostNetwork"),
        ({"spec": {"hostPID": True}}, "spec.hostPID"),
        ({"spec": {"nodeName": "n"}}, "spec.nodeName"),
        ({"spec": {"restartPolicy": "Always"}}, "spec.restartPolicy"),
        ({"spec": {"securityContext": {"runAsUser": 0}}}, "spec.securityContext.runAsUser"),
        ({"spec": {"nodeSelector": {"pool": "tpu"}}}, "spec.nodeSelector[pool]"),
        ({"spec": {"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}}, "spec.volumes[0].hostPath"),
        ({"spec": {"volumes": [{"name": "tmp", "emptyDir": {}}]}}, "spec.volumes[0].name"),
        (
            {"spec": {"volumes": [{"name": "h", "persistentVolumeClaim": {"claimName": "moorage"}}]}},
            "spec.volumes[0].persistentVolumeClaim.claimName",
        ),
        ({"spec": {"containers": [{**RAY, "securityContext": {"privileged": True}}]}}, "spec.containers[0].securityContext"),
        ({"spec": {"initContainers": [{"name": "i", "securityContext": {}}]}}, "spec.initContainers[0].securityContext"),
        ({"spec": {"containers": [{**RAY, "command": ["sh"]}]}}, "spec.containers[0].command"),
        ({"spec": {"containers": [{**RAY, "env": [{"name": "RAY_AUTH_MODE", "value": "disabled"}]}]}}, "spec.containers[0].env[0].name"),
        ({"spec": {"containers": [{**RAY, "resources": {"limits": {"cpu": "64"}}}]}}, "spec.containers[0].resources.limits.cpu"),
        (
            {"spec": {"containers": [{**RAY, "resources": {"limits": {"nvidia.com/gpu": 8}}}]}},
            "spec.containers[0].resources.limits.nvidia.com/gpu",
        ),
        (
            {"spec": {"containers": [{**RAY, "volumeMounts": [{"name": "moorage", "mountPath": "/x"}]}]}},
            "spec.containers[0].volumeMounts[0].name",
        ),
        (
            {"spec": {"containers": [{**RAY, "volumeMounts": [{"name": "v", "mountPath": "/var/lib"}]}]}},
            "spec.containers[0].volumeMounts[0].mountPath",
        ),
        (
            {"spec": {"containers": [{**RAY, "volumeMounts": [{"name": "v", "mountPath": "/x/../tmp/"}]}]}},
            "spec.containers[0].volumeMounts[0].mountPath",
        ),
        ({"spec": {"containers": [{"name": "free", "image": "x"}]}}, "spec.containers[0].resources.limits"),
        ({"spec": {"containers": ["x"]}}, "spec.containers[0]"),
        ({"spec": {"containers": RAY}}, "spec.containers"),
        ({"spec": {"tolerations": "all"}}, "spec.tolerations"),
        ({"spec": {"nodeSelector": ["x"]}}, "spec.nodeSelector"),
        ({"spec": {"containers": [{**RAY, "env": {"A": "1"}}]}}, "spec.containers[0].env"),
        ({"spec": {"containers": [{**RAY, "resources": {"limits": 1}}]}}, "spec.containers[0].resources.limits"),
        ({"spec": {"initContainers": [{"name": "agent"}]}}, "spec.initContainers[0].name"),
    ],
)
def test_what_would_weaken_the_pod_is_refused_by_its_place(override, field):
    with pytest.raises(InvalidInput) as caught:
        template(override, pool_name="gpu", init_containers=[{"name": "agent", "image": "r"}])
    assert f"spec.podTemplate.{field}" in [problem.field for problem in caught.value.problems]
    assert all(problem.where == "TrainingJob team-a/digits" for problem in caught.value.problems)
