"""The loop itself, on one rank without Ray: resuming, stopping, failing, learning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from moorage_api.data_source import Augmentation
from moorage_api.errors import InvalidInput, Unavailable
from moorage_api.privacy import Privacy
from moorage_api.robustness import Adversarial
from moorage_api.run_config import ResolvedDataset
from moorage_api.task import EarlyStopping, Optimization, Schedule, Task
from moorage_training.adversarial.draws import RecordDraws
from moorage_training.checkpoint import latest_checkpoint
from moorage_training.loop.augmentation import augment
from moorage_training.loop.exchange import Exchange
from moorage_training.loop.schedule import learning_rate
from moorage_training.loop.shuffling import ShuffledBatches
from moorage_training.loop.work_order import WorkOrder
from moorage_training.loop.worker import run_rank
from moorage_training.plan import fingerprint, plan_run
from moorage_training.prepare import prepare
from moorage_training.privacy.journal import JOURNAL, read_journal
from moorage_training.report.clock import timestamp
from moorage_training.report.heartbeat import STOP_REQUEST, read_heartbeats

CPU = torch.device("cpu")
PRIVATE = {"privacy": Privacy(epsilon=3, delta=1e-5, accountant="RDP")}


def order_of(config, content=None):
    prepared = prepare(config)
    plan = plan_run(config, len(prepared.training), len(prepared.evaluation))
    mark = fingerprint(config, plan)
    return WorkOrder(config.model_dump_json(), plan.model_dump_json(), mark, content or prepared.content_digest())


def attempt(config, order=None):
    return run_rank(order or order_of(config), Exchange(0, 1, CPU), CPU, timestamp())


def accuracy(config):
    prepared = prepare(config)
    checkpoint = latest_checkpoint(Path(config.folder))
    assert checkpoint.finished
    prepared.network.load_state_dict(checkpoint.network)
    prepared.network.eval()
    with torch.no_grad():
        logits = prepared.network(prepared.preprocessing(torch.from_numpy(prepared.evaluation.x)))
    return float((logits.argmax(1).numpy() == prepared.evaluation.y).mean())


@pytest.mark.parametrize(
    ("fields", "least"),
    [
        ({"dataset": ResolvedDataset(dataset=None, uri="sklearn://wine", format="Bundled")}, 0.85),
        ({"dataset": ResolvedDataset(dataset=None, uri="sklearn://breast_cancer", format="Bundled")}, 0.85),
        ({"task": Task(type="TabularClassification", model="MLP", hidden_sizes=[32])}, 0.9),
        ({"adversarial": Adversarial(method="FGSM", radius=0.05)}, 0.85),
    ],
)
def test_training_without_privacy_learns(make_config, fields, least):
    config = make_config(
        optimization=Optimization(
            epochs=20, batch_size=30, optimizer="AdamW", learning_rate=0.05, schedule=Schedule(type="Cosine"), class_weights="Balanced"
        ),
        **fields,
    )
    assert attempt(config).finished
    assert accuracy(config) >= least
    assert not (Path(config.folder) / JOURNAL).exists()


def test_images_learn_with_augmentation(make_config):
    config = make_config(
        dataset=ResolvedDataset(
            dataset=None, uri="sklearn://digits", format="Bundled", augmentation=Augmentation(shear_degrees=10, zoom=0.1)
        ),
        task=Task(type="ImageClassification", model="CNN"),
        optimization=Optimization(epochs=4, batch_size=32, learning_rate=0.005),
    )
    assert attempt(config).finished
    assert accuracy(config) >= 0.85


def test_a_resumed_private_run_takes_only_the_steps_that_are_left(make_config):
    """Steps 12 to 16 were executed and lost: they stay in the journal, and are not taken once more on top."""
    config = make_config(**PRIVATE)
    folder = Path(config.folder)
    order = order_of(config)
    assert attempt(config, order).finished
    journal = (folder / JOURNAL).read_text().splitlines(keepends=True)
    assert len(journal) == 1 + 20
    (folder / JOURNAL).write_text("".join(journal[:18]))
    newest = max((folder / "checkpoints").iterdir())
    content = torch.load(newest, weights_only=True)
    newest.unlink()
    torch.save({**content, "step": 12, "finished": False}, folder / "checkpoints" / "step-000000012.pt")

    assert attempt(config, order).finished

    assert read_journal(folder).executed == 20
    assert read_heartbeats(folder)[2, 0].taken == 3
    assert latest_checkpoint(folder).accountant[0][2] == 20


def test_settings_cannot_change_under_a_started_run(make_config):
    assert attempt(make_config(**PRIVATE)).finished
    changed = attempt(make_config(privacy=Privacy(epsilon=2, delta=1e-5, accountant="RDP")))
    assert not changed.finished
    assert changed.invalid
    assert "other settings or records" in changed.failure


def test_a_journal_that_lacks_steps_is_refused(make_config):
    config = make_config(**PRIVATE)
    order = order_of(config)
    assert attempt(config, order).finished
    (Path(config.folder) / JOURNAL).unlink()
    ended = attempt(config, order)
    assert not ended.finished
    assert "without it the privacy spent is unknown" in ended.failure


def test_records_that_change_between_plan_and_start_are_refused(make_config):
    config = make_config()
    ended = attempt(config, order_of(config, content="0" * 64))
    assert "the records changed" in ended.failure


def test_a_requested_stop_takes_effect_at_a_step_and_is_checkpointed(make_config):
    config = make_config(optimization=Optimization(steps=1_000_000, batch_size=64), **PRIVATE)
    folder = Path(config.folder)
    (folder / STOP_REQUEST).touch()
    ended = attempt(config)
    assert not ended.finished
    assert ended.failure is None
    executed = read_journal(folder).executed
    assert executed < 1_000_000
    assert latest_checkpoint(folder).step == executed


def test_a_step_that_cannot_be_journalled_does_not_happen(make_config, monkeypatch):
    from moorage_training.privacy.journal import StepJournal

    record = StepJournal.record

    def full_at_five(journal):
        if journal.executed == 5:
            raise Unavailable()
        record(journal)

    monkeypatch.setattr(StepJournal, "record", full_at_five)
    config = make_config(**PRIVATE)
    ended = attempt(config)
    assert not ended.finished
    assert read_journal(Path(config.folder)).executed == 5
    monkeypatch.undo()
    assert attempt(config).finished
    assert read_journal(Path(config.folder)).executed == 20


def test_early_stopping_keeps_the_best_weights(make_config):
    config = make_config(
        dataset=ResolvedDataset(dataset=None, uri="sklearn://wine", format="Bundled"),
        optimization=Optimization(
            epochs=1000, batch_size=30, optimizer="SGD", learning_rate=20.0, early_stopping=EarlyStopping(patience=2)
        ),
    )
    assert attempt(config).finished
    checkpoint = latest_checkpoint(Path(config.folder))
    assert checkpoint.step < 1000 * 5
    for name, value in checkpoint.early_stopping["weights"].items():
        torch.testing.assert_close(checkpoint.network[name], value)
    assert checkpoint.early_stopping["since_best"] == 2


def test_the_same_seed_gives_the_same_weights_without_privacy(make_config, tmp_path):
    weights = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        config = make_config(folder=str(tmp_path / name), adversarial=Adversarial(radius=0.1, steps=2))
        assert attempt(config).finished
        weights.append(latest_checkpoint(Path(config.folder)).network["1.weight"])
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)


def test_plans_that_do_not_fit_are_refused(make_config):
    with pytest.raises(InvalidInput, match="optimization: batchSize: is above the 1437 training records"):
        plan_run(make_config(optimization=Optimization(steps=1, batch_size=1438)), 1437, 360)
    with pytest.raises(InvalidInput, match="optimization: precision: bfloat16 needs a GPU"):
        plan_run(make_config(optimization=Optimization(steps=1, precision="Mixed")), 1437, 360)
    assert plan_run(make_config(optimization=Optimization(epochs=2, batch_size=1000)), 1437, 360).steps == 4


def test_schedules():
    assert [learning_rate(1.0, Schedule(warmup_steps=4), step, 10) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    cosine = [learning_rate(2.0, Schedule(type="Cosine"), step, 100) for step in (0, 50, 99)]
    assert cosine == [2.0, pytest.approx(1.0), pytest.approx(0.0, abs=1e-3)]
    stairs = [learning_rate(1.0, Schedule(type="Step", step_size=10, factor=0.5), step, 100) for step in (9, 10, 25)]
    assert stairs == [1.0, 0.5, 0.25]


def test_batches_of_an_epoch_hold_every_record_once():
    batches = ShuffledBatches(103, 10, seed=1)
    assert batches.steps_per_epoch == 11
    first = [batches.at(step) for step in range(11)]
    assert sorted(i for batch in first for i in batch) == list(range(103))
    assert {len(batch) for batch in first} == {9, 10}
    assert [i for batch in first for i in batch] != [i for step in range(11, 22) for i in batches.at(step)]


def test_augmentation_is_drawn_for_each_record_and_mirrors():
    images = torch.arange(64.0).view(1, 1, 8, 8).repeat(200, 1, 1, 1)
    same = augment(images, Augmentation(), RecordDraws(0, 0, np.arange(len(images))))
    torch.testing.assert_close(same, images, atol=1e-3, rtol=0)
    flipped = augment(images, Augmentation(horizontal_flip=True), RecordDraws(0, 0, np.arange(len(images))))
    mirrored = (flipped - images.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-2
    kept = (flipped - images).abs().amax(dim=(1, 2, 3)) < 1e-2
    assert (mirrored ^ kept).all()
    assert 60 < int(mirrored.sum()) < 140
    changed = augment(images, Augmentation(shear_degrees=20, zoom=0.2), RecordDraws(0, 0, np.arange(len(images))))
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 200
