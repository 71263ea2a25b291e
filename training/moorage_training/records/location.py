"""From a data set's uri to a path on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

from moorage_api.run_config import ResolvedDataset
from moorage_training.records.refusal import Refusal


def path_of(dataset: ResolvedDataset, refusal: Refusal) -> Path:
    """The file or folder of `dataset`; raises InvalidInput if it is missing or the scheme is unknown."""
    if "://" in dataset.uri:
        parsed = urlparse(dataset.uri)
        if parsed.scheme != "file":
            raise refusal.whole(
                f"uri {dataset.uri!r} with format {dataset.format} is not supported",
                "use file:///PATH or a path; sklearn:// goes with format Bundled",
            )
        path = Path(unquote(parsed.path))
    else:
        path = Path(dataset.uri)
    if not path.exists():
        raise refusal.whole(f"{path} does not exist", "correct the uri, or put the file there")
    return path
