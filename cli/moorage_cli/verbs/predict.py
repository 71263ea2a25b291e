"""`moorage predict SERVICE --input FILE|-|JSON --key KEY`: ask a running ModelService, over HTTP like any caller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from moorage_api.artifact import Signature, read_artifact
from moorage_api.errors import InvalidInput, MoorageError, Problem, Refused, Unavailable
from moorage_api.model_service import ModelService
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.engine.service_runner import deployed_model
from moorage_cli.home import open_home
from moorage_cli.home_lock import is_running
from moorage_cli.options import DEFAULT_HOME, HomeOption, OutputOption
from moorage_cli.output import Format, say_json, say_table
from moorage_cli.records_given import read_input, request_of

TIMEOUT_SECONDS = 30.0
BAD_INPUT = frozenset({400, 404, 413, 415})


def predict(
    service: Annotated[str, typer.Argument(help="The ModelService.")],
    input_: Annotated[str, typer.Option("--input", "-i", metavar="FILE|-|JSON", help="Records: JSON, CSV, or a whole infer request.")],
    key: Annotated[str, typer.Option(envvar="MOORAGE_API_KEY", help="An API key of a tenant that may call.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where the service is.")] = "default",
    home: HomeOption = DEFAULT_HOME,
    output: OutputOption = Format.table,
) -> None:
    """Labels and probabilities of some records. The request is metered like any other."""
    opened = open_home(home)
    store = ObjectStore(opened)
    found = store.get(ModelService, namespace, service)
    url = found.status.url if found.status else None
    if url is None or not is_running(opened):
        raise Unavailable(Problem("it is not being served now", found.ref, remedy="start it with `moorage run -f` and leave that running"))
    signature = _signature(store, found)
    answer = _ask(f"{url}/v2/models/{service}/infer", request_of(read_input(input_), signature), key, found.ref)
    if output is Format.json:
        say_json(answer)
        return
    outputs = {o["name"]: o["data"] for o in answer["outputs"]}
    labels, flat, width = outputs["label"], outputs["probabilities"], len(signature.classes)
    rows = [(index, label, *(f"{p:.4f}" for p in flat[index * width : (index + 1) * width])) for index, label in enumerate(labels)]
    say_table(("Record", "Label", *(f"P({c})" for c in signature.classes)), rows)


def _signature(store: ObjectStore, service: ModelService) -> Signature:
    deployed = deployed_model(store.home, service)
    if deployed is None:
        raise Unavailable(Problem("it has no model yet", service.ref, remedy="see `moorage status`"))
    return read_artifact(Path(deployed.uri), deployed.digest).signature


def _ask(url: str, body: dict[str, Any], key: str, ref: str) -> dict[str, Any]:
    """POST and check. Raises InvalidInput for bad records, Refused for keys and limits, Unavailable for the rest."""
    try:
        content = json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        response = httpx.post(url, content=content, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False)
    except UnicodeEncodeError:
        raise InvalidInput(
            Problem("holds characters that no key has", ref, "--key", remedy="give the key as `keys create` showed it")
        ) from None
    except httpx.HTTPError as error:
        raise Unavailable(Problem(f"does not answer: {error}", ref, "url", url, "see `moorage status`")) from None
    if response.is_success:
        answer: dict[str, Any] = response.json()
        return answer
    try:
        message = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        message = response.text[:200] or "no reason given"
    problem = Problem(f"answered {response.status_code}: {message}", ref)
    kind: type[MoorageError] = InvalidInput if response.status_code in BAD_INPUT else Refused if response.status_code < 500 else Unavailable
    raise kind(problem)
