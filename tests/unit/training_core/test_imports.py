"""What a run, and Ray Train's controller, do not wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["moorage_training.run", "moorage_training.ray_worker"])
def test_neither_torch_nor_ray_is_imported_before_ray_can_start(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('torch', 'opacus', 'ray', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
