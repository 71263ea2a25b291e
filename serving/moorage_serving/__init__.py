"""What runs inside Ray Serve: the application, the protocol, access, limits, metering, metrics.

May import the API and billing's outbox; never training, the operator or the CLI; no torch.
"""
