"""The model card: facts about one artifact, written for people. No record and nothing unknown is in it."""

from __future__ import annotations

import re
from importlib import resources

import jinja2

from moorage_api.artifact import ArtifactManifest
from moorage_api.run_config import RunConfig
from moorage_training.adversarial.training_attack import DEFAULT_STEPS
from moorage_training.evaluation.attacks.select import SQUARE_QUERIES
from moorage_training.evaluation.evaluate import ModelEvaluation
from moorage_training.export.markdown import Safe, escape, figure, number

METRIC_TITLES = {
    "accuracy": Safe("accuracy"),
    "precision": Safe("precision"),
    "recall": Safe("recall"),
    "f1": Safe("F1"),
    "rocAuc": Safe("ROC-AUC"),
    "expectedCalibrationError": Safe("expected calibration error"),
    "robustAccuracy": Safe("robust accuracy"),
}


def render_card(manifest: ArtifactManifest, config: RunConfig, evaluation: ModelEvaluation, history: bool) -> str:
    """The Markdown of `manifest`'s card; the same facts give the same text, whenever it is written.

    history: whether reports/training.png exists. Every printed string is escaped unless the template marks it as ours.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        undefined=jinja2.StrictUndefined,
        finalize=escape,
        autoescape=False,  # noqa: S701 - the output is Markdown; `finalize` escapes it, HTML included
        keep_trailing_newline=True,
    )
    environment.filters |= {"figure": figure, "number": number, "safe_text": Safe, "join": _join}
    signature = manifest.signature
    values_per_record = 1
    for size in signature.shape:
        values_per_record *= size
    text = environment.get_template("card.md.j2").render(
        name=manifest.name,
        task=manifest.task,
        task_sentence=_task_sentence(manifest),
        signature=signature,
        job=manifest.provenance.job,
        dataset=manifest.provenance.dataset,
        training_records=manifest.provenance.records,
        evaluation=evaluation,
        privacy=manifest.privacy,
        config=config,
        adversarial=manifest.adversarial,
        default_steps=DEFAULT_STEPS,
        values=manifest.metrics,
        metric_titles=METRIC_TITLES,
        robustness=evaluation.robustness,
        square_queries=SQUARE_QUERIES,
        gates=manifest.gates,
        gates_passed=manifest.gates_passed,
        history=history,
        provenance=manifest.provenance,
        values_per_record=values_per_record,
        record_comment=_record_comment(manifest),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def _template(name: str) -> str:
    return resources.files("moorage_training.export").joinpath(name).read_text(encoding="utf-8")


def _join(values: list[object], separator: str) -> Safe:
    """Jinja's own filter would join before escaping; here each part is escaped."""
    return Safe(separator.join(escape(value) for value in values))


def _task_sentence(manifest: ArtifactManifest) -> Safe:
    what = "an image" if manifest.signature.input == "image" else "a row of a table"
    return Safe(f"Sorts {what} into one of {len(manifest.signature.classes)} classes.")


def _record_comment(manifest: ArtifactManifest) -> str:
    signature = manifest.signature
    if signature.input == "image":
        return "one image, channel by channel, row by row, in the raw pixel range"
    return "one row: the features in the order of the table above, a category as its index"
