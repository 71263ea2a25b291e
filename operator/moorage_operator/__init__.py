"""The operator: watches the five resources with Kopf, and makes RayJobs, RayServices and what they need of them.

handlers/ → observe → decide (pure) → apply. May import the API and billing's client and pure parts; never training, serving or
the CLI; no torch, no Ray.
"""
