"""An artifact is taken only whole, unaltered and, where one is asked for, the one asked for."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage_api.artifact import ArtifactManifest, InputFeature, Provenance, Signature, digest_of, read_artifact
from moorage_api.errors import InvalidInput
from moorage_api.run_config import JobIdentity
from moorage_api.task import Task

FILES = {"model.onnx": b"\x08\x07onnx", "card.md": b"# Card\n", "reports/roc.png": b"\x89PNG"}


def manifest_of(files: dict[str, bytes]) -> ArtifactManifest:
    unsealed = ArtifactManifest(
        name="digits",
        task=Task(type="TabularClassification"),
        signature=Signature(input="features", shape=[1], features=[InputFeature(name="a", type="Number")], classes=["n", "y"]),
        preprocessing={"fill": [0.0]},
        metrics={"accuracy": 0.9},
        gates=[],
        gates_passed=True,
        provenance=Provenance(
            job=JobIdentity(namespace="default", name="digits", uid="u", generation=1, tenant="acme"),
            dataset="digits",
            records=100,
            created_at="2026-01-31T10:00:00Z",
            moorage_version="0.1.0",
            torch_version="2.15",
            seed=0,
        ),
        files={path: hashlib.sha256(content).hexdigest() for path, content in files.items()},
    )
    return unsealed.model_copy(update={"digest": digest_of(unsealed)})


def seal(folder: Path, manifest: ArtifactManifest) -> None:
    (folder / "model.json").write_text(json.dumps(manifest.to_wire()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    seal(tmp_path, manifest_of(FILES))
    return tmp_path


def refusal_of(folder: Path, expected: str | None = None) -> tuple[str, str]:
    """The field and the message of the refusal."""
    with pytest.raises(InvalidInput) as refusal:
        read_artifact(folder, expected)
    [problem] = refusal.value.problems
    assert str(folder) in problem.where
    return problem.field, problem.message


def test_a_whole_artifact_is_read_back(folder: Path) -> None:
    manifest = manifest_of(FILES)
    assert read_artifact(folder) == read_artifact(folder, manifest.digest) == manifest


@pytest.mark.parametrize("path", FILES)
def test_a_change_of_any_byte_of_any_file_is_found(folder: Path, path: str) -> None:
    for index in range(len(FILES[path])):
        altered = bytearray(FILES[path])
        altered[index] ^= 1
        (folder / path).write_bytes(bytes(altered))
        assert refusal_of(folder) == (path, "file was altered: its SHA-256 differs from the manifest's")


def test_a_change_of_any_byte_of_the_manifest_is_found(folder: Path) -> None:
    path = folder / "model.json"
    content = path.read_bytes()
    accepted, elsewhere = [], []
    for index in range(len(content)):
        altered = bytearray(content)
        altered[index] ^= 1
        path.write_bytes(bytes(altered))
        try:
            accepted.append((bytes(altered), read_artifact(folder)))
        except InvalidInput as refusal:
            elsewhere += [p.field for p in refusal.problems if not p.field.startswith("model.json")]
    assert elsewhere == []
    assert [altered for altered, manifest in accepted if manifest != manifest_of(FILES)] == []


@pytest.mark.parametrize(
    ("damage", "field", "said"),
    [
        (lambda folder: (folder / "card.md").unlink(), "card.md", "file is missing"),
        (lambda folder: (folder / "reports/extra.png").write_bytes(b""), "reports/extra.png", "file is not in the manifest"),
        (lambda folder: (folder / "model.json").unlink(), "model.json", "cannot read: No such file or directory"),
        (lambda folder: (folder / "model.json").write_text("{"), "model.json:", "malformed"),
        (lambda folder: (folder / "model.json").write_text('{"name": 5}'), "model.json:name", "malformed"),
        (lambda folder: (folder / "model.json").write_bytes(b" " * 17_000_000), "model.json", "larger than"),
        (lambda folder: (folder / "link").symlink_to("/etc"), "link", "neither a regular file nor a folder"),
        (lambda folder: (folder / "broken").symlink_to("nowhere"), "broken", "neither a regular file nor a folder"),
        (lambda folder: os.mkfifo(folder / "pipe"), "pipe", "neither a regular file nor a folder"),
    ],
)
def test_a_damaged_artifact_is_refused(folder: Path, damage: Callable[[Path], object], field: str, said: str) -> None:
    damage(folder)
    found, message = refusal_of(folder)
    assert found.startswith(field)
    assert said in message


def test_a_file_replaced_by_a_link_to_the_same_bytes_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "model.onnx"
    outside.write_bytes(FILES["model.onnx"])
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(outside)
    assert refusal_of(folder) == ("model.onnx", "neither a regular file nor a folder")


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname", "reports/../../outside", "reports/../card.md"])
def test_a_path_that_leads_out_of_the_folder_is_refused(folder: Path, path: str) -> None:
    (folder.parent / "outside").write_bytes(b"x")
    seal(folder, manifest_of({**FILES, path: b"x"}))
    assert refusal_of(folder) == (path, "file is missing")


def test_another_digest_than_the_one_asked_for_is_refused(folder: Path) -> None:
    asked = "sha256:" + "0" * 64
    field, message = refusal_of(folder, asked)
    assert (field, "not the one asked for" in message) == ("model.json:digest", True)


def test_an_artifact_without_a_digest_is_refused(folder: Path) -> None:
    seal(folder, manifest_of(FILES).model_copy(update={"digest": None}))
    assert refusal_of(folder)[0] == "model.json:digest"
