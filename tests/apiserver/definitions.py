"""CustomResourceDefinitions onto the API server: by server-side apply, the only way for those as large as KubeRay's."""

from __future__ import annotations

import re
from pathlib import Path

from apiserver.api import APPLY, Api, ApiError
from apiserver.eventually import eventually
from apiserver.programs import ROOT

MOORAGE_CRDS = sorted((ROOT / "crds").glob("*.yaml"))
_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def apply_definitions(api: Api, files: list[Path]) -> None:
    """Apply GROUP_PLURAL.yaml files and wait until the API server serves them."""
    assert files
    names = ["{1}.{0}".format(*re.fullmatch(r"(.+)_(.+)\.yaml", file.name).groups()) for file in files]
    for name, file in zip(names, files, strict=True):
        content = _without_old_versions(file.read_text()).encode()
        eventually(lambda name=name, content=content: _is_applied(api, name, content), 60, f"{name} is applied")
    eventually(lambda: all(_is_established(api, name) for name in names), 90, "the definitions are established")


def _is_applied(api: Api, name: str, content: bytes) -> bool:
    """The API server works on KubeRay's for seconds, and on a busy machine gives up."""
    try:
        api.request("PATCH", f"{_PATH}/{name}", content, APPLY, fieldManager="tests", force="true", fieldValidation="Strict")
    except ApiError as error:
        if error.code == 504:
            return False
        raise
    return True


def _is_established(api: Api, name: str) -> bool:
    stored = api.request("GET", f"{_PATH}/{name}").get("status", {})
    conditions = {condition["type"]: condition["status"] for condition in stored.get("conditions") or []}
    assert conditions.get("Established") == "True", (name, stored.get("conditions"))
    return True


def _without_old_versions(text: str) -> str:
    """KubeRay's v1alpha1, which comes second and which nothing here uses, would double the ten seconds that its definitions take."""
    before, *versions = re.split(r"(?m)^  - (?=additionalPrinterColumns:)", text)
    return "  - ".join([before, versions[0]]) if len(versions) == 2 and "\n    name: v1alpha1\n" in versions[1] else text
