"""Everything around the operator that a cluster has and an API server alone has not, played through the API until it is stopped."""

from __future__ import annotations

import threading
import traceback
from collections import defaultdict
from contextlib import suppress

from apiserver.api import Api, ApiError
from apiserver.world import driver, kubelet, kuberay

from moorage_operator import names

OURS = f"{names.MANAGED_BY}=moorage"
TURN_SECONDS = 0.05


class World:
    """Use as a context manager. What is written to `scenarios` (by namespace and TrainingJob) takes effect at the next turn."""

    def __init__(self, api: Api) -> None:
        self.scenarios: dict[tuple[str, str], driver.Scenario] = defaultdict(driver.Scenario)
        self.lifetimes: dict[str, kubelet.Lifetime] = {}
        """By uid of every pod that ever ran."""
        self.stopped_namespaces: set[str] = set()
        """Where nothing moves: no node reports, KubeRay is away."""
        self.troubles: list[str] = []
        self._api = api
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="world", daemon=True)

    def __enter__(self) -> World:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def pods_of(self, owner_uid: str) -> list[kubelet.Lifetime]:
        """Every pod that ever ran for a resource."""
        return [lifetime for lifetime in self.lifetimes.values() if lifetime.owner_uid == owner_uid]

    def _live(self) -> None:
        while not self._over.wait(TURN_SECONDS):
            try:
                self.turn()
            except Exception:
                self.troubles.append(traceback.format_exc())

    def turn(self) -> None:
        """Look at everything once, and move it one step."""
        seen = self._look()
        for job in seen.ray_jobs:
            running = (job.get("status") or {}).get("jobStatus") == "RUNNING" and "deletionTimestamp" not in job["metadata"]
            result = None
            if running:
                key = (job["metadata"]["namespace"], job["metadata"]["labels"].get(names.NAME, ""))
                with suppress(ApiError):  # what the run may not do, or finds gone, it tries again
                    result = driver.move_driver(self._api, job, self.scenarios[key])
            kuberay.move_job(self._api, job, seen, result)
        for service in seen.ray_services:
            kuberay.move_service(self._api, service, seen)
        for cluster in seen.ray_clusters:
            kuberay.move_cluster(self._api, cluster, seen)
        for pod in seen.pods:
            kubelet.move_pod(self._api, pod, self.lifetimes)
        kuberay.collect_garbage(self._api, seen)

    def _look(self) -> kuberay.Seen:
        kinds = (("v1", "Pod"), (kuberay.RAY, "RayCluster"), (kuberay.RAY, "RayJob"), (kuberay.RAY, "RayService"))
        # Children first: an owner that is missing from a list taken later is gone indeed.
        pods, clusters, jobs, services = (self._api.list(version, kind, labels=OURS) for version, kind in kinds)
        return kuberay.Seen(
            *([b for b in found if b["metadata"]["namespace"] not in self.stopped_namespaces] for found in (jobs, services, clusters, pods))
        )
