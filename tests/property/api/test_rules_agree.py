"""Every Rule says the same in CEL and in Python, and an API server accepts exactly what Python accepts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manifests.api_server import complaints, rule_verdicts, with_defaults
from manifests.corpus import bad_manifests, good_manifests, put
from manifests.generated import values

from moorage_api.base import ApiModel
from moorage_api.crd.definition import NAMES, custom_resource_definition
from moorage_api.errors import InvalidInput
from moorage_api.manifest import KINDS, parse_resource
from moorage_api.problems import broken_rules

DEFINITIONS = {kind: custom_resource_definition(kind) for kind in NAMES}
SCHEMAS = {kind: definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for kind, definition in DEFINITIONS.items()}
GOOD = good_manifests()
RELAXED = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))


def assert_rules_agree(kind: str, document: dict[str, Any]) -> None:
    """Both name the same broken rules, by path and message, of a document without errors of type or bounds."""
    model: ApiModel = KINDS[kind].from_wire(document)
    python = sorted((problem.field, "; ".join(filter(None, (problem.message, problem.remedy)))) for problem in broken_rules(model, ""))
    verdicts = rule_verdicts(SCHEMAS[kind], with_defaults(SCHEMAS[kind], document), "")
    assert python == sorted((path, message) for path, _, message, holds in verdicts if not holds)


def is_accepted(document: dict[str, Any]) -> bool:
    try:
        parse_resource(document, "generated")
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("kind", sorted(NAMES))
@RELAXED
@given(data=st.data())
def test_rules_agree_on_generated_specs(kind: str, data: st.DataObject) -> None:
    properties = SCHEMAS[kind]["properties"]
    document = {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": data.draw(st.sampled_from(["a", "a" * 47, "a" * 48]))},
        "spec": data.draw(values(properties["spec"])),
    }
    assert_rules_agree(kind, document)


@pytest.mark.parametrize("name", GOOD)
@RELAXED
@given(data=st.data())
def test_rules_agree_on_good_manifests_with_a_part_replaced(name: str, data: st.DataObject) -> None:
    """A part drawn anew keeps the rest sensible, which a wholly random spec seldom is."""
    document, kind = good_manifests()[name], GOOD[name]["kind"]
    spec = SCHEMAS[kind]["properties"]["spec"]
    for part in data.draw(st.lists(st.sampled_from(sorted(spec["properties"])), min_size=1, max_size=2, unique=True)):
        document["spec"][part] = data.draw(values(spec["properties"][part]))
    assert_rules_agree(kind, document)


@RELAXED
@given(tiers=st.lists(st.fixed_dictionaries({"unitPrice": st.just("1")}, optional={"upTo": st.integers(1, 4)}), min_size=1, max_size=5))
def test_rules_agree_on_tiers(tiers: list[dict[str, Any]]) -> None:
    document = good_manifests()["priceplan-standard"]
    put(document, "spec.meters[1].tiers", tiers)
    assert_rules_agree("PricePlan", document)


@RELAXED
@given(data=st.data())
def test_verdicts_agree_on_manifests_with_a_field_replaced_by_anything(data: st.DataObject) -> None:
    """Types, bounds and unknown fields too: whatever stands in a field, both accept it or both refuse it."""
    name = data.draw(st.sampled_from(sorted(GOOD)))
    document, kind = good_manifests()[name], GOOD[name]["kind"]
    holder: Any = document["spec"]
    while True:
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if isinstance(holder[key], dict | list) and holder[key] and data.draw(st.booleans()):
            holder = holder[key]
        else:
            break
    if isinstance(holder, dict) and data.draw(st.integers(0, 5)) == 0:
        key = data.draw(st.sampled_from(["colour", "name", "type", "min", "steps"]))
    number = st.integers(-2, 3) | st.sampled_from([2**53, 2**63, 10**30, 0.5, 1.5, -0.5, 1e300])
    holder[key] = data.draw(st.none() | st.booleans() | number | st.sampled_from(["", "a", "é", "a" * 3000, [], {}, [[]], ["a"], {"a": 1}]))
    assert is_accepted(document) == (complaints(DEFINITIONS[kind], document) == []), document


def test_every_rule_is_broken_by_some_bad_manifest_and_kept_by_some_good_one() -> None:
    """A rule that nothing breaks may be one that never fires."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for document in [*GOOD.values(), *(case.document for case in bad_manifests())]:
        schema = SCHEMAS[document["kind"]]
        try:
            KINDS[document["kind"]].from_wire(document)
        except ValueError:
            continue
        for _, rule, _, holds in rule_verdicts(schema, with_defaults(schema, document), ""):
            found[holds].add(rule)
    declared = {rule for kind in NAMES for rule in rules_in(SCHEMAS[kind])}
    assert (declared - found[False], declared - found[True]) == (set(), set())


def rules_in(schema: dict[str, Any]) -> Iterator[str]:
    """The text of every rule in a schema."""
    yield from (rule["rule"] for rule in schema.get("x-kubernetes-validations", []))
    for child in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        yield from rules_in(child)
