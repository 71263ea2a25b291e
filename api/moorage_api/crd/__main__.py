"""`python -m moorage_api.crd CRDS [REFERENCE]`: write a CustomResourceDefinition and a reference page for each kind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from moorage_api.base import GROUP
from moorage_api.crd.definition import NAMES, custom_resource_definition
from moorage_api.crd.reference import reference_page

HEADER = "# Generated from api/moorage_api by `make generate`; do not edit.\n"


class _BlockDumper(yaml.SafeDumper):
    """Writes lists indented below their key and never an alias, so that a diff reads well."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def generate(crds: Path, reference: Path | None = None) -> list[Path]:
    """Write every file and return their paths; the same models give the same bytes. Raises SchemaRefused."""
    written = []
    for kind, names in NAMES.items():
        definition = yaml.dump(custom_resource_definition(kind), Dumper=_BlockDumper, sort_keys=False, allow_unicode=True, width=120)
        written.append(_write(crds / f"{GROUP}_{names.plural}.yaml", HEADER + definition))
        if reference is not None:
            written.append(_write(reference / f"{kind.lower()}.md", reference_page(kind)))
    return written


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def main(arguments: list[str]) -> int:
    """The command. Returns the exit code."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m moorage_api.crd CRDS [REFERENCE]\n")
        return 2
    for path in generate(*map(Path, arguments)):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
