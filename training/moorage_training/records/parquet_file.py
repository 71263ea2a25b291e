"""Parquet: one file, or a folder of part files that are read in the order of their names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from moorage_training.records.refusal import Refusal


def read_parquet_table(path: Path, refusal: Refusal) -> pd.DataFrame:
    """The typed columns; raises InvalidInput if a file is corrupt, or the part files differ in their columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise refusal.whole(f"{path} holds no *.parquet file", "point the uri to a Parquet file or a folder of them")
    tables = []
    for file in files:
        try:
            tables.append(pq.ParquetFile(file).read())
        except (pa.ArrowException, OSError) as error:
            raise refusal.whole(f"{file} is not a readable Parquet file: {str(error).splitlines()[0]}", "write the file again") from None
    for file, table in zip(files, tables, strict=True):
        if table.column_names != tables[0].column_names:
            raise refusal.whole(f"{file} has other columns than {files[0]}", "give all part files the same columns")
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise refusal.whole(f"the part files of {path} do not fit together: {error}", "give each column one type") from None
    return table.to_pandas()
