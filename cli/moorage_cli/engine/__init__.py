"""The embedded engine: resources in a folder instead of an API server, processes instead of pods; observe, decide (pure), apply.

Files named `decide_*` have no clock, no I/O and no randomness, so that the operator can follow the same shape.
"""
