"""What of a run's report goes to the operator: all but the workers, in a document that a ConfigMap can hold."""

from __future__ import annotations

from moorage_api.run_report import RunReport

MAX_BYTES = 512 * 1024
"""Half of what a ConfigMap, and etcd below it, take."""
MAX_MESSAGE_CHARACTERS = 16 * 1024


def document_for_operator(report: RunReport) -> str:
    """The report as JSON below MAX_BYTES; pure. Workers are left out: on a cluster pods are billed, from their own timestamps."""
    shown = report.model_copy(update={"workers": []})
    if shown.failure is not None and len(shown.failure.message) > MAX_MESSAGE_CHARACTERS:
        cut = shown.failure.message[:MAX_MESSAGE_CHARACTERS] + "… (the whole message is in the run's folder)"
        shown = shown.model_copy(update={"failure": shown.failure.model_copy(update={"message": cut})})
    text = _json(shown)
    # Metrics are named by the product, a few dozen; a report that is still too large is not one of ours.
    return text if len(text.encode()) < MAX_BYTES else _json(shown.model_copy(update={"metrics": {}, "gates": []}))


def _json(report: RunReport) -> str:
    return report.model_dump_json(by_alias=True, exclude_none=True)
