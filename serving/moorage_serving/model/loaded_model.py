"""A verified artifact in onnxruntime."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from moorage_api.artifact import MODEL, ArtifactManifest, read_artifact
from moorage_api.errors import InvalidInput, Problem

INLINE_BELOW_SECONDS = 0.001
"""A batch that takes less is run on the event loop: handing it to a thread and back costs as much, and nobody waits long."""


class LoadedModel:
    """One onnxruntime session. `fits_loop`: whether a full batch runs in less than INLINE_BELOW_SECONDS here."""

    def __init__(self, artifact: ArtifactManifest, session: Any, max_rows: int) -> None:
        self.artifact = artifact
        self._run = session.run
        self._input = artifact.signature.input
        self.fits_loop = self._seconds_for(max_rows) < INLINE_BELOW_SECONDS

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """FP32 [N, *shape] to `scores_of` the logits, [N, 2 * classes + 1]."""
        return scores_of(self._run(["logits"], {self._input: rows})[0])

    def _seconds_for(self, rows: int) -> float:
        batch = np.zeros((rows, *self.artifact.signature.shape), dtype=np.float32)
        self.scores(batch)
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            self.scores(batch)
            best = min(best, time.perf_counter() - start)
        return best


def scores_of(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """FP32 [N, classes] to FP32 [N, 2 * classes + 1]: logits, probabilities, and the index of the most probable class.

    The index is -1 where a logit is not finite. One array, so that what is costly per call is paid once a batch.
    """
    count, classes = logits.shape
    scores = np.empty((count, 2 * classes + 1), dtype=np.float32)
    scores[:, :classes] = logits
    scores[:, classes:-1] = softmax(logits)
    scores[:, -1] = np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1)
    return scores


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """FP32 [N, classes] to FP32 [N, classes]; a row that is not finite becomes NaN."""
    with np.errstate(invalid="ignore"):
        exact = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float32] = (exact / exact.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def load_model(folder: Path, digest: str, max_rows: int, threads: int) -> LoadedModel:
    """Verify the artifact's digest, then load its graph. Raises InvalidInput; an altered artifact is never loaded.

    max_rows: of a batch. threads: of onnxruntime for one batch.
    """
    artifact = read_artifact(folder, expected=digest)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    available = set(onnxruntime.get_available_providers())
    providers = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in available]
    try:
        session = onnxruntime.InferenceSession((folder / MODEL).read_bytes(), options, providers=providers)
        return LoadedModel(artifact, session, max_rows)
    except Exception as error:  # onnxruntime raises a class of its own for every cause
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInput(
            Problem(f"the graph does not load: {reason}", f"artifact {folder}", MODEL, None, "export the model again")
        ) from None
