"""The options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moorage_cli.home import DEFAULT_HOME
from moorage_cli.output import Format

HomeOption = Annotated[Path, typer.Option("--home", envvar="MOORAGE_HOME", help="The folder that holds the state.", show_default=True)]
OutputOption = Annotated[Format, typer.Option("--output", "-o", help="`json` for programs.")]
ManifestOption = Annotated[Path, typer.Option("--file", "-f", help="A manifest, or a folder of them.")]

__all__ = ["DEFAULT_HOME", "HomeOption", "ManifestOption", "OutputOption"]
