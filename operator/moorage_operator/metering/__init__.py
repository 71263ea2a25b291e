"""Pods to usage events: what each pod held from its first container's start to its last one's end.

Pure, but for what `Meter` remembers between two looks. May import the API and billing's pure parts; does no I/O.
"""
