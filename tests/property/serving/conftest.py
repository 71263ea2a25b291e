"""Lets the property tests use the scenario that all of serving's tests share."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "bench"))
