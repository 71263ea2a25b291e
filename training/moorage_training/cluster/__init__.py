"""A run inside a Ray job on Kubernetes: the bridge between the run's folder and the two ConfigMaps that the operator reads and writes.

Knows of Kubernetes only how to get and patch one ConfigMap; the standard library is its client. A run does not need it.
"""
