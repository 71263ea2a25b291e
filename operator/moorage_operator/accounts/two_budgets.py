"""Records have one budget: which of several Datasets over the same records has the say. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from moorage_api.dataset import Dataset
from moorage_api.errors import Problem
from moorage_operator.accounts.account import account_uri, overlapping


def two_budgets(dataset: Dataset, datasets: Iterable[Dataset]) -> Problem | None:
    """Why the budget of `dataset` does not hold, if another Dataset of its namespace has a budget over common records.

    Of two over the same records the older one's holds, as it did before the younger came. Of two of which one's folder holds the
    other's records neither does: no job could be charged to the one account without spending of the other.
    """
    if dataset.spec.privacy_budget is None:
        return None
    namespace, account = dataset.metadata.namespace or "default", account_of(dataset)
    for other in sorted(datasets, key=_age):
        same_object = other.metadata.name == dataset.metadata.name
        if same_object or (other.metadata.namespace or "default") != namespace or other.spec.privacy_budget is None:
            continue
        theirs = account_of(other)
        if overlapping(account, theirs):
            message, remedy = f"these records overlap those of {other.ref}, which has a privacy budget", "let one Dataset be of them all"
        elif account == theirs and _age(other) < _age(dataset):
            message, remedy = f"the same records have a privacy budget already, by {other.ref}", "records have one budget: use that Dataset"
        else:
            continue
        return Problem(message, "", "spec.uri", dataset.spec.uri, remedy)
    return None


def account_of(dataset: Dataset) -> str:
    """The privacy account of a Dataset's records."""
    return account_uri(dataset.spec.uri, dataset.metadata.namespace or "default")


def _age(dataset: Dataset) -> tuple[str, str]:
    return dataset.metadata.creation_timestamp or "", dataset.metadata.name
