"""A run as on a cluster: a Ray that somebody else started and guards with a token, two ConfigMaps, a stop half way, a second attempt."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moorage_api.privacy import Privacy
from moorage_api.robustness import Evaluation, RobustnessEvaluation
from moorage_api.run_config import Admission, ClusterObjects, JobIdentity, ResolvedDataset, RunConfig
from moorage_api.run_report import RunReport
from moorage_api.task import Optimization, Task
from moorage_api.training_job import TrainingResources
from moorage_training.privacy.journal import read_journal

pytestmark = [pytest.mark.local_engine, pytest.mark.timeout(900)]

DEADLINE_SECONDS = 240
_spec = importlib.util.spec_from_file_location("config_maps", Path(__file__).parents[2] / "unit" / "training_cluster" / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
config_maps, account = _module.config_maps, _module.account


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ray_cluster() -> Iterator[dict[str, str]]:
    """A Ray of its own with a token; gives the environment of a job in it."""
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    guard = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    # `ray start` takes a path with a space in it for two.
    (folder / "python").symlink_to(sys.prefix)
    command = [str(folder / "python/bin/python"), "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    command += [f"--port={port}", "--num-cpus=2"]
    command += ["--node-ip-address=127.0.0.1", "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}"]
    command += [f"--ray-client-server-port={free_port()}", f"--dashboard-agent-listen-port={free_port()}"]
    command += ["--object-store-memory=134217728"]
    environment = {**os.environ, **guard, "OMP_NUM_THREADS": "1"}
    with (folder / "start.log").open("w") as log:
        ray = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while "Ray runtime started" not in (folder / "start.log").read_text():
            assert ray.poll() is None, (folder / "start.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield {**environment, "RAY_ADDRESS": f"127.0.0.1:{port}"}
    finally:
        print(f"Ray: {'it runs' if ray.poll() is None else f'ended with {ray.returncode}'}")
        for log in (folder / "start.log", *folder.glob("session_latest/logs/gcs_server*")):
            print(log.name, log.read_text(errors="replace")[-1500:], sep="\n")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(ray.pid, signal.SIGKILL)
        ray.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def eventually(reached: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_is_admitted_stopped_and_resumed_by_its_next_attempt(ray_cluster, config_maps, account, tmp_path):
    first = RunConfig(
        job=JobIdentity(namespace="team-a", name="digits", uid="u-1", generation=1, tenant="acme"),
        dataset=ResolvedDataset(dataset="digits", uri="sklearn://digits", format="Bundled"),
        task=Task(type="TabularClassification", model="Linear"),
        optimization=Optimization(steps=600),
        privacy=Privacy(epsilon=2, delta=1e-5, accountant="RDP"),
        evaluation=Evaluation(robustness=RobustnessEvaluation(attacks=["PGD"], radius=0.1, steps=2, restarts=1, max_records=20)),
        resources=TrainingResources(workers=2),
        folder=str(tmp_path / "run"),
        output=str(tmp_path / "artifacts"),
        admission_required=True,
        cluster=ClusterObjects(namespace="team-a", report="digits-report", admission="digits-admission"),
    )
    environment = {**ray_cluster, "MOORAGE_API_SERVER": config_maps.address, "MOORAGE_SERVICE_ACCOUNT": str(account)}

    def start(config: RunConfig) -> subprocess.Popen[str]:
        (tmp_path / "run.json").write_text(json.dumps(config.to_wire()))
        command = [sys.executable, "-m", "moorage_training.cluster", str(tmp_path / "run.json")]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def report() -> RunReport | None:
        return config_maps.reports[-1] if config_maps.reports else None

    def admit(attempt: int) -> None:
        answer = Admission(granted=True, attempt=attempt, mechanism=report().plan.mechanism)
        config_maps.data["digits-admission"]["admission.json"] = json.dumps(answer.to_wire())

    process = start(first)
    eventually(lambda: report() and report().phase == "Planned", process)
    admit(1)
    eventually(lambda: read_journal(tmp_path / "run").executed >= 20, process)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)  # the pod's hook and Ray's job server both ask
    printed, _ = process.communicate(timeout=DEADLINE_SECONDS)
    stopped, executed = report(), read_journal(tmp_path / "run").executed
    assert process.returncode == 1, printed
    assert (stopped.phase, stopped.failure.reason) == ("Failed", "Unavailable")
    assert "stopped by SIGTERM" in printed.splitlines()[-1]
    assert "Traceback" not in printed
    assert stopped.privacy.mechanism.steps == executed >= 20
    assert (tmp_path / "run" / "checkpoints" / f"step-{executed:09d}.pt").exists(), "nothing was lost"

    second = first.model_copy(update={"attempt": 2, "executed_steps_at_least": executed})
    process = start(second)
    eventually(lambda: report().attempt == 2 and report().phase == "Planned", process)
    time.sleep(2)
    assert report().phase == "Planned", "the first attempt's grant is no answer to the second's plan"
    admit(2)
    printed, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, printed
    assert (report().phase, report().attempt) == ("Succeeded", 2)
    assert report().privacy.mechanism.steps == read_journal(tmp_path / "run").executed == 600
    assert Path(report().model.uri, "model.onnx").exists()
    assert printed.splitlines()[-1] == f"Succeeded: {report().model.uri}"
