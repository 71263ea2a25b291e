"""What a database says when it cannot be used, in words that name it and the remedy."""

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


_SERVER_REASONS: dict[str, tuple[str, str]] = {
    "22": ("the database refuses a value", "see the message"),
    "08": ("the database server cannot be reached", "check that it runs and that its address is right"),
    "28": ("the database server refuses the login", "check the user and the password in the ledger's URL"),
    "3D": ("there is no such database", "create it, or name another in the ledger's URL"),
    "40": ("another transaction was in the way", "try again"),
    "42": ("the database server refuses the statement", "let the ledger's user own its tables, or give it CREATE on the schema"),
    "53": ("the database server is out of disk, memory or connections", "see the message; nothing that was acknowledged is lost"),
    "55": ("locked by another transaction", "wait for it, or end it"),
    "57": ("the database server is stopping, starting or cancelled the statement", "try again"),
    "58": ("the database server's disk reports an error", "check the disk and its free space"),
    "25": ("the database server is read-only", "point to the primary server"),
}
_ANY = ("the database cannot be used", "see the message")


def unavailable(error: BaseException, where: str) -> Unavailable:
    """The Unavailable that stands for a database driver's or the operating system's error about the file or URL `where`."""
    message, remedy = _reason(error)
    return Unavailable(Problem(f"{message}: {' '.join(str(error).split())}", where, remedy=remedy))


def _reason(error: BaseException) -> tuple[str, str]:
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _REASONS.get(code & 0xFF, _ANY)
    if hasattr(error, "sqlstate"):
        return _SERVER_REASONS.get((error.sqlstate or "08")[:2], _ANY)
    return _ANY
