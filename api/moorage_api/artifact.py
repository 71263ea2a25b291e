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
from moorage_api.robustness import Adversarial
from moorage_api.run_config import JobIdentity
from moorage_api.task import Task

MANIFEST = "model.json"
MODEL = "model.onnx"


class InputFeature(ApiModel):
    """One column of the ONNX input."""

    name: str
    type: Literal["Number", "Category"]
    categories: list[str] | None = None
    """A Category's value is its index here; a value that is missing from the list is refused."""


class Signature(ApiModel):
    """What goes into the model and what comes out, in terms of the Open Inference Protocol.

    A table's ONNX input is `features` FP32 [-1, len(features)] in the order of `features` (categories as their index,
    missing numbers as NaN where `accepts_missing`); an image's is `image` FP32 [-1, C, H, W] in the raw pixel range.
    The ONNX output is `logits` FP32 [-1, len(classes)].
    """

    input: Literal["features", "image"]
    shape: list[int]
    """Of one record: [features] or [C, H, W]."""
    features: list[InputFeature] = []
    """Of a table."""
    accepts_missing: bool = False
    """Whether NaN stands for a missing number and is filled."""
    minimum: float | None = None
    maximum: float | None = None
    """An image's raw pixel range."""
    classes: list[str]
    """The label's values in the order of the logits."""


class Robustness(ApiModel):
    """Robust accuracy as it was measured."""

    norm: str
    radius: float
    robust_accuracy: float
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
    dataset: str
    """The Dataset's name, or the uri of inline records."""
    records: int
    created_at: Timestamp
    moorage_version: str
    torch_version: str
    seed: int


class ArtifactManifest(ApiModel):
    """model.json."""

    version: Literal["moorage.dev/artifact.v1"] = "moorage.dev/artifact.v1"
    name: str
    """The TrainingJob's name."""
    task: Task
    signature: Signature
    preprocessing: dict[str, list[float]]
    """For readers; the graph holds it: `fill`, `shift` and `scale` by numeric feature, or one each for an image."""
    metrics: dict[str, float]
    privacy: PrivacySpend | None
    adversarial: Adversarial | None
    robustness: Robustness | None
    gates: list[GateResult]
    gates_passed: bool
    provenance: Provenance
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    """SHA-256 by relative path, of every file but model.json."""
    digest: Digest | None = None


def digest_of(manifest: ArtifactManifest) -> str:
    """The digest that `manifest` must carry."""
    body = manifest.model_dump(mode="json", by_alias=True, exclude={"digest"})
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def read_artifact(folder: Path, expected: str | None = None) -> ArtifactManifest:
    """Read and verify an artifact.

    Raises InvalidInput if model.json is missing or malformed, a file is missing, extra or altered, or the digest is not
    the manifest's own and `expected` (where given).
    """

    def refuse(message: str, field: str, value: str | None = None) -> InvalidInput:
        return InvalidInput(Problem(message, f"artifact {folder}", field, value, "export the model again, or point to the right folder"))

    try:
        manifest = ArtifactManifest.model_validate_json((folder / MANIFEST).read_bytes(), by_alias=True, by_name=False)
    except OSError as error:
        raise refuse(f"cannot read: {error.strerror}", MANIFEST) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise refuse(f"malformed: {first['msg']}", f"{MANIFEST}:{'.'.join(map(str, first['loc']))}") from None
    actual = digest_of(manifest)
    if manifest.digest != actual:
        raise refuse(f"digest does not match the contents, which have {actual}", f"{MANIFEST}:digest", str(manifest.digest))
    if expected is not None and expected != actual:
        raise refuse(f"digest is {actual}, not the one asked for", f"{MANIFEST}:digest", expected)
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()} - {MANIFEST}
    for path in sorted(present ^ manifest.files.keys()):
        raise refuse("file is not in the manifest" if path in present else "file is missing", path)
    for path, sha256 in sorted(manifest.files.items()):
        with (folder / path).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise refuse("file was altered: its SHA-256 differs from the manifest's", path, found)
    return manifest
