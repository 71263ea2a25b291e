"""A wheel built from this repository installs with each extra alone, and what that extra is for imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORTS = {
    "": ["moorage_api.manifest", "moorage_api.artifact"],
    "operator": ["moorage_operator.__main__", "moorage_operator.release_pods", "moorage_billing.remote_calls", "kubernetes.aio.client"],
    "billing": ["moorage_billing.ledger", "moorage_billing.privacy_ledger", "moorage_billing.invoice", "moorage_billing.service.__main__"],
    "serve": ["moorage_serving.app", "moorage_serving.host", "moorage_serving.cluster.agent", "moorage_billing.remote_calls"],
    "train": ["moorage_training.run", "moorage_training.export.publish", "moorage_training.cluster.bridge"],
    "cli": ["moorage_cli.main"],
    "all": ["moorage_cli.main", "moorage_cli.demo", "moorage_serving.app", "moorage_training.run"],
}


def uv(*args: str) -> str:
    command = os.environ.get("UV") or shutil.which("uv")
    if command is None:
        pytest.fail("uv is not known; run `make test-packaging`, or set UV")
    done = subprocess.run([command, *args], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--offline", "--out-dir", str(out))
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_every_room_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    rooms = {name.split("/")[0] for name in names}
    metadata = {room for room in rooms if room.endswith(".dist-info")}
    assert rooms - metadata == {"moorage_api", "moorage_billing", "moorage_cli", "moorage_operator", "moorage_serving", "moorage_training"}
    assert not [name for name in names if name.endswith((".pyc", ".db"))]


def install(extra: str, wheel: Path, folder: Path) -> str:
    """An environment with the wheel and one extra alone, as locked; returns its Python."""
    env = folder / "env"
    uv("venv", "--quiet", "--offline", "--python", sys.executable, str(env))
    chosen = ["--extra", extra] if extra else []
    pinned = uv("export", "--quiet", "--frozen", "--offline", "--no-dev", "--no-emit-project", "--no-hashes", *chosen)
    (folder / "requirements.txt").write_text(pinned)
    python = str(env / "bin" / "python")
    uv("pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, "-r", str(folder / "requirements.txt"), str(wheel))
    return python


@pytest.mark.parametrize("extra", IMPORTS, ids=lambda extra: extra or "base")
def test_each_extra_installs_alone_and_imports(extra: str, wheel: Path, tmp_path: Path) -> None:
    python = install(extra, wheel, tmp_path)
    uv("pip", "check", "--quiet", "--python", python)
    script = "; ".join(f"import {name}" for name in IMPORTS[extra])
    done = subprocess.run([python, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_run_without_what_trains_says_what_to_install(wheel: Path, tmp_path: Path) -> None:
    python = install("cli", wheel, tmp_path)
    run = ["run", "--once", "-f", str(ROOT / "examples" / "digits.yaml"), "--home", str(tmp_path / "home")]
    done = subprocess.run(
        [python, "-I", "-c", "from moorage_cli.main import run; run()", *run], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1, (done.stdout, done.stderr)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("TrainingJob default/digits: failed")]
    assert line.startswith("TrainingJob default/digits: failed (ExtraMissing): not installed here: ")
    assert " torch," in line
    assert line.endswith("; run pip install 'moorage[train]'")
    assert not done.stderr


def test_the_base_install_stays_small(wheel: Path) -> None:
    pinned = uv("export", "--quiet", "--frozen", "--offline", "--no-dev", "--no-emit-project", "--no-hashes")
    names = {line.split("==")[0] for line in pinned.splitlines() if line and not line.startswith((" ", "#"))}
    assert names <= {"pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection", "pyyaml"}
