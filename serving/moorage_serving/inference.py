"""From the body of an infer request to the body of its answer."""

from __future__ import annotations

from dataclasses import dataclass

from moorage_serving.model.batcher import Batcher
from moorage_serving.model.input_matrix import InputMatrix
from moorage_serving.model.loaded_model import LoadedModel
from moorage_serving.protocol.infer_request import parse_infer
from moorage_serving.protocol.infer_response import InferBody, ResponseWriter, prediction_of
from moorage_serving.protocol.metadata import MODEL_VERSION


@dataclass(frozen=True, slots=True)
class Inferred:
    """An answer and how many rows it is for."""

    body: InferBody
    rows: int


class Inference:
    """One model, ready to answer."""

    def __init__(self, name: str, model: LoadedModel, batcher: Batcher) -> None:
        signature = model.artifact.signature
        self._classes = signature.classes
        self._input = InputMatrix(signature)
        self._writer = ResponseWriter(name, MODEL_VERSION, signature.classes)
        self._batcher = batcher

    async def infer(self, body: bytes, header_length: int | None) -> Inferred:
        """Raises Refusal."""
        request = parse_infer(body, header_length)
        self._writer.check(request.outputs)
        rows = self._input.read(request.inputs)
        prediction = prediction_of(await self._batcher.scores(rows), self._classes)
        return Inferred(self._writer.write(prediction, request.id, request.outputs, request.binary_default), len(rows))
