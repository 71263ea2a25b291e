"""What people read: NOTES.txt after an install, the chart's README, and what `helm test` says."""

from __future__ import annotations

import importlib.util
import re
import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from chart.rendering import CHART, MONITORING, one, render

KUBERAY_CRDS = 'kubectl apply --server-side -k "github.com/ray-project/kuberay/ray-operator/config/crd?ref=v1.7.0"'
RAY = "ray.io/v1"


@pytest.fixture(scope="session")
def chart_with_notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`helm template` leaves NOTES.txt out; here it is a ConfigMap."""
    chart = tmp_path_factory.mktemp("chart") / "moorage"
    shutil.copytree(CHART, chart)
    notes = (CHART / "templates/NOTES.txt").read_text()
    object_ = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata:\n  notes: |\n    {{- include "notes" . | nindent 4 }}\n'
    (chart / "templates/notes.yaml").write_text(f'{{{{ define "notes" }}}}{notes}{{{{ end }}}}{object_}')
    return chart


@pytest.fixture
def notes(chart_with_notes: Path) -> Any:
    def read(values: dict[str, Any] | None = None, **how: Any) -> str:
        return str(one(render(values, chart=chart_with_notes, **how), "ConfigMap", "notes")["data"]["notes"])

    return read


def test_notes_name_the_next_commands(notes: Any) -> None:
    text = notes(namespace="ops", api_versions=[RAY, MONITORING])
    assert "helm test moorage --namespace ops" in text
    assert "kubectl create token moorage-admin --namespace ops --audience moorage-ledger" in text
    assert "KubeRay" not in text
    assert "Prometheus" not in text
    assert "uninstall" not in text


def test_notes_say_what_is_missing(notes: Any) -> None:
    assert KUBERAY_CRDS in notes()
    assert "kuberay.enabled=true" in notes()
    assert "kuberay.enabled=true" not in notes({"kuberay": {"enabled": True}})
    assert KUBERAY_CRDS in notes({"kuberay": {"enabled": True}})
    assert "no monitors and no alerts" in notes()
    assert "kubectl apply --server-side -f crds/" in notes({"crds": {"install": False}})
    assert "never is" in notes({"uninstall": {"force": True}})
    assert "create token" not in notes({"adminServiceAccount": {"create": False}})
    assert "looks after team-a, team-b" in notes({"watchNamespaces": ["team-a", "team-b"]})


def test_the_readme_names_values_that_are_there() -> None:
    readme = (CHART / "README.md").read_text()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named = set(re.findall(r"`([a-z]+[A-Za-z]*(?:\.[a-z][A-Za-z]*)+)`", readme)) - {"values.yaml", "resources.nodePool"}
    named |= set(re.findall(r"--set '?([A-Za-z.]+)=", readme))
    assert len(named) > 12
    for path in named:
        part = values
        for name in path.split("."):
            assert name in part, path
            part = part[name]


def test_kuberay_is_of_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    within = yaml.safe_load((CHART / "charts/kuberay-operator/Chart.yaml").read_text())
    (dependency,) = chart["dependencies"]
    assert dependency["version"] == within["version"] == within["appVersion"].removeprefix("v")
    assert f"?ref={within['appVersion']}" in KUBERAY_CRDS
    assert KUBERAY_CRDS in (CHART / "README.md").read_text()
    deployment = one(render({"kuberay": {"enabled": True}}), "Deployment", "moorage-kuberay-operator")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "quay.io/kuberay/operator:v1.7.0"


@pytest.fixture(scope="module")
def check_install() -> ModuleType:
    """The program of `helm test`."""
    spec = importlib.util.spec_from_file_location("check_install", CHART / "files/check_install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def url() -> Iterator[str]:
    """A service that is ready at the third question, below /never never."""
    asked = [0]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[0] += 1
            self.send_response(200 if asked[0] > 2 and self.path != "/never" else 503)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_helm_test_waits_and_says_what_it_saw(
    check_install: ModuleType, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    check_install.wait_for("the ledger", partial(check_install.ready, url), time.monotonic() + 30)
    assert capsys.readouterr().out == "ok: the ledger\n"
    with pytest.raises(SystemExit, match="failed: the operator: HTTP Error 503"):
        check_install.wait_for("the operator", partial(check_install.ready, f"{url}/never"), time.monotonic())


def test_helm_test_runs_that_program(check_install: ModuleType) -> None:
    (container,) = one(render(), "Pod", "moorage-test")["spec"]["containers"]
    python, option, program, *urls = container["args"]
    assert [python, option] == ["python", "-c"]
    assert program.strip() == (CHART / "files/check_install.py").read_text().strip()
    assert urls == ["http://moorage-ledger.moorage.svc:8080/readyz", "http://moorage-operator.moorage.svc:8080/readyz"]
    assert len(check_install.DEFINITIONS) == len(list((CHART / "files/crds").iterdir()))
