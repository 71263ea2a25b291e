"""Which privacy account records are under. Pure: the operator cannot see the namespaces' volumes, and its own disk says nothing of them.

An account is named by the canonical uri of its records, which `DatasetKey.of` takes as it is:

    sklearn://digits                      the same records in every namespace
    volume://team-a/var/lib/moorage/x     the file or folder /var/lib/moorage/x as the pods of namespace team-a see it

The form is built as the training pods read a uri, so that no spelling that reaches the records gets another account:
`..` and doubled slashes are folded, a `file:` uri is decoded. Symbolic links on a volume are the one thing that is not seen
here; `absolute_uri` is what a pod should be given to read, for it names no more than the account does.
"""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlparse

from moorage_operator import names

BUNDLED_SCHEME = "sklearn"
VOLUME_SCHEME = "volume"


def account_uri(uri: str, namespace: str) -> str:
    """The account of the records at `uri`, as a resource of `namespace` names them. Total: what no pod can read has an account, too."""
    scheme, rest = _scheme_and_rest(uri)
    if scheme is None:
        return f"{VOLUME_SCHEME}://{namespace}{records_path(uri)}".rstrip("/")
    return f"{scheme}://{rest}"


def absolute_uri(uri: str) -> str:
    """What pods are told to read: a path becomes an absolute one without `..`, seen from the volume; any other uri is canonical."""
    scheme, rest = _scheme_and_rest(uri)
    return records_path(uri) if scheme is None else f"{scheme}://{rest}"


def records_path(uri: str) -> str:
    """The absolute path, in the training pods, of `file:///PATH` or of a path; a relative one is seen from the volume."""
    parsed = urlparse(uri) if "://" in uri else None
    path = unquote(parsed.path) if parsed is not None and parsed.scheme == "file" else uri
    # Two leading slashes survive POSIX's normalisation though Linux reads them as one.
    return "/" + posixpath.normpath(posixpath.join(names.VOLUME_PATH, path)).lstrip("/")


def same_or_overlapping(one: str, other: str) -> bool:
    """Whether two accounts hold common records: they are the same, or one's folder is inside the other's."""
    return one == other or overlapping(one, other)


def overlapping(one: str, other: str) -> bool:
    """Whether one account's folder holds the other's records, without being the same."""
    if not (one.startswith(f"{VOLUME_SCHEME}://") and other.startswith(f"{VOLUME_SCHEME}://")):
        return False
    return one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _scheme_and_rest(uri: str) -> tuple[str | None, str]:
    """The lower-case scheme and what follows, without slashes at its ends; None where `uri` is a path.

    `volume:` is no scheme that anybody may write: it would name the account of another namespace.
    """
    if "://" not in uri:
        return None, ""
    scheme = urlparse(uri).scheme
    if scheme in ("", "file", VOLUME_SCHEME):
        return None, ""
    rest = uri.partition("://")[2].strip().strip("/")
    return scheme, rest.lower() if scheme == BUNDLED_SCHEME else rest
