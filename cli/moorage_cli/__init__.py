"""`moorage`, one file a verb, and the embedded engine that runs manifests on a local Ray.

May import every other room; nobody imports this one. Importing it loads neither torch nor Ray: those run in processes of their own.
"""
