"""`moorage validate -f FILE|DIR`: every problem of syntax, fields, rules and references; needs no home, stores nothing."""

from __future__ import annotations

from moorage_api.errors import InvalidInput, Problem
from moorage_cli.engine.intake import read_manifests
from moorage_cli.engine.objects import ObjectStore
from moorage_cli.engine.references import Known, missing_references
from moorage_cli.home import Home
from moorage_cli.options import DEFAULT_HOME, HomeOption, ManifestOption, OutputOption
from moorage_cli.output import Format, say, say_json


def validate(file: ManifestOption, home: HomeOption = DEFAULT_HOME, output: OutputOption = Format.table) -> None:
    """Check manifests; nothing is stored. References lead to a resource of the manifests, or of the home if there is one."""
    given = read_manifests(file)
    replaced = {resource.ref for _, resource in given}
    stored = ObjectStore(Home(home.absolute())).everything()
    known = Known([*(r for _, r in given), *(s for s in stored if s.ref not in replaced)])
    problems: list[Problem] = [p for where, resource in given for p in missing_references(resource, known, where)]
    if problems:
        raise InvalidInput(*problems)
    if output is Format.json:
        say_json({"valid": True, "resources": [resource.ref for _, resource in given]})
        return
    for _, resource in given:
        say(f"{resource.ref} is valid")
