"""From the models to what a Kubernetes API server takes: CustomResourceDefinitions, and their reference pages.

No resource is parsed here, and no model may import from here.
"""
