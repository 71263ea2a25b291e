"""What users write (the five resources) and what Moorage's parts say to each other (run config, report, artifact, usage).

pydantic and the standard library only: no kopf, ray, torch or SQL may be imported here.
"""
