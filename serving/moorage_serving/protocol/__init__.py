"""The Open Inference Protocol v2 over REST, with its binary tensor extension: pure functions between bytes and tensors.

No Ray, no sockets, no model and no clock in here.
"""
