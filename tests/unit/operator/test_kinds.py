"""What the watches tell of."""

from __future__ import annotations

import pytest

from moorage_operator import names
from moorage_operator.kube.kinds import is_watched

CHILD = {names.MANAGED_BY: "moorage", names.KIND: "TrainingJob"}


@pytest.mark.parametrize(
    ("api_version", "kind", "labels", "watched"),
    [
        ("moorage.dev/v1alpha1", "TrainingJob", {}, True),
        ("v1", "Pod", CHILD, True),
        ("v1", "Pod", {}, False),
        ("v1", "Pod", {names.MANAGED_BY: "somebody", names.KIND: "TrainingJob"}, False),
        ("v1", "ConfigMap", {**CHILD, names.DOCUMENT: names.REPORT_DOCUMENT}, True),
        ("v1", "ConfigMap", CHILD, False),
        ("v1", "ServiceAccount", CHILD, False),
        ("networking.k8s.io/v1", "NetworkPolicy", CHILD, False),
        ("v1", "Secret", CHILD, False),
    ],
)
def test_an_object_is_watched_by_its_kind_and_labels(api_version: str, kind: str, labels: dict[str, str], watched: bool) -> None:
    assert is_watched({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "labels": labels}}) is watched
