"""The RayService of one revision."""

from __future__ import annotations

from moorage_api.model_service import ModelService
from moorage_api.serving_environment import pod_environment
from moorage_operator import names
from moorage_operator.model_service.ray_cluster_sizes import worker_sizes
from moorage_operator.model_service.ray_pods import (
    PodContext,
    autoscaler_options,
    head_start_parameters,
    head_template,
    worker_start_parameters,
    worker_template,
)
from moorage_operator.model_service.revisions import Revision, Served
from moorage_operator.model_service.serve_config import PORT, serve_config, service_config
from moorage_operator.plan import Manifest
from moorage_operator.settings import OperatorSettings
from moorage_operator.workload.canonical import digest_of
from moorage_operator.workload.pod_template import CONTAINER_SECURITY

DELETION_DELAY_SECONDS = 60
"""How long the old Ray cluster stays after the traffic went to the new one: requests that it works on are answered."""


def ray_service(
    service: ModelService, revision: Revision, served: Served, settings: OperatorSettings, starting: int | None = None
) -> Manifest:
    """The RayService that renders `revision`. Raises InvalidInput for what no pod could be made of.

    starting: with how many replicas an autoscaled Ray cluster begins; None: the fewest.

    Whatever needs new pods is in the pod templates or digested into their annotations, so KubeRay makes a new Ray cluster for it and
    switches once that is healthy; the rest is changed in place.
    """
    context = PodContext(
        service=service,
        revision=revision,
        served=served,
        settings=settings,
        env=pod_environment(),
        annotations={
            names.REVISION: str(revision.number),
            names.SERVED: digest_of(service_config(service, served, settings).to_wire())[:16],
        },
    )
    name = service.metadata.name
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {
            "name": name,
            "namespace": service.metadata.namespace,
            "labels": names.labels_of(service, served.tenant),
            "annotations": {names.REVISION: str(revision.number)},
            "ownerReferences": [names.owner_reference(service)],
        },
        "spec": {
            "serveConfigV2": serve_config(service, served, settings, starting),
            "upgradeStrategy": {"type": "NewCluster"},
            "rayClusterDeletionDelaySeconds": DELETION_DELAY_SECONDS,
            "excludeHeadPodFromServeSvc": True,
            "serveService": {
                "metadata": {"name": name, "labels": names.labels_of(service, served.tenant)},
                "spec": {"ports": [{"name": "serve", "port": PORT, "protocol": "TCP", "targetPort": PORT}]},
            },
            "rayClusterConfig": _ray_cluster(context, starting),
        },
    }


def _ray_cluster(context: PodContext, starting: int | None) -> Manifest:
    served, settings = context.served, context.settings
    group = {
        "groupName": "replicas",
        **worker_sizes(context.service.spec.replicas, served, starting),
        "rayStartParams": worker_start_parameters(served),
        "template": worker_template(context),
    }
    cluster: Manifest = {
        "rayVersion": served.ray_version,
        "authOptions": {"mode": "token"},
        "headGroupSpec": {"rayStartParams": head_start_parameters(), "template": head_template(context)},
        "workerGroupSpecs": [group],
    }
    if served.autoscaled:
        cluster["enableInTreeAutoscaling"] = True
        cluster["autoscalerOptions"] = autoscaler_options(settings, served.image, CONTAINER_SECURITY)
    return cluster
