"""One rank's part of one attempt, whoever started it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import torch

from moorage_api.errors import InvalidInput, MoorageError, Problem, Unavailable
from moorage_api.run_config import RunConfig
from moorage_api.run_report import Plan
from moorage_training.checkpoint import Checkpoint, latest_checkpoint
from moorage_training.loop.assembly import assemble
from moorage_training.loop.exchange import Exchange
from moorage_training.loop.training import Ended
from moorage_training.loop.work_order import WorkOrder
from moorage_training.prepare import Prepared, prepare
from moorage_training.privacy.journal import JournalHeader, StepJournal
from moorage_training.report.heartbeat import BeatingWorker, next_attempt


def run_rank(order: WorkOrder, exchange: Exchange, device: torch.device, started_at: str) -> Ended:
    """Prepare, agree that all ranks can start, resume, train."""
    config = RunConfig.model_validate_json(order.config)
    plan = Plan.model_validate_json(order.plan)
    torch.set_num_threads(config.resources.cpus_per_worker)
    folder = Path(config.folder)
    attempt = exchange.from_first(next_attempt(folder) if exchange.rank == 0 else 0)
    resources = config.resources
    beat = BeatingWorker(folder, attempt, exchange.rank, resources.cpus_per_worker, resources.gpus_per_worker, started_at)
    with ExitStack() as stack:
        stack.callback(beat.end)
        prepared: Prepared | None = None
        journal: StepJournal | None = None
        checkpoint: Checkpoint | None = None
        error: tuple[str, bool] | None = None
        try:
            prepared = _same_records(order, prepare(config))
            _require_precision(config, device)
            if exchange.rank == 0:
                journal = _journal(config, plan, order.fingerprint, attempt, stack)
                checkpoint = _checkpoint(folder, order.fingerprint, journal)
        except MoorageError as problem:
            error = (str(problem), isinstance(problem, InvalidInput))
        error = exchange.first_error(error)
        if error is not None or prepared is None:
            return Ended(False, *(error or ("another rank could not start", False)))
        checkpoint, executed = exchange.from_first((checkpoint, _executed(journal, checkpoint)))
        training = assemble(config, plan, order.fingerprint, prepared, exchange, journal, device)
        training.resume(checkpoint, executed)
        beat.progressed(executed, 0, None)
        return training.run(lambda: exchange.rank == 0 and beat.stop_requested, beat.progressed)


def _same_records(order: WorkOrder, prepared: Prepared) -> Prepared:
    if prepared.content_digest() != order.content:
        raise Unavailable(Problem("the records changed while the run started", "data set", remedy="run it again in a new folder"))
    return prepared


def _require_precision(config: RunConfig, device: torch.device) -> None:
    if config.optimization.precision == "Mixed" and not (device.type == "cuda" and torch.cuda.is_bf16_supported()):
        raise InvalidInput(Problem("the device has no bfloat16", "optimization", "precision", "Mixed", "use Float32"))


def _journal(config: RunConfig, plan: Plan, fingerprint: str, attempt: int, stack: ExitStack) -> StepJournal | None:
    if plan.mechanism is None:
        return None
    header = JournalHeader(mechanism=plan.mechanism, fingerprint=fingerprint)
    return stack.enter_context(StepJournal(Path(config.folder), header, attempt))


def _checkpoint(folder: Path, fingerprint: str, journal: StepJournal | None) -> Checkpoint | None:
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None:
        return None
    if checkpoint.fingerprint != fingerprint:
        raise InvalidInput(
            Problem(
                f"the run folder {folder} holds a checkpoint of a run with other settings or records",
                "run",
                "folder",
                None,
                "start the changed job in a new folder, or undo the change to resume",
            )
        )
    if journal is not None and checkpoint.step > journal.executed:
        raise Unavailable(
            Problem(
                f"the journal holds {journal.executed} executed private steps, the checkpoint {checkpoint.step}",
                str(folder),
                remedy="restore steps.journal; without it the privacy spent is unknown",
            )
        )
    return checkpoint


def _executed(journal: StepJournal | None, checkpoint: Checkpoint | None) -> int:
    """Under privacy every step that ever happened; else those that the checkpoint holds, for lost steps cost nothing."""
    if journal is not None:
        return journal.executed
    return checkpoint.step if checkpoint is not None else 0
