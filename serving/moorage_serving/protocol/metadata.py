"""Server and model metadata, as the Open Inference Protocol describes them."""

from __future__ import annotations

from typing import Any

from moorage_api.artifact import ArtifactManifest

SERVER_NAME = "moorage"
MODEL_VERSION = "1"
PLATFORM = "onnxruntime_onnx"


def server_metadata(version: str) -> dict[str, Any]:
    """The answer of `GET /v2`."""
    return {"name": SERVER_NAME, "version": version, "extensions": ["binary_tensor_data"]}


def model_metadata(name: str, artifact: ArtifactManifest) -> dict[str, Any]:
    """The answer of `GET /v2/models/NAME`; a table may also be sent as one tensor for each column, which `parameters` lists."""
    signature = artifact.signature
    columns = [
        {"name": f.name, "datatype": "FP32" if f.type == "Number" else "BYTES", "shape": [-1], "categories": f.categories or []}
        for f in signature.features
    ]
    classes = len(signature.classes)
    return {
        "name": name,
        "versions": [MODEL_VERSION],
        "platform": PLATFORM,
        "inputs": [{"name": signature.input, "datatype": "FP32", "shape": [-1, *signature.shape]}],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, classes]},
            {"name": "logits", "datatype": "FP32", "shape": [-1, classes]},
        ],
        "parameters": {
            "digest": artifact.digest,
            "classes": signature.classes,
            "columns": columns,
            "acceptsMissing": signature.accepts_missing,
            "minimum": signature.minimum,
            "maximum": signature.maximum,
        },
    }
