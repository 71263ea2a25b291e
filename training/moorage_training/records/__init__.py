"""Records: how they are read from each source, checked, split, and handed on as arrays.

Reads files; knows nothing of models, privacy accounting or Ray. One file a source.
"""

from moorage_training.records.load import load_records
from moorage_training.records.read import read_records
from moorage_training.records.records import Records
from moorage_training.records.split import split_records

__all__ = ["Records", "load_records", "read_records", "split_records"]
