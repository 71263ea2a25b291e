"""References, tenants, and privacy budgets that no other spelling gets around."""

import os

import pytest

from moorage_api.errors import InvalidInput
from moorage_api.manifest import parse_resource
from moorage_cli.engine.intake import check_for_this_machine, with_absolute_uris
from moorage_cli.engine.record_location import location, overlapping, same_records
from moorage_cli.engine.references import Known, budget_over, missing_references


def make(kind, name, spec, namespace="default"):
    metadata = {"name": name} if kind in ("Tenant", "PricePlan") else {"name": name, "namespace": namespace}
    return parse_resource({"apiVersion": "moorage.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}, name)


PLAN = make("PricePlan", "free", {"currency": "USD", "free": True})
TENANT = make("Tenant", "acme", {"plan": "free", "namespaces": ["default"]})


def dataset(uri, name="d", budget=True, fmt="CSV"):
    table = {"label": "y", "classes": ["0", "1"], "features": [{"name": "x", "minimum": 0, "maximum": 1}]}
    columns = {"columns": table} if fmt == "CSV" else {}
    spend = {"privacyBudget": {"epsilon": 8, "delta": 1e-5}} if budget else {}
    return make("Dataset", name, {"uri": str(uri), "format": fmt, **columns, **spend})


def job(dataset_, name="j", **spec):
    return make("TrainingJob", name, {"dataset": dataset_, "task": {"type": "TabularClassification"}, "optimization": {"steps": 1}, **spec})


def inline(uri):
    return job({"uri": str(uri), "format": "CSV", "columns": {"label": "y"}})


def messages(resource, *known):
    return [str(p) for p in missing_references(resource, Known([resource, *known]), "here")]


def test_each_missing_reference_is_named_with_what_is_known():
    assert "spec.plan: no such PricePlan (got gold); known: free" in messages(make("Tenant", "t", {"plan": "gold"}), PLAN)[0]
    assert "spec.dataset.name: no such Dataset" in messages(job({"name": "nope"}), TENANT)[0]
    service = make("ModelService", "s", {"model": {"trainingJob": "nope"}, "access": {"tenants": ["acme", "who"]}})
    found = messages(service, TENANT)
    assert len(found) == 2
    assert "spec.model.trainingJob: no such TrainingJob" in found[0]
    assert "spec.access.tenants[1]: no such Tenant (got who)" in found[1]


def test_the_tenant_is_named_or_the_one_that_lists_the_namespace():
    two = make("Tenant", "other", {"plan": "free", "namespaces": ["default"]})
    data = dataset("/x.csv")
    assert messages(job({"name": "d"}), data, TENANT) == []
    assert "several tenants: acme, other" in messages(job({"name": "d"}), data, TENANT, two)[0]
    assert messages(job({"name": "d"}, tenant="other"), data, TENANT, two) == []
    assert "no Tenant lists namespace default" in messages(job({"name": "d"}), data)[0]
    assert "no such Tenant (got ghost)" in messages(job({"name": "d"}, tenant="ghost"), data, TENANT)[0]


def test_a_budget_holds_however_the_records_are_spelled(tmp_path):
    file = tmp_path / "records.csv"
    file.write_text("y\n1\n")
    (tmp_path / "link.csv").symlink_to(file)
    os.link(file, tmp_path / "hard.csv")
    owner = dataset(file)
    for uri in (file, f"file://{file}", tmp_path / "link.csv", tmp_path / "hard.csv", f"{tmp_path}/./x/../records.csv"):
        assert budget_over(inline(uri), Known([owner])) is owner, uri
    alias = dataset(tmp_path / "link.csv", "alias", budget=False)
    assert budget_over(job({"name": "alias"}), Known([owner, alias])) is owner
    assert budget_over(inline(tmp_path / "else.csv"), Known([owner])) is None


def test_a_part_of_budgeted_records_is_refused(tmp_path):
    owner = dataset(tmp_path, fmt="ImageFolder")
    with pytest.raises(InvalidInput, match="overlap those of Dataset default/d"):
        budget_over(inline(tmp_path / "class_a"), Known([owner]))
    assert overlapping(str(tmp_path), str(tmp_path / "a"))
    assert not overlapping(str(tmp_path), str(tmp_path) + "2")


def test_records_have_one_budget():
    found = messages(dataset("sklearn://digits", "one", fmt="Bundled"), dataset("sklearn://digits", "two", fmt="Bundled"))
    assert "have a privacy budget already, by Dataset default/two" in found[0]


def test_bundled_sets_have_one_name():
    assert location("SKLEARN://Digits/") == "sklearn://digits"
    assert same_records("sklearn://digits", "sklearn://digits/")
    assert not same_records("sklearn://digits", "sklearn://iris")


def test_paths_are_seen_from_the_manifests_folder(tmp_path):
    assert with_absolute_uris(dataset("data/a.csv"), tmp_path).spec.uri == str(tmp_path / "data/a.csv")
    assert with_absolute_uris(dataset("sklearn://digits", fmt="Bundled"), tmp_path).spec.uri == "sklearn://digits"
    moved = with_absolute_uris(job({"name": "d"}, output={"uri": "../models"}), tmp_path)
    assert moved.spec.output.uri == str(tmp_path.parent / "models")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"image": "x"}, "spec.image"),
        ({"podTemplate": {"a": 1}}, "spec.podTemplate"),
        ({"resources": {"nodePool": "gpu"}}, "spec.resources.nodePool"),
        ({"resources": {"memoryPerWorker": "2Gi"}}, "spec.resources.memoryPerWorker"),
        ({"output": {"uri": "s3://bucket/x"}}, "spec.output.uri"),
    ],
)
def test_what_only_a_cluster_has_is_refused_by_name(spec, field):
    given = [("m.yaml: TrainingJob j", job({"name": "d"}, **spec))]
    with pytest.raises(InvalidInput, match=field):
        check_for_this_machine(given, [PLAN, TENANT, dataset("sklearn://digits", fmt="Bundled")])


def test_records_that_are_not_there_are_named_before_anything_runs(tmp_path):
    given = [("m.yaml: TrainingJob j", job({"name": "d"}))]
    with pytest.raises(InvalidInput, match=r"spec\.dataset\.name: no such file or folder \(got .*/gone\.csv\)"):
        check_for_this_machine(given, [PLAN, TENANT, dataset(tmp_path / "gone.csv")])
