"""From a resolved data set to checked Records."""

from __future__ import annotations

from moorage_api.artifact import Signature
from moorage_api.data_source import Columns
from moorage_api.run_config import ResolvedDataset
from moorage_api.task import Task
from moorage_training.records.bundled import DIGITS_MAXIMUM, bundled_columns, bundled_name, read_bundled_table, read_digits_images
from moorage_training.records.csv_file import read_csv_table
from moorage_training.records.image_folder import read_image_folder
from moorage_training.records.location import path_of
from moorage_training.records.parquet_file import read_parquet_table
from moorage_training.records.records import Records
from moorage_training.records.refusal import Refusal
from moorage_training.records.table import records_of_table


def declared_columns(dataset: ResolvedDataset) -> Columns | None:
    """What is publicly known of the columns: what the user declared, else what is known of a bundled set."""
    if dataset.columns is None and dataset.format == "Bundled":
        return bundled_columns(bundled_name(dataset, Refusal.of(dataset, private=False)))
    return dataset.columns


def load_records(dataset: ResolvedDataset, task: Task, private: bool) -> Records:
    """Read every record, in an order that depends on the source alone.

    private: the records are protected; no value of theirs appears in an error, and labels need declared classes.
    Raises InvalidInput naming the data set, the column, the record and the remedy.
    """
    refusal = Refusal.of(dataset, private)
    if task.type == "ImageClassification":
        return _load_images(dataset, refusal)
    return _load_table(dataset, refusal)


def _load_images(dataset: ResolvedDataset, refusal: Refusal) -> Records:
    if dataset.format == "ImageFolder":
        return read_image_folder(path_of(dataset, refusal), refusal)
    if dataset.format == "Bundled" and bundled_name(dataset, refusal) == "digits":
        x, y, classes = read_digits_images()
        signature = Signature(input="image", shape=list(x.shape[1:]), minimum=0.0, maximum=DIGITS_MAXIMUM, classes=classes)
        return Records(x, y, signature)
    raise refusal.whole(
        f"format {dataset.format} ({dataset.uri}) holds no images", "ImageClassification reads an ImageFolder or sklearn://digits", "format"
    )


def _load_table(dataset: ResolvedDataset, refusal: Refusal) -> Records:
    if dataset.format == "ImageFolder":
        raise refusal.whole("format ImageFolder holds no table", "use task.type ImageClassification", "format")
    columns = declared_columns(dataset)
    if columns is None:
        raise refusal.whole("the columns of the table are not declared", "give columns.label at least", "columns")
    if dataset.format == "Bundled":
        frame = read_bundled_table(bundled_name(dataset, refusal))
    elif dataset.format == "CSV":
        frame = read_csv_table(path_of(dataset, refusal), refusal)
    else:
        frame = read_parquet_table(path_of(dataset, refusal), refusal)
    return records_of_table(frame, columns, refusal)
