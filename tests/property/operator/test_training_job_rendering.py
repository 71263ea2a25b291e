"""What TrainingJobs are rendered to: the same from the same, well named, owned, labelled; and no podTemplate makes a pod less safe."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.operator.training_job.observed import FINALIZER, SETTINGS, UID, dataset, decide, job, seen

from moorage_api.errors import InvalidInput
from moorage_api.training_job import Output
from moorage_operator.plan import Apply, Manifest, Plan
from moorage_operator.training_job.run_identity import run_of
from moorage_operator.workload.pod_template import CONTAINER_SECURITY, POD_SECURITY, ray_pod_template

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
names = st.from_regex(r"[a-z]([-a-z0-9]{0,45}[a-z0-9])?", fullmatch=True)


@st.composite
def jobs(draw: st.DrawFn) -> Any:
    made = job(
        task={"type": draw(st.sampled_from(["TabularClassification", "ImageClassification"]))},
        optimization={"epochs": draw(st.integers(1, 9)), "batchSize": draw(st.integers(1, 512))},
        resources={
            "workers": draw(st.integers(1, 1000)),
            "cpusPerWorker": draw(st.integers(1, 256)),
            **draw(st.sampled_from([{}, {"gpusPerWorker": 2, "nodePool": "gpu"}])),
            **draw(st.sampled_from([{}, {"queue": "research"}])),
        },
        policy=draw(st.sampled_from([{}, {"activeDeadlineSeconds": 600}, {"backoffLimit": 0}])),
        **draw(st.sampled_from([{}, {"privacy": {"epsilon": 4, "delta": 1e-5}}, {"image": "x:1"}])),
    )
    return made.model_copy(update={"metadata": made.metadata.model_copy(update={"name": draw(names)})})


def manifests(plan: Plan) -> list[Manifest]:
    return [manifest for action in plan.actions if isinstance(action, Apply) for manifest in action.manifests]


@settings(max_examples=100, deadline=None)
@given(jobs())
def test_children(of: Any) -> None:
    observed = seen(of, (dataset(),), finalizers=FINALIZER) if of.spec.privacy else seen(of)
    found = manifests(decide(observed))
    assert found == manifests(decide(observed))
    for manifest in found:
        metadata = manifest["metadata"]
        assert LABEL.fullmatch(metadata["name"]), metadata["name"]
        assert metadata["namespace"] == "team-a"
        if manifest["kind"] != "PersistentVolumeClaim":
            assert [owner["uid"] for owner in metadata["ownerReferences"]] == [UID]
            assert (metadata["labels"]["moorage.dev/tenant"], metadata["labels"]["moorage.dev/uid"]) == ("harbour", UID)
    assert found[-1]["kind"] == "RayJob"
    cluster = found[-1]["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        labels = group["template"]["metadata"]["labels"]
        assert (labels["moorage.dev/tenant"], labels["moorage.dev/uid"]) == ("harbour", UID)
        assert group["template"]["metadata"]["finalizers"] == ["moorage.dev/metering"]
    assert len({(manifest["kind"], manifest["metadata"]["name"]) for manifest in found}) == len(found)


@settings(max_examples=100, deadline=None)
@given(jobs())
def test_the_run_is_what_is_trained(of: Any) -> None:
    known = of.model_copy(update={"status": job({}).status.model_copy(update={"run": run_of(of)})})  # type: ignore[union-attr]
    later = known.model_copy(update={"metadata": known.metadata.model_copy(update={"generation": 7})})
    assert run_of(later) == run_of(of)
    edited = later.model_copy(update={"spec": later.spec.model_copy(update={"output": Output(uri="/var/lib/moorage/x")})})
    assert run_of(edited).startswith("7-")


WORDS = """metadata spec labels annotations finalizers containers initContainers volumes volumeMounts env ports tolerations nodeSelector
name mountPath value image command containerPort hostPath persistentVolumeClaim claimName emptyDir resources limits requests cpu memory
hostNetwork hostPID serviceAccountName securityContext privileged runAsUser allowPrivilegeEscalation capabilities readOnlyRootFilesystem"""
KEYS = sorted(WORDS.split())
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["ray", "moorage", "tmp", "/tmp", "/data", "/", "x", "1", "RAY_AUTH_MODE"])
)
documents = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)), max_leaves=12
)
containers = st.lists(st.dictionaries(st.sampled_from(KEYS), documents, max_size=4).map(lambda c: {"name": "ray", **c}), max_size=2)
overrides = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.dictionaries(st.sampled_from(["labels", "annotations", "finalizers"]), documents, max_size=2),
        "spec": st.one_of(
            st.dictionaries(st.sampled_from(KEYS), documents, max_size=4),
            st.fixed_dictionaries({"containers": containers}),
            st.fixed_dictionaries({"initContainers": containers, "volumes": documents}),
        ),
    },
)


@settings(max_examples=300, deadline=None)
@given(overrides)
def test_no_pod_template_weakens_a_pod(override: Any) -> None:
    common = {"owner": job(), "tenant": "harbour", "settings": SETTINGS, "pool_name": "default", "role": "head", "image": "i"}
    rest = {"cpus": 1.0, "gpus": 0, "memory": "1Gi", "service_account": "digits-training", "automount_token": False}
    try:
        made = ray_pod_template(**common, **rest, override=override)
    except InvalidInput:
        return
    spec, metadata = made["spec"], made["metadata"]
    assert metadata["finalizers"] == ["moorage.dev/metering"]
    assert metadata["labels"]["moorage.dev/uid"] == UID
    assert {**spec["securityContext"], **POD_SECURITY} == spec["securityContext"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"], spec["restartPolicy"]) == ("digits-training", False, "Never")
    assert not {"hostNetwork", "hostPID", "hostIPC", "nodeName"} & {key for key, value in spec.items() if value}
    for container in (*spec["containers"], *spec.get("initContainers", ())):
        assert container["securityContext"] == CONTAINER_SECURITY
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])
    assert spec["containers"][0]["name"] == "ray"
    assert spec["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"} | {
        key: value for key, value in spec["containers"][0]["resources"]["limits"].items() if key not in ("cpu", "memory")
    }
    assert not any("hostPath" in volume for volume in spec["volumes"])
