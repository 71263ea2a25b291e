"""Checkpoints: whole or not at all, data only."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
import torch

from moorage_api.errors import Unavailable
from moorage_training.checkpoint import FOLDER, Checkpoint, latest_checkpoint, write_checkpoint


def checkpoint(step: int, size: int = 10) -> Checkpoint:
    return Checkpoint("f", step, {"w": torch.full((size,), float(step))}, {"state": {}}, [[1.0, 0.1, float(step)]], [[1.0, 2.0]])


def test_the_newest_is_read_and_two_are_kept(tmp_path):
    for step in (0, 7, 30):
        write_checkpoint(tmp_path, checkpoint(step))
    assert sorted(p.name for p in (tmp_path / FOLDER).iterdir()) == ["step-000000007.pt", "step-000000030.pt"]
    read = latest_checkpoint(tmp_path)
    assert read is not None
    assert read.step == 30
    assert read.accountant == [[1.0, 0.1, 30.0]]
    assert read.network["w"].tolist() == [30.0] * 10


def test_none_before_the_first(tmp_path):
    assert latest_checkpoint(tmp_path) is None


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "step-000000001.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(Unavailable, match="cannot read a checkpoint"):
        latest_checkpoint(tmp_path)
    torch.save({"x": Evil()}, tmp_path / FOLDER / "step-000000001.pt")
    with pytest.raises(Unavailable, match="cannot read a checkpoint"):
        latest_checkpoint(tmp_path)
    assert not (tmp_path / "owned").exists()


def test_a_full_disk_keeps_the_earlier_checkpoint(tmp_path):
    write_checkpoint(tmp_path, checkpoint(5))
    script = f"""
import resource, signal, sys, torch
from pathlib import Path
from moorage_api.errors import Unavailable
from moorage_training.checkpoint import Checkpoint, write_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    write_checkpoint(Path({str(tmp_path)!r}), Checkpoint("f", 6, {{"w": torch.zeros(100_000)}}, {{}}))
except Unavailable as error:
    sys.exit(str(error))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "cannot write a checkpoint" in ended.stderr
    assert "it resumes from the checkpoint before" in ended.stderr
    assert [p.name for p in (tmp_path / FOLDER).iterdir()] == ["step-000000005.pt"]
    read = latest_checkpoint(tmp_path)
    assert read is not None
    assert read.step == 5
