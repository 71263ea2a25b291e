"""The document that a training run is started with, from a job and the Dataset that it names."""

from __future__ import annotations

from pathlib import Path

from moorage_api.dataset import Dataset
from moorage_api.run_config import ResolvedDataset, RunConfig, run_config_for
from moorage_api.training_job import TrainingJob
from moorage_cli.durable_file import private_folder
from moorage_cli.engine.record_location import local_path
from moorage_cli.home import Home


def run_config(home: Home, job: TrainingJob, tenant: str, records: Dataset | None, folder: Path, *, admission_required: bool) -> RunConfig:
    """`records`: the Dataset that the job names, None for inline records. Makes the output folder; raises Unavailable if it cannot."""
    spec, meta = job.spec, job.metadata
    source = records.spec if records is not None else spec.dataset
    dataset = ResolvedDataset(
        dataset=records.metadata.name if records is not None else None,
        uri=plain_path(source.uri or ""),
        format=source.format or "Bundled",
        columns=source.columns,
        split=spec.dataset.split,
        augmentation=spec.dataset.augmentation,
    )
    output = Path(plain_path(spec.output.uri)) if spec.output else home.artifacts(meta.namespace or "default", meta.name)
    return run_config_for(
        job,
        uid=meta.uid or "",
        tenant=tenant,
        dataset=dataset,
        folder=str(folder),
        output=str(private_folder(output)),
        admission_required=admission_required,
    )


def plain_path(uri: str) -> str:
    """`file:///PATH` as a path; anything else as it stands."""
    return str(local_path(uri)) if uri.lower().startswith("file://") else uri
