"""Sealing an artifact's folder with its digest, and moving it into place whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moorage_api.artifact import MANIFEST, ArtifactManifest, digest_of, read_artifact
from moorage_api.errors import Problem, Unavailable

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """An empty `folder` to build the artifact in; what is left of it is removed at the end, whatever happens.

    Raises Unavailable where the disk is full or not writable.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise _unavailable(error, folder) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def hashes_of(folder: Path) -> dict[str, str]:
    """SHA-256 by relative path of every file in `folder`, each forced to the disk first."""
    hashes = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def seal(folder: Path, manifest: ArtifactManifest) -> ArtifactManifest:
    """Write `manifest` with its digest as the folder's model.json; returns it as written."""
    sealed = manifest.model_copy(update={"digest": digest_of(manifest)})
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        file.write(sealed.model_dump_json(by_alias=True, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return sealed


def move_into_place(folder: Path, output: Path, digest: str) -> Path:
    """Rename the sealed `folder` to `output/<hex digest>` in one step; returns where it lies.

    An artifact of the same digest that is already there stays; raises InvalidInput where that one was altered.
    """
    output.mkdir(parents=True, exist_ok=True)
    target = output / digest.removeprefix("sha256:")
    if target.exists():
        read_artifact(target, digest)
        return target
    source = _on_the_disk_of(output, folder, target.name)
    try:
        source.rename(target)
    except OSError as error:
        if source != folder:
            shutil.rmtree(source, ignore_errors=True)
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        read_artifact(target, digest)
    _sync_folder(output)
    return target


def _on_the_disk_of(output: Path, folder: Path, name: str) -> Path:
    """`folder`, or its copy beside the target where the two lie on different disks and a rename is impossible."""
    if folder.stat().st_dev == output.stat().st_dev:
        return folder
    copy = output / f".{name}.incoming"
    try:
        shutil.rmtree(copy, ignore_errors=True)
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            target = copy / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        hashes_of(copy)
    except OSError:
        shutil.rmtree(copy, ignore_errors=True)
        raise
    return copy


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(error: OSError, folder: Path) -> Unavailable:
    where = str(error.filename or folder)
    if error.errno in FULL:
        return Unavailable(Problem("the disk is full: the artifact was not published", where, remedy="free space, then run the job again"))
    reason = error.strerror or str(error)
    return Unavailable(Problem(f"cannot write the artifact: {reason}", where, remedy="make the folder writable, then run the job again"))
