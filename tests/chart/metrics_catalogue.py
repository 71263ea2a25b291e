"""Every metric that Moorage exports, with its labels: read from the calls that make them, or from a page where calls do not say it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from chart.rendering import ROOT
from prometheus_client.parser import text_string_to_metric_families

from moorage_billing.service.metrics import ServiceMetrics
from moorage_operator.cache import Cache
from moorage_operator.metrics import OperatorMetrics

OPERATOR = ROOT / "operator" / "moorage_operator"
SERVING = ROOT / "serving" / "moorage_serving"
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}

Catalogue = dict[str, set[str]]
"""By the name of a series, as queries say it: its labels."""


def catalogue() -> Catalogue:
    """Of the operator, the ledger, and the replicas and agents of services."""
    return {**operator(), **ledger(), **_of_source(SERVING)}


def operator() -> Catalogue:
    """What the operator says of itself, and of a cache with one Dataset in it."""
    cache = Cache()
    spent = {"epsilon": 1.0, "delta": 1e-5}
    meta = {"name": "digits", "namespace": "team-a", "uid": "1", "resourceVersion": "1"}
    dataset = {"kind": "Dataset", "metadata": meta, "spec": {"privacyBudget": spent}, "status": {"spent": spent, "reserved": spent}}
    cache.put({"apiVersion": "moorage.dev/v1alpha1", **dataset})
    return {**_of_page(OperatorMetrics(cache, lambda: 0.0, lambda: 0.0).page()), **_of_source(OPERATOR)}


def ledger() -> Catalogue:
    """What the ledger exports once it has answered something."""
    metrics = ServiceMetrics()
    metrics.answered("GET", "/healthz", 200, 0.1)
    return _of_page(metrics.text())


def _of_page(page: bytes) -> Catalogue:
    found: Catalogue = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            if sample.name.startswith("moorage_") and not sample.name.endswith("_created"):
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _of_source(folder: Path) -> Catalogue:
    found: Catalogue = {}
    for path in sorted(folder.rglob("*.py")):
        for name, kind, labels in _constructed(ast.parse(path.read_text())):
            for suffix in _SUFFIXES[kind]:
                found[f"{name.removesuffix('_total')}{suffix}"] = set(labels) | ({"le"} if suffix == "_bucket" else set())
    return found


def _constructed(source: ast.Module) -> Iterator[tuple[str, str, list[str]]]:
    """(name, kind, labels) of each call whose first argument is a metric's name. The agent's gauges and those that
    replicas and agents share (a tuple of name and text) are by model."""
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name):
            kind = next((kind for kind in _SUFFIXES if kind in node.func.id.lower() and "Family" not in node.func.id), None)
            name, lists = _text(node.args[0]), [argument for argument in node.args if isinstance(argument, ast.List)]
            if kind and name.startswith("moorage_"):
                yield name, kind, [_text(element) for element in lists[0].elts] if lists else ["model"] * node.func.id.startswith("_")
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Tuple) and node.value.elts:
            name = _text(node.value.elts[0])
            if name.startswith("moorage_"):
                yield name, "gauge", ["model"]


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
