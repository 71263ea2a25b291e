"""Searches for a record's adversarial version, all in the model's scaled input space.

An attack only proposes; whether a proposal breaks a record is decided by `evaluation.robustness` on the served model.
"""
