"""The job's report, out of its ConfigMap. It is data from a stranger: bounded, parsed with the same model as on a laptop, never trusted."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from moorage_api.clock import moment
from moorage_api.run_report import RunReport
from moorage_api.training_job import TrainingJobStatus

KEY = "report.json"
MAX_BYTES = 512 * 1024
SKEW_SECONDS = 2.0
"""How far a node's clock may be behind. Between the pods of two stretches lies more."""
FINAL = ("Succeeded", "Failed")


def read_report(data: Mapping[str, Any], output: str) -> tuple[RunReport | None, str]:
    """The report and nothing, or None and what is wrong with it; None and nothing before the first. output: where artifacts go."""
    text = data.get(KEY) or ""
    if not text:
        return None, ""
    if len(text.encode()) > MAX_BYTES:
        return None, f"the report is larger than {MAX_BYTES} bytes"
    try:
        report = RunReport.model_validate_json(text, by_alias=True, by_name=False)
        moment(report.updated_at)
        _require_fit_for_status(report)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return None, f"the report cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}"[:1024]
    except (ValueError, RecursionError) as error:
        return None, f"the report cannot be read: {error}"[:1024]
    if report.model is not None and not _is_below(report.model.uri, output):
        return None, f"the report names a model outside the job's output folder {output}: {report.model.uri}"
    return report, ""


def is_final(report: RunReport | None) -> bool:
    """Whether the attempt has said its last."""
    return report is not None and report.phase in FINAL


def is_of_stretch(report: RunReport, active_since: str | None) -> bool:
    """Whether it was written since the job was last set going; what came before was said by pods that are gone."""
    return active_since is None or moment(report.updated_at) >= moment(active_since) - timedelta(seconds=SKEW_SECONDS)


def newer_than(report: RunReport, started_at: datetime | None) -> bool:
    """Whether it was written by the pod that started then."""
    return started_at is None or moment(report.updated_at) >= started_at


def _require_fit_for_status(report: RunReport) -> None:
    """Raises ValidationError for what the CRD's bounds on status would refuse."""
    facts = {"progress": report.progress, "privacy": report.privacy, "metrics": report.metrics, "model": report.model}
    wire = {name: fact.to_wire() if hasattr(fact, "to_wire") else fact for name, fact in facts.items() if fact is not None}
    TrainingJobStatus.from_wire(wire)


def _is_below(path: str, folder: str) -> bool:
    return posixpath.normpath(path).startswith(f"{posixpath.normpath(folder)}/")
