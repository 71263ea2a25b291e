"""Files that a crash leaves either old or new, never half: written beside, synced, renamed; readable by their owner only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from moorage_api.errors import Problem, Unavailable

PRIVATE_FOLDER = 0o700


def private_folder(path: Path) -> Path:
    """Create `path` with its parents, mode 0700 for each that is new. Raises Unavailable."""
    try:
        if not path.is_dir():
            if not path.parent.is_dir():
                private_folder(path.parent)
            path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    except OSError as error:
        raise Unavailable(Problem(f"cannot create the folder: {error.strerror}", str(path), remedy="name another with --home")) from None
    return path


def write_durably(path: Path, text: str) -> None:
    """Replace `path` by `text`, mode 0600. Raises Unavailable if the disk does not take it; then the old file stands."""
    private_folder(path.parent)
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise Unavailable(Problem(f"cannot write: {error.strerror}", str(path), remedy="free some space, or check its mode")) from None
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
