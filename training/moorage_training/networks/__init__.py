"""Networks: from scaled inputs to logits. Nothing here knows of data sets, privacy accounting or attacks."""

from moorage_training.networks.build import build_network

__all__ = ["build_network"]
