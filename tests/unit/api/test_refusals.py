"""The good manifests are accepted and the bad ones refused, with the field named: by Python and by what an API server reads."""

import pytest
from manifests.api_server import complaints
from manifests.corpus import BadManifest, bad_manifests, good_manifests

from moorage_api.crd.definition import NAMES, custom_resource_definition
from moorage_api.errors import InvalidInput
from moorage_api.manifest import parse_resource

DEFINITIONS = {kind: custom_resource_definition(kind) for kind in NAMES}
GOOD = good_manifests()
BAD = bad_manifests()


def test_the_corpus_is_large_enough_and_covers_every_kind() -> None:
    assert len(BAD) >= 60
    assert {case.document["kind"] for case in BAD} == {document["kind"] for document in GOOD.values()} == set(NAMES)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_manifest_is_accepted_by_both(name: str) -> None:
    assert parse_resource(GOOD[name], name).kind == GOOD[name]["kind"]
    assert complaints(DEFINITIONS[GOOD[name]["kind"]], GOOD[name]) == []


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_python_refuses_a_bad_manifest_and_names_the_field(case: BadManifest) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_resource(case.document, "bad.yaml")
    problems = refusal.value.problems
    assert any(p.field.startswith(case.field) and case.says in "; ".join((p.message, p.remedy)) for p in problems), [
        str(p) for p in problems
    ]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_an_api_server_refuses_a_bad_manifest_and_names_the_field(case: BadManifest) -> None:
    found = complaints(DEFINITIONS[case.document["kind"]], case.document)
    assert any(path.startswith(case.field) and case.says in message for path, message in found), found


def test_a_refusal_reads_as_a_sentence() -> None:
    document = next(case for case in BAD if "Ghost" in case.says).document
    with pytest.raises(InvalidInput) as refusal:
        parse_resource(document, "job.yaml")
    assert str(refusal.value) == "job.yaml: TrainingJob private: spec.privacy.clipping: Ghost is not supported yet; use Flat"
