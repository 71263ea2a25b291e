"""CSV files: every cell as the text that stands there, so that errors can show it and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from moorage_training.records.refusal import Refusal


def read_csv_table(path: Path, refusal: Refusal) -> pd.DataFrame:
    """All columns as strings; raises InvalidInput if the file is empty or not CSV."""
    if path.is_dir():
        raise refusal.whole(f"{path} is a folder", "point the uri to one CSV file")
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8-sig")
    except pd.errors.EmptyDataError:
        raise refusal.whole(f"{path} is empty", "put a header line and records into it") from None
    except UnicodeDecodeError:
        raise refusal.whole(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    except (pd.errors.ParserError, OSError) as error:
        reason = "a line has more cells than the header" if refusal.private else str(error).strip()
        raise refusal.whole(f"{path} cannot be read as CSV: {reason}", "correct the file") from None
