"""A run from its config to its artifact: the stages in their order."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from moorage_api.artifact import digest_of
from moorage_api.errors import Problem, Refused, Unavailable
from moorage_api.privacy import PrivacySpend
from moorage_api.run_config import RunConfig
from moorage_api.run_report import Phase, Plan
from moorage_api.training_job import ModelReference
from moorage_training.admission import forget_refusal, wait_for_admission
from moorage_training.checkpoint import Checkpoint, latest_checkpoint
from moorage_training.engine import train_on_ray
from moorage_training.loop.work_order import WorkOrder
from moorage_training.plan import fingerprint, plan_run
from moorage_training.privacy.accounting import accountant_of, precision_for, spend_of
from moorage_training.privacy.journal import JournalHeader, read_journal, require_same_run
from moorage_training.ray_session import RaySession
from moorage_training.records import read_records
from moorage_training.report.reporter import RESERVE, Reporter
from moorage_training.report.watch import Watch

if TYPE_CHECKING:
    from moorage_training.prepare import Prepared
    from moorage_training.trained import TrainedModel


def execute(config: RunConfig, reporter: Reporter) -> None:
    """Train, export, evaluate, gate, publish. Raises MoorageError, or StopSignal once everything is saved."""
    trained, prepared = train(config, reporter)
    from moorage_training.export.publish import publish

    def enter(phase: Phase) -> None:
        reporter.phase(phase)

    manifest = publish(trained, config, len(prepared.training), prepared.evaluation, enter)
    digest = manifest.digest or digest_of(manifest)
    location = Path(config.output) / digest.removeprefix("sha256:")
    reporter.phase(
        "Succeeded",
        metrics=manifest.metrics,
        gates=manifest.gates,
        gates_passed=manifest.gates_passed,
        model=ModelReference(uri=str(location), digest=digest),
    )
    shutil.rmtree(Path(config.folder) / "ray", ignore_errors=True)
    (Path(config.folder) / RESERVE).unlink(missing_ok=True)


def train(config: RunConfig, reporter: Reporter) -> tuple[TrainedModel, Prepared]:
    """Everything up to the trained model; goes on from where an earlier start of the same run ended."""
    folder = Path(config.folder)
    forget_refusal(folder, config.attempt)
    _require_known_steps(config)
    records = read_records(config)
    with RaySession(config.resources) as session:
        earlier = latest_checkpoint(folder)
        if earlier is None or not earlier.finished:
            session.begin()
        # torch takes seconds to import, in which Ray's processes start.
        from moorage_training.prepare import prepare_for

        prepared = prepare_for(config, *records)
        plan = plan_run(config, len(prepared.training), len(prepared.evaluation))
        mark = fingerprint(config, plan)
        reporter.phase("Planned", plan=plan, privacy=_spent(config, plan, mark))
        if config.admission_required:
            wait_for_admission(folder, config.attempt, plan.mechanism)
        if earlier is None or not earlier.finished or earlier.fingerprint != mark:
            reporter.phase("Training")
            order = WorkOrder(config.model_dump_json(), plan.model_dump_json(), mark, prepared.content_digest())
            try:
                train_on_ray(config, order, Watch(config, plan, reporter), session)
            finally:
                # However it ended: what the journal says was spent, not what the last heartbeat could still write.
                reporter.update(privacy=_spent(config, plan, mark))
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None:
        raise Unavailable(Problem("training ended without a checkpoint", str(folder), remedy="run the same command again"))
    spend = _spent(config, plan, mark)
    reporter.update(privacy=spend)
    return _trained(config, plan, prepared, checkpoint, spend), prepared


def _require_known_steps(config: RunConfig) -> None:
    """Raises Refused if private steps were executed that the folder's journal does not know of: epsilon would come out too low."""
    executed = read_journal(Path(config.folder)).executed
    if executed < config.executed_steps_at_least:
        raise Refused(
            Problem(
                f"an earlier attempt executed {config.executed_steps_at_least} private steps, and the journal here holds {executed}",
                f"run folder {config.folder}",
                remedy="restore the volume, or change the job to start another run, which is charged anew",
            )
        )


def _spent(config: RunConfig, plan: Plan, mark: str) -> PrivacySpend | None:
    """By the journal: every step that was executed, by any attempt of any start."""
    if config.privacy is None or plan.mechanism is None:
        return None
    folder = Path(config.folder)
    journal = read_journal(folder)
    require_same_run(journal, JournalHeader(mechanism=plan.mechanism, fingerprint=mark), folder)
    return spend_of(plan.mechanism, journal.executed, config.privacy.delta, config.privacy.accountant, config.privacy.epsilon)


def _trained(config: RunConfig, plan: Plan, prepared: Prepared, checkpoint: Checkpoint, spend: PrivacySpend | None) -> TrainedModel:
    from moorage_training.trained import HistoryPoint, TrainedModel

    network = prepared.network
    network.load_state_dict(checkpoint.network)
    network.eval()
    history = [HistoryPoint(int(step), loss, _epsilon_at(config, plan, int(step))) for step, loss in checkpoint.history]
    return TrainedModel(network, prepared.preprocessing, prepared.training.signature, spend, history)


def _epsilon_at(config: RunConfig, plan: Plan, step: int) -> float | None:
    privacy = config.privacy
    if privacy is None or plan.mechanism is None:
        return None
    return accountant_of(plan.mechanism, privacy.delta, privacy.accountant, precision_for(privacy.epsilon)).epsilon(step)
