"""`moorage delete KIND/NAME`: forget an object. What was used and what privacy was spent stays in the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from moorage_api.clock import utc_now
from moorage_api.errors import Problem, Refused, Unavailable
from moorage_api.manifest import AnyResource
from moorage_api.model_service import ModelService
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob
from moorage_cli.api_keys import read_policy, revoke_key
from moorage_cli.engine.accounts import Accounts
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.engine.settlement import forget_runs
from moorage_cli.home import open_home
from moorage_cli.home_lock import is_running
from moorage_cli.options import DEFAULT_HOME, HomeOption, OutputOption
from moorage_cli.output import Format, say, say_json
from moorage_cli.verbs.status import named_object


def delete(
    what: Annotated[str, typer.Argument(metavar="KIND/NAME")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where the object is.")] = "default",
    home: HomeOption = DEFAULT_HOME,
    output: OutputOption = Format.table,
) -> None:
    """Forget an object that nothing refers to. The ledger keeps everything; a Tenant's keys are revoked."""
    opened = open_home(home)
    if is_running(opened):
        raise Unavailable(Problem("a `moorage run` works on this home", str(opened.root), remedy="stop it first"))
    store = ObjectStore(opened)
    resource = named_object(store, what, namespace)
    users = [other.ref for other in store.everything() if refers_to(other, resource)]
    if users:
        raise Refused(Problem(f"it is in use by {', '.join(users)}", resource.ref, remedy="delete those first"))
    if isinstance(resource, TrainingJob):
        accounts = Accounts(opened)
        forget_runs(store, accounts, resource)
        accounts.close()
    if resource.kind == "Tenant":
        for access in read_policy(opened).tenants:
            for key in access.keys if access.name == resource.metadata.name else []:
                revoke_key(opened, key.prefix, utc_now())
    store.delete(resource)
    if output is Format.json:
        say_json({"deleted": resource.ref})
    else:
        say(f"{resource.ref} is deleted; the ledger keeps what it used")


def refers_to(user: AnyResource, used: AnyResource) -> bool:
    """Whether `user` names `used` in its spec."""
    name, same_namespace = used.metadata.name, user.metadata.namespace == used.metadata.namespace
    if used.kind == "PricePlan":
        return isinstance(user, Tenant) and user.spec.plan == name
    if used.kind == "Dataset":
        return isinstance(user, TrainingJob) and same_namespace and user.spec.dataset.name == name
    if used.kind == "TrainingJob":
        return isinstance(user, ModelService) and same_namespace and user.spec.model.training_job == name
    if used.kind == "Tenant" and isinstance(user, TrainingJob | ModelService):
        called = isinstance(user, ModelService) and name in user.spec.access.tenants
        return called or user.spec.tenant == name
    return False
