"""What SQLite says when a file cannot be used, in words that name the file and the remedy."""

from __future__ import annotations

import sqlite3

from moorage_api.errors import Problem, Unavailable

_REASONS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free space on its file system; nothing that was acknowledged is lost"),
    sqlite3.SQLITE_BUSY: ("locked by another process", "wait for it, or stop the process that holds it"),
    sqlite3.SQLITE_LOCKED: ("locked by another connection", "wait for it, or stop the process that holds it"),
    sqlite3.SQLITE_CORRUPT: (
        "the file is damaged",
        "keep a copy, restore the latest backup, or recover what can be read with `sqlite3 FILE .recover`",
    ),
    sqlite3.SQLITE_NOTADB: ("the file is not a SQLite database", "point to the right file, or restore the latest backup"),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", "create its folder, or give this user access to it"),
    sqlite3.SQLITE_READONLY: ("the file is read-only", "give this user write access to the file and its folder"),
    sqlite3.SQLITE_PERM: ("access is denied", "give this user access to the file and its folder"),
    sqlite3.SQLITE_AUTH: ("access is denied", "give this user access to the file and its folder"),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "check the disk and its free space"),
    sqlite3.SQLITE_NOLFS: ("the disk cannot hold it", "move it to another file system"),
}


def unavailable(error: BaseException, where: str) -> Unavailable:
    """The Unavailable that stands for a database driver's or the operating system's error about the file or URL `where`."""
    code = getattr(error, "sqlite_errorcode", None)
    message, remedy = _REASONS.get(code & 0xFF if isinstance(code, int) else -1, ("the database cannot be used", "see the message"))
    return Unavailable(Problem(f"{message}: {error}", where, remedy=remedy))
