"""One column of a table as numbers or as categories, with errors that point to the record."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moorage_training.records.refusal import Refusal

MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "null", "none", "<na>", "?"})


def missing_cells(column: pd.Series) -> NDArray[np.bool_]:
    """Which cells hold no value: null, NaN, or a word for it."""
    missing: NDArray[np.bool_] = column.isna().to_numpy(dtype=bool)
    if not pd.api.types.is_numeric_dtype(column.dtype):
        words = column.astype(str).str.strip().str.lower()
        missing = missing | words.isin(MISSING_WORDS).to_numpy(dtype=bool)
    return missing


def as_numbers(column: pd.Series, name: str, refusal: Refusal) -> NDArray[np.float32]:
    """float32 [N], NaN where missing; raises InvalidInput at the first cell that is no finite number."""
    missing = missing_cells(column)
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        text = column.astype(str).str.strip().where(~missing, "nan")
        numbers = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)
    with np.errstate(over="ignore"):
        narrow: NDArray[np.float32] = numbers.astype(np.float32)
    wrong = ~missing & ~np.isfinite(narrow)
    if wrong.any():
        at = int(np.argmax(wrong))
        kind = "text" if np.isnan(numbers[at]) else "an infinite number or one too large"
        raise refusal.cell(
            name, at + 1, f"{kind} in a numeric column", column.iloc[at], "correct the record, or declare the column as a Category"
        )
    narrow[missing] = np.nan
    return narrow


def as_words(column: pd.Series) -> NDArray[np.object_]:
    """The cells as text [N], None where missing; whole numbers without a decimal point."""
    missing = missing_cells(column)
    if pd.api.types.is_float_dtype(column.dtype):
        present = column[~missing].astype(float)
        if (present == np.floor(present)).all():
            column = column.astype("Int64")
    words: NDArray[np.object_] = column.astype(str).str.strip().to_numpy(dtype=object)
    words[missing] = None
    return words


def as_indices(words: NDArray[np.object_], known: list[str], name: str, refusal: Refusal, what: str) -> NDArray[np.float32]:
    """The place of each word in `known`, float32 [N], NaN where None; raises InvalidInput at the first unknown word."""
    place = {word: index for index, word in enumerate(known)}
    indices = np.full(len(words), np.nan, dtype=np.float32)
    for record, word in enumerate(words):
        if word is None:
            continue
        if word not in place:
            raise refusal.cell(name, record + 1, f"not one of the declared {what}", word, f"add it to the {what}, or correct the record")
        indices[record] = place[word]
    return indices
