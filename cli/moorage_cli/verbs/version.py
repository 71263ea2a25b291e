"""`moorage version`."""

from __future__ import annotations

import platform
from importlib.metadata import version as version_of

from moorage_cli.options import OutputOption
from moorage_cli.output import Format, say, say_json


def version(output: OutputOption = Format.table) -> None:
    """The version of Moorage and of Python."""
    if output is Format.json:
        say_json({"moorage": version_of("moorage"), "python": platform.python_version()})
    else:
        say(f"moorage {version_of('moorage')} (Python {platform.python_version()})")
