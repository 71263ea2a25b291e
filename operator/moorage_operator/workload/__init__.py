"""What the Ray pods of TrainingJobs and ModelServices have in common: template, pool, volume, network, canonical form.

Pure: from resources and settings to manifests. Nothing here knows which of the two kinds it renders for.
"""
