"""From raw inputs to the scaled space in which networks learn and attacks move; part of the exported graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from moorage_api.artifact import Signature
from moorage_api.data_source import Columns, FeatureColumn
from moorage_api.errors import InvalidInput, Problem
from moorage_training.records import Records


class Preprocessing(nn.Module):
    """Base of both kinds.

    lower, upper: bounds of the scaled space for each coordinate (infinite where there is none), or None if no coordinate
    has any; attackable: which coordinates an attack may move, 1.0 or 0.0. All broadcast against a scaled batch.
    """

    lower: Tensor | None
    upper: Tensor | None
    attackable: Tensor
    scaled_shape: tuple[int, ...]

    def summary(self) -> dict[str, list[float]]:
        """`fill`, `shift` and `scale`, for readers of model.json: scaled = (filled raw - shift) x scale."""
        raise NotImplementedError


class ImageScaling(Preprocessing):
    """[N, C, H, W] in the raw pixel range -> [0, 1]."""

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        self.minimum = signature.minimum if signature.minimum is not None else 0.0
        self.maximum = signature.maximum if signature.maximum is not None else 255.0
        self.scaled_shape = tuple(signature.shape)
        self.register_buffer("lower", torch.zeros(self.scaled_shape))
        self.register_buffer("upper", torch.ones(self.scaled_shape))
        self.register_buffer("attackable", torch.ones(self.scaled_shape))

    def forward(self, raw: Tensor) -> Tensor:
        return (raw.clamp(self.minimum, self.maximum) - self.minimum) / (self.maximum - self.minimum)

    def summary(self) -> dict[str, list[float]]:
        return {"fill": [self.minimum], "shift": [self.minimum], "scale": [1.0 / (self.maximum - self.minimum)]}


class TableScaling(Preprocessing):
    """[N, features] -> [N, numbers + categories]: filled, clamped, scaled numbers, then the categories one-hot.

    numbers, categories: columns of the input; fill, shift, scale, minimum, maximum: one a number; sizes: how many values
    each category has. A bounded number becomes [0, 1], another gets mean 0 and deviation 1.
    """

    numbers: Tensor
    fill: Tensor
    shift: Tensor
    scale: Tensor
    minimum: Tensor
    maximum: Tensor

    def __init__(
        self,
        numbers: list[int],
        categories: list[int],
        sizes: list[int],
        *,
        fill: list[float],
        shift: list[float],
        scale: list[float],
        minimum: list[float],
        maximum: list[float],
    ) -> None:
        super().__init__()
        self.categories, self.sizes = list(categories), list(sizes)
        self.scaled_shape = (len(numbers) + sum(sizes),)
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.long))
        for name, values in {"fill": fill, "shift": shift, "scale": scale, "minimum": minimum, "maximum": maximum}.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32))
        bounded = np.isfinite(minimum) & np.isfinite(maximum)
        one_hots = sum(sizes)
        if bounded.any() or one_hots:
            self.register_buffer("lower", torch.tensor([0.0 if b else -np.inf for b in bounded] + [0.0] * one_hots))
            self.register_buffer("upper", torch.tensor([1.0 if b else np.inf for b in bounded] + [1.0] * one_hots))
        else:
            self.lower = self.upper = None
        self.register_buffer("attackable", torch.tensor([1.0] * len(numbers) + [0.0] * one_hots))

    def forward(self, raw: Tensor) -> Tensor:
        parts = []
        if self.numbers.numel():
            values = raw.index_select(1, self.numbers)
            values = torch.where(torch.isnan(values), self.fill, values)
            values = torch.minimum(torch.maximum(values, self.minimum), self.maximum)
            parts.append((values - self.shift) * self.scale)
        for column, size in zip(self.categories, self.sizes, strict=True):
            places = torch.arange(size, dtype=raw.dtype, device=raw.device)
            parts.append((raw[:, column : column + 1] == places).to(raw.dtype))
        return torch.cat(parts, dim=1)

    def summary(self) -> dict[str, list[float]]:
        named = {"fill": self.fill, "shift": self.shift, "scale": self.scale}
        return {name: [float(value) for value in tensor] for name, tensor in named.items()}


def fit_preprocessing(records: Records, columns: Columns | None, private: bool) -> Preprocessing:
    """The preprocessing of `records`' signature; `columns` holds what is publicly known (bounds, fills).

    private: no statistic of the records is used; every number needs declared bounds. Raises InvalidInput naming the column.
    """
    signature = records.signature
    if signature.input == "image":
        return ImageScaling(signature)
    declared = {feature.name: feature for feature in (columns.features or [])} if columns else {}
    numbers = [i for i, feature in enumerate(signature.features) if feature.type == "Number"]
    fits = [_fit_number(records, i, declared.get(signature.features[i].name), private) for i in numbers]
    categories = [i for i, feature in enumerate(signature.features) if feature.type == "Category"]
    return TableScaling(
        numbers,
        categories,
        [len(signature.features[i].categories or []) for i in categories],
        fill=[fit["fill"] for fit in fits],
        shift=[fit["shift"] for fit in fits],
        scale=[fit["scale"] for fit in fits],
        minimum=[fit["minimum"] for fit in fits],
        maximum=[fit["maximum"] for fit in fits],
    )


def _fit_number(records: Records, index: int, declared: FeatureColumn | None, private: bool) -> dict[str, float]:
    name = records.signature.features[index].name
    minimum = declared.minimum if declared else None
    maximum = declared.maximum if declared else None
    bounded = minimum is not None and maximum is not None
    if private and not bounded:
        raise InvalidInput(
            Problem(
                f"the numeric column {name!r} has no declared minimum and maximum, and under privacy they are not read from the records",
                "data set",
                "columns.features",
                None,
                "declare both by public knowledge",
            )
        )
    fill = declared.fill if declared else None
    clamp = {"minimum": -np.inf if minimum is None else minimum, "maximum": np.inf if maximum is None else maximum}
    if minimum is not None and maximum is not None:
        middle = (minimum + maximum) / 2
        return {"fill": middle if fill is None else fill, "shift": minimum, "scale": 1.0 / (maximum - minimum), **clamp}
    present = records.x[:, index][~np.isnan(records.x[:, index])].astype(np.float64)
    if len(present) == 0:
        raise InvalidInput(
            Problem(f"the column {name!r} is missing in every training record", "data set", "columns.features", None, "remove it")
        )
    present = present.clip(clamp["minimum"], clamp["maximum"])
    mean, deviation = float(present.mean()), float(present.std())
    return {"fill": mean if fill is None else fill, "shift": mean, "scale": 1.0 / deviation if deviation > 0 else 1.0, **clamp}
