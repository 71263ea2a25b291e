"""Kubernetes quantities in their canonical form, in which the API server gives them back."""

from __future__ import annotations

import math


def cpu_quantity(cores: float) -> str:
    """`1`, `250m`, `1500m`; rounded up to a thousandth of a core."""
    # 0.1 * 3 is a little more than 0.3: what is less than a millionth of a core off is no thousandth more.
    thousandths = max(1, math.ceil(round(cores * 1000, 3)))
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"
