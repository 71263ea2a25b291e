"""Command lines: exit codes, messages, JSON; never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moorage_api.errors import InvalidInput
from moorage_api.manifest import load_manifests
from moorage_cli.engine.intake import read_manifests
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.home import open_home
from moorage_cli.home_lock import sole_runner
from moorage_cli.main import execute

EXAMPLES = Path(__file__).parents[3] / "examples"
TENANTS = """
apiVersion: moorage.dev/v1alpha1
kind: PricePlan
metadata: {name: paid}
spec: {currency: USD, subscription: {fee: "10"}}
---
apiVersion: moorage.dev/v1alpha1
kind: Tenant
metadata: {name: acme}
spec: {plan: paid, namespaces: [default]}
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MOORAGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def applied(home, tmp_path, capsys):
    manifest = tmp_path / "tenants.yaml"
    manifest.write_text(TENANTS)
    assert execute(["run", "-f", str(manifest), "--once"]) == 0
    capsys.readouterr()
    return home


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_example_is_valid(example, home, capsys):
    assert execute(["validate", "-f", str(example), "--output", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["resources"]) == len(load_manifests(example))
    assert not home.exists()


def test_every_problem_is_listed_and_nothing_is_applied(home, tmp_path, capsys):
    manifest = tmp_path / "bad.yaml"
    manifest.write_text(
        TENANTS
        + """
---
apiVersion: moorage.dev/v1alpha1
kind: TrainingJob
metadata: {name: j}
spec:
  dataset: {name: nowhere}
  task: {type: TabularClassification}
  optimization: {steps: 1}
  resources: {nodePool: gpu}
"""
    )
    assert execute(["run", "-f", str(manifest), "--once"]) == 2
    errors = capsys.readouterr().err
    assert "TrainingJob j: spec.resources.nodePool" in errors
    assert "spec.dataset.name: no such Dataset in namespace default (got nowhere)" in errors
    assert not (home / "objects").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epsilon: -1, delta: 1.0e-5", "spec.privacy.epsilon"),
        ("epsilon: 4, delta: 1.0", "spec.privacy.delta"),
        ("epsilon: 4, delta: 1.0e-5, colour: red", "spec.privacy.colour: unknown field"),
        ('epsilon: "4", delta: 1.0e-5', "spec.privacy.epsilon"),
    ],
)
def test_bad_fields_exit_2_and_name_file_field_and_value(change, message, tmp_path, home, capsys):
    manifest = tmp_path / "m.yaml"
    manifest.write_text((EXAMPLES / "digits.yaml").read_text().replace("epsilon: 5, delta: 1.0e-5", change))
    assert execute(["validate", "-f", str(manifest)]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert str(manifest) in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["validate", "-f", "nowhere.yaml"], 2, "no such file"),
        (["frobnicate"], 2, "frobnicate"),
        (["run"], 2, "--file"),
        (["keys", "create", "nobody"], 2, "no Tenant nobody in this home"),
        (["bill"], 2, "there is no Tenant"),
        (["status", "Gizmo"], 2, "unknown kind"),
        (["status", "TrainingJob/"], 2, "no name given"),
        (["budget", "nothing"], 2, "no Dataset default/nothing"),
        (["predict", "s", "--input", "[[1]]", "--key", "k"], 2, "no ModelService default/s"),
    ],
)
def test_wrong_commands_say_what_is_wrong(arguments, code, message, home, capsys):
    assert execute(arguments) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_an_applied_manifest_is_shown_billed_and_deleted(applied, capsys):
    assert execute(["status", "--output", "json"]) == 0
    assert {o["kind"] for o in json.loads(capsys.readouterr().out)} == {"PricePlan", "Tenant"}
    assert execute(["bill", "--tenant", "acme", "--format", "json"]) == 0
    first = capsys.readouterr().out
    assert json.loads(first)["total"] == "10"
    assert execute(["bill", "--tenant", "acme", "--output", "json"]) == 0
    assert capsys.readouterr().out == first
    assert execute(["bill", "--tenant", "acme", "--period", "2026-13"]) == 2
    assert execute(["bill", "--format", "focus"]) == 0
    assert capsys.readouterr().out.count("BilledCost,") == 1
    assert execute(["delete", "PricePlan/paid"]) == 1
    assert "in use by Tenant acme" in capsys.readouterr().err
    assert execute(["delete", "tenant/acme"]) == 0
    assert execute(["delete", "plan/paid"]) == 0


def test_keys_by_command(applied, capsys):
    assert execute(["keys", "create", "acme", "--expires", "30d", "--output", "json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["key"].startswith(made["prefix"])
    assert execute(["keys", "create", "acme"]) == 0
    assert execute(["keys", "create", "acme"]) == 1
    assert execute(["keys", "revoke", made["prefix"]]) == 0
    capsys.readouterr()
    assert execute(["keys", "list", "--output", "json"]) == 0
    assert sorted(k["state"] for k in json.loads(capsys.readouterr().out)) == ["active", "revoked"]


def test_a_second_run_on_one_home_is_refused_with_the_process_id(home, tmp_path, capsys):
    manifest = tmp_path / "tenants.yaml"
    manifest.write_text(TENANTS)
    with sole_runner(open_home(home)):
        assert execute(["run", "-f", str(manifest), "--once"]) == 1
    assert f"another `moorage run` (process {os.getpid()}) works on this home" in capsys.readouterr().err


def test_an_unexpected_error_is_one_line_and_a_file(home, monkeypatch, capsys):
    monkeypatch.setattr("moorage_cli.verbs.version.version_of", lambda _: 1 / 0)
    assert execute(["version"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    file = Path(error.split("the traceback is in ")[1].strip())
    assert file.parent == home / "logs"
    assert "ZeroDivisionError" in file.read_text()


def test_relative_paths_belong_to_the_manifest(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.yaml").write_text(
        "apiVersion: moorage.dev/v1alpha1\nkind: Dataset\nmetadata: {name: d}\nspec: {uri: data, format: ImageFolder}\n"
    )
    monkeypatch.chdir(tmp_path)
    ((_, dataset),) = read_manifests(Path("sub/d.yaml"))
    assert dataset.spec.uri == str(tmp_path / "sub" / "data")


def test_the_command_line_loads_neither_torch_nor_ray(tmp_path):
    code = "import sys, moorage_cli.main; print([m for m in ('torch', 'ray', 'onnxruntime', 'sklearn') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_nothing_of_a_home_is_read_by_an_empty_folder(tmp_path):
    with pytest.raises(InvalidInput, match="no manifest in this folder"):
        read_manifests(tmp_path)
    assert list(ObjectStore(open_home(tmp_path / "h")).everything()) == []
