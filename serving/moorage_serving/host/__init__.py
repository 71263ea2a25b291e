"""`python -m moorage_serving`: Ray, Ray Serve and HAProxy on this machine for as long as the process lives.

On a cluster KubeRay and the operator do what is done here; a replica knows nothing of it.
"""
