"""Digests, quantities, the volume, and who reaches the pods."""

from __future__ import annotations

import pytest
from unit.operator.training_job.observed import SETTINGS, UID, job

from moorage_operator.settings import OperatorSettings
from moorage_operator.workload.canonical import applied_digest, digest_of, with_digest
from moorage_operator.workload.network import serving_network, training_network
from moorage_operator.workload.quantity import cpu_quantity
from moorage_operator.workload.strategic_merge import merged
from moorage_operator.workload.volume import volume_claim


@pytest.mark.parametrize(
    ("cores", "quantity"), [(1, "1"), (0.25, "250m"), (1.5, "1500m"), (0.1 * 3, "300m"), (0.0001, "1m"), (256, "256"), (2.0001, "2001m")]
)
def test_cpu_quantity(cores, quantity):
    assert cpu_quantity(cores) == quantity


def test_a_digest_is_of_the_content_alone():
    manifest = {"kind": "X", "metadata": {"name": "x", "annotations": {"a": "b"}}}
    marked = with_digest(manifest)
    assert digest_of({"b": 1, "a": [2]}) == digest_of({"a": [2], "b": 1})
    assert with_digest(marked) == marked
    assert applied_digest(marked) == applied_digest(with_digest({"metadata": {"annotations": {"a": "b"}, "name": "x"}, "kind": "X"}))
    assert applied_digest(with_digest({**manifest, "spec": {}})) != applied_digest(marked)
    assert applied_digest(manifest) is applied_digest(None) is None
    assert manifest == {"kind": "X", "metadata": {"name": "x", "annotations": {"a": "b"}}}


def test_merging_leaves_its_sources_alone():
    base, patch = (
        {"a": {"b": 1}, "env": [{"name": "x", "value": "1"}], "l": [1]},
        {"a": {"c": 2}, "env": [{"name": "x", "value": "2"}], "l": [2]},
    )
    assert merged(base, patch) == {"a": {"b": 1, "c": 2}, "env": [{"name": "x", "value": "2"}], "l": [2]}
    assert base == {"a": {"b": 1}, "env": [{"name": "x", "value": "1"}], "l": [1]}
    assert merged(base, {"env": [{"name": {}}, "text"]})["env"] == [{"name": "x", "value": "1"}, {"name": {}}, "text"]


def test_the_volume_has_no_owner():
    storage = {"claim": "records", "storageClassName": "nfs", "accessModes": ["ReadWriteOnce"], "size": "1Gi"}
    claim = volume_claim("team-a", OperatorSettings.from_wire({**SETTINGS.to_wire(), "storage": storage}))
    assert "ownerReferences" not in claim["metadata"]
    assert (claim["metadata"]["name"], claim["metadata"]["namespace"]) == ("records", "team-a")
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "nfs",
    }


def ports_by_source(policy):
    """Which ports each kind of peer reaches."""
    found = {}
    for rule in policy["spec"]["ingress"]:
        for peer in rule.get("from", [{"anyone": True}]):
            labels = peer.get("podSelector", peer.get("namespaceSelector", {})).get("matchLabels", {})
            found[next(iter(labels.values()), "anyone")] = [port["port"] for port in rule.get("ports", [])] or "all"
    return found


def test_who_reaches_the_pods():
    assert ports_by_source(training_network(job(), "t", SETTINGS)) == {
        UID: "all",
        "kuberay-system": [8265],
        "moorage": [8265],
        "anyone": [8080],
    }
    watched = OperatorSettings.from_wire({**SETTINGS.to_wire(), "monitoringNamespace": "monitoring"})
    assert ports_by_source(training_network(job(), "t", watched)) == {
        UID: "all",
        "kuberay-system": [8265],
        "moorage": [8265],
        "monitoring": [8080],
    }
    assert ports_by_source(serving_network(job(), "t", watched)) == {
        UID: "all",
        "kuberay-system": [8265],
        "moorage": [8265],
        "anyone": [8000],
        "monitoring": [9095, 8080],
    }
    policy = training_network(job(), "t", SETTINGS)
    assert policy["spec"]["podSelector"] == {"matchLabels": {"moorage.dev/uid": UID}}
    assert policy["spec"]["policyTypes"] == ["Ingress"]
