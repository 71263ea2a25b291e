"""Randomness that protects records: seeded by the operating system, never from a configured seed or a global generator."""

from __future__ import annotations

import os

import numpy as np

SEED_BYTES = 32


def secret_generator() -> np.random.Generator:
    """A generator of its own with 256 secret bits.

    NumPy's and not PyTorch's: on a CPU the latter's Mersenne Twister takes only 32 bits of its seed, few enough to try
    them all.
    """
    return np.random.Generator(np.random.PCG64DXSM(int.from_bytes(os.urandom(SEED_BYTES))))
