"""The body of `POST …/infer`: bytes to tensors, every field checked by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from moorage_serving.protocol import binary_values, json_values
from moorage_serving.protocol.tensor import DATATYPES, MAX_DIMENSIONS, Tensor
from moorage_serving.refusal import Refusal, shorten

MAX_INPUTS = 1024
MAX_ID_LENGTH = 256
MAX_ELEMENTS = 2**31
_decode = json.JSONDecoder().decode
_UNSUPPORTED = ("sequence_id", "sequence_start", "sequence_end", "shared_memory_region", "classification")


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """One output that the caller wants, as raw bytes or as JSON."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What the caller asks. outputs: None stands for all of them, as `binary_default` says."""

    id: str | None
    inputs: list[Tensor]
    outputs: list[RequestedOutput] | None
    binary_default: bool


def parse_infer(body: bytes, header_length: int | None) -> InferRequest:
    """Parse a request. `header_length`: bytes of JSON before the raw tensors (Inference-Header-Content-Length), None if all is JSON.

    Raises Refusal (400).
    """
    if header_length is not None and header_length > len(body):
        raise Refusal(
            400,
            f"is longer than the body of {len(body)} bytes",
            field="Inference-Header-Content-Length",
            value=str(header_length),
            remedy="give the length of the JSON part",
        )
    document = _document(body if header_length is None else body[:header_length])
    raw = memoryview(body)[len(body) if header_length is None else header_length :]
    request_id = document.get("id")
    if request_id is not None and (type(request_id) is not str or len(request_id) > MAX_ID_LENGTH):
        raise Refusal(400, f"must be a string of at most {MAX_ID_LENGTH} characters", field="id", value=repr(request_id))
    parameters = _parameters(document, "parameters")
    binary_default = _flag(parameters, "binary_data_output", "parameters")
    inputs = _inputs(document.get("inputs"), raw)
    return InferRequest(request_id, inputs, _outputs(document.get("outputs"), binary_default), binary_default)


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = _decode(str(text, "utf-8"))
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else shorten(str(error), 120)
        raise Refusal(400, f"the body is not JSON: {what}", remedy='send {"inputs": [...]}') from None
    if type(document) is not dict:
        raise Refusal(400, "the body must be a JSON object", value=type(document).__name__, remedy='send {"inputs": [...]}')
    return document


def _inputs(found: Any, raw: memoryview) -> list[Tensor]:
    if type(found) is not list or not found:
        raise Refusal(400, "must be a non-empty array of tensors", field="inputs", remedy='send {"inputs": [{"name": ..., "shape": ...}]}')
    if len(found) > MAX_INPUTS:
        raise Refusal(400, f"holds more than {MAX_INPUTS} tensors", field="inputs", value=str(len(found)))
    tensors: list[Tensor] = []
    seen: set[str] = set()
    offset = 0
    for index, entry in enumerate(found):
        tensor, used = _tensor(entry, raw[offset:], f"inputs[{index}]")
        if tensor.name in seen:
            raise Refusal(400, "is given twice", field=f"inputs[{index}].name", value=tensor.name, remedy="send each tensor once")
        seen.add(tensor.name)
        tensors.append(tensor)
        offset += used
    if offset != len(raw):
        raise Refusal(
            400, f"{len(raw) - offset} bytes follow the last binary tensor", field="inputs", remedy="check every binary_data_size"
        )
    return tensors


def _tensor(entry: Any, raw: memoryview, field: str) -> tuple[Tensor, int]:
    """One input and how many bytes of `raw` it used."""
    if type(entry) is not dict:
        raise Refusal(400, "must be an object", field=field, value=type(entry).__name__)
    name, datatype = entry.get("name"), entry.get("datatype")
    if type(name) is not str or not name:
        raise Refusal(400, "must be a non-empty string", field=f"{field}.name", value=repr(name))
    if datatype not in DATATYPES:
        raise Refusal(
            400, "is not a supported datatype", field=f"{field}.datatype", value=repr(datatype), remedy=f"one of {', '.join(DATATYPES)}"
        )
    shape = _shape(entry.get("shape"), f"{field}.shape")
    size = _parameters(entry, f"{field}.parameters").get("binary_data_size")
    if size is None:
        if "data" not in entry:
            raise Refusal(400, "required field is missing", field=f"{field}.data", remedy="send data, or binary_data_size and raw bytes")
        return Tensor(name, datatype, shape, json_values.values_of(entry["data"], datatype, shape, f"{field}.data")), 0
    where = f"{field}.parameters.binary_data_size"
    if type(size) is not int or size < 0:
        raise Refusal(400, "must be a whole number of bytes", field=where, value=repr(size))
    if "data" in entry:
        raise Refusal(400, "must not stand beside binary_data_size", field=f"{field}.data", remedy="send one of them")
    if size > len(raw):
        raise Refusal(
            400,
            f"goes beyond the body: {len(raw)} bytes are left",
            field=where,
            value=str(size),
            remedy="set Inference-Header-Content-Length",
        )
    return Tensor(name, datatype, shape, binary_values.decode(raw[:size], datatype, shape, where)), size


def _shape(found: Any, field: str) -> tuple[int, ...]:
    if type(found) is not list or not found or len(found) > MAX_DIMENSIONS or any(type(d) is not int or d < 0 for d in found):
        raise Refusal(400, f"must be an array of 1 to {MAX_DIMENSIONS} non-negative integers", field=field, value=repr(found))
    elements = 1
    for dimension in found:
        elements *= dimension
    if elements > MAX_ELEMENTS:
        raise Refusal(400, f"has more than {MAX_ELEMENTS} elements", field=field, value=repr(found))
    return tuple(found)


def _outputs(found: Any, binary_default: bool) -> list[RequestedOutput] | None:
    if found is None:
        return None
    if type(found) is not list or len(found) > MAX_INPUTS:
        raise Refusal(400, "must be an array", field="outputs", value=type(found).__name__)
    outputs = []
    for index, entry in enumerate(found):
        field = f"outputs[{index}]"
        if type(entry) is not dict or type(entry.get("name")) is not str:
            raise Refusal(400, "must be an object with a name", field=field, value=repr(entry))
        parameters = _parameters(entry, f"{field}.parameters")
        binary = _flag(parameters, "binary_data", f"{field}.parameters") if "binary_data" in parameters else binary_default
        outputs.append(RequestedOutput(entry["name"], binary))
    return outputs or None


def _parameters(entry: dict[str, Any], field: str) -> dict[str, Any]:
    found = entry.get("parameters")
    if found is None:
        return {}
    if type(found) is not dict:
        raise Refusal(400, "must be an object", field=field, value=type(found).__name__)
    for name in _UNSUPPORTED:
        if found.get(name):
            raise Refusal(400, "is not supported", field=f"{field}.{name}", value=repr(found[name]), remedy="remove it")
    return found


def _flag(parameters: dict[str, Any], name: str, field: str) -> bool:
    found = parameters.get(name, False)
    if type(found) is not bool:
        raise Refusal(400, "must be true or false", field=f"{field}.{name}", value=repr(found))
    return found
