"""Where records lie and what their columns mean; shared by Dataset and by a TrainingJob's inline data set."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.alias_generators import to_snake

from moorage_api.base import ApiModel, Rule, Text
from moorage_api.unique import UniqueItems

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
        Rule(
            ".minimum",
            "self.type == 'Number' || (!has(self.minimum) && !has(self.maximum))",
            lambda c: c.type == "Number" or (c.minimum is None and c.maximum is None),
            "only a Number column has a minimum and a maximum",
        ),
        Rule(
            ".fill",
            "self.type == 'Number' || !has(self.fill)",
            lambda c: c.type == "Number" or c.fill is None,
            "only a Number column has fill; use fillCategory",
        ),
        Rule(
            ".fillCategory",
            "!has(self.fillCategory) || (has(self.categories) && self.fillCategory in self.categories)",
            lambda c: c.fill_category is None or c.fill_category in (c.categories or ()),
            "fillCategory must be one of the column's categories",
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
    categories: Annotated[list[Text], Field(min_length=1, max_length=256), UniqueItems()] | None = None
    """Every value that a Category may take, in the order of the encoding."""
    fill: float | None = None
    """What a missing Number becomes. Default: the middle of the bounds, else the training mean."""
    fill_category: Text | None = None
    """What a missing Category becomes. Default: the first category."""


class Columns(ApiModel):
    """How the columns of a table are read."""

    rules = (
        Rule(
            ".features",
            "!has(self.features) || !self.features.exists(f, f.name == self.label)",
            lambda c: all(f.name != c.label for f in c.features or ()),
            "the label is not a feature; remove it from features",
        ),
        Rule(
            ".missing",
            "self.missing == 'Fill' || !has(self.features) || !self.features.exists(f, has(f.fill) || has(f.fillCategory))",
            lambda c: c.missing == "Fill" or all(f.fill is None and f.fill_category is None for f in c.features or ()),
            "a feature says what a missing value becomes, which takes missing: Fill",
        ),
    )

    label: ColumnName
    """The column to predict."""
    classes: Annotated[list[Text], Field(min_length=2, max_length=1000), UniqueItems()] | None = None
    """Every value of the label, in the encoding's order. Default: those of the training records, sorted; must be given under `privacy`."""
    features: Annotated[list[FeatureColumn], Field(min_length=1, max_length=1000), UniqueItems("name")] | None = None
    """The features. Default: every other column, as numbers."""
    missing: Literal["Fill", "Drop", "Refuse"] = "Refuse"
    """A record with a missing feature: filled (`fill`), dropped, or an error that names the column. A missing label is always an error."""


def known_without_records(columns: Columns) -> bool:
    """Whether nothing about the columns has to be learnt from the records, which would spend privacy unaccounted."""
    if columns.classes is None or columns.features is None:
        return False
    return all(f.type != "Number" or (f.minimum is not None and f.maximum is not None) for f in columns.features)


def private_table_rule(when: str, source: str) -> Rule:
    """Under privacy (the object `when` is given) a table at `source` ("" or "dataset.") says all about its columns beforehand."""
    columns = f"self.{source}columns"
    bounded = f"{columns}.features.all(f, f.type != 'Number' || (has(f.minimum) && has(f.maximum)))"

    def holds(spec: Any) -> bool:
        data = spec.dataset if source else spec
        if getattr(spec, to_snake(when)) is None or data.format not in ("CSV", "Parquet") or data.columns is None:
            return True
        return known_without_records(data.columns)

    return Rule(
        f".{source}columns",
        f"!has(self.{when}) || !has(self.{source}format) || !(self.{source}format in ['CSV', 'Parquet']) || !has({columns})"
        f" || (has({columns}.classes) && has({columns}.features) && {bounded})",
        holds,
        f"with {when}, columns lists classes, features, and each Number's bounds: learning them from the records is not private",
    )


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

    columns: Annotated[list[DeidentificationColumn], Field(min_length=1, max_length=256), UniqueItems("name")]
    """The columns and their actions."""
