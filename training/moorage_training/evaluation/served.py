"""The exported graph under onnxruntime: the model as a replica will run it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

FloatArray = npt.NDArray[np.float32]


class ServedModel:
    """An ONNX graph with one FP32 input and one FP32 output `[records, classes]`."""

    def __init__(self, model: Path | bytes, batch: int = 1024) -> None:
        """Load a graph from a file or from its serialised bytes; `batch` bounds the records of one run."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        # An attack asks thousands of small questions; threads that spin between them take the cores from everything else.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = model if isinstance(model, bytes) else str(model)
        self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._batch = batch

    def logits(self, x: FloatArray) -> FloatArray:
        """Class scores `[N, classes]` of `x` `[N, ...]`, one record or more."""
        return np.concatenate([self._run(x[start : start + self._batch]) for start in range(0, len(x), self._batch)])

    def _run(self, x: FloatArray) -> FloatArray:
        scores: FloatArray = self._session.run(None, {self._input: np.ascontiguousarray(x, dtype=np.float32)})[0]
        return scores
