"""`python -m moorage_training.cluster` up to the first worker, its folder's lock, and the pods' preStop hook."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from moorage_api.errors import Unavailable
from moorage_api.run_config import ResolvedDataset, RunConfig
from moorage_api.run_report import RunReport
from moorage_training import main as entry
from moorage_training.cluster import stop
from moorage_training.report.reporter import Reporter, read_report
from moorage_training.run_lock import claim

DEADLINE_SECONDS = 120


def run(config: RunConfig, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    file = folder / "run.json"
    file.write_text(json.dumps(config.to_wire()))
    command = [sys.executable, "-m", "moorage_training.cluster", str(file)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=DEADLINE_SECONDS)


def test_a_run_that_cannot_start_says_so_in_the_config_map_and_at_the_terminal(make_config, config_maps, account, tmp_path):
    missing = ResolvedDataset(dataset="people", uri=str(tmp_path / "no.csv"), format="CSV", columns={"label": "y"})
    config = make_config(dataset=missing, attempt=3)
    ended = run(config, tmp_path, MOORAGE_API_SERVER=config_maps.address, MOORAGE_SERVICE_ACCOUNT=str(account))
    report = config_maps.reports[-1]
    assert ended.returncode == 2
    assert (report.phase, report.attempt, report.failure.reason) == ("Failed", 3, "InvalidInput")
    assert "no.csv does not exist" in report.failure.message
    assert ended.stderr.splitlines()[-2:] == ["Failed", report.failure.message]
    assert "Traceback" not in ended.stdout + ended.stderr


def test_a_folder_that_lost_its_journal_is_refused(make_config, config_maps, account, tmp_path):
    config = make_config(executed_steps_at_least=40)
    ended = run(config, tmp_path, MOORAGE_API_SERVER=config_maps.address, MOORAGE_SERVICE_ACCOUNT=str(account))
    assert ended.returncode == 1
    assert config_maps.reports[-1].failure.reason == "Refused"
    assert "an earlier attempt executed 40 private steps, and the journal here holds 0" in config_maps.reports[-1].failure.message


@pytest.mark.parametrize(("fields", "words"), [({"cluster": None}, "cluster: is missing"), ({}, "not in a pod")])
def test_what_the_entrypoint_needs_is_named(make_config, tmp_path, fields, words):
    ended = run(make_config(**fields), tmp_path, MOORAGE_API_SERVER="", KUBERNETES_SERVICE_HOST="")
    assert ended.returncode == 2
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_run_that_succeeded_is_the_next_attempts_success(make_config, tmp_path):
    config, folder = make_config(), tmp_path / "run"
    digest = hashlib.sha256(config.model_dump_json(exclude=entry.NOT_OF_THE_RUN).encode()).hexdigest()
    (folder / "config.sha256").write_text(digest)
    Reporter(folder, None).phase("Succeeded", metrics={"accuracy": 0.9})
    again = config.model_copy(update={"attempt": 2, "executed_steps_at_least": 0, "max_failures": 1})
    assert entry._run(again, folder) == (None, 0)
    report = read_report(folder)
    assert (report.phase, report.attempt, report.metrics) == ("Succeeded", 2, {"accuracy": 0.9})


def test_a_lock_that_is_let_go_is_waited_for(tmp_path):
    held = claim(tmp_path, patience_seconds=0)
    with pytest.raises(Unavailable, match="another process runs this job"):
        claim(tmp_path, patience_seconds=0)
    threading.Timer(0.7, os.close, [held]).start()
    started = time.monotonic()
    os.close(claim(tmp_path, patience_seconds=30))
    assert 0.5 < time.monotonic() - started < 10


def test_a_volume_without_locks_is_named_at_once(tmp_path, monkeypatch):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(Unavailable, match="cannot be locked: No locks available"):
        claim(tmp_path, patience_seconds=30)


@pytest.fixture
def driver(monkeypatch):
    """A process that looks like the Ray job's driver, under a name of its own."""
    name = f"moorage_training.cluster.{os.getpid()}"
    monkeypatch.setattr(stop, "ENTRYPOINT", name.encode())
    code = "import signal,sys,time; signal.signal(15, lambda *_: (time.sleep(0.5), sys.exit(7))); print('up', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, "-m", name], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_the_head_asks_the_run_to_stop_and_waits_for_it(driver, make_config, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(make_config().to_wire()))
    reaped = threading.Thread(target=driver.wait)  # as the job's supervisor does
    reaped.start()
    assert stop.main([str(tmp_path / "run.json"), "20"]) == 0
    reaped.join(5)
    assert driver.returncode == 7


def test_a_worker_waits_until_the_run_has_ended_or_its_time_is_over(make_config, tmp_path, monkeypatch):
    monkeypatch.setattr(stop, "ENTRYPOINT", b"nobody has this name")
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("nobody is to be stopped here"))
    config = make_config()
    (tmp_path / "run.json").write_text(json.dumps(config.to_wire()))
    reporter = Reporter(tmp_path / "run", None)
    lock = claim(tmp_path / "run", patience_seconds=0)
    started = time.monotonic()
    assert stop.main([str(tmp_path / "run.json"), "0.5"]) == 0
    assert time.monotonic() - started >= 0.5
    threading.Timer(0.3, reporter.phase, ["Failed"]).start()
    assert stop.main([str(tmp_path / "run.json"), "30"]) == 0
    reporter.phase("Training")
    threading.Timer(0.3, os.close, [lock]).start()  # as the kernel does it when the run is killed
    assert stop.main([str(tmp_path / "run.json"), "30"]) == 0
    assert time.monotonic() - started < 10
    assert stop.main([str(tmp_path / "nothing.json")]) == 0


def test_signals_after_the_first_are_ignored_on_a_cluster():
    code = """
import os, signal, time
from moorage_training.stopping import StopSignal, raise_on_signals, stop_patiently
stop_patiently(); raise_on_signals()
try:
    os.kill(os.getpid(), signal.SIGTERM); time.sleep(1)
except StopSignal:
    os.kill(os.getpid(), signal.SIGTERM); os.kill(os.getpid(), signal.SIGINT); time.sleep(0.1)
    print("saved")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "saved\n")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_the_report_of_a_laptop_is_attempt_one():
    assert RunReport(phase="Starting", updated_at="2026-01-01T00:00:00Z").attempt == 1
