"""An error that nobody foresaw: one line for the user, the traceback in a file."""

from __future__ import annotations

import os
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path


def record_unexpected(error: BaseException, folder: Path) -> Path:
    """Write the traceback below `folder`, or below the system's temporary folder if that fails. Returns the file."""
    name = f"error-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
    text = "".join(traceback.format_exception(error))
    for place in (folder, Path(tempfile.gettempdir())):
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = place / name
            file.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return file
    return Path(os.devnull)
