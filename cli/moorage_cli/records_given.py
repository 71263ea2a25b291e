"""Records as somebody types them (JSON rows or objects, CSV, a whole request), turned into an Open Inference Protocol request."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

from moorage_api.artifact import Signature
from moorage_api.errors import InvalidInput, Problem

WHERE = "predict"
FIELD = "--input"
ACCEPTED = 'give rows [[1, 2], ...], objects [{"column": 1}, ...], a CSV file with a heading, or {"inputs": [...]}'


def read_input(given: str) -> str:
    """The text of `FILE`, of stdin for `-`, or `given` itself if it is JSON. Raises InvalidInput."""
    if given == "-":
        return sys.stdin.read()
    if given.lstrip().startswith(("[", "{")):
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(Problem(f"cannot read: {reason}", WHERE, FIELD, given, "name a file, - for stdin, or JSON itself")) from None


def request_of(text: str, signature: Signature) -> dict[str, Any]:
    """The body to POST. Raises InvalidInput."""
    if not text.lstrip().startswith(("[", "{")):
        return _of_objects(_csv_rows(text), signature)
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidInput(Problem(f"not JSON: {error}", WHERE, FIELD, remedy=ACCEPTED)) from None
    if isinstance(document, dict) and "inputs" in document:
        return document
    records = document if isinstance(document, list) else [document]
    if not records:
        raise InvalidInput(Problem("holds no record", WHERE, FIELD, remedy=ACCEPTED))
    if all(isinstance(record, dict) for record in records):
        return _of_objects(records, signature)
    if all(isinstance(record, list) for record in records):
        return _of_rows(records, signature)
    return _of_rows([records], signature)


def _of_rows(rows: list[Any], signature: Signature) -> dict[str, Any]:
    """Each row is one record, flat or nested as the signature's shape."""
    wanted = math.prod(signature.shape)
    data: list[float] = []
    for index, row in enumerate(rows):
        values = list(_flat(row))
        if len(values) != wanted:
            shape = f"{len(values)} values"
            raise InvalidInput(
                Problem(f"the model takes {wanted} values a record", WHERE, f"{FIELD}[{index}]", shape, _shape_text(signature))
            )
        for value in values:
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise InvalidInput(Problem("not a number", WHERE, f"{FIELD}[{index}]", repr(value), "give numbers, or objects by column"))
        data += [math.nan if v is None else v for v in values]
    tensor = {"name": signature.input, "datatype": "FP32", "shape": [len(rows), *signature.shape], "data": data}
    return {"inputs": [tensor]}


def _of_objects(records: list[dict[str, Any]], signature: Signature) -> dict[str, Any]:
    """Each object is one record by column; columns that are not features (such as the label) are left out."""
    if not signature.features:
        raise InvalidInput(Problem("the model takes images, not columns", WHERE, FIELD, remedy=_shape_text(signature)))
    inputs = []
    for feature in signature.features:
        values: list[Any] = []
        for index, record in enumerate(records):
            if feature.name not in record:
                raise InvalidInput(Problem(f"column {feature.name} is missing", WHERE, f"{FIELD}[{index}]", remedy=_shape_text(signature)))
            values.append(_cell(record[feature.name], feature.type == "Number", f"{FIELD}[{index}].{feature.name}"))
        datatype = "FP32" if feature.type == "Number" else "BYTES"
        inputs.append({"name": feature.name, "datatype": datatype, "shape": [len(values)], "data": values})
    return {"inputs": inputs}


def _cell(value: Any, is_number: bool, field: str) -> Any:
    if not is_number:
        return str(value)
    if value in (None, ""):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidInput(Problem("not a number", WHERE, field, repr(value), "the column is numeric")) from None


def _csv_rows(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    if not rows:
        raise InvalidInput(Problem("holds no record", WHERE, FIELD, remedy=ACCEPTED))
    return rows


def _flat(value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    return [leaf for item in value for leaf in _flat(item)]


def _shape_text(signature: Signature) -> str:
    names = ", ".join(f.name for f in signature.features)
    return f"a record is {names}" if names else f"a record has shape {signature.shape}"
