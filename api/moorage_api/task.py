"""What a TrainingJob learns: the task, the model, and how it is optimised."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from moorage_api.base import AnyMapping, ApiModel, Rule, Uri

TaskType = Literal[
    "TabularClassification",
    "ImageClassification",
    "TextClassification",
    "TokenClassification",
    "Recommendation",
    "Custom",
]


class Adapter(ApiModel):
    """A low-rank adapter trained in place of the whole model."""

    type: Literal["LoRA"] = "LoRA"
    """The kind of adapter."""
    rank: Annotated[int, Field(ge=1, le=1024)] = 8
    """The rank of the update."""


class Task(ApiModel):
    """What is learnt, and by which model."""

    rules = (
        Rule.only("type", "TabularClassification", "ImageClassification"),
        Rule(
            ".model",
            "self.type != 'TabularClassification' || self.model in ['Linear', 'MLP']",
            lambda t: t.type != "TabularClassification" or t.model in ("Linear", "MLP"),
            "a TabularClassification model is Linear or MLP",
        ),
        Rule.not_yet("pretrained"),
        Rule.not_yet("adapter"),
        Rule.not_yet("customClass"),
        Rule(
            ".hiddenSizes",
            "!has(self.hiddenSizes) || self.model == 'MLP'",
            lambda t: t.hidden_sizes is None or t.model == "MLP",
            "only an MLP has hiddenSizes",
        ),
    )

    type: TaskType
    """The kind of task."""
    model: Literal["Linear", "MLP", "CNN", "ResNet50"] = "Linear"
    """The model. CNN: a small convolutional network. ResNet50: with group normalisation in place of batch normalisation under `privacy`."""
    hidden_sizes: Annotated[list[Annotated[int, Field(ge=1, le=65536)]], Field(min_length=1, max_length=16)] | None = None
    """An MLP's hidden layers; default one of 64."""
    pretrained: Uri | None = None
    """Weights to start from."""
    adapter: Adapter | None = None
    """Train an adapter only."""
    custom_class: Annotated[str, StringConstraints(max_length=256, pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$")] | None = (
        None
    )
    """For Custom: `module:Class` in the job's image."""


class Schedule(ApiModel):
    """How the learning rate changes."""

    rules = (
        Rule(
            ".stepSize",
            "self.type != 'Step' || has(self.stepSize)",
            lambda s: s.type != "Step" or s.step_size is not None,
            "a Step schedule has a stepSize",
        ),
        Rule(
            ".stepSize",
            "self.type == 'Step' || !has(self.stepSize)",
            lambda s: s.type == "Step" or s.step_size is None,
            "only a Step schedule has a stepSize",
        ),
    )

    type: Literal["Constant", "Cosine", "Step"] = "Constant"
    """Cosine: to zero at the last step. Step: times `factor` every `stepSize` steps."""
    step_size: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Steps between two changes of a Step schedule."""
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """What a Step schedule multiplies the rate by."""
    warmup_steps: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    """Steps over which the rate first rises from zero, linearly."""


class EarlyStopping(ApiModel):
    """Stop when the evaluation loss no longer falls; the best weights are kept."""

    patience: Annotated[int, Field(ge=1, le=1000)] = 3
    """Evaluations without improvement before training stops."""
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """The least fall that counts."""


class Optimization(ApiModel):
    """How the model is trained."""

    rules = (
        Rule(
            ".epochs",
            "has(self.epochs) != has(self.steps)",
            lambda o: (o.epochs is None) != (o.steps is None),
            "give exactly one of epochs and steps",
        ),
        Rule.not_yet("search"),
    )

    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Passes over the training records; under `privacy`, ceil(records / batchSize) steps each."""
    steps: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Optimiser steps."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    """Records per step over all workers; under `privacy` the expected number, for each record is drawn independently."""
    max_physical_batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 512
    """The most records that a worker holds gradients of at once."""
    optimizer: Literal["SGD", "AdamW"] = "AdamW"
    """SGD has momentum 0.9."""
    learning_rate: Annotated[float, Field(gt=0, le=1000)] = 0.001
    """The rate at the start."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Decoupled for AdamW, L2 for SGD."""
    schedule: Schedule = Schedule()
    """How the rate changes."""
    precision: Literal["Float32", "Mixed"] = "Float32"
    """Mixed: bfloat16 where the device has it, refused where it has not."""
    class_weights: Literal["None", "Balanced"] = "None"
    """Balanced: the loss of a record is weighted by the inverse frequency of its class in the training records."""
    early_stopping: EarlyStopping | None = None
    """Stop early."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Of initial weights, shuffling and augmentation. Never of the sampling and noise of differential privacy, which are secret."""
    search: AnyMapping | None = None
    """Hyper-parameter search."""
