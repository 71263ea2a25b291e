"""What a real API server accepts and refuses, and that its words are those of `moorage validate`."""

from __future__ import annotations

import json
import re

import pytest
from apiserver.api import Api, ApiError
from apiserver.programs import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manifests.corpus import BadManifest, bad_manifests, good_manifests, put
from manifests.generated import values

from moorage_api.crd.definition import NAMES, custom_resource_definition
from moorage_api.errors import InvalidInput
from moorage_api.manifest import parse_resource
from moorage_api.yaml_documents import read_yaml

GOOD, BAD = good_manifests(), bad_manifests()
EXAMPLES = sorted((ROOT / "examples").glob("**/*.yaml"))
SCHEMAS = {kind: custom_resource_definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for kind in NAMES}
_STRICT = re.compile(r'(?:unknown|duplicate) field "([^"]+)"')


@pytest.fixture(scope="module", autouse=True)
def _their_namespaces(api: Api) -> None:
    """A manifest into a namespace that is not there says nothing about the manifest."""
    documents = [*GOOD.values(), *(document for path in EXAMPLES for document in read_yaml(path.read_text()))]
    for name in {document["metadata"].get("namespace") for document in documents} - {None}:
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def refusal_of(api: Api, document: dict) -> list[tuple[str, str]] | None:
    """Path and message of everything that the API server has against a manifest; None if it accepts it."""
    try:
        api.create(document, dry_run=True)
    except ApiError as error:
        if error.code == 409:
            return None
        strict = [(path, error.message) for path in _STRICT.findall(error.message)]
        return [*error.causes, *strict] or [("", error.message)]
    return None


@pytest.mark.parametrize("name", GOOD)
def test_a_good_manifest_is_accepted(api: Api, name: str) -> None:
    assert refusal_of(api, GOOD[name]) is None
    stored = api.create(GOOD[name], dry_run=True)
    assert parse_resource(stored, name).spec == parse_resource(GOOD[name], name).spec, "the server's defaults are the models'"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_a_shipped_example_is_accepted(api: Api, path) -> None:
    documents = read_yaml(path.read_text())
    assert documents
    for document in documents:
        assert refusal_of(api, document) is None, document["metadata"]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_manifest_is_refused_with_its_field_and_reason(api: Api, case: BadManifest) -> None:
    found = refusal_of(api, case.document)
    assert found is not None, "the API server accepts it"
    assert any(path.startswith(case.field) for path, _ in found), found
    if case.says:
        assert any(path.startswith(case.field) and case.says in message for path, message in found), found
        with pytest.raises(InvalidInput) as refusal:
            parse_resource(case.document, "bad.yaml")
        said = [(problem.field, "; ".join(filter(None, (problem.message, problem.remedy)))) for problem in refusal.value.problems]
        ours = {words for field, words in said if field.startswith(case.field) and case.says in words}
        theirs = {message for path, message in found if path.startswith(case.field) and case.says in message}
        assert any(words in message for words in ours for message in theirs), (ours, theirs)


@pytest.mark.parametrize("kind", sorted(NAMES))
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_verdicts_agree_on_generated_manifests(api: Api, kind: str, data: st.DataObject) -> None:
    """Good manifests with a part drawn anew: accepted by both or refused by both."""
    name = data.draw(st.sampled_from(sorted(name for name, document in GOOD.items() if document["kind"] == kind)))
    document = json.loads(json.dumps(GOOD[name]))
    spec = SCHEMAS[kind]["properties"]["spec"]
    for part in data.draw(st.lists(st.sampled_from(sorted(spec["properties"])), min_size=1, max_size=2, unique=True)):
        put(document, f"spec.{part}", data.draw(values(spec["properties"][part])))
    try:
        parse_resource(json.loads(json.dumps(document)), "generated")
        accepted = True
    except InvalidInput:
        accepted = False
    found = refusal_of(api, document)
    assert accepted == (found is None), (found, document)
