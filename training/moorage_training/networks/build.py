"""Which network a task asks for."""

from __future__ import annotations

import torch
from torch import nn

from moorage_api.artifact import Signature
from moorage_api.errors import InvalidInput, Problem
from moorage_api.task import Task
from moorage_training.networks.cnn import cnn
from moorage_training.networks.linear import linear
from moorage_training.networks.mlp import mlp
from moorage_training.networks.resnet50 import resnet50
from moorage_training.privacy.supported_layers import require_per_record_gradients


def build_network(task: Task, signature: Signature, scaled_shape: tuple[int, ...], private: bool, seed: int = 0) -> nn.Module:
    """Scaled [N, *scaled_shape] -> logits [N, classes], with initial weights drawn from `seed`.

    private: every layer must have per-record gradients. Raises InvalidInput naming the layer, or the model and the input.
    """
    classes = len(signature.classes)
    if task.model in ("CNN", "ResNet50") and (len(scaled_shape) != 3 or min(scaled_shape[1:]) < 8):
        raise InvalidInput(
            Problem("needs images of at least 8x8 pixels", "task", "model", task.model, "use Linear or MLP, or larger images")
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if task.model == "Linear":
            network = linear(scaled_shape, classes)
        elif task.model == "MLP":
            network = mlp(scaled_shape, classes, task.hidden_sizes)
        elif task.model == "CNN":
            network = cnn(scaled_shape, classes)
        else:
            network = resnet50(scaled_shape, classes, private)
    if private:
        require_per_record_gradients(network)
    return network
