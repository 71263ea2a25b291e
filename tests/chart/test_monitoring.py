"""Alerts and dashboards ask for what is there, and docs/monitoring.md tells of all of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.metrics_catalogue import catalogue
from chart.rendering import CHART, MONITORING, ROOT, find, one, render

METRICS = catalogue()
OF_TARGETS = {"job", "instance", "namespace", "pod", "container", "service", "endpoint"}
"""Labels that Prometheus gives to whatever it scrapes."""
HERE = Path(__file__).parent
DOCUMENT = (ROOT / "docs" / "monitoring.md").read_text()
_NAME = re.compile(r"\bmoorage_[a-z_]+\b")
_SELECTOR = re.compile(r"\b([a-z_]+)\{([^}]*)\}")
_MATCHER = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"")
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring) \(([^)]*)\)")


def rules(values: dict[str, Any] | None = None, **how: Any) -> list[dict[str, Any]]:
    rendered = one(render(values, api_versions=[MONITORING], **how), "PrometheusRule")
    return [rule for group in rendered["spec"]["groups"] for rule in group["rules"]]


def dashboards(values: dict[str, Any] | None = None, **how: Any) -> dict[str, dict[str, Any]]:
    maps = [m for m in find(render(values, **how), "ConfigMap") if "-dashboard-" in m["metadata"]["name"]]
    return {name: json.loads(text) for m in maps for name, text in m["data"].items()}


def queries() -> Iterator[tuple[str, str, list[str]]]:
    """(where, expression, labels that its texts name), of the files as they are: tests are collected without Helm too."""
    for group in yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"], re.findall(r"\$labels\.([a-z_]+)", json.dumps(rule["annotations"]))
    for path in sorted((CHART / "files/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"], re.findall(r"\{\{([a-z_]+)\}\}", target["legendFormat"])
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                expression, _, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
                yield f"{path.name}: ${variable['name']}", expression, [label]


QUERIES = list(queries())


@pytest.mark.parametrize(("expression", "shown"), [query[1:] for query in QUERIES], ids=[query[0] for query in QUERIES])
def test_what_is_asked_for_exists(expression: str, shown: list[str]) -> None:
    asked = set(_NAME.findall(expression))
    assert asked <= set(METRICS), f"no such metrics: {sorted(asked - set(METRICS))}"
    for metric, matchers in _SELECTOR.findall(expression):
        known = METRICS.get(metric, set()) | OF_TARGETS
        assert set(_MATCHER.findall(matchers)) <= known, f"{metric} has no such label"
    known = set().union(*(METRICS[metric] for metric in asked)) | OF_TARGETS
    groups = [{label.strip() for label in group.split(",")} for group in _GROUPING.findall(expression)]
    assert set().union(*groups) <= known
    result = set().union(*groups) if any(" by (" in expression for _ in groups) else known
    assert set(shown) <= result, "shows a label that the result does not have"


@pytest.mark.parametrize("metric", sorted({re.sub(r"_(bucket|sum|count)$", "", name) for name in METRICS}))
def test_every_metric_is_documented(metric: str) -> None:
    assert f"`{metric}`" in DOCUMENT


def test_no_metric_is_documented_that_is_not_there() -> None:
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in METRICS}
    assert set(re.findall(r"`(moorage_[a-z_]+)`", DOCUMENT)) <= families


def test_every_alert_is_documented() -> None:
    assert set(re.findall(r"^### (Moorage[A-Za-z]+)$", DOCUMENT, re.MULTILINE)) == {rule["alert"] for rule in rules()}


def test_every_dashboard_is_documented() -> None:
    for board in dashboards().values():
        assert board["title"].removeprefix("Moorage / ") in DOCUMENT


def test_alerts_are_of_this_release() -> None:
    for rule in rules({"monitoring": {"rules": {"outboxLagSeconds": 60}}}, release="blue", namespace="ops"):
        assert "@" not in rule["expr"] + json.dumps(rule["annotations"])
        assert "moorage-operator" not in rule["expr"]
        if "up{" in rule["expr"]:
            assert 'namespace="ops"' in rule["expr"]
            assert re.search(r'job="blue-(operator|ledger)"', rule["expr"])
        if rule["alert"] == "MoorageOutboxLag":
            assert rule["expr"].strip().endswith("> 60")


def promtool() -> str:
    """Of Debian's package `prometheus`."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not on PATH; Debian's package prometheus has it")
    return found


def test_promtool_takes_the_rules_and_they_fire_when_they_should(tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(one(render(api_versions=[MONITORING]), "PrometheusRule")["spec"]))
    shutil.copy(HERE / "alerts_test.yaml", tmp_path)
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        done = subprocess.run([promtool(), *command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_to_fire() -> None:
    cases = yaml.safe_load((HERE / "alerts_test.yaml").read_text())["tests"]
    fired = {test["alertname"] for case in cases for test in case["alert_rule_test"] if test.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in rules()}


def test_promtool_takes_the_dashboards_queries(tmp_path: Path) -> None:
    filled = [re.sub(r"\$__rate_interval", "5m", expression) for where, expression, _ in QUERIES if ".json" in where]
    recorded = [{"record": f"query:{number}", "expr": expression} for number, expression in enumerate(filled)]
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": recorded}]}))
    done = subprocess.run([promtool(), "check", "rules", "queries.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboards_are_whole() -> None:
    boards = dashboards()
    assert set(boards) == {"operations.json", "tenants.json", "serving.json", "training.json"}
    assert len({board["uid"] for board in boards.values()}) == len(boards)
    for board in boards.values():
        panels = board["panels"]
        assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
        assert len({panel["title"] for panel in panels}) == len(panels)
        for panel in panels:
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        cells = [(x, y) for p in panels for x in range(*span(p, "x", "w")) for y in range(*span(p, "y", "h"))]
        assert len(cells) == len(set(cells)), "panels overlap"
        used = set(re.findall(r"\$\{?([a-z]+)\}?", json.dumps(panels)))
        assert used - {"datasource"} <= {variable["name"] for variable in board["templating"]["list"]}
        assert "@" not in json.dumps(board)


def span(panel: dict[str, Any], start: str, length: str) -> tuple[int, int]:
    return panel["gridPos"][start], panel["gridPos"][start] + panel["gridPos"][length]


def test_monitors_are_made_where_the_cluster_knows_them() -> None:
    kinds = {"ServiceMonitor", "PrometheusRule"}
    assert {m["kind"] for m in render()} & kinds == set()
    assert {m["kind"] for m in render(api_versions=[MONITORING])} & kinds == kinds
    assert {m["kind"] for m in render({"monitoring": {"enabled": False}}, api_versions=[MONITORING])} & kinds == set()
    without = {"monitoring": {"serviceMonitors": {"enabled": False}, "rules": {"enabled": False}, "dashboards": {"enabled": False}}}
    assert {m["kind"] for m in render(without, api_versions=[MONITORING])} & kinds == set()
    assert dashboards(without) == {}
    assert dashboards({"monitoring": {"enabled": False}}) == {}


@pytest.mark.parametrize("name", ["operator", "ledger"])
def test_monitors_find_their_services(name: str) -> None:
    manifests = render({"monitoring": {"labels": {"release": "prometheus"}}}, api_versions=[MONITORING])
    monitor = one(manifests, "ServiceMonitor", f"moorage-{name}")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    services = [service for service in find(manifests, "Service") if wanted.items() <= service["metadata"]["labels"].items()]
    assert [service["metadata"]["name"] for service in services] == [f"moorage-{name}"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in services[0]["spec"]["ports"]}
