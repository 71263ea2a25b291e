"""Rules: constraints over several fields of one model, declared once for the API server (CEL) and for Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic.alias_generators import to_snake

VALUE = "{value}"


@dataclass(frozen=True)
class Rule:
    """A constraint decided alike by the API server and by Python.

    field: the path, relative to the model, of the field that the user should change (a CEL `fieldPath`, e.g. `.delta`).
    cel: what the API server evaluates; `self` is the model with its defaults.
    holds: what Python evaluates on the same model.
    message: what both print after the field's whole path; `{value}` stands for the field's value, then a string. What follows "; " is
        the remedy.
    """

    field: str
    cel: str
    holds: Callable[[Any], bool]
    message: str

    @classmethod
    def only(cls, field: str, *built: str) -> Rule:
        """Of the values that the schema knows for `field` (its wire name), only `built` are built yet."""
        attribute = to_snake(field)
        choices = ", ".join(_quoted(value) for value in built)
        return cls(
            f".{field}",
            f"self.{field} in [{choices}]",
            lambda model: getattr(model, attribute) in built,
            f"{VALUE} is not supported yet; use {' or '.join(built)}",
        )

    @classmethod
    def not_yet(cls, field: str) -> Rule:
        """The schema knows `field` (its wire name), and nothing acts on it yet."""
        attribute = to_snake(field)
        return cls(f".{field}", f"!has(self.{field})", lambda model: getattr(model, attribute) is None, "not supported yet; remove it")

    @property
    def shows_value(self) -> bool:
        """Whether the message itself says what stands in the field."""
        return VALUE in self.message

    def value_in(self, model: Any) -> Any:
        """What stands in the field; None where it, or an object on the way to it, is not given."""
        for part in self.field.strip(".").split("."):
            if model is None:
                return None
            model = getattr(model, to_snake(part))
        return model

    def message_for(self, model: Any) -> str:
        """The message about `model`, which breaks the rule."""
        return self.message.replace(VALUE, str(self.value_in(model)))

    def for_api_server(self) -> dict[str, str]:
        """An item of `x-kubernetes-validations`."""
        rule = {"rule": self.cel, "fieldPath": self.field}
        if self.shows_value:
            before, after = (_quoted(text) if text else "" for text in self.message.split(VALUE))
            return {**rule, "messageExpression": " + ".join(part for part in (before, f"self{self.field}", after) if part)}
        return {**rule, "message": self.message}


def _quoted(text: str) -> str:
    """A CEL string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
