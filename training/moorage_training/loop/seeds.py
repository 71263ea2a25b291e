"""Randomness that follows the configured seed: a function of (seed, step, rank), so a resumed run needs no state of it.

Never for the sampling or the noise of differential privacy; see moorage_training.privacy.secrecy.
"""

from __future__ import annotations

import hashlib

import torch


def seeded_generator(seed: int, step: int, rank: int, device: torch.device) -> torch.Generator:
    """The generator of one rank's augmentation and attack starts at one step."""
    digest = hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8]) >> 1)
