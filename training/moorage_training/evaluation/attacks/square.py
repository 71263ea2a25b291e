"""Square attack: a random search that sees nothing but scores.

Andriushchenko, Croce, Flammarion, Hein 2020, "Square Attack: a query-efficient black-box adversarial attack via random
search" (ECCV). Two things differ: the released L2 norm is shared over a whole record rather than channel by channel,
and a table's "squares" are random sets of columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from moorage_training.evaluation.attacks.regions import FloatArray, Region, region_of

FIRST_SHARE = 0.8
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""The changed share of a record halves after each of these queries of 10,000; fewer queries run the same course faster."""


def square(
    scores: Callable[[FloatArray], FloatArray],
    x: FloatArray,
    y: npt.NDArray[np.int64],
    *,
    norm: Literal["Linf", "L2"],
    radius: float,
    lower: FloatArray,
    upper: FloatArray,
    attackable: npt.NDArray[np.bool_],
    queries: int,
    rng: np.random.Generator,
) -> FloatArray:
    """The best adversarial version found of each record of `x` `[N, *shape]`, within `radius` and within the bounds.

    `scores` maps scaled records to logits `[N, classes]`. `lower`, `upper` and `attackable` broadcast against `x`.
    At most `queries` evaluations are spent on a record; one that is broken is left alone.
    """
    region = region_of(x.shape[1:], rng)
    low, high = np.minimum(lower, x), np.maximum(upper, x)
    if norm == "Linf":
        best = np.clip(x + attackable * np.float32(radius) * region.first_signs(len(x)), low, high)
    else:
        best = _resize(x, attackable * region.first_signs(len(x)) * np.ones_like(x), radius, low, high)
    margin = margins(scores(best), y)
    for query in range(1, queries):
        standing = np.flatnonzero(margin >= 0)
        if len(standing) == 0:
            break
        share = share_of(query, queries)
        if norm == "Linf":
            proposal = _linf_proposal(x[standing], best[standing], region, share, radius, attackable)
            proposal = np.clip(proposal, low[standing], high[standing])
        else:
            delta = _l2_proposal(best[standing] - x[standing], region, share, radius, attackable)
            proposal = _resize(x[standing], delta, radius, low[standing], high[standing])
        proposed = margins(scores(proposal), y[standing])
        better = proposed < margin[standing]
        best[standing[better]], margin[standing[better]] = proposal[better], proposed[better]
    return best


def margins(logits: FloatArray, y: npt.NDArray[np.int64]) -> FloatArray:
    """By how much the label's score beats the best other `[N]`; negative where the record is broken."""
    rows = np.arange(len(y))
    others = logits.copy()
    others[rows, y] = -np.inf
    lead: FloatArray = logits[rows, y] - others.max(axis=1)
    return lead


def share_of(query: int, queries: int) -> float:
    """The share of a record that the query changes, falling as the search goes on."""
    place = query * 10_000 / queries
    return float(FIRST_SHARE / 2 ** sum(place > after for after in HALVINGS))


def _linf_proposal(
    x: FloatArray, best: FloatArray, region: Region, share: float, radius: float, attackable: npt.NDArray[np.bool_]
) -> FloatArray:
    """One window of every record set anew to a corner of the ball."""
    window = region.window(share) & attackable
    return np.where(window, x + np.float32(radius) * region.signs(len(x)), best)


def _l2_proposal(delta: FloatArray, region: Region, share: float, radius: float, attackable: npt.NDArray[np.bool_]) -> FloatArray:
    """Move the norm that one window holds, and what is left over, into another window as two more pyramids."""
    window, emptied = region.window(share), region.window(share)
    free = np.maximum(radius**2 - _norm(delta) ** 2, 0) + _norm(delta * (window | emptied)) ** 2
    kept = delta * window
    fresh = kept / np.maximum(_norm(kept), 1e-10) + region.bump(window) * region.signs(len(delta))
    fresh *= np.sqrt(free) / np.maximum(_norm(fresh), 1e-10)
    return np.where(window, fresh, np.where(emptied, np.float32(0), delta)) * attackable


def _resize(x: FloatArray, delta: FloatArray, radius: float, low: FloatArray, high: FloatArray) -> FloatArray:
    """`x` plus `delta` at length `radius`, clipped; clipping towards `x` never lengthens."""
    clipped: FloatArray = np.clip(x + delta * (np.float32(radius) / np.maximum(_norm(delta), 1e-10)), low, high)
    return clipped


def _norm(delta: FloatArray) -> FloatArray:
    """The L2 norm of each record, shaped to broadcast."""
    lengths: FloatArray = np.sqrt((delta**2).sum(axis=tuple(range(1, delta.ndim)), keepdims=True))
    return lengths
