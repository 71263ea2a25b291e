"""Where Ray Train enters: the function that every worker of an attempt runs.

Ray Train's controller unpickles it too, and has no use for torch's and Opacus' seconds of imports.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from moorage_training.loop.work_order import WorkOrder
from moorage_training.report.clock import timestamp


def train_worker(order: dict[str, str]) -> dict[str, Any]:
    """One worker's part of one attempt; returns an Ended as a dict. An exception is for Ray to retry."""
    import ray.train.torch

    from moorage_training.loop.exchange import Exchange
    from moorage_training.loop.worker import run_rank

    started_at = timestamp()
    context = ray.train.get_context()
    device = ray.train.torch.get_device()
    exchange = Exchange(context.get_world_rank(), context.get_world_size(), device)
    return asdict(run_rank(WorkOrder(**order), exchange, device, started_at))
