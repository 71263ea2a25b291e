"""Dataset: records with an owner's rules, above all how much privacy may ever be spent on them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Count, Rule, Uri
from moorage_api.data_source import Columns, Format, private_table_rule
from moorage_api.meta import Resource, Status


class PrivacyBudget(ApiModel):
    """The most that all jobs together, for all time, may spend on the records."""

    epsilon: Annotated[float, Field(gt=0, le=1000)]
    """Epsilon of the composition of everything ever run on the records."""
    delta: Annotated[float, Field(gt=0, lt=1)]
    """The delta at which that epsilon is computed."""


class DatasetSpec(ApiModel):
    """Where the records lie, what they mean, and their budget."""

    rules = (
        Rule.only("unit", "Record"),
        Rule(
            ".columns",
            "!(self.format in ['CSV', 'Parquet']) || has(self.columns)",
            lambda s: s.format not in ("CSV", "Parquet") or s.columns is not None,
            "a CSV or Parquet data set names its columns: columns.label at least",
        ),
        Rule(
            ".columns",
            "!has(self.columns) || self.format != 'ImageFolder'",
            lambda s: s.columns is None or s.format != "ImageFolder",
            "an ImageFolder has no columns: its labels are the names of its folders",
        ),
        private_table_rule("privacyBudget", source=""),
    )

    uri: Uri
    """Where the records lie: `sklearn://NAME` (bundled sets), `file:///PATH`, or a path relative to the manifest."""
    format: Format
    """How the records are stored."""
    columns: Columns | None = None
    """What the columns of a table mean."""
    privacy_budget: PrivacyBudget | None = None
    """The privacy budget. With one, every job on these records must set `privacy`."""
    unit: Literal["Record", "User"] = "Record"
    """Whose presence the budget protects."""


class Spend(ApiModel):
    """An amount of the budget, at the budget's delta."""

    epsilon: Annotated[float, Field(ge=0)]
    """Epsilon of the composition."""
    jobs: Count
    """How many jobs it is the composition of."""


class DatasetStatus(Status):
    """What the privacy ledger says of the data set."""

    spent: Spend | None = None
    """Committed by jobs that ended."""
    reserved: Spend | None = None
    """Committed, and held by jobs that have not ended, composed together."""
    remaining_epsilon: Annotated[float, Field(ge=0)] | None = None
    """The budget less `reserved`; what one more mechanism costs depends on the composition, so this is a lower bound."""


class Dataset(Resource):
    """Records with an owner's rules, above all how much privacy may ever be spent on them."""

    kind: Literal["Dataset"] = "Dataset"
    """The kind."""
    spec: DatasetSpec
    """What the user asks for."""
    status: DatasetStatus | None = None
    """What Moorage reports."""
