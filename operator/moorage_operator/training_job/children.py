"""What stands before a RayJob does: the documents, the ServiceAccount with its rights, the NetworkPolicy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from moorage_api.run_config import Admission
from moorage_operator import names
from moorage_operator.plan import Apply, Manifest
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job import report
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.run_document import run_config_of
from moorage_operator.training_job.run_identity import run_in_status
from moorage_operator.workload.network import training_network

RUN_KEY, ADMISSION_KEY = "run.json", "admission.json"
_RBAC = "rbac.authorization.k8s.io"


def prerequisites(seen: ObservedTrainingJob, settings: OperatorSettings) -> tuple[Apply, ...]:
    """Everything that the present attempt's RayJob needs; what an earlier attempt was told or said is wiped off."""
    answer = (admission_map(seen, None),) if seen.is_private else ()
    first, *others = surroundings(seen, settings)
    needed = (Apply((run_map(seen), report_map(seen), *answer, *first.manifests)), *others)
    return tuple(replace(one, likely_absent=seen.attempt == 1) for one in needed)


def surroundings(seen: ObservedTrainingJob, settings: OperatorSettings) -> tuple[Apply, ...]:
    """Of that, what is no document: it says the same for as long as the run lasts."""
    account, role, binding = account_and_rights(seen)
    # The API server refuses a RoleBinding whose Role is not there yet.
    return Apply((account, role, training_network(seen.job, seen.tenant, settings))), Apply((binding,))


def run_map(seen: ObservedTrainingJob) -> Manifest:
    """The ConfigMap with the RunConfig, mounted into the pods."""
    document = run_config_of(seen).model_dump_json(by_alias=True, exclude_none=True, indent=1)
    return _child(seen, "v1", "ConfigMap", names.run_config_map(seen.job.metadata.name), data={RUN_KEY: document})


def report_map(seen: ObservedTrainingJob) -> Manifest:
    """The ConfigMap that the job reports in, with nothing in it."""
    # An empty text, not a missing key: the job's own writes made the key its own, and a key that is left out would stay as it is.
    made = _child(seen, "v1", "ConfigMap", names.report_config_map(seen.job.metadata.name), data={report.KEY: ""})
    made["metadata"]["labels"][names.DOCUMENT] = names.REPORT_DOCUMENT
    return made


def admission_map(seen: ObservedTrainingJob, answer: Admission | None) -> Manifest:
    """The ConfigMap with the privacy ledger's answer, or with none yet."""
    text = answer.model_dump_json(by_alias=True, exclude_none=True) if answer is not None else ""
    return _child(seen, "v1", "ConfigMap", names.admission_config_map(seen.job.metadata.name), data={ADMISSION_KEY: text})


def account_and_rights(seen: ObservedTrainingJob) -> tuple[Manifest, Manifest, Manifest]:
    """The driver's ServiceAccount, which may patch its report and read its admission, each by name, and nothing else."""
    job = seen.job.metadata.name
    name = names.training_account(job)
    rules = [_rule(names.report_config_map(job), "get", "patch"), _rule(names.admission_config_map(job), "get")]
    subject = {"kind": "ServiceAccount", "name": name, "namespace": seen.job.metadata.namespace}
    role = {"apiGroup": _RBAC, "kind": "Role", "name": name}
    return (
        _child(seen, "v1", "ServiceAccount", name, automountServiceAccountToken=False),
        _child(seen, f"{_RBAC}/v1", "Role", name, rules=rules),
        _child(seen, f"{_RBAC}/v1", "RoleBinding", name, subjects=[subject], roleRef=role),
    )


def _rule(config_map: str, *verbs: str) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [config_map], "verbs": list(verbs)}


def _child(seen: ObservedTrainingJob, api_version: str, kind: str, name: str, **content: Any) -> Manifest:
    metadata = {
        "name": name,
        "namespace": seen.job.metadata.namespace,
        "labels": names.labels_of(seen.job, seen.tenant),
        "annotations": {names.RUN: run_in_status(seen.job)},
        "ownerReferences": [names.owner_reference(seen.job)],
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}
