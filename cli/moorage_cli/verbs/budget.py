"""`moorage budget [DATASET]`: every epsilon ever spent on a data set, by job."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from moorage_cli.ledger_choice import Account, LedgerOption, chosen_ledger
from moorage_cli.options import DEFAULT_HOME, HomeOption, OutputOption
from moorage_cli.output import Format, say, say_json, say_table


def budget(
    dataset: Annotated[
        str | None,
        typer.Argument(metavar="[DATASET]", help="A Dataset's name, with --ledger the records' uri. Default: all that have a budget."),
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where the Dataset is.")] = "default",
    home: HomeOption = DEFAULT_HOME,
    ledger: LedgerOption = None,
    output: OutputOption = Format.table,
) -> None:
    """What is spent, reserved and left of each privacy budget. Epsilons of the composition, at the budget's delta."""
    with chosen_ledger(ledger, home) as chosen:
        accounts = chosen.accounts(dataset, namespace)
    if output is Format.json:
        say_json([account_document(account) for account in accounts])
        return
    if not accounts:
        say("no Dataset with a privacy budget" if ledger is None else "no records with a privacy account")
    for account in accounts:
        _say(account)


def account_document(account: Account) -> dict[str, Any]:
    """An account, JSON-ready."""
    statement = account.statement
    return {
        "dataset": account.name,
        "namespace": account.namespace,
        "records": statement.uri,
        "budget": statement.budget.to_wire(),
        "spentEpsilon": statement.spent,
        "reservedEpsilon": statement.reserved,
        "remainingEpsilon": statement.remaining,
        "jobs": [
            {
                "run": j.holder,
                "job": j.job_ref,
                "state": j.state,
                "epsilon": j.epsilon,
                "mechanism": j.mechanism.to_wire(),
                "overrun": j.overrun,
            }
            for j in statement.jobs
        ],
    }


def _say(account: Account) -> None:
    statement = account.statement
    limit = statement.budget
    say(account.title)
    spent, remaining = _epsilon(statement.spent), _epsilon(statement.remaining)
    say(f"budget epsilon {limit.epsilon:g} at delta {limit.delta:g}: spent {spent}, remaining {remaining}")
    if statement.reserved != statement.spent:
        say(f"with what unfinished jobs hold: {_epsilon(statement.reserved)}")
    rows = [
        (
            j.job_ref,
            j.state + (" (overrun)" if j.overrun else ""),
            _epsilon(j.epsilon),
            j.mechanism.steps,
            f"{j.mechanism.sampling_rate:.4g}",
            f"{j.mechanism.noise_multiplier:.4g}",
        )
        for j in statement.jobs
    ]
    say_table(("Job", "State", "Epsilon alone", "Steps", "Sampling rate", "Noise"), rows, nothing="no job has run on it")


def _epsilon(bound: float | None) -> str:
    return "unbounded" if bound is None else f"{bound:.4g}"
