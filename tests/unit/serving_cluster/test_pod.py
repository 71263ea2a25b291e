"""What a serving pod needs beside the agent: its environment, the launcher, the preStop hook without a HAProxy, a replica that waits."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from moorage_api import serving_environment
from moorage_api.errors import Unavailable
from moorage_serving import processes_here, replica
from moorage_serving.access.policy_file import PolicyFile
from moorage_serving.cluster import drain as hook
from moorage_serving.processes_here import Process, haproxies


def test_every_variable_is_one_that_this_ray_reads():
    spec = importlib.util.find_spec("ray.serve._private")
    assert spec is not None
    folder = Path(spec.submodule_search_locations[0])
    known = (folder / "constants.py").read_text()
    for name in serving_environment.pod_environment():
        if name.startswith("RAY_SERVE"):
            assert f'"{name}"' in known, name


def test_sockets_have_short_paths_on_the_pods_own_disk():
    environment = serving_environment.pod_environment()
    paths = [value for value in environment.values() if value.startswith("/") and value != serving_environment.POD_LAUNCHER]
    assert len(paths) >= 6
    assert all(path.startswith("/run/moorage/") and len(path) < 60 for path in paths)


def test_the_launcher_becomes_rays_own_haproxy_and_not_itself(tmp_path):
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text("frontend prometheus\n    bind :9101\nbackend default_backend\n")
    environment = {**os.environ, **serving_environment.pod_environment(), "RAY_SERVE_HAPROXY_BINARY_PATH": sys.executable}
    command = [sys.executable, "-m", "moorage_serving.cluster.haproxy", "-vv", "-f", str(configuration)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("HAProxy version 2.")
    assert "bind 127.0.0.1:9101" in configuration.read_text()


@pytest.fixture
def no_ray(monkeypatch):
    """This machine may run Rays of others."""
    monkeypatch.setattr(hook, "replicas", lambda: [])
    monkeypatch.setattr(hook, "raylet", lambda: None)


def test_the_hook_ends_soon_where_there_is_no_haproxy(no_ray, tmp_path):
    started = time.monotonic()
    hook.drain(0.8, tmp_path)
    assert 0.3 < time.monotonic() - started < 5


def test_the_hook_ends_in_time_though_a_replica_stays(no_ray, monkeypatch, tmp_path):
    monkeypatch.setattr(hook, "replicas", lambda: [1])
    started = time.monotonic()
    assert hook.main(["--seconds", "0.6"]) == 0
    assert 0.6 <= time.monotonic() - started < 5


def raylet_of(*words: str) -> Process:
    return Process(1, "raylet", tuple(word.encode() for word in ("raylet", "--node_id=ab12", "--gcs-address=10.0.0.1:6379", *words)))


def test_ray_is_told_that_a_worker_leaves_and_not_that_the_head_does(monkeypatch):
    started = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: started.append(command))
    monkeypatch.setattr(hook, "head_address", lambda: None)
    monkeypatch.setattr(hook, "raylet", lambda: raylet_of("--head"))
    hook._leave_ray(40)
    assert started == []
    monkeypatch.setattr(hook, "raylet", lambda: raylet_of())
    hook._leave_ray(40)
    assert started[0][2:] == [
        "ray.scripts.scripts",
        "drain-node",
        "--address",
        "10.0.0.1:6379",
        "--node-id",
        "ab12",
        "--reason",
        "DRAIN_NODE_REASON_PREEMPTION",
        "--reason-message",
        "the pod is deleted",
        "--deadline-remaining-seconds",
        "40",
    ]
    monkeypatch.setattr(hook, "head_address", lambda: "10.0.0.7")
    hook._leave_ray(40)
    assert started[1][5] == "10.0.0.7:6379", "the head is found though its Service leads nowhere any more"


def test_the_haproxies_below_a_folder_are_ours(tmp_path, monkeypatch):
    def running(pid, configuration):
        return Process(pid, "haproxy", (b"haproxy", b"-db", b"-f", str(configuration).encode()))

    ours = running(7, tmp_path / "haproxy" / "6035d4155d06" / "haproxy.cfg")
    elsewhere = running(8, tmp_path / "haproxy-of-others" / "haproxy.cfg")
    monkeypatch.setattr(processes_here, "processes", lambda: [ours, elsewhere])
    assert haproxies(tmp_path / "haproxy") == [7]


def test_a_replica_waits_for_its_policy_and_says_what_is_missing(tmp_path, monkeypatch):
    path = tmp_path / "access-policy.json"
    threading.Timer(0.4, path.write_text, ['{"version": "moorage.dev/access.v1", "tenants": []}']).start()
    policy = PolicyFile(path)
    replica._wait_for(policy, str(path))
    assert policy.known
    monkeypatch.setattr(replica, "POLICY_SECONDS", 0.3)
    with pytest.raises(Unavailable, match="there is no access policy"):
        replica._wait_for(PolicyFile(tmp_path / "never.json"), "never.json")


def test_the_pods_environment_is_json_for_the_renderer():
    assert json.loads(json.dumps(serving_environment.pod_environment())) == serving_environment.pod_environment()
