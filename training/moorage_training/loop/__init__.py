"""The training loop that every Ray Train worker runs: contributions of each rank, one exchange a step, one update.

worker.py is one rank from its first record to its last step; training.py is the loop; each of the rest is one decision of it.
"""
