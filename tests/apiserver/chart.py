"""The Helm chart on a control plane: its pods stay pending, for there are no nodes; everything else is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from apiserver.control_plane import ControlPlane
from apiserver.programs import ROOT, program

CHART = ROOT / "charts/moorage"
RELEASE = NAMESPACE = "moorage"
OPERATOR, LEDGER, ADMINISTRATOR = "moorage-operator", "moorage-ledger", "moorage-admin"
"""The chart's ServiceAccounts."""


class Helm:
    """Helm on one control plane."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    def install(self, chart: Path = CHART, values: dict[str, Any] | None = None, name: str = RELEASE) -> str:
        """`helm install` into its own namespace."""
        return self("install", name, chart, "--create-namespace", "--values", "-", stdin=yaml.safe_dump(values or {}))

    def upgrade(self, values: dict[str, Any]) -> str:
        """`helm upgrade`, to the chart of this repository."""
        return self("upgrade", RELEASE, CHART, "--values", "-", stdin=yaml.safe_dump(values))

    def uninstall(self) -> str:
        """Without the hook that waits for pods: it is a pod itself."""
        return self("uninstall", RELEASE, "--no-hooks")

    def rendered(self, values: dict[str, Any], namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """Every manifest, as an install into a namespace would send them."""
        arguments = ("template", RELEASE, CHART, "--kube-version", "1.36.0", "--values", "-")
        rendered = self(*arguments, stdin=yaml.safe_dump(values), namespace=namespace)
        return [document for document in yaml.safe_load_all(rendered) if document]

    def __call__(self, *arguments: str | Path, stdin: str = "", namespace: str = NAMESPACE) -> str:
        return self._control_plane.run(program("helm"), *arguments, "--namespace", namespace, stdin=stdin)
