"""The chart as manifests, by the real `helm template`; for every tier that installs or inspects it.

manifests = render({"watchNamespaces": ["team-a"]})
deployment = one(manifests, "Deployment", "moorage-operator")
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "moorage"
BIN = Path(os.environ.get("CACHE") or Path.home() / ".cache/moorage") / "cluster/bin"
RELEASE = NAMESPACE = "moorage"
KUBERNETES = "1.36.3"
"""Rendered for this version; the oldest that the chart takes is in Chart.yaml."""
MONITORING = "monitoring.coreos.com/v1"
"""An API version that a cluster with the Prometheus operator has."""

Manifest = dict[str, Any]


class Missing(Exception):
    """A program is not there; the message says what makes it."""


class Refused(Exception):
    """Helm does not render these values; the message is Helm's."""


def program(name: str) -> str:
    """The path of `helm` or `kubeconform`: from PATH, else of those that hack/cluster/build-tools builds. Raises Missing."""
    found = shutil.which(name) or shutil.which(name, path=str(BIN))
    if found is None:
        raise Missing(f"{name} is neither on PATH nor in {BIN}; `hack/cluster/build-tools control-plane` builds it with Go")
    return found


def run_helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One call of helm, without a cluster."""
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    return subprocess.run([program("helm"), *arguments], capture_output=True, text=True, timeout=60, env=environment)


def render_text(
    values: dict[str, Any] | None = None,
    *,
    chart: Path = CHART,
    release: str = RELEASE,
    namespace: str = NAMESPACE,
    kubernetes: str = KUBERNETES,
    api_versions: Sequence[str] = (),
    is_upgrade: bool = False,
) -> str:
    """What Helm renders, hooks and tests included. Raises Refused, Missing."""
    known = [argument for version in api_versions for argument in ("--api-versions", version)]
    flags = ["--namespace", namespace, "--kube-version", kubernetes, *known, *(["--is-upgrade"] if is_upgrade else [])]
    return _helm_template(yaml.safe_dump(values or {}), (release, str(chart), *flags))


@cache
def _helm_template(values: str, arguments: tuple[str, ...]) -> str:
    command = [program("helm"), "template", *arguments, "--values", "-"]
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(command, input=values, capture_output=True, text=True, timeout=60, env=environment)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


def forget_what_was_rendered() -> None:
    """Ask Helm anew."""
    _helm_template.cache_clear()


def render(values: dict[str, Any] | None = None, **how: Any) -> list[Manifest]:
    """The manifests; how: as of render_text. A field that is written twice in one mapping is an error."""
    manifests: list[Manifest] = pickle.loads(_parsed(render_text(values, **how)))
    return manifests


@cache
def _parsed(text: str) -> bytes:
    """The manifests, pickled: whoever gets them may change them, and reading YAML takes longest of all."""
    return pickle.dumps([document for document in read_strictly(text) if document is not None])


def find(manifests: Iterable[Manifest], kind: str, name: str | None = None, namespace: str | None = None) -> list[Manifest]:
    """Those of a kind, and of a name and namespace where they are given."""
    return [
        manifest
        for manifest in manifests
        if manifest["kind"] == kind
        and name in (None, manifest["metadata"]["name"])
        and namespace in (None, manifest["metadata"].get("namespace"))
    ]


def one(manifests: Iterable[Manifest], kind: str, name: str | None = None, namespace: str | None = None) -> Manifest:
    """The only one."""
    (found,) = find(manifests, kind, name, namespace)
    return found


def pod_specs(manifests: Iterable[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """(kind/name, the pod's spec) of whatever makes pods."""
    for manifest in manifests:
        where = f"{manifest['kind']}/{manifest['metadata']['name']}"
        if manifest["kind"] == "Pod":
            yield where, manifest["spec"]
        elif manifest["kind"] in ("Deployment", "Job"):
            yield where, manifest["spec"]["template"]["spec"]


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Loader):
    """Refuses a mapping with the same key twice, of which YAML readers keep either."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        raise yaml.constructor.ConstructorError(None, None, f"written twice: {', '.join(twice)}", node.start_mark)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_strictly(text: str) -> list[Any]:
    """The documents of a YAML text."""
    return list(yaml.load_all(text, Loader=_StrictLoader))
