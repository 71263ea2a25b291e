"""`python -m moorage_training` on a real Ray: what is promised of privacy, robustness, and of what happens when things die."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dp_accounting
import pytest
import torch
from dp_accounting.rdp import RdpAccountant

from moorage_api.gates import Gate
from moorage_api.privacy import Privacy
from moorage_api.robustness import Adversarial, Evaluation, RobustnessEvaluation
from moorage_api.run_config import Admission, JobIdentity, ResolvedDataset, RunConfig
from moorage_api.run_report import RunReport
from moorage_api.task import Optimization, Schedule, Task
from moorage_api.training_job import TrainingResources
from moorage_training.adversarial import pgd
from moorage_training.adversarial.draws import SequenceDraws
from moorage_training.checkpoint import latest_checkpoint
from moorage_training.loop.exchange import Exchange
from moorage_training.loop.record_loss import record_loss
from moorage_training.loop.work_order import WorkOrder
from moorage_training.loop.worker import run_rank
from moorage_training.plan import fingerprint, plan_run
from moorage_training.prepare import prepare
from moorage_training.report.clock import timestamp

# A busy machine starts Ray in a minute; the longest test starts it three times.
pytestmark = [pytest.mark.local_engine, pytest.mark.timeout(900)]

DEADLINE_SECONDS = 240
CHEAP_EVALUATION = Evaluation(robustness=RobustnessEvaluation(attacks=["PGD"], radius=0.1, steps=2, restarts=1, max_records=20))


class Run:
    """One run folder, and the processes started on it."""

    def __init__(self, folder: Path, **fields: Any) -> None:
        self.folder = folder / "a run"
        self.config = RunConfig(
            **{
                "job": JobIdentity(namespace="default", name="digits", uid="u-1", generation=1, tenant="acme"),
                "dataset": ResolvedDataset(dataset="digits", uri="sklearn://digits", format="Bundled"),
                "task": Task(type="TabularClassification", model="Linear"),
                "resources": TrainingResources(workers=2),
                "evaluation": CHEAP_EVALUATION,
                "folder": str(self.folder),
                "output": str(folder / "models"),
                **fields,
            }
        )
        self._file = folder / "run.json"
        self._file.write_text(json.dumps(self.config.to_wire()))

    @contextlib.contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.pop("RAY_ADDRESS", None)
        process = subprocess.Popen(
            [sys.executable, "-m", "moorage_training", str(self._file)], stderr=subprocess.PIPE, text=True, env=environment
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def to_the_end(self) -> tuple[int, str]:
        """(exit code, what stood on the terminal)."""
        with self.started() as process:
            return self.end_of(process)

    def end_of(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
        return process.returncode, errors

    @property
    def report(self) -> RunReport:
        return RunReport.model_validate_json((self.folder / "report.json").read_bytes())

    @property
    def attempts(self) -> list[int]:
        """The attempt of each executed step, by the journal's whole lines."""
        try:
            lines = (self.folder / "steps.journal").read_text().split("\n")[1:-1]
        except FileNotFoundError:
            return []
        return [int(line.split()[1]) for line in lines]

    @property
    def journalled(self) -> int:
        """Executed steps."""
        return len(self.attempts)

    def beats(self) -> dict[str, dict[str, Any]]:
        return {path.stem: json.loads(path.read_bytes()) for path in (self.folder / "workers").glob("*.json")}

    def wait_for(self, reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not reached():
            assert process.poll() is None, f"ended too early: {(self.folder / 'run.log').read_text()}"
            assert time.monotonic() < deadline
            time.sleep(0.01)


def rdp_by_dp_accounting(run: Run) -> float:
    """Epsilon of the reported mechanism with the journalled number of steps, by another library."""
    mechanism = run.report.plan.mechanism
    accountant = RdpAccountant()
    event = dp_accounting.PoissonSampledDpEvent(mechanism.sampling_rate, dp_accounting.GaussianDpEvent(mechanism.noise_multiplier))
    accountant.compose(event, run.journalled)
    return accountant.get_epsilon(run.config.privacy.delta)


def robust_accuracy(config: RunConfig, radius: float) -> tuple[float, float]:
    """(accuracy, PGD-40 accuracy with two starts) on the held-out records, by the run's last checkpoint."""
    prepared = prepare(config)
    checkpoint = latest_checkpoint(Path(config.folder))
    prepared.network.load_state_dict(checkpoint.network)
    network, space = prepared.network.eval(), prepared.preprocessing
    x, y = space(torch.from_numpy(prepared.evaluation.x)), torch.from_numpy(prepared.evaluation.y)
    attack = {"norm": "Linf", "radius": radius, "steps": 40, "step_size": radius / 16, "loss": record_loss()}
    held = torch.ones(len(y), dtype=torch.bool)
    for start in range(2):
        draws = SequenceDraws(start, torch.device("cpu"))
        worst = pgd(network, x, y, lower=space.lower, upper=space.upper, attackable=space.attackable, start=draws, **attack)
        held &= network(worst).argmax(1) == y
    return float((network(x).argmax(1) == y).float().mean()), float(held.float().mean())


def test_digits_privately_and_robustly_against_the_same_without_the_attack(tmp_path):
    common = {
        "optimization": Optimization(steps=400, batch_size=256, optimizer="SGD", learning_rate=1.0, schedule=Schedule(type="Cosine")),
        "privacy": Privacy(epsilon=5.0, delta=1e-5),
        "gates": [Gate(metric="accuracy", minimum=0.90)],
    }
    run = Run(tmp_path, adversarial=Adversarial(method="PGD", norm="Linf", radius=0.1, weight=0.8), **common)
    assert run.to_the_end() == (0, "")
    assert run.report.phase == "Succeeded"
    assert run.report.gates_passed
    assert run.report.privacy.epsilon_spent <= 5.0
    assert run.report.privacy.mechanism.steps == run.journalled == 400
    assert {beat["taken"] for beat in run.beats().values()} == {400}
    assert Path(run.report.model.uri, "model.onnx").is_file()

    (tmp_path / "plain").mkdir()
    plain = Run(tmp_path / "plain", **common).config
    Path(plain.folder).mkdir()
    prepared = prepare(plain)
    plan = plan_run(plain, len(prepared.training), len(prepared.evaluation))
    order = WorkOrder(plain.model_dump_json(), plan.model_dump_json(), fingerprint(plain, plan), prepared.content_digest())
    assert run_rank(order, Exchange(0, 1, torch.device("cpu")), torch.device("cpu"), timestamp()).finished

    with_attack, without = robust_accuracy(run.config, 0.1), robust_accuracy(plain, 0.1)
    print("accuracy, robust accuracy at L-inf 0.1:", with_attack, "without adversarial:", without)
    assert with_attack[0] >= 0.90
    assert with_attack[1] >= 0.45
    assert with_attack[1] >= without[1] + 0.25


def test_stopped_then_killed_whole_then_a_worker_killed_and_every_step_counts_once(tmp_path):
    """A batch of 4 over 2 workers: a rank draws nothing in one step of seven, and yet all ranks take the same steps."""
    run = Run(
        tmp_path,
        optimization=Optimization(steps=600, batch_size=4, learning_rate=0.01),
        privacy=Privacy(epsilon=2.0, delta=1e-5, accountant="RDP"),
        adversarial=Adversarial(method="PGD", norm="Linf", radius=0.1, steps=10),
    )
    with run.started() as process:
        run.wait_for(lambda: run.journalled >= 30, process)
        process.send_signal(signal.SIGTERM)
        code, errors = run.end_of(process)
    stopped = run.journalled
    assert code == 1
    assert "SIGTERM" in errors
    assert len(errors.splitlines()) == 1
    assert run.report.failure.reason == "Unavailable"
    assert run.report.privacy.mechanism.steps == stopped < 600
    newest = max((run.folder / "checkpoints").iterdir())
    assert newest.name == f"step-{stopped:09d}.pt", "a stop is checkpointed at the very step"

    with run.started() as process:
        run.wait_for(lambda: run.journalled >= stopped + 30, process)
        process.kill()
        process.wait()
    with run.started() as process:
        run.wait_for(lambda: run.attempts.count(3) >= 30, process)
        os.kill(run.beats()["3-1"]["pid"], signal.SIGKILL)
        assert run.end_of(process) == (0, ""), "a lost worker is made up for"

    report, beats, attempts = run.report, run.beats(), run.attempts
    assert report.phase == "Succeeded"
    assert run.journalled == report.privacy.mechanism.steps == len(attempts) == 600
    assert set(attempts) == {1, 2, 3, 4}
    assert beats["4-0"]["taken"] == beats["4-1"]["taken"] == attempts.count(4) > 0
    assert report.privacy.epsilon_spent == pytest.approx(rdp_by_dp_accounting(run), rel=0.01)
    assert 0.98 * 2.0 <= report.privacy.epsilon_spent <= 2.0
    assert {worker.worker for worker in report.workers} == {f"{attempt}/{rank}" for attempt in (1, 2, 3, 4) for rank in (0, 1)}
    assert all(worker.finished and worker.started_at < worker.last_seen_at for worker in report.workers)
    before = (run.folder / "report.json").read_bytes()
    assert run.to_the_end() == (0, "")
    assert (run.folder / "report.json").read_bytes() == before, "a finished run is not run again"


def test_a_plan_waits_for_the_privacy_ledger_which_may_refuse(tmp_path):
    run = Run(tmp_path, privacy=Privacy(epsilon=2, delta=1e-5), optimization=Optimization(steps=20), admission_required=True)
    run.folder.mkdir()
    answer = run.folder / "admission.json"
    answer.write_text(Admission(granted=False, message="an answer to an earlier question").model_dump_json(by_alias=True))
    with run.started() as process:
        run.wait_for(lambda: (run.folder / "report.json").exists() and run.report.phase == "Planned", process)
        mechanism = run.report.plan.mechanism
        assert (mechanism.sampling_rate, mechanism.steps) == (64 / 1437, 20)
        assert not answer.exists()

        code, errors = run.to_the_end()
        assert code == 1
        assert "another process runs this job" in errors
        assert process.poll() is None

        answer.write_text(Admission(granted=False, message="0.5 of epsilon is left; 2 were asked for").model_dump_json(by_alias=True))
        code, errors = run.end_of(process)
    assert code == 1
    assert errors == "0.5 of epsilon is left; 2 were asked for\n"
    assert run.report.failure.reason == "Refused"
    assert run.report.privacy.epsilon_spent == 0
    assert run.journalled == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 kB."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"needs to mount a tmpfs: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_says_so_keeps_the_checkpoint_and_the_rerun_resumes(small_disk):
    run = Run(
        small_disk,
        optimization=Optimization(steps=3000, batch_size=64, optimizer="SGD", learning_rate=0.5),
        privacy=Privacy(epsilon=3.0, delta=1e-5),
        adversarial=Adversarial(method="PGD", norm="Linf", radius=0.1, steps=20),
        max_failures=0,
        output=str(small_disk.parent / "models"),
    )
    filler = small_disk / "filler"
    with run.started() as process:
        run.wait_for(lambda: run.journalled >= 20, process)
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        code, errors = run.end_of(process)
    executed = run.journalled
    assert code == 1
    assert "No space left on device" in errors
    assert "resumes" in errors
    assert "Traceback" not in errors
    assert 20 <= executed < 3000
    assert list((run.folder / "checkpoints").glob("step-*.pt"))
    assert run.report.privacy.mechanism.steps == executed
    filler.unlink()

    with run.started() as process:
        run.wait_for(lambda: run.journalled >= executed + 20, process)
        os.kill(run.beats()["2-0"]["pid"], signal.SIGKILL)
        code, errors = run.end_of(process)
    assert code == 1
    assert "a worker was lost" in errors, "no failure was to be made up for"
    assert run.report.failure.reason == "WorkerLost"
    assert run.report.privacy.mechanism.steps == run.journalled > executed
