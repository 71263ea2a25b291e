"""The errors that reading records ends in: every one names the data set, the place in it, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass

from moorage_api.errors import InvalidInput, Problem
from moorage_api.run_config import ResolvedDataset


@dataclass(frozen=True)
class Refusal:
    """Builds InvalidInput for one data set.

    private: values of records are never shown, for messages reach logs and reports that privacy does not cover.
    """

    where: str
    private: bool

    @classmethod
    def of(cls, dataset: ResolvedDataset, private: bool) -> Refusal:
        """The refusal that speaks of `dataset` by its name, or by its uri."""
        return cls(f"data set {dataset.dataset or dataset.uri}", private)

    def whole(self, message: str, remedy: str, field: str = "") -> InvalidInput:
        """Something is wrong with the data set or one of its columns (`field`)."""
        return InvalidInput(Problem(message, self.where, field, None, remedy))

    def cell(self, column: str, record: int, message: str, value: object, remedy: str) -> InvalidInput:
        """One value is wrong, or missing (None); `record` counts from 1."""
        shown = None if self.private or value is None else repr(value)
        return InvalidInput(Problem(f"record {record}: {message}", self.where, f"column {column!r}", shown, remedy))
