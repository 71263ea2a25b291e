"""A team: a namespace, a Tenant that pays for it, and what it asks for."""

from __future__ import annotations

from dataclasses import dataclass

from apiserver.api import Api
from apiserver.billed import account_of, billed_cpu_seconds
from apiserver.eventually import eventually
from apiserver.ledger_process import LedgerProcess
from apiserver.resources import condition, is_true, stored
from apiserver.world import driver
from apiserver.world.world import World
from manifests.corpus import good_manifests

from moorage_api.base import API_VERSION
from moorage_operator import names
from moorage_operator.plan import ObjectRef


@dataclass
class Team:
    """A namespace whose jobs somebody pays for."""

    namespace: str
    api: Api

    def apply(self, kind: str, name: str, spec: dict) -> dict:
        """A resource in the namespace."""
        return self.api.apply(
            {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}, "spec": spec}
        )

    def job(self, name: str = "digits", **spec: object) -> dict:
        """A TrainingJob."""
        inline = {"dataset": {"uri": "sklearn://digits", "format": "Bundled"}}
        return self.apply("TrainingJob", name, {**good_manifests()["trainingjob-least"]["spec"], **inline, **spec})

    def private_job(self, name: str = "digits") -> dict:
        """A TrainingJob on records with a budget."""
        columns = {
            "label": "y",
            "classes": ["a", "b"],
            "missing": "Fill",
            "features": [{"name": "x", "minimum": 0, "maximum": 1, "fill": 0}],
        }
        budget = {"epsilon": 8, "delta": 1e-5}
        self.apply("Dataset", "records", {"uri": "records.csv", "format": "CSV", "columns": columns, "privacyBudget": budget})
        optimization = {"steps": driver.STEPS, "batchSize": 256, "optimizer": "SGD", "learningRate": 1.0}
        task = {"type": "TabularClassification", "model": "Linear"}
        return self.job(name, dataset={"name": "records"}, task=task, optimization=optimization, privacy={"epsilon": 5, "delta": 1e-5})

    def pods(self, uid: str | None = None) -> list[dict]:
        """Its pods, or those of one resource."""
        return self.api.list("v1", "Pod", self.namespace, f"{names.UID}={uid}" if uid else None)

    def is_running(self, name: str = "digits") -> bool:
        """Whether the job trains."""
        found = condition(stored(self.api, "TrainingJob", name, self.namespace), "Running")
        assert (found.get("status"), found.get("reason")) == ("True", "Training"), found
        return True

    def goes_away_while_it_works(self, world: World, ledger: LedgerProcess) -> None:
        """Delete the namespace with a private run, a finished run and a service in it; nothing of it stays, nothing goes unbilled."""
        world.scenarios[self.namespace, "digits"] = driver.Scenario(hold_in="Training")
        made = [self.private_job(), self.job("open")]
        made.append(self.apply("ModelService", "open", {"model": {"trainingJob": "open"}, "access": {"tenants": [self.namespace]}}))
        eventually(self.is_running, 60)
        eventually(lambda: is_true(self.api, "ModelService", "open", "Ready", self.namespace), 60)

        namespace = ObjectRef("v1", "Namespace", self.namespace)
        self.api.delete(namespace)
        eventually(lambda: self.api.get(namespace) is None, 90, "the namespace goes")
        for resource in made:
            uid = resource["metadata"]["uid"]
            assert world.pods_of(uid)
            assert billed_cpu_seconds(ledger, uid) == {pod.uid: pod.cpu_seconds for pod in world.pods_of(uid)}
        jobs = account_of(ledger, self.namespace).jobs
        assert [(job.state, job.mechanism.steps) for job in jobs] == [("ChargedWhole", driver.STEPS)]
