"""`moorage`: the verbs put together, and what every end of the program means.

Exit codes: 0 done, 1 refused or failed, 2 bad input, 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from moorage_api.errors import MoorageError
from moorage_cli.home import DEFAULT_HOME
from moorage_cli.output import complain
from moorage_cli.unexpected import record_unexpected
from moorage_cli.verbs import bill, budget, delete, keys, predict, run_manifests, status, validate, version

INTERRUPTED = 130

app = typer.Typer(
    name="moorage",
    help="Train privately and robustly, gate, serve, and bill each tenant for exactly what was used.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run_manifests.run)
app.command("validate")(validate.validate)
app.command("predict")(predict.predict)
app.command("bill")(bill.bill)
app.command("budget")(budget.budget)
app.command("status")(status.status)
app.command("delete")(delete.delete)
app.command("version")(version.version)
app.add_typer(keys.app, name="keys")


def run() -> None:
    """The entry point of the `moorage` script."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Run one command line. Returns the exit code; prints problems to stderr, one a line, never a traceback."""
    try:
        app(args=list(arguments), prog_name="moorage")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except MoorageError as error:
        for problem in error.problems:
            complain(f"error: {problem}")
        return error.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        file = record_unexpected(error, _home_of(arguments) / "logs")
        complain(f"error: unexpected {type(error).__name__}: {' '.join(str(error).split())[:200]}; the traceback is in {file}")
        return 1
    return 0


def _home_of(arguments: Sequence[str]) -> Path:
    """The home that a command line names, as far as that can be told before it is parsed."""
    named = os.environ.get("MOORAGE_HOME", str(DEFAULT_HOME))
    for position, argument in enumerate(arguments):
        if argument == "--home" and position + 1 < len(arguments):
            named = arguments[position + 1]
        elif argument.startswith("--home="):
            named = argument.removeprefix("--home=")
    return Path(named).absolute()
