"""What stops the generation: a model says something that no API server can hold it to."""

from __future__ import annotations


class SchemaRefused(ValueError):
    """`path` is the field in the schema; the message says what is wrong with it and what to write instead."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'the root'}: {message}")
