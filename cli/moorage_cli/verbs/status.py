"""`moorage status [KIND[/NAME]]`: the resources of a home and how they stand; works while `moorage run` runs."""

from __future__ import annotations

from typing import Annotated

import typer
import yaml

from moorage_api.clock import utc_now
from moorage_api.dataset import Dataset
from moorage_api.errors import InvalidInput, Problem
from moorage_api.manifest import CLUSTER_SCOPED, KINDS, AnyResource
from moorage_api.meta import Condition
from moorage_api.price_plan import PricePlan
from moorage_api.tenant import Tenant
from moorage_cli.engine.expired_runs import remove_expired_runs
from moorage_cli.engine.live_status import LiveStatus
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.home import open_home
from moorage_cli.options import DEFAULT_HOME, HomeOption, OutputOption
from moorage_cli.output import Format, say, say_json, say_table

SHORT_NAMES = {"tj": "trainingjob", "msvc": "modelservice", "ds": "dataset", "plan": "priceplan", "tnt": "tenant"}


def status(
    what: Annotated[str | None, typer.Argument(metavar="[KIND[/NAME]]", help="Default: everything.")] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where a named object is.")] = "default",
    home: HomeOption = DEFAULT_HOME,
    output: OutputOption = Format.table,
) -> None:
    """What is there, and how it stands; KIND/NAME shows one object's conditions."""
    store = ObjectStore(open_home(home))
    remove_expired_runs(store, utc_now())
    live = LiveStatus.at(store, utc_now())
    if what is not None and "/" in what:
        _one(live.of(named_object(store, what, namespace)), output)
        return
    found = [live.of(r) for r in (store.all(kind_named(what)) if what else store.everything())]
    if output is Format.json:
        say_json([resource.to_wire() for resource in found])
        return
    rows = [(r.kind, r.metadata.namespace or "", r.metadata.name, *_summary(r)) for r in found]
    say_table(("Kind", "Namespace", "Name", "State", "Detail"), rows, nothing="nothing yet: apply a manifest with `moorage run -f FILE`")


def kind_named(text: str) -> type[AnyResource]:
    """A kind by its name in any case, singular, plural or short. Raises InvalidInput."""
    wanted = SHORT_NAMES.get(text.lower(), text.lower())
    for name, kind in KINDS.items():
        if wanted in (name.lower(), f"{name.lower()}s"):
            return kind
    raise InvalidInput(Problem("unknown kind", "", "KIND", text, f"one of {', '.join(sorted(KINDS))}"))


def named_object(store: ObjectStore, what: str, namespace: str) -> AnyResource:
    """The object that `KIND/NAME` names. Raises InvalidInput."""
    kind_text, _, name = what.partition("/")
    kind = kind_named(kind_text)
    if not name:
        raise InvalidInput(Problem("no name given", "", "KIND/NAME", what, f"write {kind.__name__}/NAME"))
    return store.get(kind, None if kind.__name__ in CLUSTER_SCOPED else namespace, name)


def _one(resource: AnyResource, output: Format) -> None:
    if output is Format.json:
        say_json(resource.to_wire())
        return
    say(f"{resource.ref} (generation {resource.metadata.generation}, uid {resource.metadata.uid})")
    facts = {
        k: v for k, v in (resource.status.to_wire() if resource.status else {}).items() if k not in ("conditions", "observedGeneration")
    }
    if facts:
        say(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True).rstrip())
    conditions = resource.status.conditions if resource.status else []
    rows = [(c.type, c.status, c.reason, c.last_transition_time, c.message) for c in conditions]
    say_table(("Condition", "Status", "Reason", "Since", "Message"), rows, nothing="  no conditions")


def _summary(resource: AnyResource) -> tuple[str, str]:
    """One word and one sentence."""
    if isinstance(resource, Dataset):
        budget, left = resource.spec.privacy_budget, resource.status.remaining_epsilon if resource.status else None
        return (
            "",
            f"epsilon {left:.3g} of {budget.epsilon:g} left at delta {budget.delta:g}" if budget and left is not None else "no budget",
        )
    if isinstance(resource, Tenant):
        return "", f"plan {resource.spec.plan}, {resource.status.active_keys if resource.status else 0} active keys"
    if isinstance(resource, PricePlan):
        return (
            "",
            f"{'free' if resource.spec.free else resource.spec.currency}, {resource.status.tenants if resource.status else 0} tenants",
        )
    conditions = resource.status.conditions if resource.status else []
    decisive = _decisive(conditions, ("Ready",) if resource.kind == "ModelService" else ("GatesPassed", "Succeeded", "Running", "Accepted"))
    if decisive is None:
        return "Pending", ""
    detail = decisive.message
    if resource.kind == "ModelService" and resource.status and resource.status.url:
        detail = f"{resource.status.url} {detail}".strip()
    if resource.kind == "TrainingJob" and resource.status and resource.status.progress and decisive.type == "Running":
        progress = resource.status.progress
        detail = f"step {progress.step}/{progress.total} {detail}".strip()
    return decisive.reason, detail


def _decisive(conditions: list[Condition], order: tuple[str, ...]) -> Condition | None:
    known = {c.type: c for c in conditions if c.status != "Unknown"}
    return next((known[type_] for type_ in order if type_ in known), None)
