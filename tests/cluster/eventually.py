"""Waiting for what a cluster does. Each look starts a kubectl, so many of them would take the cores that the cluster needs."""

from __future__ import annotations

from functools import partial

from apiserver import eventually as elsewhere

eventually = partial(elsewhere.eventually, every_seconds=2.0)
