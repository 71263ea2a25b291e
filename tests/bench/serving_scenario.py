"""What tests and the benchmark of serving share: small artifacts, keys and policies, and a real serving host as a process."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from moorage_api.access_policy import AccessPolicy, ApiKey, TenantAccess
from moorage_api.artifact import MANIFEST, MODEL, ArtifactManifest, InputFeature, Provenance, Signature, digest_of
from moorage_api.model_service import Access, Batching, Replicas, ServiceResources
from moorage_api.run_config import JobIdentity
from moorage_api.service_config import ServiceConfig, ServingConfig
from moorage_api.task import Task
from moorage_api.tenant import RateLimit
from moorage_api.usage import Subject

CREATED = "2026-01-01T00:00:00Z"
IRIS = Signature(
    input="features",
    shape=[4],
    features=[InputFeature(name=n, type="Number") for n in ("sepal_length", "sepal_width", "petal_length", "petal_width")],
    accepts_missing=True,
    classes=["setosa", "versicolor", "virginica"],
)
DIGITS = Signature(input="image", shape=[1, 8, 8], minimum=0.0, maximum=16.0, classes=[str(d) for d in range(10)])
LOANS = Signature(
    input="features",
    shape=[2],
    features=[InputFeature(name="amount", type="Number"), InputFeature(name="purpose", type="Category", categories=["car", "house"])],
    classes=["no", "yes"],
)


ONE = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]}
"""A request for IRIS."""


def write_artifact(folder: Path, signature: Signature = IRIS) -> str:
    """A linear classifier with weights 0, 1, 2, ... over the flattened record; missing numbers count as 0. Returns its digest."""
    folder.mkdir(parents=True)
    size, classes = int(np.prod(signature.shape)), len(signature.classes)
    weights = (np.arange(size * classes, dtype=np.float32).reshape(size, classes) % 7 - 3) / 10
    nodes = [
        helper.make_node("IsNaN", ["x"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "x"], ["filled"]),
        helper.make_node("Flatten", ["filled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"]),
    ]
    nodes[0].input[0] = nodes[1].input[2] = signature.input
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(signature.input, TensorProto.FLOAT, ["N", *signature.shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(np.zeros(classes, np.float32), "b"),
            numpy_helper.from_array(np.zeros((), np.float32), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    (folder / MODEL).write_bytes(model.SerializeToString())
    (folder / "card.md").write_text("# A model for tests\n")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (MODEL, "card.md")}
    task = Task(type="TabularClassification" if signature.input == "features" else "ImageClassification")
    manifest = ArtifactManifest(
        name="test",
        task=task,
        signature=signature,
        preprocessing={},
        metrics={"accuracy": 1.0},
        privacy=None,
        adversarial=None,
        robustness=None,
        gates=[],
        gates_passed=True,
        provenance=Provenance(
            job=JobIdentity(namespace="default", name="test", uid="job-1", generation=1, tenant="acme"),
            dataset="none",
            records=1,
            created_at=CREATED,
            moorage_version="0",
            torch_version="0",
            seed=0,
        ),
        files=files,
    )
    digest = digest_of(manifest)
    sealed = manifest.model_copy(update={"digest": digest})
    (folder / MANIFEST).write_text(sealed.model_dump_json(by_alias=True))
    return digest


def expected_logits(rows: np.ndarray, classes: int) -> np.ndarray:
    """What `write_artifact`'s model answers, computed apart from it. rows: [N, ...]."""
    flat = np.nan_to_num(rows.reshape(len(rows), -1), nan=0.0)
    weights = (np.arange(flat.shape[1] * classes).reshape(flat.shape[1], classes) % 7 - 3) / 10
    return flat @ weights


@dataclass
class Keys:
    """An access policy in the making; `write` replaces the file as its owner would."""

    path: Path
    tenants: dict[str, list[ApiKey]] = field(default_factory=dict)
    limits: dict[str, RateLimit] = field(default_factory=dict)

    def create(self, tenant: str) -> str:
        """A new key of `tenant`."""
        alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
        prefix = "mrg_" + "".join(secrets.choice(alphabet) for _ in range(8))
        key = f"{prefix}_{secrets.token_urlsafe(32)}"
        kept = ApiKey(prefix=prefix, sha256=hashlib.sha256(key.encode()).hexdigest(), created_at=CREATED)
        self.tenants.setdefault(tenant, []).append(kept)
        self.write()
        return key

    def change(self, tenant: str, key: str, **changes: str) -> None:
        """Change what is kept of a key, e.g. `revoked_at`."""
        self.tenants[tenant] = [k.model_copy(update=changes) if key.startswith(k.prefix) else k for k in self.tenants[tenant]]
        self.write()

    def write(self) -> None:
        """Replace the file atomically."""
        tenants = [TenantAccess(name=t, keys=keys, rate_limit=self.limits.get(t)) for t, keys in self.tenants.items()]
        beside = self.path.with_suffix(".new")
        beside.write_text(AccessPolicy(tenants=tenants).model_dump_json(by_alias=True, exclude_none=True))
        beside.replace(self.path)


def service_config(
    home: Path, name: str, digest: str, *, replicas: int = 1, batching: Batching | None = None, tenants: tuple[str, ...] = ("acme",)
) -> ServiceConfig:
    """A service whose files lie below `home`; its artifact is in `home/NAME/artifact`."""
    return ServiceConfig(
        subject=Subject(kind="ModelService", namespace="default", name=name, uid=f"uid-{name}"),
        tenant="platform",
        route_prefix=f"/default/{name}",
        artifact=str(home / name / "artifact"),
        digest=digest,
        replicas=Replicas(min=replicas),
        batching=batching or Batching(),
        resources=ServiceResources(cpus_per_replica=0.25),
        access=Access(tenants=list(tenants)),
        access_policy=str(home / "access.json"),
        outbox=str(home / name / "outbox"),
        ledger=f"sqlite:///{home / 'ledger.db'}",
    )


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(holds: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll until `holds()` is true and return it, or fail.

    seconds: on a machine that does nothing else; more where others wait for its cores, too.
    """
    seconds *= max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {what}")


class Host:
    """`python -m moorage_serving` as a process."""

    def __init__(self, home: Path, services: list[ServiceConfig]) -> None:
        self.home = home
        self.port = free_port()
        self.document = home / "serve.json"
        self.status_file = home / "status.json"
        self.write(services)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {"OMP_NUM_THREADS": "1"}
        self.log = (home / "host.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moorage_serving", str(self.document)], stdout=self.log, stderr=self.log, env=environment
        )

    def write(self, services: list[ServiceConfig]) -> None:
        """Replace the document."""
        config = ServingConfig(port=self.port, services=services, status=str(self.status_file))
        beside = self.document.with_suffix(".new")
        beside.write_text(config.model_dump_json(by_alias=True))
        beside.replace(self.document)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def status(self) -> dict[str, dict[str, Any]]:
        """The reported states by service."""
        try:
            return {s["name"]: s for s in json.loads(self.status_file.read_text())["services"]}
        except FileNotFoundError:
            return {}

    def wait_ready(self, *names: str, seconds: float = 120.0, replicas: int = 1) -> None:
        """Until every named service is ready."""

        def ready() -> bool:
            assert self.process.poll() is None, f"the host ended:\n{self.output()}"
            status = self.status()
            return all(n in status and status[n]["ready"] and status[n]["replicas"] >= replicas for n in names)

        try:
            eventually(ready, seconds, f"{names} ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.status()}\n{self.output()}") from None

    def output(self) -> str:
        """The last of what the host wrote."""
        return (self.home / "host.log").read_text(errors="replace")[-6000:]

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM, and its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self.log.close()
        return code


def infer(host: Host, key: str, document: Any = ONE, name: str = "iris") -> httpx.Response:
    """One request to a host's service."""
    url = f"http://{host.address}/default/{name}/v2/models/{name}/infer"
    return httpx.post(url, json=document, headers={"Authorization": f"Bearer {key}"}, timeout=30)
