"""Whatever lies in a file or folder, loading gives resources or Problems: never a traceback, never a part of it."""

import json
import os
from pathlib import Path

import pytest

from moorage_api.errors import InvalidInput
from moorage_api.manifest import MAX_FILE_BYTES, load_manifests, parse_resource

TENANT = "apiVersion: moorage.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {plan: standard}\n"
DATASET = "apiVersion: moorage.dev/v1alpha1\nkind: Dataset\nmetadata: {name: digits}\nspec: {uri: sklearn://digits, format: Bundled}\n"


def refusal_of(path: Path) -> str:
    with pytest.raises(InvalidInput) as refusal:
        load_manifests(path)
    assert refusal.value.problems
    assert refusal.value.exit_code == 2
    return str(refusal.value)


def written(folder: Path, content: str | bytes, name: str = "it.yaml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_several_documents_of_a_file_are_read_in_order(tmp_path: Path) -> None:
    found = load_manifests(written(tmp_path, f"{TENANT}---\n---\n{DATASET}"))
    assert [manifest.resource.ref for manifest in found] == ["Tenant acme", "Dataset default/digits"]


def test_a_folder_is_read_in_the_order_of_its_files_names(tmp_path: Path) -> None:
    written(tmp_path, TENANT, "b.yml")
    written(tmp_path, DATASET, "a.yaml")
    tabbed = json.dumps(
        {"apiVersion": "moorage.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "c"}, "spec": {"plan": "p"}}, indent="\t"
    )
    written(tmp_path, tabbed, "c.json")
    written(tmp_path, "not read", "README.md")
    assert [manifest.file.name for manifest in load_manifests(tmp_path)] == ["a.yaml", "b.yml", "c.json"]


def test_every_problem_of_every_document_is_told_and_nothing_is_returned(tmp_path: Path) -> None:
    bad = TENANT.replace("plan: standard", "plan: 5, colour: red")
    said = refusal_of(written(tmp_path, f"{DATASET}---\n{bad}"))
    assert "it.yaml document 2: Tenant acme: spec.plan: should be a string (got 5); put it into quotes" in said
    assert "it.yaml document 2: Tenant acme: spec.colour: unknown field (got 'red'); check the spelling, or remove it" in said


def test_other_metadata_of_kubernetes_is_ignored(tmp_path: Path) -> None:
    extra = "metadata: {name: acme, resourceVersion: '1', uid: u, generation: 3, managedFields: [{manager: kubectl}], finalizers: [a/b]}"
    [manifest] = load_manifests(written(tmp_path, TENANT.replace("metadata: {name: acme}", extra)))
    assert manifest.resource.metadata.generation == 3


def test_a_status_that_a_user_wrote_is_left_out(tmp_path: Path) -> None:
    [manifest] = load_manifests(written(tmp_path, TENANT + "status: {activeKeys: 5}\n"))
    assert manifest.resource.status is None


@pytest.mark.parametrize("labels", ["{a: 5}", "{-a: b}", "{a: b!}", "{a/b/c: d}", "{A.b/c: d}", "{a: " + "b" * 64 + "}"])
def test_a_label_that_kubernetes_refuses_is_refused(tmp_path: Path, labels: str) -> None:
    bad = TENANT.replace("{name: acme}", f"{{name: acme, labels: {labels}}}")
    assert "metadata.labels." in refusal_of(written(tmp_path, bad))
    good = TENANT.replace("{name: acme}", '{name: acme, labels: {app.kubernetes.io/name: "a_B.c-1", empty: ""}}')
    assert load_manifests(written(tmp_path, good))


def test_null_is_as_good_as_absent_but_an_unknown_field_is_not(tmp_path: Path) -> None:
    [manifest] = load_manifests(written(tmp_path, DATASET.replace("Bundled}", "Bundled, unit: null, columns: ~}")))
    assert manifest.resource.spec.unit == "Record"  # type: ignore[union-attr]
    assert "spec.colour: unknown field" in refusal_of(written(tmp_path, DATASET.replace("Bundled}", "Bundled, colour: null}")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no resource in it; write at least one document"),
        ("# only a comment\n", "no resource in it"),
        ("- a\n", "a manifest is a mapping"),
        ("5", "a manifest is a mapping"),
        ("apiVersion: v1\nkind: Pod\n", "apiVersion: not a Moorage resource (got 'v1'); write moorage.dev/v1alpha1"),
        ("apiVersion: moorage.dev/v1alpha1\nkind: Job\n", "kind: unknown kind (got 'Job'); one of Dataset, ModelService"),
        ("apiVersion: moorage.dev/v1alpha1\nkind: [Tenant]\n", "kind: unknown kind"),
        ("apiVersion: moorage.dev/v1alpha1\nkind: Tenant\n", "metadata: required field is missing"),
        ("apiVersion: moorage.dev/v1alpha1\nkind: Tenant\nmetadata: 5\nspec: {plan: a}\n", "metadata: should be a mapping (got 5)"),
        (TENANT.replace("acme", "acme, namespace: a"), "metadata.namespace: a Tenant is cluster-scoped (got a); remove it"),
        (TENANT + "---\n" + TENANT, "Tenant acme is given twice"),
        (
            TENANT.replace("standard", "standard, rateLimit: {requestsPerSecond: .nan}"),
            "spec.rateLimit.requestsPerSecond: should be a finite",
        ),
        (
            TENANT.replace("standard", "standard, rateLimit: {requestsPerSecond: .inf}"),
            "spec.rateLimit.requestsPerSecond: should be a finite",
        ),
        (TENANT.replace("standard", "yes"), "spec.plan: should be a string (got True); put it into quotes"),
        (TENANT.replace("standard", "!!python/name:os.system x"), "not a YAML manifest: the tag"),
        (TENANT + "kind: Dataset\n", "the key 'kind' is given twice"),
        ("a: \x00", "not a YAML manifest"),
        ("\ta: 1", "not a YAML manifest"),
        ("{" * 100_000, "not a YAML manifest: nested deeper"),
        (b"\xff\xfe\x00", "not UTF-8 at byte 0; save it as UTF-8"),
        (b" " * (MAX_FILE_BYTES + 1), f"larger than {MAX_FILE_BYTES} bytes; split it"),
        (TENANT.replace("plan:", '"\\e[31mplan": x, plan:'), "unknown field"),
    ],
)
def test_a_bad_file_is_a_problem_and_no_traceback(tmp_path: Path, content: str | bytes, said: str) -> None:
    message = refusal_of(written(tmp_path, content))
    assert said in message
    assert message.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"a": 1, "a": 2}',
        "[" * 200_000,
        '{"a": NaN}',
        '"\\ud800"',
        "1" * 5000,
        '{"apiVersion": "moorage.dev/v1alpha1", "kind": "\\ud800"}',
    ],
)
def test_a_bad_json_file_is_a_problem_and_no_traceback(tmp_path: Path, content: str) -> None:
    refusal_of(written(tmp_path, content, "it.json")).encode()


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    assert "no such file; check the path given with -f" in refusal_of(tmp_path / "missing.yaml")
    assert "no manifest in this folder; name a folder with" in refusal_of(tmp_path)
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert "cannot read: Too many levels of symbolic links" in refusal_of(tmp_path / "loop.yaml")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero on this system")
def test_an_endless_file_is_not_read_to_its_end() -> None:
    assert "larger than" in refusal_of(Path(os.devnull).with_name("zero"))


def test_a_huge_manifest_of_bad_items_is_refused(tmp_path: Path) -> None:
    features = ", ".join(["{name: a}"] * 50_000)
    content = DATASET.replace("format: Bundled}", f"format: CSV, columns: {{label: b, features: [{features}]}}}}")
    assert "at most 1000 items" in refusal_of(written(tmp_path, content))


def test_a_decoded_document_is_checked_like_a_file() -> None:
    with pytest.raises(InvalidInput, match="spec: required field is missing"):
        parse_resource({"apiVersion": "moorage.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "a"}}, "request")
