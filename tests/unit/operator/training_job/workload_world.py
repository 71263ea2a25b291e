"""What runs the pods: KubeRay, the kubelet, a driver with its volume; and the meter that lets ended pods go."""

from __future__ import annotations

import json

from unit.operator.training_job.object_store import JOB, NAMESPACE, Body, ObjectStore

from moorage_api.clock import timestamp
from moorage_api.privacy import PrivacyMechanism
from moorage_api.run_config import Admission, RunConfig
from moorage_operator import names
from moorage_operator.training_job.observe import PrivacyHolding

MECHANISM = PrivacyMechanism(sampling_rate=0.1, noise_multiplier=1.0, steps=40)


class Workload(ObjectStore):
    """`kuberay`, `kubelet`, `driver` and `meter` take one step each, and say whether there was one to take.

    fate: how a driver that gets to its end ends. quiet_death: pods that are deleted say nothing more. journal: the private steps
    that were executed, by holder.
    """

    def __init__(self) -> None:
        super().__init__()
        self.holdings: dict[str, PrivacyHolding] = {}
        self.journal: dict[str, int] = {}
        self.driver_of: dict[str, Body] = {}
        self.succeeded_folders: set[str] = set()
        self.fate, self.quiet_death, self.pods_end_slowly = "Succeeded", False, False

    @property
    def ray_job(self) -> Body | None:
        return self.get("RayJob", JOB)

    def kuberay(self) -> bool:
        """One step of its controller."""
        body = self.ray_job
        if body is None:
            return False
        if "deletionTimestamp" in body["metadata"]:
            self._delete_pods()
            self._write({**body, "metadata": {**body["metadata"], "finalizers": []}})
            return True
        status, suspend = dict(body.get("status") or {}), body["spec"].get("suspend", False)
        state = status.get("jobDeploymentStatus", "")
        if state in ("Initializing", "Running") and suspend:
            status["jobDeploymentStatus"] = "Suspending"
        elif state in ("Initializing", "Running"):
            get_on = self._get_ready if state == "Initializing" else self._advance
            if not get_on(body, status):
                return False
        elif state == "":
            self._uid += 1
            status |= {"jobDeploymentStatus": "Initializing", "startTime": timestamp(self.now), "rayClusterName": f"c{self._uid}"}
        elif state == "Suspending":
            self._delete_pods()
            status = {"jobDeploymentStatus": "Suspended"}
        elif state == "Suspended" and not suspend:
            status = {}
        else:
            return state in ("Complete", "Failed") and self._delete_pods()
        self._write({**body, "status": status})
        return True

    def _get_ready(self, body: Body, status: Body) -> bool:
        if self._make_pods(body, status):
            return True
        if not all(pod["status"].get("phase") == "Running" for pod in self._pods_of(status)):
            return False
        status["jobDeploymentStatus"] = "Running"
        return True

    def _advance(self, _body: Body, status: Body) -> bool:
        head = self._head(status)
        driver = self.driver_of.get(head["metadata"]["uid"]) if head else None
        if head is None:
            return False
        if driver is None:
            self._submit(head)
            status["jobStatus"] = "RUNNING"
            return True
        if not driver.get("exited"):
            return False
        good = driver["phase"] == "Succeeded"
        status |= {"jobStatus": "SUCCEEDED" if good else "FAILED", "endTime": timestamp(self.now)}
        status["jobDeploymentStatus"] = "Complete" if good else "Failed"
        return True

    def _submit(self, head: Body) -> None:
        config = RunConfig.model_validate_json(head["document"], by_alias=True)
        self.driver_of[head["metadata"]["uid"]] = {"config": config, "phase": "", "holder": config.folder.split("/runs/")[1]}

    def _pods_of(self, status: Body) -> list[Body]:
        return [pod for pod in self.all("Pod") if pod["metadata"]["labels"]["ray.io/cluster"] == status.get("rayClusterName")]

    def _head(self, status: Body) -> Body | None:
        pods = [p for p in self._pods_of(status) if p["metadata"]["labels"][names.ROLE] == "head"]
        alive = [p for p in pods if "deletionTimestamp" not in p["metadata"] and p["status"].get("phase") == "Running"]
        return alive[0] if alive else None

    def _make_pods(self, body: Body, status: Body) -> bool:
        """What the controller of the RayCluster does: a pod for each that is wanted, another for one that failed."""
        for pod in self._pods_of(status):
            if pod["status"].get("phase") == "Failed" and "deletionTimestamp" not in pod["metadata"]:
                self._delete("Pod", pod["metadata"]["name"])
                return True
        there = {pod["metadata"]["labels"][names.ROLE] for pod in self._pods_of(status)}
        cluster = body["spec"]["rayClusterSpec"]
        templates = {"head": cluster["headGroupSpec"]["template"], "worker": cluster["workerGroupSpecs"][0]["template"]}
        for template in (template for role, template in templates.items() if role not in there):
            self._uid += 1
            labels = {**template["metadata"]["labels"], "ray.io/cluster": status["rayClusterName"]}
            metadata = {**template["metadata"], "name": f"p{self._uid}", "namespace": NAMESPACE, "labels": labels}
            self._write({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending"}})
        return len(there) < len(templates)

    def _delete_pods(self) -> bool:
        staying = [pod["metadata"]["name"] for pod in self.all("Pod") if "deletionTimestamp" not in pod["metadata"]]
        for name in staying:
            self._delete("Pod", name)
        return bool(staying)

    def kubelet(self, choice: int = 0) -> bool:
        """One pod starts, or one that is deleted ends: whichever is chosen of those that can."""
        live = [pod for pod in self.all("Pod") if pod["status"].get("phase") in ("Pending", "Running")]
        due = [pod for pod in live if pod["status"]["phase"] == "Pending" or self._is_ending(pod)]
        if not due:
            return False
        pod = due[choice % len(due)]
        if self._is_ending(pod):
            self._end_driver(pod["metadata"]["uid"])
            self._write({**pod, "status": {"phase": "Failed"}})
            return True
        document = self.get("ConfigMap", f"{JOB}-run")
        assert document is not None, "the RayJob stands, and what it needs does not"
        running = {"name": "ray", "state": {"running": {"startedAt": timestamp(self.now)}}}
        status = {"phase": "Running", "containerStatuses": [running]}
        self._write({**pod, "status": status, "document": document["data"]["run.json"]})
        return True

    def _is_ending(self, pod: Body) -> bool:
        return "deletionTimestamp" in pod["metadata"] and not self.pods_end_slowly

    def meter(self) -> bool:
        """One ended pod's last second gets into the ledger."""
        for pod in self.all("Pod"):
            if pod["status"].get("phase") in ("Failed", "Succeeded") and pod["metadata"].get("finalizers"):
                self._write({**pod, "metadata": {**pod["metadata"], "finalizers": []}})
                return True
        return False

    def driver(self) -> bool:
        """One step of the driver that lives."""
        for uid, driver in self.driver_of.items():
            if not driver.get("exited"):
                live = [d for d in self.driver_of.values() if not d.get("exited")]
                assert len(live) == 1, "two drivers at a time write into the volume"
                return self._drive(uid, driver)
        return False

    def _drive(self, uid: str, driver: Body) -> bool:
        config, holder, phase = driver["config"], driver["holder"], driver["phase"]
        if phase == "":
            if holder in self.succeeded_folders:
                self._report(driver, "Succeeded")
                driver["exited"] = True
                return True
            if self.journal.get(holder, 0) < config.executed_steps_at_least:
                raise AssertionError("the operator knows of more steps than were executed")
            self._report(driver, "Starting")
        elif phase == "Starting":
            self._report(driver, "Planned")
        elif phase == "Planned":
            if config.admission_required and not driver.get("granted"):
                return self._admit(driver)
            self._report(driver, "Training")
        elif phase == "Training" and self.journal.get(holder, 0) < MECHANISM.steps:
            if config.admission_required:
                held = self.holdings.get(holder)
                assert held is not None, "a private step without a reservation"
                assert held.state == "Reserved", "a private step after the settlement"
            self.journal[holder] = self.journal.get(holder, 0) + 2
            if not self.quiet_death:
                self._report(driver, "Training")
        else:
            self._finish(driver)
        return True

    def _admit(self, driver: Body) -> bool:
        body = self.get("ConfigMap", f"{JOB}-admission")
        text = (body or {}).get("data", {}).get("admission.json", "")
        if not text:
            return False
        answer = Admission.model_validate_json(text, by_alias=True)
        if answer.attempt != driver["config"].attempt or answer.mechanism != MECHANISM:
            return False
        if not answer.granted:
            self._fail(driver, "Refused")
        driver["granted"] = answer.granted
        return True

    def _finish(self, driver: Body) -> None:
        if self.fate == "Succeeded":
            self.succeeded_folders.add(driver["holder"])
            self._report(driver, "Succeeded")
            driver["exited"] = True
        else:
            self._fail(driver, self.fate)

    def _fail(self, driver: Body, reason: str) -> None:
        self._report(driver, "Failed", {"reason": reason, "message": f"because of {reason}"})
        driver["exited"] = True

    def _end_driver(self, pod_uid: str) -> None:
        driver = self.driver_of.get(pod_uid)
        if driver is None or driver.get("exited"):
            return
        if not self.quiet_death:
            self._fail(driver, "Unavailable")
        driver["exited"] = True

    def _report(self, driver: Body, phase: str, failure: Body | None = None) -> None:
        driver["phase"], config = phase, driver["config"]
        executed = self.journal.get(driver["holder"], 0)
        spend = {"epsilonSpent": executed * 0.1, "delta": 1e-5, "accountant": "PRV", "mechanism": MECHANISM.to_wire() | {"steps": executed}}
        report: Body = {"phase": phase, "updatedAt": timestamp(self.now), "attempt": config.attempt}
        if phase not in ("", "Starting") and config.privacy is not None:
            report["plan"] = {"records": 9, "evaluationRecords": 1, "steps": 10, "mechanism": MECHANISM.to_wire()}
            report["privacy"] = spend
        if failure is not None:
            report["failure"] = failure
        if phase == "Succeeded":
            report["metrics"] = {"accuracy": 0.9}
            report["model"] = {"uri": f"{config.output}/abc", "digest": "sha256:" + "0" * 64}
        body = self.get("ConfigMap", f"{JOB}-report")
        if body is not None:
            self._write({**body, "data": {"report.json": json.dumps(report)}})
