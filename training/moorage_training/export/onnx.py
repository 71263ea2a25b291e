"""One ONNX graph of preprocessing and network, and the way back: weights and the network's half out of the graph.

    features | image  --preprocessing-->  scaled  --network-->  logits

The halves are exported apart and joined at the tensor `scaled`. Weights keep their names under `network.state.`, and nothing is
folded into them, so that an attack can load the exported weights and a black-box attack can query the exported half.
onnxruntime folds and fuses when it loads the graph.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import compose, numpy_helper
from torch import nn

from moorage_api.artifact import Signature

SCALED = "scaled"
LOGITS = "logits"
PREPROCESSING_PREFIX = "preprocessing."
NETWORK_PREFIX = "network."
WEIGHT_PREFIX = "network.state."


def export_onnx(preprocessing: nn.Module, network: nn.Module, signature: Signature, path: Path) -> None:
    """Write the graph to `path`, one file, the batch dimension free. The same modules give the same bytes.

    Both modules are on the CPU and in evaluation mode. Raises OSError where the file cannot be written.
    """
    raw = torch.zeros(2, *signature.shape)
    with torch.no_grad():
        scaled = preprocessing(raw)
    first = _graph_of(preprocessing, raw, signature.input, SCALED, PREPROCESSING_PREFIX)
    second = _graph_of(network, scaled, SCALED, LOGITS, NETWORK_PREFIX)
    model = compose.merge_models(first, second, io_map=[(SCALED, SCALED)], name="moorage")
    path.write_bytes(model.SerializeToString(deterministic=True))


def read_weights(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """The network's parameters and buffers by their torch names, as they stand in the graph."""
    graph = onnx.load(path).graph
    return {
        tensor.name.removeprefix(WEIGHT_PREFIX): numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.name.startswith(WEIGHT_PREFIX)
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
    nodes = [node for node in graph.node if node.name.startswith(NETWORK_PREFIX)]
    initializers = [tensor for tensor in graph.initializer if tensor.name.startswith(NETWORK_PREFIX)]
    half = onnx.helper.make_graph(nodes, "network", [scaled], list(graph.output), initializers)
    serialised: bytes = onnx.helper.make_model(half, opset_imports=model.opset_import, ir_version=model.ir_version).SerializeToString()
    return serialised


class _Half(nn.Module):
    """Gives every parameter and buffer a name with a dot, so that none is called like an operation (`maximum`) of the graph."""

    def __init__(self, state: nn.Module) -> None:
        super().__init__()
        self.state = state
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.state(x)
        return y


def _graph_of(module: nn.Module, example: torch.Tensor, source: str, target: str, prefix: str) -> onnx.ModelProto:
    """Trace one half; every name but its input's and output's gets `prefix`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            _Half(module),
            (example,),
            input_names=[source],
            output_names=[target],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            optimize=False,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter returned no graph")
    model = program.model_proto
    _forget_source_code(model)
    return compose.add_prefix(model, prefix, rename_inputs=False, rename_outputs=False)


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
