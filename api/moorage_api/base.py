"""The base of every model that a user or another part writes: camelCase on the wire, unknown fields refused, types strict."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, JsonValue, StringConstraints, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from moorage_api.rule import Rule

GROUP = "moorage.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

__all__ = [
    "API_VERSION",
    "GROUP",
    "VERSION",
    "AnyMapping",
    "ApiModel",
    "Count",
    "Decimal",
    "Digest",
    "MemoryQuantity",
    "Name",
    "Rule",
    "Text",
    "Timestamp",
    "Uri",
]


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
        """The JSON-ready form: camelCase, `None` left out. `from_wire` gives the same model back."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        """`field: null` means that the field is not given, as an API server reads it."""
        if not isinstance(data, dict) or None not in data.values():
            return data
        known = {name for field, info in cls.model_fields.items() for name in (field, info.alias)}
        return {key: value for key, value in data.items() if value is not None or key not in known}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> JsonSchemaValue:
        """JSON Schema with `rules` as `x-kubernetes-validations`."""
        reference = handler(core_schema)
        if cls.rules:
            handler.resolve_ref_schema(reference)["x-kubernetes-validations"] = [rule.for_api_server() for rule in cls.rules]
        return reference


AnyMapping = Annotated[dict[str, JsonValue], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""A mapping of whatever JSON can hold."""

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

Timestamp = Annotated[
    str,
    Field(
        max_length=40,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|\+00:00)$",
        json_schema_extra={"format": "date-time"},
    ),
]
"""RFC 3339, UTC."""

MemoryQuantity = Annotated[str, StringConstraints(max_length=16, pattern=r"^[1-9][0-9]*(Mi|Gi)$")]
"""Bytes as Kubernetes writes them, e.g. `2Gi`."""

Count = Annotated[int, Field(ge=0, le=2**53)]
"""How many; up to what a JSON number holds exactly."""
