"""Where records really lie, so that no other spelling of a path gets around a privacy budget."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

BUNDLED_SCHEME = "sklearn"


def absolute_uri(uri: str, folder: Path) -> str:
    """`uri` as the engine stores it: `sklearn://NAME` as it stands, anything else an absolute path seen from `folder`."""
    if is_bundled(uri):
        return uri
    return str(Path(os.path.normpath(folder.absolute() / local_path(uri))))


def is_bundled(uri: str) -> bool:
    """Whether the records ship with scikit-learn."""
    return uri.lower().startswith(f"{BUNDLED_SCHEME}://")


def has_foreign_scheme(uri: str) -> bool:
    """Whether the uri names a store that the embedded engine cannot read, such as `s3://`."""
    return "://" in uri and not is_bundled(uri) and not uri.lower().startswith("file://")


def local_path(uri: str) -> Path:
    """The path of `file:///PATH` or of a plain path, not yet resolved."""
    if uri.lower().startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    return Path(uri)


def location(uri: str) -> str:
    """The canonical name of the records: links followed; equal for every spelling of the same place."""
    if is_bundled(uri):
        return f"{BUNDLED_SCHEME}://{uri.split('://', 1)[1].strip('/').lower()}"
    return str(local_path(uri).resolve())


def same_records(one: str, other: str) -> bool:
    """Whether two uris name the same records: the same place, or hard links to one file."""
    if location(one) == location(other):
        return True
    if is_bundled(one) or is_bundled(other):
        return False
    try:
        return local_path(one).samefile(local_path(other))
    except OSError:
        return False


def overlapping(one: str, other: str) -> bool:
    """Whether one uri's folder holds the other's records without being the same."""
    if is_bundled(one) or is_bundled(other) or same_records(one, other):
        return False
    a, b = Path(location(one)), Path(location(other))
    return a in b.parents or b in a.parents
