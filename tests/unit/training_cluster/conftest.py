"""An API server that has two ConfigMaps, and runs that report to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from moorage_api.run_config import ClusterObjects, JobIdentity, ResolvedDataset, RunConfig
from moorage_api.run_report import RunReport
from moorage_api.task import Optimization, Task
from moorage_api.training_job import TrainingResources

TOKEN = "a token"


class ConfigMaps:
    """The ConfigMap part of the API: get and merge-patch, for whoever has the token. `fails`: statuses of the next answers."""

    def __init__(self) -> None:
        self.data: dict[str, dict[str, str]] = {"digits-report": {}, "digits-admission": {}}
        self.token = TOKEN
        self.fails: list[int] = []
        self.seen: list[tuple[str, str]] = []
        self.reports: list[RunReport] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        prefix, name = path.rsplit("/", 1)
        self.seen.append((method, name))
        if prefix != "/api/v1/namespaces/team-a/configmaps":
            return 403, {"kind": "Status", "message": "forbidden"}
        if headers["Authorization"] != f"Bearer {self.token}":
            return 401, {"kind": "Status", "message": "Unauthorized"}
        if self.fails:
            return self.fails.pop(0), {"kind": "Status", "message": "as the test wishes"}
        if name not in self.data:
            return 404, {"kind": "Status", "message": f'configmaps "{name}" not found'}
        if method == "PATCH":
            if headers["Content-Type"] != "application/merge-patch+json":
                return 415, {"kind": "Status", "message": "not a merge patch"}
            self.data[name].update(json.loads(body)["data"])
            self.reports.append(RunReport.model_validate_json(self.data[name]["report.json"]))
        return 200, {"kind": "ConfigMap", "metadata": {"name": name}, "data": self.data[name]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        maps = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, document = maps.answer(self.command, self.path, self.headers, body)
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PATCH = _answer  # noqa: N815 (the base class asks for these names)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def config_maps() -> Iterator[ConfigMaps]:
    maps = ConfigMaps()
    yield maps
    maps.close()


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A pod's ServiceAccount, as it is mounted."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text(TOKEN + "\n")
    return folder


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., RunConfig]:
    def make(**fields: Any) -> RunConfig:
        defaults: dict[str, Any] = {
            "job": JobIdentity(namespace="team-a", name="digits", uid="u-1", generation=1, tenant="acme"),
            "dataset": ResolvedDataset(dataset="digits", uri="sklearn://digits", format="Bundled"),
            "task": Task(type="TabularClassification", model="Linear"),
            "optimization": Optimization(steps=20),
            "resources": TrainingResources(workers=1),
            "folder": str(tmp_path / "run"),
            "output": str(tmp_path / "models"),
            "cluster": ClusterObjects(namespace="team-a", report="digits-report", admission="digits-admission"),
        }
        (tmp_path / "run").mkdir(exist_ok=True)
        return RunConfig(**{**defaults, **fields})

    return make
