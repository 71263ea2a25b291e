"""Whatever the input: the journal counts durable steps, epsilon grows with steps, attacks stay in their ball, splits partition."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.artifact import Signature
from moorage_api.data_source import Split
from moorage_api.errors import InvalidInput, Unavailable
from moorage_api.privacy import PrivacyMechanism
from moorage_training.adversarial import pgd
from moorage_training.adversarial.draws import RecordDraws
from moorage_training.loop.record_loss import record_loss
from moorage_training.loop.shuffling import ShuffledBatches
from moorage_training.privacy.accounting import accountant_of
from moorage_training.privacy.journal import JOURNAL, JournalHeader, StepJournal, read_journal
from moorage_training.privacy.sampling import partition
from moorage_training.records import Records, split_records

HEADER = JournalHeader(mechanism=PrivacyMechanism(sampling_rate=0.1, noise_multiplier=1.5, steps=100), fingerprint="f")


@settings(max_examples=40, deadline=None)
@given(steps=st.integers(0, 12), cut=st.integers(0, 200))
def test_a_journal_cut_anywhere_holds_the_steps_whose_lines_are_whole(steps, cut):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with StepJournal(folder, HEADER, 1) as journal:
            for _ in range(steps):
                journal.record()
        path = folder / JOURNAL
        content = path.read_bytes()[: max(0, path.stat().st_size - cut)]
        path.write_bytes(content)
        whole = max(0, content.count(b"\n") - 1)
        assert read_journal(folder).executed == whole
        with StepJournal(folder, HEADER, 2) as journal:
            journal.record()
        assert read_journal(folder).executed == whole + 1


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(min_size=1, max_size=30), at=st.integers(0, 300))
def test_a_journal_with_foreign_bytes_never_counts_fewer_steps(noise, at):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with StepJournal(folder, HEADER, 1) as journal:
            for _ in range(20):
                journal.record()
        path = folder / JOURNAL
        content = path.read_bytes()
        place = min(at, len(content))
        path.write_bytes(content[:place] + noise + content[place:])
        try:
            state = read_journal(folder)
        except Unavailable:
            return
        assert state.executed >= 20


@settings(max_examples=25, deadline=None)
@given(
    rate=st.floats(0.001, 1.0),
    noise=st.floats(0.5, 50),
    steps=st.integers(2, 2000),
    share=st.floats(0.01, 0.99),
    name=st.sampled_from(["RDP", "PRV"]),
)
def test_epsilon_grows_with_steps_and_falls_with_noise(rate, noise, steps, share, name):
    def epsilon(sigma, at):
        mechanism = PrivacyMechanism(sampling_rate=rate, noise_multiplier=sigma, steps=steps)
        return accountant_of(mechanism, 1e-5, name, 0.05).epsilon(at)

    earlier = max(1, int(steps * share))
    assert 0 <= epsilon(noise, earlier) <= epsilon(noise, steps) + 1e-6
    assert epsilon(noise * 1.5, steps) <= epsilon(noise, steps) + 0.1


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    norm=st.sampled_from(["Linf", "L2"]),
    radius=st.floats(0.01, 2.0),
    steps=st.integers(1, 8),
    random_start=st.booleans(),
    bounded=st.booleans(),
)
def test_an_attack_stays_in_its_ball_and_bounds_and_off_the_categories(seed, norm, radius, steps, random_start, bounded):
    generator = torch.Generator().manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
    x, y = torch.rand(4, 5, generator=generator), torch.randint(3, (4,), generator=generator)
    mask = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])
    attacked = pgd(
        network,
        x,
        y,
        norm=norm,
        radius=radius,
        steps=steps,
        step_size=2.5 * radius / steps,
        lower=torch.zeros(5) if bounded else None,
        upper=torch.ones(5) if bounded else None,
        attackable=mask,
        loss=record_loss(),
        start=RecordDraws(seed, 0, np.arange(4)) if random_start else None,
    )
    moved = attacked - x
    sizes = moved.abs().amax(1) if norm == "Linf" else moved.norm(dim=1)
    assert float(sizes.max()) <= radius * (1 + 1e-4) + 1e-5
    assert not moved[:, 3:].any()
    if bounded:
        assert float(attacked.min()) >= 0
        assert float(attacked.max()) <= 1


@given(records=st.integers(1, 300), batch=st.integers(1, 300), seed=st.integers(0, 9), epoch=st.integers(0, 3))
def test_an_epoch_holds_every_record_once_in_batches_of_at_most_the_size(records, batch, seed, epoch):
    batches = ShuffledBatches(records, batch, seed)
    epoch_batches = [batches.at(epoch * batches.steps_per_epoch + step) for step in range(batches.steps_per_epoch)]
    assert sorted(i for each in epoch_batches for i in each) == list(range(records))
    assert max(map(len, epoch_batches)) <= batch


@given(records=st.integers(0, 500), world_size=st.integers(1, 9))
def test_ranks_partition_the_records(records, world_size):
    parts = [partition(records, rank, world_size) for rank in range(world_size)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(records))


@given(y=st.lists(st.integers(0, 4), min_size=1, max_size=200), share=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_a_split_partitions_and_keeps_a_training_record_of_every_class(y, share, seed):
    labels = np.array(y, dtype=np.int64)
    x = np.arange(len(y), dtype=np.float32)[:, None]
    records = Records(x, labels, Signature(input="features", shape=[1], classes=list("abcde")))
    try:
        training, evaluation = split_records(records, Split(evaluation=share, seed=seed))
    except InvalidInput:
        assert len(y) <= 5
        return
    assert sorted([*training.x[:, 0].tolist(), *evaluation.x[:, 0].tolist()]) == x[:, 0].tolist()
    assert set(training.y.tolist()) == set(y)
    assert len(evaluation) == pytest.approx(share * len(y), abs=6)
