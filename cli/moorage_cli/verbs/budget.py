"""`moorage budget [DATASET]`: every epsilon ever spent on a data set, by job."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from moorage_api.dataset import Dataset, PrivacyBudget
from moorage_api.errors import InvalidInput, Problem
from moorage_billing.privacy_ledger import PrivacyLedger, Statement
from moorage_cli.engine.accounts import budget_key
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.home import open_home
from moorage_cli.options import DEFAULT_HOME, HomeOption, OutputOption
from moorage_cli.output import Format, say, say_json, say_table


def budget(
    dataset: Annotated[str | None, typer.Argument(metavar="[DATASET]", help="Default: every Dataset with a budget.")] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where the Dataset is.")] = "default",
    home: HomeOption = DEFAULT_HOME,
    output: OutputOption = Format.table,
) -> None:
    """What is spent, reserved and left of each privacy budget. Epsilons of the composition, at the budget's delta."""
    store = ObjectStore(open_home(home))
    chosen = [store.get(Dataset, namespace, dataset)] if dataset else [d for d in store.all(Dataset) if d.spec.privacy_budget]
    if dataset and chosen[0].spec.privacy_budget is None:
        raise InvalidInput(Problem("it has no privacy budget", chosen[0].ref, "spec.privacyBudget", remedy="set epsilon and delta"))
    ledger = PrivacyLedger(store.home.ledger_url)
    try:
        statements = [(d, ledger.statement(budget_key(d), d.spec.privacy_budget)) for d in chosen]
    finally:
        ledger.close()
    if output is Format.json:
        say_json([statement_document(d, s) for d, s in statements])
        return
    if not statements:
        say("no Dataset with a privacy budget")
    for d, s in statements:
        _say(d, s)


def statement_document(dataset: Dataset, statement: Statement) -> dict[str, Any]:
    """A statement, JSON-ready."""
    limit: PrivacyBudget = statement.budget
    return {
        "dataset": dataset.metadata.name,
        "namespace": dataset.metadata.namespace,
        "records": statement.dataset.uri,
        "budget": {"epsilon": limit.epsilon, "delta": limit.delta},
        "spentEpsilon": statement.spent,
        "reservedEpsilon": statement.reserved,
        "remainingEpsilon": statement.remaining,
        "jobs": [
            {
                "run": j.job_uid,
                "job": j.job_ref,
                "state": j.state,
                "epsilon": j.epsilon,
                "mechanism": j.mechanism.to_wire(),
                "overrun": j.overrun,
            }
            for j in statement.jobs
        ],
    }


def _say(dataset: Dataset, statement: Statement) -> None:
    limit = statement.budget
    say(f"{dataset.ref} ({statement.dataset.uri})")
    say(f"budget epsilon {limit.epsilon:g} at delta {limit.delta:g}: spent {statement.spent:.4g}, remaining {statement.remaining:.4g}")
    if statement.reserved > statement.spent:
        say(f"with what unfinished jobs hold: {statement.reserved:.4g}")
    rows = [
        (
            j.job_ref,
            j.state + (" (overrun)" if j.overrun else ""),
            f"{j.epsilon:.4g}",
            j.mechanism.steps,
            f"{j.mechanism.sampling_rate:.4g}",
            f"{j.mechanism.noise_multiplier:.4g}",
        )
        for j in statement.jobs
    ]
    say_table(("Job", "State", "Epsilon alone", "Steps", "Sampling rate", "Noise"), rows, nothing="no job has run on it")
