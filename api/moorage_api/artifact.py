"""The exported model: a folder of data, never code, sealed by a digest.

    model.onnx   raw features in, class scores (logits) out; filling, scaling and one-hot encoding are in the graph
    model.json   ArtifactManifest
    card.md      the model card
    reports/     plots (PNG) and evaluation.json

The digest is the SHA-256 of the manifest's canonical JSON without `digest`; the manifest holds the SHA-256 of every other
file, so a change of any byte changes it. Canonical JSON: keys sorted, no white space, UTF-8.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from moorage_api.base import ApiModel, Digest, Timestamp
from moorage_api.errors import InvalidInput, Problem
from moorage_api.gates import GateResult
from moorage_api.privacy import PrivacySpend
from moorage_api.problems import problems_of
from moorage_api.robustness import Adversarial
from moorage_api.run_config import JobIdentity
from moorage_api.task import Task

MANIFEST = "model.json"
MODEL = "model.onnx"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024


class InputFeature(ApiModel):
    """One column of the ONNX input."""

    name: str
    """The column's name."""
    type: Literal["Number", "Category"]
    """What its values are."""
    categories: list[str] | None = None
    """A Category's value is its index here; a value that is missing from the list is refused."""


class Signature(ApiModel):
    """What goes into the model and what comes out, in terms of the Open Inference Protocol.

    A table's ONNX input is `features` FP32 [-1, len(features)] in the order of `features` (categories as their index,
    missing numbers as NaN where `accepts_missing`); an image's is `image` FP32 [-1, C, H, W] in the raw pixel range.
    The ONNX output is `logits` FP32 [-1, len(classes)].
    """

    input: Literal["features", "image"]
    """The name of the ONNX input."""
    shape: list[int]
    """Of one record: [features] or [C, H, W]."""
    features: list[InputFeature] = []
    """Of a table."""
    accepts_missing: bool = False
    """Whether NaN stands for a missing number and is filled."""
    minimum: float | None = None
    """The least raw value of an image's pixel."""
    maximum: float | None = None
    """The greatest raw value of an image's pixel."""
    classes: list[str]
    """The label's values in the order of the logits."""


class Robustness(ApiModel):
    """Robust accuracy as it was measured."""

    norm: str
    """The norm of the perturbation."""
    radius: float
    """The radius that `robust_accuracy` is of."""
    robust_accuracy: float
    """Worst-case accuracy at `radius`: a record counts if no attack changed its class."""
    attacks: dict[str, float]
    """Accuracy under each attack alone at `radius`."""
    sweep: dict[str, float]
    """Worst-case accuracy by radius."""
    records: int
    """How many evaluation records were attacked."""
    sanity_passed: bool
    """Accuracy falls to chance or below as the radius grows; where it does not, gradients are masked and the figures mean little."""


class Provenance(ApiModel):
    """Where the model comes from."""

    job: JobIdentity
    """The TrainingJob."""
    dataset: str
    """The Dataset's name, or the uri of inline records."""
    records: int
    """How many were trained on."""
    created_at: Timestamp
    """When the artifact was written."""
    moorage_version: str
    """Of the code that trained."""
    torch_version: str
    """Of the library that trained."""
    seed: int
    """Of initial weights, shuffling and augmentation."""


class ArtifactManifest(ApiModel):
    """model.json."""

    version: Literal["moorage.dev/artifact.v1"] = "moorage.dev/artifact.v1"
    """Of this document."""
    name: str
    """The TrainingJob's name."""
    task: Task
    """What was learnt."""
    signature: Signature
    """What goes in and what comes out."""
    preprocessing: dict[str, list[float]]
    """For readers; the graph holds it: `fill`, `shift` and `scale` by numeric feature, or one each for an image."""
    metrics: dict[str, float]
    """By MetricName, measured on the held-out records."""
    privacy: PrivacySpend | None = None
    """What was spent, if the model was trained privately."""
    adversarial: Adversarial | None = None
    """How the model was hardened, if it was."""
    robustness: Robustness | None = None
    """What attacks on the exported model achieved, if any were run."""
    gates: list[GateResult]
    """How the model stood at each gate."""
    gates_passed: bool
    """Whether every gate let it through."""
    provenance: Provenance
    """Where the model comes from."""
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    """SHA-256 by relative path, of every file but model.json."""
    digest: Digest | None = None
    """digest_of the rest; None only while the artifact is being written."""


def digest_of(manifest: ArtifactManifest) -> str:
    """The digest that `manifest` must carry."""
    body = manifest.model_dump(mode="json", by_alias=True, exclude={"digest"})
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def read_artifact(folder: Path, expected: str | None = None) -> ArtifactManifest:
    """Read and verify an artifact.

    Raises InvalidInput if model.json is missing or malformed, a file is missing, extra, altered or not a regular file, or
    the digest is not the manifest's own and `expected` (where given).
    """
    present = _files_in(folder)
    manifest = _read_manifest(folder)
    actual = digest_of(manifest)
    if manifest.digest != actual:
        message = f"digest does not match the contents, which have {actual}"
        raise _refusal(folder, f"{MANIFEST}:digest", message, str(manifest.digest))
    if expected is not None and expected != actual:
        raise _refusal(folder, f"{MANIFEST}:digest", f"digest is {actual}, not the one asked for", expected)
    for path in sorted(present ^ manifest.files.keys()):
        raise _refusal(folder, path, "file is not in the manifest" if path in present else "file is missing")
    for path, sha256 in sorted(manifest.files.items()):
        found = _sha256(folder, path)
        if found != sha256:
            raise _refusal(folder, path, "file was altered: its SHA-256 differs from the manifest's", found)
    return manifest


def _read_manifest(folder: Path) -> ArtifactManifest:
    try:
        with (folder / MANIFEST).open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
        if len(data) > MAX_MANIFEST_BYTES:
            raise _refusal(folder, MANIFEST, f"larger than {MAX_MANIFEST_BYTES} bytes")
        return ArtifactManifest.model_validate_json(data, by_alias=True, by_name=False)
    except OSError as error:
        raise _refusal(folder, MANIFEST, f"cannot read: {error.strerror}") from None
    except ValidationError as error:
        first = next(problems_of(error, ""))
        raise _refusal(folder, f"{MANIFEST}:{first.field}", f"malformed: {first.message}", first.value) from None


def _files_in(folder: Path) -> set[str]:
    """Relative paths of every file but model.json. A link could lead out of the artifact, so none may be in it."""
    found = set()
    for path in folder.rglob("*"):
        relative = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise _refusal(folder, relative, "neither a regular file nor a folder")
        if path.is_file() and relative != MANIFEST:
            found.add(relative)
    return found


def _sha256(folder: Path, path: str) -> str:
    try:
        with (folder / path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _refusal(folder, path, f"cannot read: {error.strerror}") from None


def _refusal(folder: Path, field: str, message: str, value: str | None = None) -> InvalidInput:
    return InvalidInput(Problem(message, f"artifact {folder}", field, value, "export the model again, or point to the right folder"))
