"""The CRDs of the chart are those of crds/, stay after an uninstall, and the release fits into its Secret."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest
import yaml
from chart.rendering import CHART, MONITORING, ROOT, find, one, render, render_text
from chart.value_sets import VALUE_SETS

CRDS = sorted((ROOT / "crds").glob("*.yaml"))
SECRET_BYTES = 1024 * 1024


def test_the_chart_holds_the_files_of_crds() -> None:
    copies = {path.name: path.read_text() for path in (CHART / "files/crds").iterdir()}
    assert copies == {path.name: path.read_text() for path in CRDS}, "run hack/generate-chart-crds and commit the result"


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_what_is_rendered_is_the_definition_and_is_kept(path: Path) -> None:
    expected = yaml.safe_load(path.read_text())
    found = one(render(), "CustomResourceDefinition", expected["metadata"]["name"])
    assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert found["metadata"].pop("labels")
    assert found == expected


def test_they_can_be_left_out() -> None:
    assert find(render({"crds": {"install": False}}), "CustomResourceDefinition") == []


def test_the_release_fits_into_its_secret() -> None:
    """As Helm stores it: chart, values and manifests as JSON, gzipped, base64 by Helm and again by the API server."""
    files = [
        {"name": str(path.relative_to(CHART)), "data": base64.b64encode(path.read_bytes()).decode()}
        for path in sorted(CHART.rglob("*"))
        if path.is_file()
    ]
    values = VALUE_SETS["everything"]
    manifest = render_text(values, api_versions=[MONITORING])
    stored = json.dumps({"chart": files, "config": values, "manifest": manifest}).encode()
    size = len(base64.b64encode(base64.b64encode(gzip.compress(stored))))
    assert size < SECRET_BYTES / 4, f"{size} bytes"
