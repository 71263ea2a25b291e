"""One ModelService: which model it has, what its replicas are told, and how it stands."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from moorage_api.artifact import read_artifact
from moorage_api.conditions import Truth, with_condition
from moorage_api.errors import InvalidInput, Problem
from moorage_api.model_choice import Choice, Deployed, choose_model, rollout
from moorage_api.model_service import ModelService, ModelServiceStatus
from moorage_api.service_config import ServiceConfig, ServiceState
from moorage_api.training_job import TrainingJob
from moorage_api.usage import Subject
from moorage_cli.durable_file import private_folder, write_durably
from moorage_cli.engine.live_status import stopped
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.home import Home


class ServiceRunner:
    """Follows one service's TrainingJob and keeps its status."""

    def __init__(self, store: ObjectStore, service: ModelService, tenant: str) -> None:
        self.store, self.service, self.tenant = store, service, tenant
        self.choice = Choice(None, None, "WaitingForModel", "", False)
        self._verified: dict[str, str] = {}

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.service.metadata.namespace}/{self.service.metadata.name}"

    def plan(self, job: TrainingJob | None) -> ServiceConfig | None:
        """What the host should serve for this service; None while there is no model."""
        deployed = self._deployed()
        self.choice = self._verify(choose_model(self.service, job, deployed))
        after = rollout(deployed, self.choice, self.service.metadata.generation or 1)
        if after is not None and after != deployed:
            write_durably(_file(self.store.home, self.service), after.model_dump_json(by_alias=True) + "\n")
        return self._config(after) if after is not None and self.choice.uri is not None else None

    def report(self, state: ServiceState | None, problem: str, now: datetime) -> None:
        """Put into status what the host says (None: nothing yet); `problem`: why the host itself is of no use."""
        old = self.service.status or ModelServiceStatus()
        generation = self.service.metadata.generation or 1
        ready, reason, message = self._readiness(state, problem)
        deployed = self._deployed()
        self.service = self.store.set_status(
            self.service,
            old.model_copy(
                update={
                    "observed_generation": generation,
                    "conditions": with_condition(list(old.conditions), "Ready", ready, reason, message, generation=generation, now=now),
                    "url": state.url if state is not None else None,
                    "replicas": state.replicas if state is not None else 0,
                    "revision": deployed.revision if deployed else 0,
                    "model_digest": self.choice.digest,
                }
            ),
        )

    def close(self, now: datetime) -> None:
        """Say that nothing answers any more."""
        self.service = self.store.set_status(self.service, stopped(self.service, now))

    def _readiness(self, state: ServiceState | None, problem: str) -> tuple[Truth, str, str]:
        choice = self.choice
        if choice.uri is None:
            return "False", choice.reason, choice.message
        kept = choice.message if choice.reason not in ("Passed", "Pinned") else ""
        if problem:
            return "False", "HostFailed", problem
        if state is None or not state.ready:
            return "False", "Deploying", state.message if state is not None else "the replicas are starting"
        return "True", choice.reason, kept

    def _verify(self, choice: Choice) -> Choice:
        """Refuse a model whose artifact is missing or altered."""
        if choice.uri is None or choice.digest is None or self._verified.get(choice.uri) == choice.digest:
            return choice
        try:
            read_artifact(Path(choice.uri), choice.digest)
        except InvalidInput as error:
            return Choice(None, None, "ArtifactRefused", str(error), True)
        self._verified[choice.uri] = choice.digest
        return choice

    def _config(self, deployed: Deployed) -> ServiceConfig:
        meta, spec, home = self.service.metadata, self.service.spec, self.store.home
        uid = meta.uid or ""
        return ServiceConfig(
            subject=Subject(kind="ModelService", namespace=meta.namespace or "default", name=meta.name, uid=uid),
            tenant=self.tenant,
            route_prefix=f"/{self.key}",
            artifact=deployed.uri,
            digest=deployed.digest,
            replicas=spec.replicas,
            batching=spec.batching,
            resources=spec.resources,
            access=spec.access,
            access_policy=str(home.access_policy),
            outbox=str(private_folder(home.outbox(uid))),
            ledger=home.ledger_url,
        )

    def _deployed(self) -> Deployed | None:
        return deployed_model(self.store.home, self.service)


def deployed_model(home: Home, service: ModelService) -> Deployed | None:
    """The model that a service was last given, or None. Raises InvalidInput if the file is damaged."""
    file = _file(home, service)
    if not file.exists():
        return None
    try:
        return Deployed.model_validate_json(file.read_bytes(), by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidInput(Problem(f"malformed: {error.errors()[0]['msg']}", str(file), remedy="remove the file")) from None


def _file(home: Home, service: ModelService) -> Path:
    return home.service_folder(service.metadata.uid or "") / "deployed.json"
