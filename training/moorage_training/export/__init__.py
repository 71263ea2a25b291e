"""From a trained network to a sealed artifact: the ONNX graph, the card, the plots, the digest, the move into place.

Reads a TrainedModel and held-out records; never training records.
"""
