"""The API server as the operator uses it: paths of kinds, a thin client over kubernetes.aio, its errors. Nothing of Moorage's rules."""
