"""YAML as kubectl reads it, with bounds on what a hostile file can cost.

A plain scalar means what sigs.k8s.io/yaml makes of it:

    null            ~ null Null NULL and nothing
    a boolean       true false yes no on off y n, in lower, upper or title case (quote them where a text is meant)
    an integer      12, 1_000, 0x1f, 0o17, 017 (octal), 0b11; beyond 64 bits it is a number
    a number        1.5, .5, 1e-5, 1E3; a whole one such as 1.0 counts as the integer, as in JSON
    not a number    .inf .nan are kept and refused by every field, for JSON cannot hold them
    a text          everything else: 2026-01-31, 12:30, 1.2.3

Refused with its line: a key given twice, a key that is not a text, a tag such as `!!python/object`, nesting deeper than
MAX_DEPTH, more than MAX_VALUES values (aliases count as often as they are used), an alias inside its own anchor.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

MAX_DEPTH = 64
MAX_VALUES = 200_000

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MEANINGS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null")),
    **dict.fromkeys(("true", "yes", "on", "y"), True),
    **dict.fromkeys(("false", "no", "off", "n"), False),
}
_WORDS: dict[str, bool | None] = {form: m for word, m in _MEANINGS.items() for form in (word, word.title(), word.upper())}
_INFINITE = {f"{sign}.{form}": -math.inf if sign == "-" else math.inf for sign in ("", "+", "-") for form in ("inf", "Inf", "INF")}
_NOT_A_NUMBER = dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan)
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OLD_OCTAL = re.compile(r"^([-+]?)0([0-7]+)$")
_TAG = "tag:yaml.org,2002:"
_INTEGERS = range(-(2**63), 2**64)
_MAX_INTEGER_CHARACTERS = 70  # 0b, a sign and 64 bits
_MAX_EXACT = 2**53


class NotYaml(ValueError):
    """The text is not YAML, or not what kubectl would take; the message names line and column."""


def read_yaml(text: str) -> list[Any]:
    """Every document of `text` that is not empty, as JSON-like data. Raises NotYaml."""
    try:
        reader = _Reader(yaml.parse(text, Loader=_PARSER))
        return [document for document in reader.documents() if document is not None]
    except yaml.YAMLError as error:
        raise NotYaml(" ".join(str(error).split())) from None


class _Reader:
    """Builds data from the parser's events. One use."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._values = 0

    def documents(self) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._value(next(self._events), 0)

    def _value(self, event: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _refusal(event, f"nested deeper than {MAX_DEPTH} levels")
        before = self._values
        self._count(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event, depth)
        else:
            value = self._mapping(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._values - before)
        return value

    def _aliased(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise _refusal(event, f"*{event.anchor} has no anchor before it")
        value, size = self._anchors[event.anchor]
        self._count(event, size)
        return value

    def _sequence(self, event: Any, depth: int) -> list[Any]:
        _expect_tag(event, "seq")
        items = []
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(item, depth + 1))
        return items

    def _mapping(self, event: Any, depth: int) -> dict[str, Any]:
        _expect_tag(event, "map")
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(item := next(self._events), yaml.MappingEndEvent):
            is_merge = isinstance(item, yaml.ScalarEvent) and item.value == "<<" and item.implicit[0]
            key = self._value(item, depth + 1)
            value = self._value(next(self._events), depth + 1)
            if is_merge:
                for source in value if isinstance(value, list) else [value]:
                    if not isinstance(source, dict):
                        raise _refusal(item, "<< takes a mapping")
                    merged = source | merged
            elif not isinstance(key, str):
                raise _refusal(item, f"the key {key!r} is not a text; quote it")
            elif key in own:
                raise _refusal(item, f"the key {key!r} is given twice")
            else:
                own[key] = value
        return merged | own

    def _count(self, event: Any, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise _refusal(event, f"more than {MAX_VALUES} values, counting each alias")


def _scalar(event: Any) -> Any:
    """What a scalar means: by its explicit tag, else by how a plain one is written."""
    if event.tag in (None, "!") and not event.implicit[0]:
        return event.value
    value = _plain(event.value)
    if event.tag in (None, "!"):
        return value
    wanted = {"str": str, "int": int, "float": int | float, "bool": bool, "null": type(None)}.get(event.tag.removeprefix(_TAG))
    if wanted is None:
        raise _refusal(event, f"the tag {event.tag} is not known")
    if wanted is str:
        return event.value
    if not isinstance(value, wanted):
        raise _refusal(event, f"{event.value!r} is not what its tag {event.tag} says")
    return value


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text in _INFINITE:
        return _INFINITE[text]
    if text in _NOT_A_NUMBER:
        return _NOT_A_NUMBER[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    digits = text if text[0] == "." else text.replace("_", "")
    if _INTEGER.fullmatch(digits) and len(digits) <= _MAX_INTEGER_CHARACTERS:
        integer = int(_OLD_OCTAL.sub(r"\g<1>0o\g<2>", digits), 0)
        if integer in _INTEGERS:
            return integer
    if not _NUMBER.fullmatch(digits) or math.isinf(number := float(digits)):
        return text
    return int(number) if number.is_integer() and abs(number) <= _MAX_EXACT else number


def _expect_tag(event: Any, name: str) -> None:
    if event.tag not in (None, "!", _TAG + name):
        raise _refusal(event, f"the tag {event.tag} is not known")


def _refusal(event: Any, message: str) -> NotYaml:
    mark = event.start_mark
    return NotYaml(f"{message}, line {mark.line + 1}, column {mark.column + 1}")
