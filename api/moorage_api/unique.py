"""Lists without repetition, checked alike by the API server (`x-kubernetes-list-type`) and by Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class UniqueItems:
    """Annotates a list of strings, numbers, or (with `key`, a required field's wire name) of models with one item a key."""

    key: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._refuse_repetition, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(schema)
        found["x-kubernetes-list-type"] = "map" if self.key else "set"
        if self.key:
            found["x-kubernetes-list-map-keys"] = [self.key]
        return found

    def _refuse_repetition(self, items: list[Any]) -> list[Any]:
        seen = set()
        for item in items:
            identity = getattr(item, to_snake(self.key)) if self.key else item
            if identity in seen:
                raise PydanticCustomError("repeated", "{identity} is given twice", {"identity": str(identity)})
            seen.add(identity)
        return items
