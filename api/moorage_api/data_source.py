"""Where records lie and what their columns mean; shared by Dataset and by a TrainingJob's inline data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Rule, Text

ColumnName = Annotated[str, Field(min_length=1, max_length=253)]
Format = Literal["CSV", "Parquet", "ImageFolder", "Bundled"]


class FeatureColumn(ApiModel):
    """One feature of a table."""

    rules = (
        Rule(
            ".maximum",
            "!has(self.minimum) || !has(self.maximum) || self.minimum < self.maximum",
            lambda c: c.minimum is None or c.maximum is None or c.minimum < c.maximum,
            "maximum must be above minimum",
        ),
        Rule(
            ".categories",
            "self.type != 'Category' || has(self.categories)",
            lambda c: c.type != "Category" or c.categories is not None,
            "a Category column lists its categories",
        ),
        Rule(
            ".categories",
            "self.type != 'Number' || !has(self.categories)",
            lambda c: c.type != "Number" or c.categories is None,
            "only a Category column has categories",
        ),
    )

    name: ColumnName
    """The column's name in the file."""
    type: Literal["Number", "Category"] = "Number"
    """Number: scaled. Category: one-hot; a value outside `categories` is an error."""
    minimum: float | None = None
    """The smallest value by public knowledge; values below are clamped. Needed to train a Number under `privacy`."""
    maximum: float | None = None
    """The largest value by public knowledge; values above are clamped. Needed to train a Number under `privacy`."""
    categories: Annotated[list[Text], Field(min_length=1, max_length=256)] | None = None
    """Every value that a Category may take, in the order of the encoding."""
    fill: float | Text | None = None
    """What a missing value becomes. Default: the middle of the bounds, else the training mean; the first category."""


class Columns(ApiModel):
    """How the columns of a table are read."""

    label: ColumnName
    """The column to predict."""
    classes: Annotated[list[Text], Field(min_length=2, max_length=1000)] | None = None
    """Every value of the label in the order of the encoding. Default: what the training records hold, sorted; must be given under `privacy`."""
    features: Annotated[list[FeatureColumn], Field(min_length=1, max_length=1000)] | None = None
    """The features. Default: every other column, as numbers."""
    missing: Literal["Fill", "Drop", "Refuse"] = "Refuse"
    """A record with a missing feature: filled (`fill`), dropped, or an error that names the column. A missing label is always an error."""


class Split(ApiModel):
    """How records are held out for evaluation; training never sees them."""

    evaluation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The share of records held out, stratified by label."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """The seed of the split."""


class Augmentation(ApiModel):
    """Random changes to training images, drawn anew each time a record is used."""

    shear_degrees: Annotated[float, Field(ge=0, le=45)] = 0.0
    """The largest shear angle in degrees."""
    zoom: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """The largest relative zoom; 0.1 draws a scale between 0.9 and 1.1."""
    horizontal_flip: bool = False
    """Mirror half of the images."""


class DeidentificationColumn(ApiModel):
    """How one column is de-identified."""

    name: ColumnName
    """The column."""
    action: Literal["Replace", "Hash", "Mask", "Generalise", "Drop"]
    """What is done to its values."""


class Deidentification(ApiModel):
    """De-identification before anything is stored or logged."""

    columns: Annotated[list[DeidentificationColumn], Field(min_length=1, max_length=256)]
    """The columns and their actions."""
