"""A manifest's digest, by which an unchanged one is known and not applied again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from moorage_operator import names
from moorage_operator.plan import Manifest


def digest_of(content: Any) -> str:
    """Of anything that JSON can hold: 64 hexadecimal digits, equal for equal content in whatever order its keys stand."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def with_digest(manifest: Manifest) -> Manifest:
    """A copy whose annotation names.APPLIED holds the digest of the rest. Doing it twice gives the same."""
    metadata = dict(manifest.get("metadata") or {})
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != names.APPLIED}
    bare = {**manifest, "metadata": {**metadata, "annotations": annotations}}
    return {**bare, "metadata": {**metadata, "annotations": {**annotations, names.APPLIED: digest_of(bare)}}}


def applied_digest(body: Manifest | None) -> str | None:
    """The digest that an object was last applied with, or None."""
    found = ((body or {}).get("metadata", {}).get("annotations") or {}).get(names.APPLIED)
    return str(found) if found is not None else None
