"""`python reconciling_bare.py NAMESPACE READY`: the least that an operator can be: Kopf, one handler, one POST of a small RayJob a job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import kopf
from kubernetes.aio import client, config

NAMESPACE, READY = sys.argv[1], Path(sys.argv[2])


@kopf.on.startup()
async def start(memo: kopf.Memo, **_: Any) -> None:
    """Connect."""
    await config.load_kube_config()
    memo.api = client.CustomObjectsApi()
    READY.touch()  # noqa: ASYNC240 (a file that tells the bench, once)


@kopf.on.create("moorage.dev", "v1alpha1", "trainingjobs")
async def create(name: str, memo: kopf.Memo, **_: Any) -> None:
    """One RayJob."""
    container = {"name": "ray", "image": "moorage/runtime:bench"}
    template = {"spec": {"containers": [container]}}
    cluster = {"headGroupSpec": {"rayStartParams": {}, "template": template}}
    body = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"entrypoint": "true", "rayClusterSpec": cluster},
    }
    kopf.adopt(body)
    await memo.api.create_namespaced_custom_object("ray.io", "v1", NAMESPACE, "rayjobs", body)


if __name__ == "__main__":
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    kopf.run(standalone=True, namespaces=[NAMESPACE], settings=settings, memo=kopf.Memo())
