"""The job's part: what the driver of a run reports in its ConfigMap, as the job's own ServiceAccount, phase by phase."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from apiserver.api import Api, ApiError

from moorage_api.clock import timestamp, utc_now
from moorage_api.run_config import Admission, RunConfig
from moorage_operator import names
from moorage_operator.plan import ObjectRef

Body = dict[str, Any]
STEPS, RECORDS = 400, 1437
MECHANISM = {"samplingRate": 256 / RECORDS, "noiseMultiplier": 2.4, "steps": STEPS}
DIGEST = "sha256:" + "ab" * 32
PHASES = ("Starting", "Planned", "Training", "Exporting", "Evaluating", "Succeeded")


@dataclass
class Scenario:
    """How the runs of one TrainingJob go."""

    hold_in: str = ""
    """The phase that the run does not leave."""
    failing_attempts: tuple[int, ...] = ()
    """These fail in the middle of training, with a lost worker."""
    metrics: dict[str, float] = field(default_factory=lambda: {"accuracy": 0.93, "robustAccuracy": 0.61, "epsilonSpent": 4.9})


def move_driver(api: Api, job: Body, scenario: Scenario) -> str | None:
    """Report the next phase, if it is time; how the Ray job ended, or None while it runs."""
    namespace, labels = job["metadata"]["namespace"], job["metadata"]["labels"]
    name = labels[names.NAME]
    config = _run_config(api, namespace, name)
    if config is None:
        return None
    account = api.acting_as_account(namespace, names.training_account(name))
    with_report = ObjectRef("v1", "ConfigMap", names.report_config_map(name), namespace)
    stored = json.loads((account.get(with_report) or {}).get("data", {}).get("report.json") or "{}")
    mine = stored if stored.get("attempt") == config.attempt else {}
    phase = mine.get("phase")
    if phase in ("Succeeded", "Failed"):
        return "SUCCEEDED" if phase == "Succeeded" else "FAILED"
    following = PHASES[PHASES.index(phase) + 1] if phase else PHASES[0]
    if phase and scenario.hold_in == phase:
        return None
    admission = _admission(account, namespace, name, config) if phase == "Planned" and config.admission_required else None
    if phase == "Planned" and config.admission_required and admission is None:
        return None
    failure = None
    if admission is not None and not admission.granted:
        failure = {"reason": "Refused", "message": admission.message}
    elif phase == "Training" and config.attempt in scenario.failing_attempts:
        failure = {"reason": "WorkerLost", "message": "worker 1/0 was lost"}
    report = _report(config, "Failed" if failure else following, scenario, failure)
    account.patch(with_report, {"data": {"report.json": json.dumps(report)}})
    return None


def _run_config(api: Api, namespace: str, name: str) -> RunConfig | None:
    stored = api.get(ObjectRef("v1", "ConfigMap", names.run_config_map(name), namespace))
    return None if stored is None else RunConfig.from_wire(json.loads(stored["data"]["run.json"]))


def _admission(account: Api, namespace: str, name: str, config: RunConfig) -> Admission | None:
    """The answer to this attempt's plan; None while there is none."""
    try:
        stored = account.get(ObjectRef("v1", "ConfigMap", names.admission_config_map(name), namespace))
    except ApiError as error:
        if error.code == 403:  # its Role is not there yet, or not any more
            return None
        raise
    text = ((stored or {}).get("data") or {}).get("admission.json")
    answer = Admission.from_wire(json.loads(text)) if text else None
    return answer if answer is not None and answer.attempt == config.attempt else None


def _report(config: RunConfig, phase: str, scenario: Scenario, failure: Body | None) -> Body:
    at = PHASES.index(phase) if phase in PHASES else PHASES.index("Training")
    report: Body = {"version": "moorage.dev/report.v1", "phase": phase, "updatedAt": timestamp(utc_now()), "attempt": config.attempt}
    if at >= PHASES.index("Planned"):
        plan = {"records": RECORDS, "evaluationRecords": 360, "steps": STEPS}
        report["plan"] = {**plan, **({"mechanism": MECHANISM} if config.privacy else {})}
    if at >= PHASES.index("Training"):
        step = STEPS if at > PHASES.index("Training") else STEPS // 2
        report["progress"] = {"step": step, "total": STEPS, "percent": 100.0 * step / STEPS, "loss": 0.5}
        if config.privacy:
            spent = {
                "epsilonSpent": scenario.metrics["epsilonSpent"],
                "delta": config.privacy.delta,
                "accountant": config.privacy.accountant,
            }
            report["privacy"] = {**spent, "mechanism": {**MECHANISM, "steps": step}}
    if at >= PHASES.index("Evaluating"):
        report["model"] = {"uri": f"{config.output}/{DIGEST.removeprefix('sha256:')}", "digest": DIGEST}
    if phase == "Succeeded":
        report["metrics"] = scenario.metrics
        report["gatesPassed"] = True
    if failure:
        report["failure"] = failure
    return report
