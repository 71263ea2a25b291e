"""What runs inside a training job: records, model, private and adversarial training, evaluation, export.

May import the API; never serving, billing, the operator or the CLI.
"""
