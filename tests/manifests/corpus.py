"""Good and bad manifests, and what must be said about the bad ones; for every tier that refuses manifests."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moorage_api.yaml_documents import read_yaml

HERE = Path(__file__).parent
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class BadManifest:
    """document: whole. field: the path that the refusal must name. says: part of its message; empty where any will do."""

    name: str
    document: dict[str, Any]
    field: str
    says: str


def good_manifests() -> dict[str, dict[str, Any]]:
    """Every good manifest by its file's name without `.yaml`."""
    return {path.stem: read_yaml(path.read_text())[0] for path in sorted((HERE / "good").glob("*.yaml"))}


def bad_manifests() -> list[BadManifest]:
    """Every case of bad.yaml."""
    good, cases = good_manifests(), []
    for case in read_yaml((HERE / "bad.yaml").read_text())[0]:
        document = copy.deepcopy(good[case["from"]])
        for path, value in case["set"].items():
            put(document, path, value)
        name = f"{case['from']}: " + ", ".join(f"{path}={value!r}"[:60] for path, value in case["set"].items())
        cases.append(BadManifest(name, document, case["field"], case.get("says", "")))
    return cases


def put(document: Any, path: str, value: Any) -> None:
    """Set the field at `path`, e.g. `spec.gates[0].metric`; None is written as null."""
    steps: list[Any] = [int(index) if index else key for key, index in _STEP.findall(path)]
    for step in steps[:-1]:
        document = document[step]
    document[steps[-1]] = value
