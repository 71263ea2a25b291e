"""Where the control plane's programs and KubeRay's CRDs are: built and downloaded by `hack/cluster`, never on this tier's own account."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(os.environ.get("CACHE") or Path.home() / ".cache/moorage") / "cluster/bin"
KUBERAY = "github.com/ray-project/kuberay/ray-operator"


class Missing(Exception):
    """A program is not there; the message says what makes it."""


def program(name: str) -> Path:
    """The path of a program that `hack/cluster/build-tools` builds."""
    path = BIN / name
    if not path.exists():
        go = "" if shutil.which("go") else " (it needs Go, which is not on PATH)"
        raise Missing(f"{name} is not in {BIN}; `make test-apiserver` has it built by hack/cluster/build-tools{go}")
    return path


def kuberay_crds() -> list[Path]:
    """KubeRay's CustomResourceDefinitions, of the version that hack/cluster runs."""
    if not shutil.which("go"):
        raise Missing("KubeRay's CRDs come from its Go module, and Go is not on PATH")
    found = subprocess.run(["go", "mod", "download", "-json", KUBERAY], cwd=_kuberay_module(), capture_output=True, text=True, timeout=240)
    if found.returncode != 0:
        raise Missing(f"KubeRay's Go module cannot be had: {found.stderr or found.stdout}")
    folder = Path(json.loads(found.stdout)["Dir"]) / "config/crd/bases"
    return [folder / f"ray.io_{plural}.yaml" for plural in ("rayclusters", "rayjobs", "rayservices")]


def _kuberay_module() -> Path:
    folder = BIN.parent / "modules/kuberay"
    if not (folder / "go.mod").exists():
        raise Missing(f"no version of KubeRay has been chosen in {folder}; `make test-apiserver` has hack/cluster/build-tools do it")
    return folder
