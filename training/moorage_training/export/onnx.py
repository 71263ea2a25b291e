"""One ONNX graph of preprocessing and network, and the way back: weights and the network's half out of the graph.

    features | image  --preprocessing-->  scaled  --network-->  logits

The halves meet at the tensor `scaled`. Weights keep their torch names under `network.`, and nothing is folded into them, so
that an attack can load the exported weights and a black-box attack can query the exported half. onnxruntime folds and fuses
when it loads the graph.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from moorage_api.artifact import Signature

SCALED = "scaled"
LOGITS = "logits"
NETWORK_PREFIX = "network."


def export_onnx(preprocessing: nn.Module, network: nn.Module, signature: Signature, path: Path) -> None:
    """Write the graph to `path`, one file, the batch dimension free. The same modules give the same bytes.

    Both modules are on the CPU and in evaluation mode. Raises OSError where the file cannot be written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            _Served(preprocessing, network),
            (torch.zeros(2, *signature.shape),),
            input_names=[signature.input],
            output_names=[LOGITS, SCALED],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            optimize=False,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter returned no graph")
    model = program.model_proto
    _forget_source_code(model)
    graph = model.graph
    scaled = next(value for value in graph.output if value.name == SCALED)
    graph.value_info.append(scaled)
    graph.output.remove(scaled)
    path.write_bytes(model.SerializeToString(deterministic=True))


def read_weights(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """The network's parameters and buffers by their torch names, as they stand in the graph."""
    graph = onnx.load(path).graph
    return {
        tensor.name.removeprefix(NETWORK_PREFIX): numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.name.startswith(NETWORK_PREFIX)
    }


def load_weights(network: nn.Module, weights: dict[str, npt.NDArray[np.generic]]) -> None:
    """Put `weights` into `network`, every parameter and buffer that takes part in inference.

    Raises KeyError where the graph lacks one.
    """
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(torch.from_numpy(weights[name].copy()))


def network_half(path: Path) -> bytes:
    """The served graph from `scaled` to `logits`, serialised."""
    model = onnx.load(path)
    graph = model.graph
    scaled = next(value for value in graph.value_info if value.name == SCALED)
    needed, nodes = {LOGITS}, []
    for node in reversed(graph.node):
        if needed & set(node.output) - {SCALED}:
            _count_records_of(SCALED, node, graph.input[0].name)
            needed |= set(node.input)
            nodes.append(node)
    initializers = [tensor for tensor in graph.initializer if tensor.name in needed]
    half = onnx.helper.make_graph(nodes[::-1], "network", [scaled], list(graph.output), initializers)
    serialised: bytes = onnx.helper.make_model(half, opset_imports=model.opset_import, ir_version=model.ir_version).SerializeToString()
    return serialised


def _count_records_of(tensor: str, node: onnx.NodeProto, raw: str) -> None:
    """Let a node that reads the raw input's batch size, the one thing of it that the network needs, read `tensor`'s."""
    if raw in node.input:
        if node.op_type != "Shape" or {a.name: a.i for a in node.attribute} != {"start": 0, "end": 1}:
            raise ValueError(f"the network reads the raw input {raw!r} past the preprocessing, in {node.name}")
        node.input[0] = tensor


class _Served(nn.Module):
    """Both halves. A module of its own gives every weight a name with a dot, so that none is called like an operation (`maximum`)."""

    def __init__(self, preprocessing: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.preprocessing, self.network = preprocessing, network
        self.eval()

    def forward(self, raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scaled = self.preprocessing(raw)
        return self.network(scaled), scaled


def _forget_source_code(model: onnx.ModelProto) -> None:
    """Remove stack traces and documentation: they hold paths of the machine, and change with it."""
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    graph.doc_string = ""
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
