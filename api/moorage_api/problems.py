"""Problems in the words of someone who wrote YAML: from pydantic's errors and from broken Rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from moorage_api.base import ApiModel
from moorage_api.errors import Problem

MAX_SHOWN_CHARACTERS = 80


def problems_of(error: ValidationError, where: str) -> Iterator[Problem]:
    """One Problem for each of pydantic's complaints about what stands at `where`."""
    return (_problem(detail, where) for detail in error.errors(include_url=False))


def broken_rules(model: ApiModel, where: str, path: str = "") -> Iterator[Problem]:
    """Every Rule of `model` and of the models in it that does not hold, with the whole path of its field."""
    for rule in type(model).rules:
        if not rule.holds(model):
            value = rule.value_in(model)
            is_told = rule.shows_value or isinstance(value, ApiModel | list | Mapping)
            message, _, remedy = rule.message_for(model).partition("; ")
            yield Problem(message, where, f"{path}{rule.field}".lstrip("."), None if is_told else shown(value), remedy)
    for name, info in type(model).model_fields.items():
        child = getattr(model, name)
        below = f"{path}.{info.alias or name}"
        if isinstance(child, ApiModel):
            yield from broken_rules(child, where, below)
        elif isinstance(child, list):
            for index, item in enumerate(child):
                if isinstance(item, ApiModel):
                    yield from broken_rules(item, where, f"{below}[{index}]")


def shown(value: Any) -> str | None:
    """`value` as a message shows it: on one line, without control characters, not long; None for None."""
    if value is None:
        return None
    text = repr(value) if isinstance(value, str | dict | list) else str(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 3] + "..."


def _problem(detail: Mapping[str, Any], where: str) -> Problem:
    field = ""
    for part in detail["loc"]:
        if isinstance(part, int):
            field += f"[{part}]"
        else:
            field += f".{part if part.isprintable() else repr(part)}"
    field = field.lstrip(".")
    kind, context, value = detail["type"], detail.get("ctx", {}), shown(detail["input"])
    if kind == "extra_forbidden":
        return Problem("unknown field", where, field, value, "check the spelling, or remove it")
    if kind == "missing":
        return Problem("required field is missing", where, field)
    if kind == "literal_error":
        return Problem("not an allowed value", where, field, value, f"one of {context['expected']}")
    if kind == "string_type" and isinstance(detail["input"], bool | int | float):
        # As kubectl reads YAML, y, yes, no, on and 12 are not strings.
        return Problem("should be a string", where, field, value, "put it into quotes")
    if kind == "model_type":
        return Problem("should be a mapping", where, field, value)
    return Problem(str(detail["msg"]).removeprefix("Input ").removeprefix("Value error, "), where, field, value)
