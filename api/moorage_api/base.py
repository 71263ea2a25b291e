"""The base of every model that a user or another part writes: camelCase on the wire, unknown fields refused, types strict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

GROUP = "moorage.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True)
class Rule:
    """A constraint over several fields of one model, decided alike by the API server (CEL) and by Python.

    `holds` and `cel` receive the same object; `message` is what both print; `field` is the path, relative to the
    model, of the field that the user should change (a CEL `fieldPath`, e.g. `.delta`).
    """

    field: str
    cel: str
    holds: Callable[[Any], bool]
    message: str


class ApiModel(BaseModel):
    """Immutable; field docstrings become the CRD's descriptions; `rules` become its CEL validations."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def from_wire(cls, data: Any) -> Self:
        """Parse what was read from YAML or JSON: only the camelCase names are known there."""
        return cls.model_validate(data, by_alias=True, by_name=False)

    def to_wire(self) -> dict[str, Any]:
        """The JSON-ready form: camelCase, unset fields left out, `None` left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


Name = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""An RFC 1123 label."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
"""A bounded free text."""

Uri = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
"""Where bytes lie: `sklearn://NAME`, `file:///PATH`, or a path relative to the manifest's folder."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
"""A content digest."""

Decimal = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?$", max_length=22)]
"""An amount of money or a quantity as a decimal string with at most nine decimals (one nano-unit)."""

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, max_length=40)]
"""RFC 3339, UTC."""
