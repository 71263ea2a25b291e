"""TrainingJob on a cluster: observe (from the cache) → decide (pure) → a Plan. One RayJob an attempt, by KubeRay.

Nothing here reads a clock, talks to anybody or draws lots: `now`, the cache and the ledger's answer are given.
"""
