"""How fast TrainingJobs become RayJobs on a real API server without nodes, beside a bare Kopf handler in the same run.

`python tests/bench/reconciling.py [--json FILE]`: etcd, kube-apiserver, the operator and the ledger's service on the loopback.
Three measurements of each operator: JOBS jobs at once, RATE jobs a second (the latency of one), and its memory once MANY objects exist.
The bound of any operator on this machine: the same two objects a job, created by the load itself, with no operator at all.
MOORAGE_BENCH_JOBS, _RATE, _SECONDS and _MANY change their size.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from apiserver.control_plane import ControlPlane
from apiserver.definitions import MOORAGE_CRDS, apply_definitions
from apiserver.programs import kuberay_crds
from reconciling_load import Load, Measured
from reconciling_operators import BareKopf, Moorage, Running, cpu_seconds

JOBS = int(os.environ.get("MOORAGE_BENCH_JOBS", "1000"))
RATE = float(os.environ.get("MOORAGE_BENCH_RATE", "10"))
SECONDS = float(os.environ.get("MOORAGE_BENCH_SECONDS", "30"))
MANY = int(os.environ.get("MOORAGE_BENCH_MANY", "5000"))


def main() -> int:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    where = parser.parse_args().json
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as folder:
        plane = ControlPlane(Path(folder))
        try:
            apply_definitions(plane.admin, [*MOORAGE_CRDS, *kuberay_crds()])
            figures = {
                "bare Kopf handler": asyncio.run(measure(plane, "bare", BareKopf, Path(folder))),
                "Moorage": asyncio.run(measure(plane, "moorage", Moorage, Path(folder))),
            }
            figures["no operator"] = asyncio.run(bound(plane, plane.admin.list("ray.io/v1", "RayJob", "moorage")[0]))
        finally:
            plane.stop()
    _print(figures)
    if where is not None:
        where.write_text(json.dumps(figures, indent=2))
    return 0


async def measure(plane: ControlPlane, namespace: str, start: type[Running], folder: Path) -> dict[str, Any]:
    """One operator, alone with the API server."""
    plane.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    with start(plane, namespace, folder) as running:
        async with Load(plane, namespace) as load:
            await load.create_at_rate("warm", 5.0, 2.0)
            paced = await load.create_at_rate("paced", RATE, SECONDS)
            before = plane_cpu_seconds(plane)
            burst = await load.create_at_once("burst", JOBS)
            of_plane = plane_cpu_seconds(plane) - before
            await load.create_at_once("many", max(0, MANY - load.created))
            return {
                **_figures(paced, burst),
                "plane_cpu_ms_per_job": 1000 * of_plane / JOBS,
                "objects": load.created,
                "memory_mb": running.memory_mb(),
                "cpu_seconds": running.cpu_seconds(),
            }


async def bound(plane: ControlPlane, ray_job: dict[str, Any]) -> dict[str, Any]:
    """How fast TrainingJobs and RayJobs like Moorage's can be created at all."""
    plane.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bound"}})
    metadata = {field: ray_job["metadata"][field] for field in ("labels", "annotations") if field in ray_job["metadata"]}
    template = {"apiVersion": ray_job["apiVersion"], "kind": ray_job["kind"], "metadata": metadata, "spec": ray_job["spec"]}
    async with Load(plane, "bound", template) as load:
        paced = await load.create_at_rate("paced", RATE, SECONDS)
        before = plane_cpu_seconds(plane)
        burst = await load.create_at_once("burst", JOBS)
        of_plane = plane_cpu_seconds(plane) - before
    return {**_figures(paced, burst), "plane_cpu_ms_per_job": 1000 * of_plane / JOBS, "objects": load.created}


def plane_cpu_seconds(plane: ControlPlane) -> float:
    """User and system time of etcd and the API server."""
    return sum(cpu_seconds(daemon.process.pid) for daemon in plane.daemons)


def _figures(paced: Measured, burst: Measured) -> dict[str, float]:
    return {
        "burst_jobs_per_second": burst.per_second,
        "paced_p50_ms": paced.quantile(0.50) * 1000,
        "paced_p99_ms": paced.quantile(0.99) * 1000,
    }


def _print(figures: dict[str, dict[str, Any]]) -> None:
    print(f"{'':20} {'burst/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'API server CPU ms/job':>22} {'objects':>8} {'MB':>6} {'CPU s':>7}")
    for name, one in figures.items():
        own = f"{one['memory_mb']:6.0f} {one['cpu_seconds']:7.1f}" if "memory_mb" in one else f"{'-':>6} {'-':>7}"
        print(
            f"{name:20} {one['burst_jobs_per_second']:8.1f} {one['paced_p50_ms']:8.0f} {one['paced_p99_ms']:8.0f}"
            f" {one['plane_cpu_ms_per_job']:22.1f} {one['objects']:8d} {own}"
        )
    print(f"burst: {JOBS} jobs applied at once; paced: {RATE:g} a second for {SECONDS:g} s, from apply to RayJob seen")


if __name__ == "__main__":
    sys.exit(main())
