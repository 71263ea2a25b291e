"""The bridge between the run's folder and the ConfigMaps, against a server that answers, refuses, and is away."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage_api.errors import Refused
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_config import Admission
from moorage_api.run_report import Plan, RunFailure, RunReport, WorkerLifetime
from moorage_api.training_job import Progress
from moorage_training.admission import wait_for_admission
from moorage_training.cluster import outgoing_report
from moorage_training.cluster.api_server import ApiServer
from moorage_training.cluster.bridge import Bridge
from moorage_training.cluster.report_document import MAX_BYTES, document_for_operator
from moorage_training.cluster.terminal import Terminal
from moorage_training.report.reporter import Reporter, read_report

MECHANISM = PrivacyMechanism(sampling_rate=0.05, noise_multiplier=1.0, steps=20)
PLAN = Plan(records=100, evaluation_records=10, steps=20, mechanism=MECHANISM)


def eventually(reached: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def printed():
    return io.StringIO()


@pytest.fixture
def bridge(config_maps, account, make_config, printed):
    """Makes and starts bridges; all are closed at the end."""
    started = []

    def make(**fields) -> Bridge:
        config = make_config(**fields)
        made = Bridge(config, config.cluster, ApiServer(config_maps.address, account), Terminal(printed))
        made.start()
        started.append(made)
        return made

    yield make
    config_maps.fails = []
    for each in started:
        if each._thread.is_alive():
            each.close()


def lifetimes(count: int) -> list[WorkerLifetime]:
    moment = "2026-01-01T00:00:00.000Z"
    return [WorkerLifetime(worker=f"1/{n}", cpus=1, gpus=0, started_at=moment, last_seen_at=moment, finished=False) for n in range(count)]


def test_a_phase_is_sent_at_once_progress_at_a_pace_and_the_end_always(bridge, config_maps, tmp_path, printed, make_config):
    running = bridge()
    reporter = Reporter(tmp_path / "run", None)
    for phase in ("Planned", "Training", "Exporting"):
        reporter.phase(phase, plan=PLAN)
        eventually(lambda phase=phase: config_maps.reports and config_maps.reports[-1].phase == phase, 1.5)
    before = len(config_maps.reports)
    started = time.monotonic()
    while time.monotonic() - started < 1.2:
        reporter.update(progress=Progress(step=int(100 * (time.monotonic() - started)), total=1000, percent=1.0))
        time.sleep(0.02)
    assert len(config_maps.reports) - before <= 1, "within one phase at most every two seconds"
    reporter.phase("Succeeded", workers=lifetimes(3))
    running.close()
    assert config_maps.reports[-1] == read_report(tmp_path / "run").model_copy(update={"workers": []})
    assert printed.getvalue().splitlines()[-4:] == ["Planned: 20 steps over 100 records", "Training", "Exporting", "Succeeded"]


def test_nothing_that_the_server_answers_ends_the_bridge(bridge, config_maps, tmp_path, printed):
    running = bridge()
    reporter = Reporter(tmp_path / "run", None)
    config_maps.fails = [409, 403, 500, 429]
    reporter.phase("Training")
    eventually(lambda: config_maps.reports and config_maps.reports[-1].phase == "Training")
    reporter.phase("Succeeded")
    running.close()
    lines = printed.getvalue().splitlines()
    assert config_maps.reports[-1].phase == "Succeeded"
    assert any(line.startswith("sending the report: ConfigMap team-a/digits-report: 403") for line in lines)
    assert lines.count("sending the report: done") == 1
    assert "Traceback" not in printed.getvalue()


def test_the_last_report_is_kept_for_a_server_that_comes_back(bridge, config_maps, account, tmp_path):
    (account / "token").write_text("stale")
    running = bridge()
    reporter = Reporter(tmp_path / "run", None)
    reporter.phase("Failed", failure=RunFailure(reason="InvalidInput", message="no"))
    eventually(lambda: config_maps.seen)
    assert not config_maps.reports
    (account / "token").write_text("a token")
    running.close()
    assert config_maps.reports[-1].failure.message == "no"


@pytest.mark.parametrize(("limit", "answer"), [("FLUSH_SECONDS", 500), ("GONE_SECONDS", 404)])
def test_the_flush_ends_though_the_report_cannot_be_sent(bridge, config_maps, tmp_path, monkeypatch, limit, answer):
    monkeypatch.setattr(outgoing_report, limit, 1.0)
    running = bridge()
    config_maps.fails = [answer] * 1000
    Reporter(tmp_path / "run", None).phase("Succeeded")
    started = time.monotonic()
    running.close()
    assert time.monotonic() - started < 5
    assert not config_maps.reports


def test_another_attempts_report_is_not_this_ones(bridge, config_maps, tmp_path):
    Reporter(tmp_path / "run", None, attempt=1).phase("Failed", failure=RunFailure(reason="WorkerLost", message="gone"))
    running = bridge(attempt=2)
    time.sleep(0.6)
    assert not config_maps.reports
    Reporter(tmp_path / "run", read_report(tmp_path / "run"), attempt=2)
    eventually(lambda: config_maps.reports)
    assert (config_maps.reports[-1].attempt, config_maps.reports[-1].phase) == (2, "Starting")
    running.close()


def test_the_admission_of_this_attempt_is_brought_and_no_other_is_taken(bridge, config_maps, tmp_path):
    folder = tmp_path / "run"
    refused = Admission(granted=False, message="an earlier attempt's", attempt=1, mechanism=MECHANISM)
    config_maps.data["digits-admission"]["admission.json"] = refused.model_dump_json(by_alias=True, exclude_none=True)
    bridge(attempt=2, admission_required=True)
    reporter = Reporter(folder, None, attempt=2)
    time.sleep(0.6)
    assert ("GET", "digits-admission") not in config_maps.seen, "there is no plan yet"
    reporter.phase("Planned", plan=PLAN)
    eventually(lambda: (folder / "admission.json").exists())
    other_plan = MECHANISM.model_copy(update={"steps": 21})
    for answer in (
        Admission(granted=True, attempt=2, mechanism=other_plan),
        Admission(granted=False, message="0.5 of epsilon is left", attempt=2, mechanism=MECHANISM),
    ):
        config_maps.data["digits-admission"]["admission.json"] = answer.model_dump_json(by_alias=True, exclude_none=True)
        eventually(lambda answer=answer: Admission.model_validate_json((folder / "admission.json").read_bytes()) == answer)
    with pytest.raises(Refused, match="of epsilon is left"):
        wait_for_admission(folder, 2, MECHANISM)
    reporter.phase("Failed")
    eventually(lambda: config_maps.reports[-1].phase == "Failed")
    time.sleep(0.3)
    asked = config_maps.seen.count(("GET", "digits-admission"))
    time.sleep(1.2)
    assert config_maps.seen.count(("GET", "digits-admission")) == asked, "nobody asks any more"


def test_an_admission_that_may_not_be_read_does_not_hold_up_the_report(bridge, config_maps, tmp_path, printed):
    del config_maps.data["digits-admission"]
    bridge(admission_required=True)
    Reporter(tmp_path / "run", None).phase("Planned", plan=PLAN)
    eventually(lambda: "asking for the admission" in printed.getvalue())
    assert config_maps.reports[-1].phase == "Planned"
    time.sleep(1.5)
    assert printed.getvalue().count("asking for the admission") == 1


def test_the_document_is_small_whatever_the_report_holds():
    message = "x" * (1024 * 1024)
    report = RunReport(phase="Failed", updated_at="2026-01-01T00:00:00Z", workers=lifetimes(20_000))
    report = report.model_copy(update={"failure": RunFailure(reason="Internal", message=message)})
    document = document_for_operator(report)
    assert len(document.encode()) < MAX_BYTES
    sent = RunReport.model_validate_json(document)
    assert sent.workers == []
    assert sent.failure.message.startswith("xxx")
    many = report.model_copy(update={"failure": None, "metrics": {f"m{n}": 0.5 for n in range(100_000)}})
    assert len(document_for_operator(many).encode()) < MAX_BYTES


def test_writing_the_report_and_the_terminal_are_no_conditions(config_maps, account, make_config, tmp_path):
    closed = io.StringIO()
    closed.close()
    config = make_config()
    running = Bridge(config, config.cluster, ApiServer(config_maps.address, account), Terminal(closed))
    running.start()
    Reporter(Path(config.folder), None).phase("Succeeded")
    running.close()
    assert config_maps.reports[-1].phase == "Succeeded"
