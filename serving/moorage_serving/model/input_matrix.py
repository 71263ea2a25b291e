"""From the tensors of a request to the array that the artifact's graph takes, by the artifact's signature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moorage_api.artifact import InputFeature, Signature
from moorage_serving.protocol.tensor import BYTES, Tensor
from moorage_serving.refusal import Refusal


class InputMatrix:
    """Checks requests against one signature.

    A request holds either the signature's one tensor (`features` [N, F] or `image` [N, C, H, W], any numeric datatype; a
    Category is its index) or, for a table, one tensor of shape [N] or [N, 1] for each column (a Category as BYTES).
    """

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._shape = tuple(signature.shape)
        self._columns = {f.name: (i, f) for i, f in enumerate(signature.features)}
        self._categories = [(i, f) for i, f in enumerate(signature.features) if f.type == "Category"]
        self._codes = {f.name: {c: float(n) for n, c in enumerate(f.categories or [])} for _, f in self._categories}

    def read(self, tensors: list[Tensor]) -> NDArray[np.float32]:
        """FP32 [N, *shape] with N >= 1. Raises Refusal (400)."""
        is_whole = len(tensors) == 1 and tensors[0].name == self._signature.input
        rows = self._whole(tensors[0]) if is_whole else self._by_column(tensors)
        if rows.shape[0] == 0:
            raise Refusal(400, "holds no record", field="inputs[0].shape", value=str(list(tensors[0].shape)), remedy="send at least one")
        self._check(rows)
        return rows

    def _whole(self, tensor: Tensor) -> NDArray[np.float32]:
        if tensor.datatype == BYTES or not isinstance(tensor.values, np.ndarray):
            raise Refusal(400, "must be numeric", field="inputs[0].datatype", value=tensor.datatype, remedy="send FP32")
        if tensor.shape[1:] != self._shape:
            raise Refusal(
                400,
                "is not the model's shape",
                field="inputs[0].shape",
                value=str(list(tensor.shape)),
                remedy=f"send {self._shown_shape()}, N records of shape {list(self._shape)}",
            )
        return _to_float32(tensor.values)

    def _by_column(self, tensors: list[Tensor]) -> NDArray[np.float32]:
        for index, tensor in enumerate(tensors):
            if tensor.name not in self._columns:
                raise Refusal(
                    400, "is not an input of the model", field=f"inputs[{index}].name", value=tensor.name, remedy=self._expected()
                )
        given = {t.name for t in tensors}
        for name in self._columns:
            if name not in given:
                raise Refusal(400, f"has no tensor for column {name!r}", field="inputs", remedy=self._expected())
        count = tensors[0].shape[0]
        rows = np.empty((count, len(self._columns)), dtype=np.float32)
        for index, tensor in enumerate(tensors):
            if tensor.shape not in ((count,), (count, 1)):
                raise Refusal(
                    400,
                    "is not a column",
                    field=f"inputs[{index}].shape",
                    value=str(list(tensor.shape)),
                    remedy=f"send [{count}] in each column",
                )
            position, feature = self._columns[tensor.name]
            rows[:, position] = self._column(tensor, feature, f"inputs[{index}]")
        return rows

    def _column(self, tensor: Tensor, feature: InputFeature, field: str) -> NDArray[Any] | list[float]:
        if feature.type == "Number":
            if not isinstance(tensor.values, np.ndarray):
                raise Refusal(400, "must be numeric", field=f"{field}.datatype", value=tensor.datatype, remedy="send FP32")
            return _to_float32(tensor.values).reshape(-1)
        if isinstance(tensor.values, np.ndarray):
            raise Refusal(400, "must be BYTES: the column is a category", field=f"{field}.datatype", value=tensor.datatype)
        codes = self._codes[feature.name]
        try:
            return [codes[v] for v in tensor.values]
        except KeyError as error:
            shown = ", ".join(map(repr, codes))
            raise Refusal(
                400,
                f"is not a category of column {feature.name!r}",
                field=f"{field}.data",
                value=repr(error.args[0]),
                remedy=f"one of {shown}",
            ) from None

    def _check(self, rows: NDArray[np.float32]) -> None:
        """Refuse numbers that the model has no answer for."""
        signature = self._signature
        finite = np.isfinite(rows)
        if not finite.all() and (not signature.accepts_missing or np.isinf(rows).any() or signature.input == "image"):
            where = np.argwhere(np.isinf(rows) if signature.accepts_missing else ~finite)[0].tolist()
            remedy = "send a number, or NaN for a missing one" if signature.accepts_missing else "send a finite number"
            raise Refusal(400, "is not finite", field=self._place(where), value=str(rows[tuple(where)]), remedy=remedy)
        for position, feature in self._categories:
            codes, limit = rows[:, position], len(self._codes[feature.name])
            wrong = ~((codes >= 0) & (codes < limit) & (codes == np.floor(codes)))
            if wrong.any():
                row = int(np.argmax(wrong))
                remedy = f"send its index, 0 to {limit - 1}, or the text in a BYTES tensor named {feature.name!r}"
                raise Refusal(400, "is not a category", field=self._place([row, position]), value=str(codes[row]), remedy=remedy)
        low, high = signature.minimum, signature.maximum
        if signature.input == "image" and low is not None and high is not None and (rows.min() < low or rows.max() > high):
            where = np.argwhere((rows < low) | (rows > high))[0].tolist()
            raise Refusal(
                400,
                "is not a pixel value",
                field=self._place(where),
                value=str(rows[tuple(where)]),
                remedy=f"send raw pixels, {low:g} to {high:g}",
            )

    def _place(self, index: list[int]) -> str:
        """Where an element of the rows lies, in the caller's words: `features[0][2]` and the column's name."""
        spot = self._signature.input + "".join(f"[{i}]" for i in index)
        named = self._signature.features
        return f"{spot} ({named[index[1]].name})" if named and len(index) == 2 else spot

    def _shown_shape(self) -> str:
        return f"[N, {', '.join(map(str, self._shape))}]"

    def _expected(self) -> str:
        whole = f"send {self._signature.input!r} {self._shown_shape()}"
        return whole if not self._columns else f"{whole}, or one tensor for each of {', '.join(self._columns)}"


def _to_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    if values.dtype == np.float32:
        return values
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
