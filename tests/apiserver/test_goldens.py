"""What the operator renders (tests/golden) is what a real API server and KubeRay's schemas accept."""

from __future__ import annotations

import pytest
import yaml
from apiserver.api import Api, ApiError
from apiserver.programs import ROOT

from moorage_operator.kube.kinds import WATCHED, WRITTEN_ONLY
from moorage_operator.names import FIELD_MANAGER

GOLDEN = sorted((ROOT / "tests/golden").glob("**/*.yaml"))
DOCUMENTS = {path.stem: [document for document in yaml.safe_load_all(path.read_text()) if document] for path in GOLDEN}
NOT_HERE = "PodMonitor"
"""Optional: its CRD is the Prometheus operator's."""


def test_there_are_goldens_of_both_workloads() -> None:
    kinds = {document["kind"] for documents in DOCUMENTS.values() for document in documents}
    assert {"RayJob", "RayService", "ConfigMap", "NetworkPolicy", "ServiceAccount", "Role", "RoleBinding", "ControllerRevision"} <= kinds
    assert kinds <= {kind.kind for kind in (*WATCHED, *WRITTEN_ONLY)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_golden_is_accepted_by_server_side_apply(api: Api, kuberay: None, name: str) -> None:
    """With strict field validation: a misspelt field of a pod template is refused, not dropped."""
    refusals = []
    for document in DOCUMENTS[name]:
        if document["kind"] == NOT_HERE:
            continue
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": document["metadata"]["namespace"]}})
        try:
            stored = api.apply(document, FIELD_MANAGER, dry_run=True)
        except ApiError as error:
            refusals.append(f"{document['kind']} {document['metadata']['name']}: {error}")
            continue
        for reference in stored["metadata"].get("ownerReferences", []):
            assert reference["controller"]
            assert reference["blockOwnerDeletion"]
    assert refusals == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_pods_of_a_golden_are_admitted_where_only_restricted_pods_are(api: Api, name: str) -> None:
    """KubeRay makes them of these templates; Pod Security looks at pods, not at RayJobs."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "restricted-golden", "labels": labels}})
    for document in DOCUMENTS[name]:
        cluster = document.get("spec", {}).get("rayClusterSpec") or document.get("spec", {}).get("rayClusterConfig")
        for number, group in enumerate([cluster["headGroupSpec"], *cluster.get("workerGroupSpecs", [])] if cluster else []):
            template = group["template"]
            account = template["spec"].get("serviceAccountName", "default")
            api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": "restricted-golden"}})
            metadata = {**template.get("metadata", {}), "name": f"{name}-{number}", "namespace": "restricted-golden"}
            api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}, dry_run=True)
