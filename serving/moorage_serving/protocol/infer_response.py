"""The answer of `POST …/infer`: logits to bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moorage_serving.protocol import binary_values
from moorage_serving.protocol.infer_request import RequestedOutput
from moorage_serving.refusal import Refusal

OUTPUTS = ("label", "probabilities", "logits")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of N records.

    labels: the N most probable classes; probabilities and logits: FP32 [N, classes].
    """

    labels: list[str]
    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]


def prediction_of(scores: NDArray[np.float32], classes: list[str]) -> Prediction:
    """From [N, 2 * classes + 1]: logits, probabilities, index of the most probable class. Raises Refusal (500) where that is -1."""
    count = len(classes)
    winners = scores[:, -1].tolist()
    if -1.0 in winners:
        raise Refusal(500, "the model answered a number that is not finite", field="logits", remedy="check the input's range")
    return Prediction([classes[int(i)] for i in winners], scores[:, count:-1], scores[:, :count])


@dataclass(frozen=True, slots=True)
class InferBody:
    """A body and the length of its JSON part, or None if it is all JSON."""

    content: bytes
    header_length: int | None


class ResponseWriter:
    """Encodes predictions of one model. What does not change between answers is encoded once."""

    def __init__(self, model_name: str, version: str, classes: list[str]) -> None:
        self._head = f'{{"model_name":{json.dumps(model_name)},"model_version":{json.dumps(version)},'
        self._quoted = {c: json.dumps(c) for c in classes}
        self._classes = len(classes)
        self._all = {binary: [RequestedOutput(name, binary) for name in OUTPUTS] for binary in (False, True)}

    def check(self, outputs: list[RequestedOutput] | None) -> None:
        """Raises Refusal (400) if an output is asked for that no model has, before anything is computed."""
        for index, wanted in enumerate(outputs or ()):
            if wanted.name not in OUTPUTS:
                raise Refusal(
                    400, "is not an output", field=f"outputs[{index}].name", value=wanted.name, remedy=f"one of {', '.join(OUTPUTS)}"
                )

    def write(self, prediction: Prediction, request_id: str | None, outputs: list[RequestedOutput] | None, binary: bool) -> InferBody:
        """Encode the outputs asked for (all of them, raw if `binary`, where `outputs` is None)."""
        wanted = outputs if outputs is not None else self._all[binary]
        tensors: list[str] = []
        raws: list[bytes] = []
        for output in wanted:
            values = self._values(output.name, prediction)
            head, datatype = self._tensor_head(output.name, len(prediction.labels))
            if output.binary:
                raw = binary_values.encode(values, datatype)
                raws.append(raw)
                tensors.append(f'{head}"parameters":{{"binary_data_size":{len(raw)}}}}}')
            else:
                tensors.append(f'{head}"data":[{self._json(values)}]}}')
        identity = "" if request_id is None else f'"id":{json.dumps(request_id)},'
        text = f'{self._head}{identity}"outputs":[{",".join(tensors)}]}}'.encode()
        return InferBody(text + b"".join(raws), len(text)) if raws else InferBody(text, None)

    def _tensor_head(self, name: str, rows: int) -> tuple[str, str]:
        if name == "label":
            return f'{{"name":"label","datatype":"BYTES","shape":[{rows}],', "BYTES"
        return f'{{"name":"{name}","datatype":"FP32","shape":[{rows},{self._classes}],', "FP32"

    def _values(self, name: str, prediction: Prediction) -> NDArray[Any] | list[str]:
        if name == "label":
            return prediction.labels
        return prediction.probabilities if name == "probabilities" else prediction.logits

    def _json(self, values: NDArray[Any] | list[str]) -> str:
        if isinstance(values, list):
            return ",".join(map(self._quoted.__getitem__, values))
        return ",".join(map(repr, values.ravel().tolist()))
