"""A service's pods on Kubernetes, beside Ray: the agent (a native sidecar), the preStop hook, the launcher of HAProxy.

Knows nothing of Kubernetes' API. The agent's process loads neither Ray nor onnxruntime.
"""
