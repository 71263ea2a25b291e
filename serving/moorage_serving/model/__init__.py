"""One artifact in memory: what its inputs mean, running it, and running waiting requests together.

No HTTP, no keys and no metering in here.
"""
